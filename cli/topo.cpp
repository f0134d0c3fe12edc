// `hansa topo show`: what a network is worth before anything trains on it.
#include "cli/cli.hpp"

#include "topology/describe.hpp"
#include "topology/topology.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <memory>

namespace hansa::cli {

namespace {

constexpr std::uint32_t kPartiesMax = 100'000;  // what can be listed and examined within seconds

struct Options {
  std::string name;
  topology::TopologyOptions topology;
  bool edges = false;
};

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json to_json(const topology::TopologySummary& summary) {
  nlohmann::ordered_json document = {{"schema", "hansa.topology_summary.v1"}};
  document["name"] = summary.name;
  document["parties"] = summary.parties;
  document["period"] = summary.period;
  document["directed"] = summary.directed;
  document["edges_count"] = summary.edges_count;
  document["degree"] = {
      {"min", summary.degree_min}, {"mean", summary.degree_mean}, {"max", summary.degree_max}};
  document["connected"] = summary.connected;
  document["weights"] = topology::promise_name(summary.promise);
  document["spectral_gap"] = number_or_null(summary.spectral_gap);
  document["rounds_to_consensus"] = nullptr;
  if (summary.rounds_to_consensus) document["rounds_to_consensus"] = *summary.rounds_to_consensus;
  return document;
}

std::string to_text(const topology::TopologySummary& summary) {
  const auto line = [](std::string_view key, const std::string& value) {
    return fmt::format("{:<22}{}\n", key, value);
  };
  std::string out;
  out += line("topology", summary.name);
  out += line("parties", fmt::format("{}", summary.parties));
  out +=
      line("links", fmt::format("{}, {}", summary.edges_count, summary.directed ? "directed" : "undirected"));
  out += line("period", summary.period == 1 ? "1 (the same links in every round)"
                                            : fmt::format("{} rounds", summary.period));
  out += line("degree", fmt::format("{} to {}, mean {:.4g}", summary.degree_min, summary.degree_max,
                                    summary.degree_mean));
  out += line("connected", summary.connected ? "yes" : "no: some parties can never hear of each other");
  out += line("weights", std::string(topology::promise_name(summary.promise)));
  out += line("spectral gap", fmt::format("{:.6g}  (disagreement left per round: at most {:.6g})",
                                          summary.spectral_gap, summary.second_singular_value));
  out += line("exact mean", summary.rounds_to_consensus
                                ? fmt::format("after {} round{}", *summary.rounds_to_consensus,
                                              *summary.rounds_to_consensus == 1 ? "" : "s")
                                : "not within the rounds looked at; parties approach it");
  return out;
}

void print_edges(const topology::Topology& topology, bool undirected) {
  for (Round round = 0; round < topology.period(); ++round) {
    if (topology.period() > 1) fmt::print("# round {}\n", round);
    for (const topology::Edge& edge : topology::edges(topology, round, undirected)) {
      fmt::print("{} {}\n", edge.from, edge.to);
    }
  }
}

nlohmann::ordered_json edges_to_json(const topology::Topology& topology, bool undirected) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (Round round = 0; round < topology.period(); ++round) {
    for (const topology::Edge& edge : topology::edges(topology, round, undirected)) {
      list.push_back({{"round", round}, {"from", edge.from}, {"to", edge.to}});
    }
  }
  return list;
}

int show(const Options& options, bool json) {
  const auto made = topology::make_topology(options.name, options.topology);
  if (!made) return fail(made.error(), json);
  const topology::Topology& topology = **made;
  const topology::TopologySummary summary = topology::summarise(topology, options.name);
  if (json) {
    nlohmann::ordered_json document = to_json(summary);
    if (options.edges) document["edges"] = edges_to_json(topology, !summary.directed);
    fmt::print("{}\n", document.dump(2));
    return kExitOk;
  }
  if (options.edges) {  // an edge list that `file:PATH` reads again, with the summary as comments
    std::string text = "# " + to_text(summary);
    for (std::size_t at = text.find('\n'); at != std::string::npos && at + 1 < text.size();
         at = text.find('\n', at + 1)) {
      text.insert(at + 1, "# ");
    }
    fmt::print("{}", text);
    print_edges(topology, !summary.directed);
    return kExitOk;
  }
  fmt::print("{}", to_text(summary));
  return kExitOk;
}

}  // namespace

void add_topo(Cli& cli) {
  CLI::App* group =
      cli.verb(cli.app, "topo", "Examine topologies", "Example:\n  hansa topo show ring --n 16");
  CLI::App* verb = cli.verb(*group, "show", "Degrees, connectivity and mixing speed of a topology",
                            "Examples:\n  hansa topo show torus --n 16\n"
                            "  hansa topo show base-k --n 25 --k 2 --json\n"
                            "  hansa topo show k-regular --n 64 --k 4 --edges > graph.txt\n"
                            "  hansa topo show file:graph.txt --n 64");
  const auto options = std::make_shared<Options>();
  CLI::Option* name =
      verb->add_option("NAME", options->name, "A name of `hansa list topologies`, or file:PATH")->required();
  for (const auto& entry : topology::topology_registry()) cli.values[name].emplace_back(entry.name);
  verb->add_option("--n", options->topology.parties, "Number of parties")
      ->required()
      ->check(CLI::Range(std::uint32_t{1}, kPartiesMax));
  CLI::Option* k =
      verb->add_option("--k", options->topology.degree,
                       "k-regular, small-world: neighbours; base-k: maximum degree; tree: children; "
                       "scale-free: links of a new party");
  verb->add_option("--p", options->topology.probability,
                   "erdos-renyi: probability of a link; small-world: of rewiring one")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--seed", options->topology.seed, "Seed of random topologies (default 1)");
  CLI::Option* weights =
      verb->add_option("--weights", options->topology.weights, "How what arrives is weighted")
          ->check(CLI::IsMember({"metropolis-hastings", "uniform", "push-sum"}));
  cli.values[weights] = {"metropolis-hastings", "uniform", "push-sum"};
  verb->add_flag("--edges", options->edges,
                 "Print every link; without --json in the format that file:PATH reads");
  cli.add_json(*verb);
  verb->callback([&cli, options, k] {
    if (k->count() > 0) options->topology.attachments = options->topology.degree;
    cli.action = [&cli, options] { return show(*options, cli.json); };
  });
}

}  // namespace hansa::cli
