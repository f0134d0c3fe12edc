// `hansa version`: what this binary is, for people and for bug reports.
#include "cli/cli.hpp"

#include <hansa/version.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hansa::cli {

namespace {

constexpr std::string_view kCompiler =
#if defined(__clang__)
    "clang " __clang_version__;
#else
    "g++ " __VERSION__;
#endif

int print_version(bool json) {
  if (json) {
    nlohmann::ordered_json document;
    document["schema"] = "hansa.program.v1";
    document["program"] = "hansa";
    document["version"] = program_version();
    document["commit"] = program_commit();
    document["compiler"] = kCompiler;
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("hansa {} ({}), built by {}\n", program_version(), program_commit(), kCompiler);
  }
  return kExitOk;
}

}  // namespace

void add_version(Cli& cli) {
  CLI::App* verb =
      cli.verb(cli.app, "version", "Print version, commit and compiler", "Example:\n  hansa version --json");
  cli.add_json(*verb);
  verb->callback([&cli] { cli.action = [&cli] { return print_version(cli.json); }; });
}

}  // namespace hansa::cli
