// Building the command tree, parsing, and turning every kind of failure into a message and an exit code.
#include "cli/cli.hpp"

#include "cli/mesh.hpp"

#include "src/config/nearest.hpp"

#include <hansa/version.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

namespace hansa::cli {

namespace {

constexpr std::string_view kIntroduction =
    "Decentralized federated learning between equals: parties keep their data and train together, without a "
    "server.";

constexpr std::string_view kExamples = R"(Examples:
  hansa sim examples/bank-branches.toml     train twelve bank branches and write a report
  hansa dev up --orgs 3 --wait              three real nodes on this machine, trained to one model
  hansa list strategies                     what can be chosen
  hansa topo show torus --n 16              how fast a network mixes
  hansa VERB --help                         more about one verb)";

constexpr std::array kExitCodes = {
    ExitCode{kExitOk, "it worked"},
    ExitCode{kExitFailed,
             "it did not work out: a missing or malformed file, an unwritable folder, no memory; a check "
             "that found something"},
    ExitCode{kExitUsage,
             "the request cannot be: wrong use, wrong configuration, an existing folder without `--force`, "
             "a feature that this version does not have"},
    ExitCode{kExitUnreachable, "no node answers: it is not running, or not in this folder"},
    ExitCode{kExitDenied, "not allowed: a wrong passphrase or token, a file of another user"},
    ExitCode{kExitTimeout, "it did not happen in time"},
    ExitCode{kExitWaiting,
             "not yet: other organisations must approve first, or the own one must admit the node"},
    ExitCode{kExitConflict, "somebody else was faster, or the roster is forked: look, then decide again"},
    ExitCode{kExitBug, "a bug in hansa; please report it"},
    ExitCode{kExitInterrupted, "interrupted; partial results were written"},
};

std::vector<CLI::App*> children(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

/// The nearest of `names`, for a message.
std::string suggestion(const std::string& given, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view best = config::nearest(given, views);
  return best.empty() ? "" : fmt::format("; did you mean `{}`?", best);
}

/// Walks down the verbs in `arguments`; an unknown one is an error that names the nearest.
Result<CLI::App*> chosen_verb(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* verb = &app;
  for (const std::string& argument : arguments) {
    const std::vector<CLI::App*> below = children(*verb);
    if (below.empty() || argument.empty() || argument.front() == '-') break;
    const auto found = std::find_if(below.begin(), below.end(),
                                    [&](const CLI::App* child) { return child->get_name() == argument; });
    if (found == below.end()) {
      std::vector<std::string> names;
      for (const CLI::App* child : below) names.push_back(child->get_name());
      return Error{
          ErrorKind::usage,
          fmt::format("unknown verb `{} {}`{}", full_name(*verb), argument, suggestion(argument, names)),
          fmt::format("verbs: {}; `{} --help` says more", join(names, ", "), full_name(*verb))};
    }
    verb = *found;
  }
  return verb;
}

Error explain_extras(CLI::App& app, CLI::App& verb) {
  std::vector<std::string> remaining = app.remaining(true);
  const std::string given = remaining.empty() ? "" : remaining.front();
  const std::string hint = fmt::format("`{} --help` lists the options", full_name(verb));
  if (given.empty() || given.front() != '-') {
    return {ErrorKind::usage, fmt::format("unexpected argument `{}` for `{}`", given, full_name(verb)), hint};
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return {ErrorKind::usage,
          fmt::format("unknown option `{}` for `{}`{}", given, full_name(verb), suggestion(given, names)),
          hint};
}

std::string help_of(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return verb.help(parent == nullptr ? "" : full_name(*parent), CLI::AppFormatMode::Normal);
}

Error verb_missing(CLI::App& group) {
  std::vector<std::string> names;
  for (const CLI::App* child : children(group)) names.push_back(child->get_name());
  return {ErrorKind::usage, fmt::format("`{}` needs a verb: {}", full_name(group), join(names, ", ")),
          fmt::format("`{} --help` says more", full_name(group))};
}

int parse_and_run(Cli& cli, std::vector<std::string> arguments) {
  Result<CLI::App*> verb = chosen_verb(cli.app, arguments);
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  if (!verb) return fail(verb.error(), json);
  if (arguments.empty()) arguments.emplace_back("--help");
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector from its back
  try {
    cli.app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", help_of(**verb));
    return kExitOk;
  } catch (const CLI::CallForVersion&) {
    fmt::print("hansa {} ({})\n", program_version(), program_commit());
    return kExitOk;
  } catch (const CLI::ExtrasError&) {
    return fail(explain_extras(cli.app, **verb), json);
  } catch (const CLI::ParseError& error) {
    return fail({ErrorKind::usage, error.what(), fmt::format("see `{} --help`", full_name(**verb))}, json);
  }
  if (!cli.action) return fail(verb_missing(**verb), json);
  return cli.action();
}

}  // namespace

CLI::App* Cli::verb(CLI::App& parent, const std::string& name, const std::string& description,
                    const std::string& examples) {
  CLI::App* verb = parent.add_subcommand(name, description);
  parent.require_subcommand(0, 1);  // what follows may be a file that is called like a verb
  verb->footer(examples);
  return verb;
}

void Cli::add_json(CLI::App& verb) {
  verb.add_flag("--json", json, "Print one JSON document on stdout, for programs");
}

void build(Cli& cli) {
  cli.app.name("hansa");
  cli.app.description(std::string(kIntroduction));
  std::string footer = std::string(kExamples) + "\n\nExit codes:";
  for (const ExitCode& each : kExitCodes) footer += fmt::format("\n  {:<4} {}", each.code, each.meaning);
  cli.app.footer(footer);
  cli.app.set_version_flag("--version", std::string(program_version()), "Print the version and exit");
  cli.app.set_help_flag("-h,--help", "Print this help and exit");
  cli.app.get_formatter()->column_width(34);
  for (auto* add :
       {add_sim,    add_topo,   add_data,   add_list,    add_config,   add_explain, add_vectors,   add_init,
        add_up,     add_status, add_roster, add_invite,  add_requests, add_node,    add_run,       add_dev,
        add_backup, add_keys,   add_doctor, add_monitor, add_audit,    add_version, add_completion}) {
    add(cli);
  }
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

std::span<const ExitCode> exit_codes() noexcept { return kExitCodes; }

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::failed:
    case ErrorKind::bad_data:
    case ErrorKind::missing:
      return kExitFailed;
    case ErrorKind::usage:
    case ErrorKind::not_built:
      return kExitUsage;
    case ErrorKind::unreachable:
      return kExitUnreachable;
    case ErrorKind::denied:
      return kExitDenied;
    case ErrorKind::timeout:
      return kExitTimeout;
    case ErrorKind::waiting:
      return kExitWaiting;
    case ErrorKind::conflict:
      return kExitConflict;
    case ErrorKind::interrupted:
      return kExitInterrupted;
  }
  return kExitBug;
}

int fail(const Error& error, bool json) {
  fmt::print(stderr, "hansa: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "  hint: {}\n", error.hint);
  if (json) {
    const nlohmann::ordered_json document = {{"schema", "hansa.error.v1"},
                                             {"code", name_of(error.kind)},
                                             {"message", error.message},
                                             {"hint", error.hint}};
    fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  return exit_code(error.kind);
}

int run(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (!arguments.empty() && arguments.front() == "help") {  // `hansa help sim` is `hansa sim --help`
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  try {
    Cli cli;
    build(cli);
    const int code = parse_and_run(cli, std::move(arguments));
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      fmt::print(stderr, "hansa: cannot write to standard output\n");
      return code == kExitOk ? kExitFailed : code;
    }
    return code;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "hansa: out of memory\n  hint: fewer parties, a smaller model, or a larger machine\n");
    return kExitFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr,
               "hansa: this is a bug: {}\n  hint: please report it with the command line and `hansa "
               "version` ({} {})\n",
               error.what(), program_version(), program_commit());
    return kExitBug;
  }
}

}  // namespace hansa::cli
