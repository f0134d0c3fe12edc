// The tables behind every topology: one compressed sparse row (CSR) list of in- and of out-neighbours per
// round of the period. A symmetric round keeps one list for both; a regular round needs no offsets.
#include "topology/build.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace hansa::topology {
namespace {

enum class WeightRule { metropolis_hastings, uniform, push_sum };

std::optional<WeightRule> weight_rule(std::string_view name) {
  if (name == "metropolis-hastings") return WeightRule::metropolis_hastings;
  if (name == "uniform") return WeightRule::uniform;
  if (name == "push-sum") return WeightRule::push_sum;
  return std::nullopt;
}

/// Neighbour lists of all parties, one after the other.
struct Lists {
  std::uint32_t degree = 0;            ///< of every party, if offsets is empty
  std::vector<std::uint32_t> offsets;  ///< parties + 1 entries
  std::vector<Neighbour> entries;

  [[nodiscard]] std::size_t begin(std::size_t party) const noexcept {
    return offsets.empty() ? party * degree : offsets[party];
  }
  [[nodiscard]] std::size_t size(std::size_t party) const noexcept {
    return offsets.empty() ? degree : offsets[party + 1] - offsets[party];
  }
  [[nodiscard]] std::span<const Neighbour> of(std::size_t party) const noexcept {
    return {entries.data() + begin(party), size(party)};
  }
  [[nodiscard]] std::span<Neighbour> of(std::size_t party) noexcept {
    return {entries.data() + begin(party), size(party)};
  }
  [[nodiscard]] bool regular() const noexcept { return offsets.empty(); }
};

struct RoundTable {
  Lists in;
  Lists out;  ///< empty if the round is symmetric: then `in` serves both ways
  bool symmetric = false;
  std::vector<double> self;  ///< one entry if all parties keep the same
};

enum class Side { receiver, sender, both };

/// Lists keyed by the receiving end, by the sending end, or (undirected) by both. With `weights` empty the
/// entries' weights stay 0 for the caller to fill in.
Lists gather(std::uint32_t parties, const RoundLinks& links, const std::vector<double>& weights, Side side) {
  std::vector<std::uint32_t> next(std::size_t{parties} + 1, 0);
  for (const Edge& edge : links.edges) {
    HANSA_ASSERT(edge.from != edge.to && edge.from < parties && edge.to < parties);
    if (side != Side::sender) ++next[edge.to + 1];
    if (side != Side::receiver) ++next[edge.from + 1];
  }
  Lists lists;
  lists.degree = next[1];
  const bool regular = std::all_of(next.begin() + 1, next.end(), [&](auto d) { return d == lists.degree; });
  std::inclusive_scan(next.begin(), next.end(), next.begin());
  lists.entries.resize(next.back());
  if (!regular) lists.offsets = next;
  for (std::size_t e = 0; e < links.edges.size(); ++e) {
    const Edge& edge = links.edges[e];
    const double weight = weights.empty() ? 0.0 : weights[e];
    if (side != Side::sender) lists.entries[next[edge.to]++] = {party_at(edge.from), weight};
    if (side != Side::receiver) lists.entries[next[edge.from]++] = {party_at(edge.to), weight};
  }
  const auto ascending = [](const Neighbour& a, const Neighbour& b) { return a.party < b.party; };
  const auto same = [](const Neighbour& a, const Neighbour& b) { return a.party == b.party; };
  for (std::size_t i = 0; i < parties; ++i) {
    const std::span<Neighbour> list = lists.of(i);
    if (!std::is_sorted(list.begin(), list.end(), ascending)) std::sort(list.begin(), list.end(), ascending);
    HANSA_ASSERT(std::adjacent_find(list.begin(), list.end(), same) == list.end());
  }
  return lists;
}

/// What each party keeps: 1 minus its row, so that rows sum to 1 whatever was rounded.
std::vector<double> rest_of_rows(std::uint32_t parties, const Lists& in) {
  std::vector<double> self(parties);
  for (std::size_t i = 0; i < parties; ++i) {
    double sum = 0;
    for (const Neighbour& neighbour : in.of(i)) sum += neighbour.weight;
    self[i] = 1.0 - sum;
  }
  return self;
}

double share(std::size_t degree) noexcept { return 1.0 / static_cast<double>(degree + 1); }

void collapse_if_constant(std::vector<double>& values) {
  const double first = values.front();
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == first; })) {
    values.assign(1, first);
    values.shrink_to_fit();
  }
}

/// Undirected: Metropolis-Hastings or the family's own weights, or uniform weights on a regular graph (equal
/// to Metropolis-Hastings there): W = W^T.
RoundTable symmetric_round(std::uint32_t parties, const RoundLinks& links) {
  RoundTable table;
  table.symmetric = true;
  table.in = gather(parties, links, links.weights, Side::both);
  if (links.weights.empty()) {
    for (std::size_t i = 0; i < parties; ++i) {
      for (Neighbour& neighbour : table.in.of(i)) {
        neighbour.weight = share(std::max(table.in.size(i), table.in.size(index(neighbour.party))));
      }
    }
  }
  table.self = rest_of_rows(parties, table.in);
  return table;
}

/// Everything else: the weight is 1 / (degree + 1) of the receiver (uniform) or of the sender (push-sum).
RoundTable shared_out_round(std::uint32_t parties, const RoundLinks& links, bool directed, bool by_sender) {
  RoundTable table;
  table.in = gather(parties, links, {}, directed ? Side::receiver : Side::both);
  table.out = directed ? gather(parties, links, {}, Side::sender) : table.in;
  const Lists& counted = by_sender ? table.out : table.in;
  table.self.resize(parties);
  for (std::size_t i = 0; i < parties; ++i) {
    const double own = share(counted.size(i));
    table.self[i] = own;
    for (Neighbour& source : table.in.of(i)) {
      source.weight = by_sender ? share(counted.size(index(source.party))) : own;
    }
    for (Neighbour& target : table.out.of(i)) {
      target.weight = by_sender ? own : share(counted.size(index(target.party)));
    }
  }
  return table;
}

