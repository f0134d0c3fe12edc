// The pairing model with repairs: every party puts k stubs in a hat, the stubs are paired at random, and a
// pair that would be a self-loop or a second link between the same two swaps ends with a random good pair.
// Above half the possible degree the complement is drawn instead, which keeps repairs easy. The result is
// uniform but for a bias of order k^2/n from the repairs.
#include "topology/k_regular.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <numeric>

namespace hansa::topology {
namespace {

/// Adjacency of a graph under construction: k slots per party, filled from the left.
class Slots {
 public:
  Slots(std::uint32_t parties, std::uint32_t degree)
      : degree_(degree), used_(parties, 0), slots_(std::size_t{parties} * degree) {}

  [[nodiscard]] bool linked(std::uint32_t a, std::uint32_t b) const {
    const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(std::size_t{a} * degree_);
    const auto last = first + used_[a];
    return std::find(first, last, b) != last;
  }
  void link(std::uint32_t a, std::uint32_t b) {
    slots_[std::size_t{a} * degree_ + used_[a]++] = b;
    slots_[std::size_t{b} * degree_ + used_[b]++] = a;
  }
  void unlink(std::uint32_t a, std::uint32_t b) {
    drop(a, b);
    drop(b, a);
  }

 private:
  void drop(std::uint32_t a, std::uint32_t b) {
    std::uint32_t* first = slots_.data() + std::size_t{a} * degree_;
    std::uint32_t* last = first + used_[a]--;
    *std::find(first, last, b) = *(last - 1);
  }

  std::uint32_t degree_;
  std::vector<std::uint32_t> used_;
  std::vector<std::uint32_t> slots_;
};

/// One simple graph with all degrees `degree`, or nothing if there is a bad pair (without `repair`) or the
/// repairs got stuck.
std::vector<Edge> pair_stubs(std::uint32_t parties, std::uint32_t degree, bool repair, Rng& rng) {
  std::vector<std::uint32_t> stubs(std::size_t{parties} * degree);
  for (std::size_t s = 0; s < stubs.size(); ++s) stubs[s] = static_cast<std::uint32_t>(s / degree);
  rng.shuffle(stubs);
  Slots slots(parties, degree);
  std::vector<Edge> good;
  std::vector<Edge> bad;
  good.reserve(stubs.size() / 2);
  for (std::size_t s = 0; s < stubs.size(); s += 2) {
    const Edge pair{stubs[s], stubs[s + 1]};
    if (pair.from == pair.to || slots.linked(pair.from, pair.to)) {
      if (!repair) return {};
      bad.push_back(pair);
    } else {
      slots.link(pair.from, pair.to);
      good.push_back(pair);
    }
  }
  std::size_t tries = 1000 + 200 * bad.size();
  while (!bad.empty()) {
    if (good.empty() || tries-- == 0) return {};
    const auto [a, b] = bad.back();
    const std::size_t pick = rng.below(good.size());
    Edge other = good[pick];
    if (rng.below(2) == 1) std::swap(other.from, other.to);
    const auto [c, d] = other;
    // (a, b) and (c, d) become (a, c) and (b, d).
    if (a == c || b == d || slots.linked(a, c) || slots.linked(b, d)) continue;
    if ((a == b) && (c == d)) continue;
    slots.unlink(c, d);
    slots.link(a, c);
    slots.link(b, d);
    good[pick] = {a, c};
    good.push_back({b, d});
    bad.pop_back();
  }
  return good;
}

std::vector<Edge> draw_by_pairing(std::uint32_t parties, std::uint32_t degree, Rng& rng) {
  constexpr std::uint64_t kStubsMax = 10'000;
  constexpr int kTries =
      200;  // a pairing is good with probability about exp(-(k^2 - 1) / 4): 1 in 40 for k = 4
  for (int attempt = 0; attempt < kTries && std::uint64_t{parties} * degree <= kStubsMax; ++attempt) {
    std::vector<Edge> edges = pair_stubs(parties, degree, false, rng);
    if (!edges.empty()) return edges;
  }
  return pair_stubs(parties, degree, true, rng);
}

/// The pairs that `edges` leaves out.
std::vector<Edge> complement(std::uint32_t parties, std::vector<Edge> edges) {
  for (Edge& edge : edges) {
    if (edge.from > edge.to) std::swap(edge.from, edge.to);
  }
  std::sort(edges.begin(), edges.end());
  std::vector<Edge> others;
  auto next = edges.begin();
  for (std::uint32_t i = 0; i < parties; ++i) {
    for (std::uint32_t j = i + 1; j < parties; ++j) {
      if (next != edges.end() && *next == Edge{i, j}) {
        ++next;
      } else {
        others.push_back({i, j});
      }
    }
  }
  return others;
}

/// A connected graph in which everybody has two neighbours is one cycle through all, in random order.
std::vector<Edge> random_cycle(std::uint32_t parties, Rng& rng) {
  std::vector<std::uint32_t> order(parties);
  std::iota(order.begin(), order.end(), 0U);
  rng.shuffle(order);
  std::vector<Edge> edges;
  edges.reserve(parties);
  for (std::uint32_t i = 0; i < parties; ++i) edges.push_back({order[i], order[(i + 1) % parties]});
  return edges;
}

std::vector<Edge> draw(std::uint32_t parties, std::uint32_t degree, Rng& rng) {
  if (degree == 2 && parties > 2) return random_cycle(parties, rng);
  const std::uint32_t missing = parties - 1 - degree;
  if (missing >= degree) return draw_by_pairing(parties, degree, rng);
  if (missing == 0) return complement(parties, {});
  std::vector<Edge> left_out = draw_by_pairing(parties, missing, rng);
  if (left_out.empty()) return {};
  return complement(parties, std::move(left_out));
}

Result<void> check_degree(std::uint32_t n, std::uint32_t k) {
  const std::string asked =
      "k-regular with degree " + std::to_string(k) + " and " + std::to_string(n) + " parties ";
  if (k >= n) return usage_error(asked + "does not exist", "set degree below the number of parties");
  if (std::uint64_t{n} * k % 2 != 0) {
    return usage_error(
        asked + "does not exist: parties x degree must be even",
        "set degree = " + std::to_string(k + 1 < n ? k + 1 : k - 1) + " or change parties by one");
  }
  if (k == 0 || (k == 1 && n > 2)) {
    return usage_error(asked + "cannot be connected", "set degree = 2 or more");
  }
  return {};
}

}  // namespace

TopologyResult make_k_regular(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const std::uint32_t k = options.degree;
  if (auto checked = check_options("k-regular", options, std::uint64_t{n} * k); !checked) {
    return checked.error();
  }
  if (auto checked = check_degree(n, k); !checked) return checked.error();
  for (std::uint32_t attempt = 0; attempt < kDrawsMax; ++attempt) {
    Rng rng(options.seed, Purpose::topology, k, attempt);
    std::vector<Edge> edges = draw(n, k, rng);
    if (!edges.empty() && links_everyone(n, edges)) return build_static(options, std::move(edges));
  }
  return usage_error("no connected k-regular graph in " + std::to_string(kDrawsMax) + " draws",
                     "use another seed or another degree");
}

}  // namespace hansa::topology
