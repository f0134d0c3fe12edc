// Runs in which models, or pieces of them, travel readable: who sees whose, over the rounds of the run.
// What can be done with a readable model: reconstruct training rows from updates (Zhu, Liu, Han, "Deep
// leakage from gradients", NeurIPS 2019), tell members of the training set (Shokri et al., IEEE S&P 2017;
// Nasr et al., IEEE S&P 2019), and both better between neighbours than against a server (Pasquini, Raynal,
// Troncoso, IEEE S&P 2023).
#include "protocols/gossip/registry.hpp"
#include "sim/privacy/parts.hpp"
#include "topology/random_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace hansa::sim::privacy {
namespace {

constexpr std::uint64_t kSendsMax = 1ULL << 23;  // examined; 32 MB and about a second

/// Calls `send(from, to)` for everybody that may receive something of `from`'s model in `round`.
using Receivers =
    std::function<void(Round, std::uint32_t from, const std::function<void(std::uint32_t to)>& send)>;

Receivers receivers(const config::RunConfig& config, const topology::Topology* graph) {
  if (graph != nullptr) {
    return [graph](Round round, std::uint32_t from, const auto& send) {
      for (const topology::Neighbour& to : graph->out(round, PartyId{from})) {
        send(static_cast<std::uint32_t>(to.party));
      }
    };
  }
  if (config.strategy == "epidemic") {
    return [schedule = topology::RandomSchedule(config.seed, config.parties, config.epidemic.fanout)](
               Round round, std::uint32_t from, const auto& send) {
      for (const PartyId to : schedule.targets(round, PartyId{from})) send(static_cast<std::uint32_t>(to));
    };
  }
  return [options = cohort_options(config)](Round round, std::uint32_t from, const auto& send) {
    for (const PartyId to : topology::cohort_of(options, round, PartyId{from})) {
      if (index(to) != from) send(static_cast<std::uint32_t>(to));
    }
  };
}

/// The rounds after which whom a party sends to repeats.
Round period_of(const config::RunConfig& config, const topology::Topology* graph) {
  if (graph != nullptr) return std::min<Round>(graph->period(), config.rounds);
  if (config.strategy == "cohort" && config.cohort.grid) return std::min<Round>(2, config.rounds);
  if (config.strategy == "cohort" && config.parties < 2 * config.cohort.size) return 1;
  return config.rounds;
}

struct Viewers {
  std::vector<std::vector<std::uint32_t>> of;  ///< by party, ascending: who sees its model
  std::vector<std::uint32_t> sees;             ///< by party: how many others' models it sees
  Round rounds = 0;                            ///< that were examined
  bool whole_run = true;
};

Viewers viewers_of(const config::RunConfig& config, const topology::Topology* graph) {
  Viewers viewers;
  viewers.of.resize(config.parties);
  viewers.sees.assign(config.parties, 0);
  const Receivers each = receivers(config, graph);
  const Round period = period_of(config, graph);
  std::uint64_t sends = 0;
  for (; viewers.rounds < period && sends < kSendsMax; ++viewers.rounds) {
    for (std::uint32_t from = 0; from < config.parties; ++from) {
      std::vector<std::uint32_t>& all = viewers.of[from];
      const std::size_t before = all.size();
      each(viewers.rounds, from, [&](std::uint32_t to) {
        ++sends;
        if (!std::binary_search(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before), to)) {
          all.push_back(to);
        }
      });
      std::sort(all.begin(), all.end());
    }
  }
  viewers.whole_run = viewers.rounds == period;
  if (viewers.whole_run) viewers.rounds = config.rounds;
  for (const auto& all : viewers.of) {
    for (const std::uint32_t viewer : all) ++viewers.sees[viewer];
  }
  return viewers;
}

Exposure exposure_of(const Viewers& viewers) {
  std::vector<std::uint32_t> counts;
  for (const auto& all : viewers.of) counts.push_back(static_cast<std::uint32_t>(all.size()));
  std::sort(counts.begin(), counts.end());
  Exposure exposure{.rounds_examined = viewers.rounds,
                    .viewers_min = counts.front(),
                    .viewers_median = counts[counts.size() / 2],
                    .viewers_max = counts.back(),
                    .see_everybody = {}};
  for (std::uint32_t i = 0; counts.size() > 1 && i < counts.size(); ++i) {
    if (viewers.sees[i] + 1 == counts.size()) exposure.see_everybody.push_back(i);
  }
  return exposure;
}