class Schedule final : public Topology {
 public:
  Schedule(std::uint32_t parties, Promise promise, std::vector<RoundTable> rounds)
      : parties_(parties), promise_(promise), rounds_(std::move(rounds)) {}

  [[nodiscard]] std::uint32_t parties() const noexcept override { return parties_; }
  [[nodiscard]] std::uint32_t period() const noexcept override {
    return static_cast<std::uint32_t>(rounds_.size());
  }
  [[nodiscard]] Promise promise() const noexcept override { return promise_; }
  [[nodiscard]] std::span<const Neighbour> in(Round round, PartyId party) const noexcept override {
    return table(round, party).in.of(index(party));
  }
  [[nodiscard]] std::span<const Neighbour> out(Round round, PartyId party) const noexcept override {
    const RoundTable& links = table(round, party);
    return (links.symmetric ? links.in : links.out).of(index(party));
  }
  [[nodiscard]] double self_weight(Round round, PartyId party) const noexcept override {
    const std::vector<double>& self = table(round, party).self;
    return self.size() == 1 ? self.front() : self[index(party)];
  }

 private:
  [[nodiscard]] const RoundTable& table(Round round, PartyId party) const noexcept {
    HANSA_ASSERT(index(party) < parties_);
    return rounds_[rounds_.size() == 1 ? 0 : round % rounds_.size()];
  }

  std::uint32_t parties_;
  Promise promise_;
  std::vector<RoundTable> rounds_;
};

Error unknown_weights(const std::string& weights) {
  return usage_error("unknown mixing weights '" + weights + "'",
                     "use metropolis-hastings, uniform or push-sum");
}

}  // namespace

Error usage_error(std::string message, std::string hint) {
  return {ErrorKind::usage, std::move(message), std::move(hint)};
}

Result<void> check_options(const char* name, const TopologyOptions& options, std::uint64_t stored) {
  if (options.parties < 2) {
    return usage_error(
        std::string(name) + " needs at least 2 parties, not " + std::to_string(options.parties),
        "raise the number of parties");
  }
  if (!weight_rule(options.weights)) return unknown_weights(options.weights);
  if (stored > kStoredNeighboursMax) {
    return usage_error(std::string(name) + " with " + std::to_string(options.parties) +
                           " parties and these options has about " + std::to_string(stored) +
                           " neighbour entries; at most " + std::to_string(kStoredNeighboursMax) +
                           " are kept (1 GiB)",
                       "lower the degree or the probability, or use a sparse topology such as k-regular, "
                       "exponential or one-peer-exponential");
  }
  return {};
}

TopologyResult build_schedule(const TopologyOptions& options, bool directed, std::uint32_t period,
                              const std::function<void(std::uint32_t round, RoundLinks& links)>& draw) {
  const std::optional<WeightRule> rule = weight_rule(options.weights);
  if (!rule) return unknown_weights(options.weights);
  const std::uint32_t parties = options.parties;
  std::vector<RoundTable> rounds;
  rounds.reserve(period);
  bool regular = true;
  RoundLinks links;
  for (std::uint32_t round = 0; round < period; ++round) {
    links.edges.clear();
    links.weights.clear();
    draw(round, links);
    HANSA_ASSERT(links.weights.empty() || links.weights.size() == links.edges.size());
    if (!directed && *rule == WeightRule::metropolis_hastings) {
      rounds.push_back(symmetric_round(parties, links));
    } else {
      rounds.push_back(shared_out_round(parties, links, directed, *rule == WeightRule::push_sum));
      // Uniform weights are doubly stochastic exactly where every in- and every out-degree is the same.
      const RoundTable& table = rounds.back();
      regular = regular && table.in.regular() && table.out.regular();
    }
    collapse_if_constant(rounds.back().self);
  }
  Promise promise = Promise::row_stochastic;
  if (*rule == WeightRule::push_sum) {
    promise = Promise::column_stochastic;
  } else if (!directed && regular) {
    promise = Promise::symmetric_doubly_stochastic;
  } else if (regular) {
    promise = Promise::doubly_stochastic;
  } else if (*rule == WeightRule::metropolis_hastings) {
    return usage_error(
        "metropolis-hastings weights need an undirected graph, or a directed one in which all "
        "parties have the same in- and out-degree",
        "set weights = \"push-sum\"");
  }
  return std::unique_ptr<const Topology>(std::make_unique<Schedule>(parties, promise, std::move(rounds)));
}

TopologyResult build_static(const TopologyOptions& options, std::vector<Edge> edges) {
  return build_schedule(options, false, 1,
                        [&](std::uint32_t, RoundLinks& links) { links.edges = std::move(edges); });
}

bool links_everyone(std::uint32_t parties, const std::vector<Edge>& edges) {
  // Union-find with path halving.
  std::vector<std::uint32_t> parent(parties);
  std::iota(parent.begin(), parent.end(), 0U);
  const auto root = [&](std::uint32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  std::uint32_t pieces = parties;
  for (const Edge& edge : edges) {
    const std::uint32_t a = root(edge.from);
    const std::uint32_t b = root(edge.to);
    if (a == b) continue;
    parent[std::max(a, b)] = std::min(a, b);
    --pieces;
  }
  return pieces <= 1;
}

}  // namespace hansa::topology
