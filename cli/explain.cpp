// `hansa explain privacy`: what a run gives away, before it runs.
#include "cli/cli.hpp"
#include "cli/overrides.hpp"

#include "sim/privacy/statement.hpp"
#include "src/config/run_config.hpp"

#include <fmt/format.h>

#include <memory>

namespace hansa::cli {

namespace {

constexpr const char* kExamples =
    R"(It reads the configuration as `hansa sim` does and trains nothing. What the run would refuse is refused
here with the same words. The statement says:
  who learns what       each participant, coalitions of them, and somebody on the line
  the sums              secure runs: colluders f, threshold t and dropouts per size, and the smallest
                        number of honest models in a sum
  how likely            secure runs: that one adversary gets more than f of its parties into a sum
  what leaks here       on this graph and in these cohorts. note: worth knowing; leak: single models
                        become known under the stated condition; exposed: they are known to somebody
  what is not hidden    whatever is configured
docs/explain-privacy.md explains how to read it, docs/secure-aggregation.md the protocol.

Examples:
  hansa explain privacy examples/secure-bank.toml
  hansa explain privacy run.toml --set cohort.size=16 --set secure.colluders=7
  hansa explain privacy run.toml --json | jq '.findings[] | select(.level != "note") | .id')";

struct Options {
  std::string path;
  std::vector<std::string> set;
};

int explain_privacy(const Options& options, bool json) {
  const auto overrides = parse_overrides(options.set);
  if (!overrides) return fail(overrides.error(), json);
  const auto config = config::load_run_config(options.path, *overrides);
  if (!config) return fail(config.error(), json);
  const auto statement = sim::privacy::explain(*config);
  if (!statement) return fail(statement.error(), json);
  if (json) {
    fmt::print("{}\n", sim::privacy::to_json(*statement));
  } else {
    fmt::print("{}", sim::privacy::to_text(*statement));
  }
  return kExitOk;
}

}  // namespace

void add_explain(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "explain", "Say what a run means before it runs",
                             "Example:\n  hansa explain privacy examples/secure-bank.toml");
  CLI::App* verb =
      cli.verb(*group, "privacy", "What each participant of a run can learn, and what leaks", kExamples);
  const auto options = std::make_shared<Options>();
  cli.values[verb->add_option("CONFIG", options->path, "The configuration file")->required()] = {"<file>"};
  add_set_option(*verb, options->set);
  cli.add_json(*verb);
  verb->callback(
      [&cli, options] { cli.action = [&cli, options] { return explain_privacy(*options, cli.json); }; });
}

}  // namespace hansa::cli