/// Parties with at least one neighbour that receives everything they mix: it knows where their training
/// starts, and from the next model exactly what training changed.
std::vector<std::uint32_t> with_exact_updates(const topology::Topology& graph) {
  std::vector<std::uint32_t> parties;
  for (std::uint32_t v = 0; v < graph.parties(); ++v) {
    const auto sources = graph.in(0, PartyId{v});
    const auto viewers = graph.out(0, PartyId{v});
    const bool somebody = std::any_of(viewers.begin(), viewers.end(), [&](const topology::Neighbour& u) {
      const auto known = graph.in(0, u.party);
      return std::all_of(sources.begin(), sources.end(), [&](const topology::Neighbour& source) {
        if (source.party == u.party) return true;
        const auto at = std::lower_bound(known.begin(), known.end(), source.party,
                                         [](const auto& a, PartyId b) { return a.party < b; });
        return at != known.end() && at->party == source.party;
      });
    });
    if (somebody) parties.push_back(v);
  }
  return parties;
}

/// Parties that hear from exactly `degree` others over a period.
std::vector<std::uint32_t> of_degree(const topology::Topology& graph, std::size_t degree) {
  std::vector<std::uint32_t> parties;
  for (std::uint32_t v = 0; v < graph.parties(); ++v) {
    std::vector<PartyId> sources;
    for (Round round = 0; round < graph.period() && sources.size() <= 64; ++round) {
      for (const topology::Neighbour& source : graph.in(round, PartyId{v})) sources.push_back(source.party);
      std::sort(sources.begin(), sources.end());
      sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    }
    if (sources.size() == degree) parties.push_back(v);
  }
  return parties;
}

void add_graph_findings(const topology::Topology& graph, PrivacyStatement& out) {
  const std::uint64_t links = graph.parties() == 0 ? 0 : graph.out(0, PartyId{0}).size();
  if (graph.period() == 1 && links * links * graph.parties() < kSendsMax * 8) {
    if (auto exact = with_exact_updates(graph); !exact.empty()) {
      std::string text = fmt::format(
          "{} of {} parties have a neighbour that also receives every model they mix. It knows where their "
          "training starts, and so from the next model exactly what their rows changed: the easiest case for "
          "gradient inversion.",
          exact.size(), graph.parties());
      out.findings.push_back({"exact-updates", Level::exposed, std::move(text), std::move(exact)});
    }
  }
  if (auto ends = of_degree(graph, 1); !ends.empty()) {
    out.findings.push_back({"degree-1", Level::exposed,
                            fmt::format("Degree 1: {} {} from a single neighbour, which so decides "
                                        "everything that reaches it and knows everything it mixes.",
                                        named(ends), ends.size() == 1 ? "hears" : "each hear"),
                            ends});
  }
  if (auto pairs = of_degree(graph, 2); !pairs.empty()) {
    out.findings.push_back(
        {"degree-2", Level::note,
         fmt::format("Degree 2: {} of {} parties hear from two neighbours only ({}). These two together know "
                     "everything such a party mixes. A secure sum over two neighbours would hide nothing "
                     "between them.",
                     pairs.size(), graph.parties(), named(pairs)),
         pairs});
  }
}

void add_seen(const Viewers& viewers, const config::RunConfig& config, PrivacyStatement& out) {
  out.exposure = exposure_of(viewers);
  const Exposure& exposure = *out.exposure;
  const bool pieces = out.protection == Protection::pieces;
  const std::string others =
      exposure.viewers_min + 1 == config.parties ? "all other parties"
      : exposure.viewers_min == exposure.viewers_max
          ? fmt::format("{} of the {} other parties", exposure.viewers_min, config.parties - 1)
          : fmt::format("{} of the {} other parties (median {})",
                        range_text(exposure.viewers_min, exposure.viewers_max), config.parties - 1,
                        exposure.viewers_median);
  std::string text =
      fmt::format("Over {}, {} seen by {}.",
                  viewers.whole_run ? "the whole run" : fmt::format("the first {} rounds", viewers.rounds),
                  pieces ? "pieces of a party's model are" : "a party's models are", others);
  const std::size_t all_seeing = exposure.see_everybody.size();
  if (all_seeing > 0 && all_seeing < config.parties) {
    text += fmt::format(" Everybody's {} seen by {}.", pieces ? "pieces are" : "models are",
                        named(exposure.see_everybody));
  }
  out.findings.push_back({"seen-by", Level::exposed, std::move(text), exposure.see_everybody});
}

