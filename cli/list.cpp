// `hansa list`: the registries as people see them. The names are exactly those of the configuration file.
#include "cli/cli.hpp"

#include "protocols/gossip/registry.hpp"
#include "src/config/schema.hpp"
#include "src/learn/load.hpp"
#include "src/learn/model.hpp"
#include "src/learn/partition.hpp"
#include "topology/topology.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace hansa::cli {

namespace {

struct Item {
  std::string_view name;
  std::string_view summary;
  std::vector<std::pair<std::string_view, nlohmann::ordered_json>> more;  ///< only in JSON
};

struct Kind {
  std::string_view name;
  std::string_view where;  ///< the configuration key that takes these names
  std::vector<Item> (*items)();
};

std::vector<Item> topologies() {
  std::vector<Item> items;
  for (const auto& entry : topology::topology_registry()) {
    items.push_back(
        {entry.name, entry.summary, {{"directed", entry.directed}, {"time_varying", entry.time_varying}}});
  }
  items.push_back({"file:PATH", "your own graph: an edge list (`from to` per line) or JSON", {}});
  return items;
}

std::vector<Item> strategies() {
  std::vector<Item> items;
  for (const auto& entry : protocols::strategy_registry()) {
    items.push_back({entry.name,
                     entry.summary,
                     {{"uses_topology", entry.uses_topology}, {"round_based", entry.round_based}}});
  }
  return items;
}

std::vector<Item> models() {
  std::vector<Item> items;
  for (const auto& entry : learn::model_registry()) items.push_back({entry.name, entry.summary, {}});
  return items;
}

std::vector<Item> datasets() {
  std::vector<Item> items;
  for (const auto& entry : learn::dataset_registry()) {
    items.push_back({entry.name, entry.summary, {{"licence", entry.licence}}});
  }
  return items;
}

std::vector<Item> partitioners() {
  std::vector<Item> items;
  for (const auto& entry : learn::partitioner_registry()) items.push_back({entry.name, entry.summary, {}});
  return items;
}

std::vector<Item> metrics() {
  return {{"auc", "area under the ROC curve, exact with ties (binary)", {}},
          {"accuracy", "share of rows whose class is right (binary, multiclass)", {}},
          {"ks", "Kolmogorov-Smirnov distance between the scores of both classes (binary)", {}},
          {"lift5", "precision among the 5 % with the highest scores, over the base rate (binary)", {}},
          {"lift10", "the same for 10 % (binary)", {}},
          {"log_loss", "mean negative log-likelihood, in nats (binary, multiclass)", {}},
          {"rmse", "root mean square error (regression)", {}}};
}

std::vector<Item> from_choices(const std::vector<config::Choice>& choices) {
  std::vector<Item> items;
  for (const config::Choice& choice : choices) items.push_back({choice.name, choice.summary, {}});
  return items;
}

std::vector<Item> optimisers() { return from_choices(config::optimiser_choices()); }
std::vector<Item> aggregations() { return from_choices(config::aggregation_choices()); }

constexpr Kind kKinds[] = {
    {"topologies", "topology.name", topologies},
    {"strategies", "strategy", strategies},
    {"models", "model", models},
    {"datasets", "data.dataset", datasets},
    {"partitioners", "partition.kind", partitioners},
    {"optimisers", "optimiser.name", optimisers},
    {"aggregations", "aggregation", aggregations},
    {"metrics", "", metrics},
};

void print_kind(const Kind& kind) {
  const std::vector<Item> items = kind.items();
  std::size_t width = 0;
  for (const Item& item : items) width = std::max(width, item.name.size());
  fmt::print("{}{}\n", kind.name,
             kind.where.empty() ? "" : fmt::format("  (configuration key: {})", kind.where));
  for (const Item& item : items) fmt::print("  {:<{}}  {}\n", item.name, width, item.summary);
}

int list(const std::string& wanted, bool json) {
  nlohmann::ordered_json document = {{"schema", "hansa.list.v1"}};
  bool first = true;
  for (const Kind& kind : kKinds) {
    if (!wanted.empty() && wanted != kind.name) continue;
    if (!json) {
      if (!first) fmt::print("\n");
      print_kind(kind);
      first = false;
      continue;
    }
    auto& list = document[std::string(kind.name)] = nlohmann::ordered_json::array();
    for (const Item& item : kind.items()) {
      nlohmann::ordered_json entry{{"name", item.name}, {"summary", item.summary}};
      for (const auto& [key, value] : item.more) entry[std::string(key)] = value;
      list.push_back(std::move(entry));
    }
  }
  if (json) fmt::print("{}\n", document.dump(2));
  return kExitOk;
}

}  // namespace

void add_list(Cli& cli) {
  CLI::App* verb = cli.verb(cli.app, "list", "List what can be chosen: topologies, strategies, models, ...",
                            "Examples:\n  hansa list\n  hansa list topologies\n  hansa list models --json");
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  const auto wanted = std::make_shared<std::string>();
  CLI::Option* option = verb->add_option("KIND", *wanted, "Which list; all of them if left out")
                            ->check(CLI::IsMember(names))
                            ->option_text(" ");
  cli.values[option] = names;
  cli.add_json(*verb);
  verb->callback([&cli, wanted] { cli.action = [&cli, wanted] { return list(*wanted, cli.json); }; });
}

}  // namespace hansa::cli
