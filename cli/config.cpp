// `hansa config check` and `hansa config reference`: the schema, asked directly.
#include "cli/mesh.hpp"
#include "cli/overrides.hpp"

#include "protocols/gossip/registry.hpp"
#include "sim/setup.hpp"
#include "src/config/run_config.hpp"
#include "src/config/toml_node.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {

namespace {

constexpr std::uint32_t kGraphPartiesMax = 2'000;  // larger graphs are examined when the run starts

struct Options {
  std::string path;
  std::vector<std::string> set;
  MeshOptions mesh;
  bool origin = false;
};

/// Builds the graph, if the strategy has one: `hypercube` of 12 parties is an error here and not after
/// loading.
Result<void> check_topology(const config::RunConfig& config) {
  const protocols::StrategyEntry* strategy = protocols::find_strategy(config.strategy);
  if (strategy == nullptr || !strategy->uses_topology || config.parties > kGraphPartiesMax) return {};
  const auto made = sim::make_graph(config, *strategy);
  if (!made) return made.error();
  return {};
}

int check(const Options& options, bool json) {
  const auto overrides = parse_overrides(options.set);
  if (!overrides) return fail(overrides.error(), json);
  const auto config = config::load_run_config(options.path, *overrides);
  if (!config) return fail(config.error(), json);
  if (const auto checked = check_topology(*config); !checked) {
    Error error = checked.error();
    error.message = options.path + ": " + error.message;
    return fail(error, json);
  }
  if (json) {
    nlohmann::ordered_json document{{"schema", "hansa.config_check.v1"},
                                    {"ok", true},
                                    {"name", config->name},
                                    {"parties", config->parties},
                                    {"rounds", config->rounds},
                                    {"model", config->model},
                                    {"strategy", config->strategy},
                                    {"dataset", config->data.dataset}};
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("{}: ok: {} parties, {} rounds, {} with {} on {}\n", options.path, config->parties,
               config->rounds, config->model, config->strategy, config->data.dataset);
  }
  return kExitOk;
}

/// What a node of the folder would use, started here and now.
int show_node(const Options& options, bool json) {
  const auto resolved = resolve_settings(options.mesh.folder(), options.set);
  if (!resolved) return fail(resolved.error(), json);
  nlohmann::ordered_json values = nlohmann::ordered_json::array();
  std::string text;
  for (const config::NodeSetting& each : resolved->settings) {
    values.push_back({{"key", each.key}, {"value", each.value}, {"origin", each.origin}});
    const bool number = each.key == "http.port";
    const std::string line = each.key + " = " + (number ? each.value : config::toml_quoted(each.value));
    text +=
        (text.empty() ? "" : "\n") + (options.origin ? fmt::format("{:<44} # {}", line, each.origin) : line);
  }
  return print_done(json, {{"schema", "hansa.config.v1"}, {"values", values}}, text);
}

int show(const Options& options, bool json) {
  if (options.path.empty()) return show_node(options, json);
  const auto overrides = parse_overrides(options.set);
  if (!overrides) return fail(overrides.error(), json);
  const auto config = config::load_run_config(options.path, *overrides);
  if (!config) return fail(config.error(), json);
  const std::string toml = config::to_toml(*config);
  if (json) return print_done(true, {{"schema", "hansa.run_config.v1"}, {"toml", toml}}, "");
  fmt::print("{}", toml);
  return kExitOk;
}

int reference(bool json) {
  fmt::print("{}", json ? config::reference_json() : config::reference_markdown());
  return kExitOk;
}

}  // namespace

void add_config(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "config", "Check configuration files, and list every key",
                             "Examples:\n  hansa config check run.toml\n  hansa config reference");
  const auto options = std::make_shared<Options>();

  CLI::App* check_verb = cli.verb(*group, "check", "Say what is wrong with a configuration file",
                                  "Examples:\n  hansa config check examples/bank-branches.toml\n"
                                  "  hansa config check run.toml --set topology.name=hypercube");
  cli.values[check_verb->add_option("FILE", options->path, "The configuration file")->required()] = {
      "<file>"};
  add_set_option(*check_verb, options->set);
  cli.add_json(*check_verb);
  check_verb->callback(
      [&cli, options] { cli.action = [&cli, options] { return check(*options, cli.json); }; });

  CLI::App* show_verb = cli.verb(
      *group, "show", "Print every key and its value: of a run's configuration, or without FILE of a node",
      "Examples:\n  hansa config show run.toml --set seed=2 > resolved.toml\n"
      "  hansa config show --origin --dir /var/lib/hansa");
  cli.values[show_verb->add_option("FILE", options->path, "The run's configuration")] = {"<file>"};
  show_verb->add_flag(
      "--origin", options->origin,
      "Of a node: say where each value comes from (--set, environment, file and line, default)");
  add_dir_option(*show_verb, options->mesh);
  add_set_option(*show_verb, options->set);
  cli.add_json(*show_verb);
  show_verb->callback([&cli, options] { cli.action = [&cli, options] { return show(*options, cli.json); }; });

  CLI::App* reference_verb = cli.verb(*group, "reference", "Every key with type, default, range and meaning",
                                      "Examples:\n  hansa config reference > docs/config.md\n"
                                      "  hansa config reference --json");
  cli.add_json(*reference_verb);
  reference_verb->callback([&cli] { cli.action = [&cli] { return reference(cli.json); }; });
}

}  // namespace hansa::cli