void explain_pieces(const config::RunConfig& config, PrivacyStatement& out) {
  const std::size_t members = topology::cohort_of(cohort_options(config), 0, PartyId{0}).size();
  out.protection = Protection::pieces;
  out.summary.push_back(fmt::format(
      "aggregation = \"{}\" hides no model. In each round a party sends every member of its cohort the piece "
      "of its model that this member averages, readable: about 1/{} of it to each.{}",
      config.aggregation, members,
      config.aggregation == "plain-fixed" ? " The integers are those of \"secure\", without its masks."
                                          : ""));
  out.learners = {
      {"a member of a cohort",
       fmt::format("its piece, 1/{} of the parameters, of every other member's model; and the average of all",
                   members)},
      {"m members together",
       fmt::format("m/{} of every other member's model, exactly; all but its own piece if only one stays out",
                   members)},
      {"the same member again and again", config.cohort.grid
                                              ? "the same piece every time: on a grid places never change"
                                              : "other pieces in other rounds, as cohorts are drawn anew"},
      {"somebody on the line", "everything that is sent, unless the transport encrypts"}};
}

void explain_models(const config::RunConfig& config, const topology::Topology* graph, PrivacyStatement& out) {
  out.protection = Protection::none;
  const std::string to = graph == nullptr ? fmt::format("{} random parties", config.epidemic.fanout)
                         : config.strategy == "gossip-learning" ? "a random neighbour"
                         : config.strategy == "push-sum"        ? "all its out-neighbours"
                                                                : "all its neighbours";
  out.summary.push_back(fmt::format(
      "aggregation = \"{}\" hides no model. After training on its rows a party sends its whole model, "
      "readable, to {}{}.",
      config.aggregation, to, config.strategy == "gossip-learning" ? " in every period" : " in every round"));
  out.learners = {
      {graph == nullptr ? "a receiver" : "a neighbour",
       "the whole model right after training on private rows, and from one round to the next what changed"},
      {"all that send to a party, together",
       "everything it mixes, and so the exact change that training on its rows made"},
      {"other parties", "nothing directly; mixtures that travel on"},
      {"somebody on the line", "everything that is sent, unless the transport encrypts"}};
}

}  // namespace

void explain_readable(const config::RunConfig& config, const topology::Topology* graph,
                      PrivacyStatement& out) {
  if (config.strategy == "cohort") {
    explain_pieces(config, out);
  } else {
    explain_models(config, graph, out);
  }
  out.summary.push_back(
      config.strategy == "cohort"
          ? "aggregation = \"secure\" hides all but the sum from up to f members of a cohort."
          : "To hide models: strategy = \"cohort\" with aggregation = \"secure\" "
            "(docs/secure-aggregation.md).");
  add_seen(viewers_of(config, graph), config, out);
  out.findings.push_back(
      {"readable-models",
       Level::exposed,
       "Whoever has a readable model can try to reconstruct training rows from what training changed "
       "(gradient inversion: Zhu et al., NeurIPS 2019) and to tell whether a given record was trained on "
       "(membership inference: Shokri et al., S&P 2017; between neighbours: Pasquini et al., S&P 2023). "
       "Small "
       "batches, few rows and many rounds make it easier.",
       {}});
  if (config.model == "fm" || config.model == "deepfm" || config.model == "logistic-regression") {
    out.findings.push_back(
        {"features",
         Level::exposed,
         fmt::format(
             "In {} training moves the parameters of a feature, apart from decay, only if it occurs in "
             "the party's rows: readable models tell which features these rows have.",
             config.model),
         {}});
  }
  if (graph != nullptr) add_graph_findings(*graph, out);
}

}  // namespace hansa::sim::privacy
