// The command line's own small frame: one function per verb adds itself to the tree of commands, and leaves
// behind what to do when it is chosen. docs/cli.md lists verbs and exit codes.
#pragma once

#include <hansa/result.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitDenied = 4;
inline constexpr int kExitTimeout = 5;
inline constexpr int kExitWaiting = 6;
inline constexpr int kExitConflict = 7;
inline constexpr int kExitBug = 70;           ///< EX_SOFTWARE of sysexits.h
inline constexpr int kExitInterrupted = 130;  ///< 128 + SIGINT, as shells report it

/// What a code means, for --help and docs/cli.md.
struct ExitCode {
  int code;
  std::string_view meaning;
};
[[nodiscard]] std::span<const ExitCode> exit_codes() noexcept;

/// The command tree and what its options can be completed with. One per process, made by make_cli.
struct Cli {
  CLI::App app;
  bool json = false;            ///< --json of the chosen verb
  std::function<int()> action;  ///< set by the chosen verb; returns the exit code
  /// Values of an option or argument, for completion; "<file>" stands for file names.
  std::map<const CLI::Option*, std::vector<std::string>> values;

  /// A verb below `parent` with its one-line description and worked examples for --help.
  CLI::App* verb(CLI::App& parent, const std::string& name, const std::string& description,
                 const std::string& examples);
  /// Gives `verb` a --json flag.
  void add_json(CLI::App& verb);
};

/// One function per verb, each in the file of that name.
void add_sim(Cli& cli);
void add_topo(Cli& cli);
void add_data(Cli& cli);
void add_list(Cli& cli);
void add_config(Cli& cli);
void add_explain(Cli& cli);
void add_vectors(Cli& cli);
void add_audit(Cli& cli);
void add_version(Cli& cli);
void add_completion(Cli& cli);

/// Builds the whole tree.
void build(Cli& cli);
/// Parses and runs; returns the exit code. Everything that can go wrong has been reported when it returns.
int run(int argc, const char* const* argv);

/// Exit code for a kind of failure.
int exit_code(ErrorKind kind) noexcept;
/// Prints `hansa: message` and the hint to stderr and, with `json`, a hansa.error.v1 document to stdout.
/// Returns the exit code.
int fail(const Error& error, bool json);

/// "a, b, c" with ", " between.
std::string join(const std::vector<std::string>& words, std::string_view between);

/// The completion script for bash, zsh or fish, from the tree itself.
std::string completion_script(const Cli& cli, std::string_view shell);

}  // namespace hansa::cli
