#include "sim/privacy/statement.hpp"

#include "protocols/gossip/registry.hpp"
#include "sim/privacy/parts.hpp"
#include "sim/setup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hansa::sim::privacy {
namespace {

std::string row_counts(const config::RunConfig& config) {
  const bool weighted = config.topology.weights == "sample-count";
  if (config.aggregation == "secure" && weighted) {
    return fmt::format(
        "Row counts: a party's stays hidden, inside the sum (counts above secure.weight_max = {} "
        "count as that); the total over the sum is known.",
        config.secure.weight_max);
  }
  if (config.aggregation != "secure" && config.strategy == "d-psgd") {
    return "Row counts: a party's number of training rows travels readable with its model.";
  }
  if (config.strategy == "cohort" && weighted) {
    return "Row counts: they travel readable with the pieces, as topology.weights = \"sample-count\".";
  }
  return "Row counts: they are not sent; every party weighs the same or by the graph.";
}

std::string final_model(const PrivacyStatement& statement) {
  switch (statement.protection) {
    case Protection::cohort_sums:
      return "The sum itself. Every average, and with the last one the final model, is known to the members "
             "of the cohort, and an average of models can still tell whether a record was trained on "
             "(Ngo et al., ECML PKDD 2024), or that a rare feature occurs at one of them. Only noise "
             "(differential privacy) bounds that, and this run adds none.";
    case Protection::neighbourhood_sums:
      return "The sum itself. Every receiver knows the weighted average of its neighbours, and an average of "
             "models can still tell whether a record was trained on (Ngo et al., ECML PKDD 2024). Only noise "
             "(differential privacy) bounds that, and this run adds none.";
    case Protection::none:
    case Protection::pieces:
      break;
  }
  return "The final model. Every party ends with one, and a model can tell whether a record was trained on. "
         "Only noise (differential privacy) bounds that, and this run adds none.";
}

}  // namespace

std::string_view protection_name(Protection protection) noexcept {
  switch (protection) {
    case Protection::none:
      return "none";
    case Protection::pieces:
      return "pieces";
    case Protection::cohort_sums:
      return "cohort_sums";
    case Protection::neighbourhood_sums:
      return "neighbourhood_sums";
  }
  return "none";
}

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::note:
      return "note";
    case Level::leak:
      return "leak";
    case Level::exposed:
      return "exposed";
  }
  return "note";
}

void explain_unhidden(const config::RunConfig& config, PrivacyStatement& out) {
  const bool sums =
      out.protection == Protection::cohort_sums || out.protection == Protection::neighbourhood_sums;
  const auto add = [&](std::string id, std::string text) {
    out.unhidden.push_back({std::move(id), Level::note, std::move(text), {}});
  };
  add("result", final_model(out));
  add("participation",
      "Who takes part, with whom in which round, when, who vanishes, and how large the model is.");
  add("row-counts", row_counts(config));
  add("poisoned-inputs", sums ? fmt::format("Nobody can look at an input: a member may send any model within "
                                            "[-{0:g}, {0:g}], and the sum takes it in. Sums that no honest "
                                            "inputs can have are dropped.",
                                            config.secure.clip)
                              : "Nothing checks whether a model is honest: those that are not finite are "
                                "dropped, all others are mixed in.");
  add("identities",
      sums ? "f counts identities, not people: whoever is admitted under several names is several members. "
             "Admission is decided elsewhere, before the run."
           : "Whoever is admitted is sent models. Admission is decided elsewhere, before the run.");
  add("confirmation",
      fmt::format("Hashes: models_hash in summary.json{} a guess to whoever can guess a model exactly.",
                  out.protection == Protection::cohort_sums
                      ? ", and the hashes of sums that members exchange, confirm"
                      : " confirms"));
}

Result<PrivacyStatement> explain(const config::RunConfig& config) {
  const protocols::StrategyEntry* strategy = protocols::find_strategy(config.strategy);
  if (strategy == nullptr) {
    return Error{ErrorKind::usage, "unknown strategy \"" + config.strategy + "\"",
                 "see `hansa list strategies`"};
  }
  PrivacyStatement out;
  out.name = config.name;
  out.parties = config.parties;
  out.rounds = config.rounds;
  out.strategy = config.strategy;
  out.aggregation = config.aggregation;
  std::shared_ptr<const topology::Topology> graph;
  if (strategy->uses_topology) {
    auto made = make_graph(config, *strategy);
    if (!made) return made.error();
    graph = std::move(made).value();
    out.topology = config.topology.name;
  }
  if (config.parties < 2) {
    out.summary.push_back("A single party talks to nobody.");
  } else if (config.aggregation != "secure") {
    explain_readable(config, graph.get(), out);
  } else if (graph == nullptr) {
    explain_cohorts(config, out);
  } else {
    explain_neighbourhoods(config, *graph, out);
  }
  std::stable_sort(out.findings.begin(), out.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.level > b.level; });
  explain_unhidden(config, out);
  out.simulation.push_back(
      "A simulation proves nothing about the secrecy of its own data: all parties are one process, every "
      "key, "
      "share and mask follows from the one number `seed`, cohorts too, and the run folder holds the final "
      "models. It shows that the protocol works and what it costs.");
  return out;
}

}  // namespace hansa::sim::privacy
