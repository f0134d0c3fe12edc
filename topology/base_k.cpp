// Three constructions, each from the one before (Takezawa et al. 2023, sections 4 and A):
//
//  - Hyper-hypercube H(V): if |V| = f_1 f_2 ... f_L with every factor at most k+1, write a member's position
//  in the
//    mixed radix f_1, ..., f_L; in round l all members that differ in digit l only average among themselves.
//    After L rounds everybody holds the mean of V.
//  - Simple Base-(k+1): write n = a_1 (k+1)^p_1 + ... + a_L (k+1)^p_L with p_1 > ... > p_L and cut the
//  parties into
//    levels V_1, ..., V_L of those sizes, each level into a_l pieces of (k+1)^p_l.
//      1. Every level runs H(V_l): its members hold its mean.
//      2. In step j every member of the later levels talks to one member of each piece of V_j and takes over
//      their
//         mean with weight |V_j| / (|V_j| + ... + |V_L|). Now each piece of V_j holds the global mean on
//         average, and what remains is the same problem without V_j.
//      3. Every level whose step is over runs H on its pieces.
//  - Base-(k+1): split n = p q, where p collects the prime factors up to k+1. p blocks of q parties run the
//  simple
//    graph side by side, then q transversals of p parties run H. The shorter of this and the simple graph on
//    all n is taken.
#include "topology/base_k.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::topology {
namespace {

/// A set of parties: offset, offset + stride, offset + 2 stride, ...
struct Members {
  std::uint32_t offset = 0;
  std::uint32_t stride = 1;
  [[nodiscard]] std::uint32_t operator[](std::uint32_t position) const { return offset + stride * position; }
};

/// All members [0, count) of `group`, each linked to each with equal weights.
template <class Group>
void link_all(std::uint32_t count, const Group& group, RoundLinks& links) {
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t j = i + 1; j < count; ++j) {
      links.edges.push_back({group(i), group(j)});
      links.weights.push_back(1.0 / count);
    }
  }
}

/// n as a product of as few factors as possible, each in [2, largest], ascending; empty for n = 1. `n` must
/// have no prime factor above `largest`.
std::vector<std::uint32_t> fewest_factors(std::uint32_t n, std::uint32_t largest) {
  std::vector<std::uint32_t> divisors;
  for (std::uint32_t d = 1; std::uint64_t{d} * d <= n; ++d) {
    if (n % d != 0) continue;
    divisors.push_back(d);
    if (d != n / d) divisors.push_back(n / d);
  }
  std::sort(divisors.begin(), divisors.end());
  constexpr std::uint32_t kNone = ~0U;
  std::vector<std::uint32_t> count(divisors.size(), kNone);  // fewest factors of each divisor
  std::vector<std::uint32_t> factor(divisors.size(), 1);     // one of them
  count[0] = 0;
  for (std::size_t d = 1; d < divisors.size(); ++d) {
    for (std::size_t f = 1; f <= d && divisors[f] <= largest; ++f) {
      if (divisors[d] % divisors[f] != 0) continue;
      const auto rest = std::lower_bound(divisors.begin(), divisors.end(), divisors[d] / divisors[f]);
      const std::uint32_t before = count[static_cast<std::size_t>(rest - divisors.begin())];
      if (before != kNone && before + 1 <= count[d]) {
        count[d] = before + 1;
        factor[d] = divisors[f];
      }
    }
  }
  std::vector<std::uint32_t> factors;
  while (n > 1) {
    const auto at = std::lower_bound(divisors.begin(), divisors.end(), n) - divisors.begin();
    HANSA_ASSERT(count[static_cast<std::size_t>(at)] != kNone);
    factors.push_back(factor[static_cast<std::size_t>(at)]);
    n /= factors.back();
  }
  std::sort(factors.begin(), factors.end());
  return factors;
}

/// The hyper-hypercube over `count` members; runs in factors.size() rounds and then starts over.
class HyperHypercube {
 public:
  HyperHypercube() = default;
  HyperHypercube(std::uint32_t count, std::uint32_t degree)
      : count_(count), factors_(fewest_factors(count, degree + 1)) {}

  [[nodiscard]] std::uint32_t rounds() const { return static_cast<std::uint32_t>(factors_.size()); }

  void add_round(std::uint32_t round, Members members, RoundLinks& links) const {
    if (factors_.empty()) return;
    const std::size_t digit = round % factors_.size();
    std::uint32_t step = 1;
    for (std::size_t l = 0; l < digit; ++l) step *= factors_[l];
    const std::uint32_t radix = factors_[digit];
    for (std::uint32_t base = 0; base < count_; ++base) {
      if (base / step % radix != 0) continue;
      link_all(
          radix, [&](std::uint32_t c) { return members[base + c * step]; }, links);
    }
  }

 private:
  std::uint32_t count_ = 1;
  std::vector<std::uint32_t> factors_;
};

/// The part of n whose prime factors are all at most `largest`.
std::uint32_t smooth_part(std::uint32_t n, std::uint32_t largest) {
  std::uint32_t smooth = 1;
  for (std::uint32_t f = 2; f <= largest && f <= n; ++f) {
    while (n % f == 0) {
      n /= f;
      smooth *= f;
    }
  }
  return smooth;
}

/// The simple Base-(k+1) graph over `count` members.
class SimpleBase {
 public:
  SimpleBase(std::uint32_t count, std::uint32_t degree) : degree_(degree) {
    if (smooth_part(count, degree + 1) == count) {
      levels_.push_back({0, count, 1, count, HyperHypercube(count, degree), {}});
      rounds_ = levels_.front().whole.rounds();
      return;
    }
    std::uint32_t piece = 1;
    while (piece <= count / (degree + 1)) piece *= degree + 1;
    std::uint32_t first = 0;
    for (std::uint32_t rest = count; rest > 0; rest %= piece, piece /= degree + 1) {
      const std::uint32_t pieces = rest / piece;
      if (pieces == 0) continue;
      const std::uint32_t size = pieces * piece;
      // A level too small to be cut (fewer than k+1 members) goes on mixing as a whole.
      levels_.push_back(
          {first, size, pieces, piece, HyperHypercube(size, degree), HyperHypercube(piece, degree)});
      first += size;
    }
    spread_ = levels_.front().whole.rounds();
    rounds_ = spread_ + 1 + levels_.front().part.rounds();
  }

  [[nodiscard]] std::uint32_t rounds() const { return rounds_; }

  void add_round(std::uint32_t round, Members members, RoundLinks& links) const {
    if (levels_.size() == 1 || round < spread_) {
      for (const Level& level : levels_) level.whole.add_round(round, shifted(members, level.first), links);
      return;
    }
    const std::uint32_t step = round - spread_;
    if (step + 1 < levels_.size()) hand_over(step, members, links);
    const std::size_t finished = step + 1 < levels_.size() ? step : levels_.size();
    for (std::size_t l = 0; l < finished; ++l) mix_pieces(l, step, members, links);
  }

 private:
  struct Level {
    std::uint32_t first;   ///< position of its first member
    std::uint32_t size;    ///< pieces * piece
    std::uint32_t pieces;  ///< at most k
    std::uint32_t piece;   ///< (k+1)^p
    HyperHypercube whole;
    HyperHypercube part;
  };

  static Members shifted(Members members, std::uint32_t by) { return {members[by], members.stride}; }

  /// Step 2 of the construction: the later levels take over the mean of level `j`.
  void hand_over(std::size_t j, Members members, RoundLinks& links) const {
    const Level& level = levels_[j];
    const std::uint32_t later = level.first + level.size;  // first member of the later levels
    const std::uint32_t end = levels_.back().first + levels_.back().size;
    const double mass = static_cast<double>(level.size) / (end - level.first);
    for (std::uint32_t i = later; i < end; ++i) {
      for (std::uint32_t c = 0; c < level.pieces; ++c) {
        // Each piece is used up from its end.
        const std::uint32_t partner = level.first + (c + 1) * level.piece - 1 - (i - later);
        links.edges.push_back({members[partner], members[i]});
        links.weights.push_back(mass / level.pieces);
      }
    }
    // Who has no partner averages with up to k others of the level. They all hold the level's mean, so this
    // changes nothing in the schedule's arithmetic, but it helps training, where their models differ.
    std::vector<std::uint32_t> idle;
    for (std::uint32_t c = 0; c < level.pieces; ++c) {
      for (std::uint32_t i = 0; i < level.piece - (end - later); ++i) {
        idle.push_back(members[level.first + c * level.piece + i]);
      }
    }
    for (std::size_t at = 0; at < idle.size(); at += degree_ + 1) {
      const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(degree_ + 1, idle.size() - at));
      link_all(
          count, [&](std::uint32_t i) { return idle[at + i]; }, links);
    }
  }

  /// Step 3: level `l` is done handing over and mixes inside its pieces.
  void mix_pieces(std::size_t l, std::uint32_t step, Members members, RoundLinks& links) const {
    const Level& level = levels_[l];
    // The last level hands nothing over, so its step of that kind is already one of mixing.
    const auto past = static_cast<std::uint32_t>(l + 1 == levels_.size() ? l : l + 1);
    if (level.size < degree_ + 1) {
      level.whole.add_round(step - past, shifted(members, level.first), links);
      return;
    }
    for (std::uint32_t c = 0; c < level.pieces; ++c) {
      level.part.add_round(step - past, shifted(members, level.first + c * level.piece), links);
    }
  }

  std::uint32_t degree_;
  std::vector<Level> levels_;
  std::uint32_t spread_ = 0;
  std::uint32_t rounds_ = 0;
};

TopologyResult schedule(const TopologyOptions& options, std::uint32_t rounds,
                        const std::function<void(std::uint32_t, RoundLinks&)>& draw) {
  const std::uint64_t stored = std::uint64_t{options.parties} * options.degree * rounds;
  if (stored > kStoredNeighboursMax) {
    // An upper bound from the degree; count before refusing.
    std::uint64_t exact = 0;
    RoundLinks links;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      links.edges.clear();
      links.weights.clear();
      draw(round, links);
      exact += 2 * links.edges.size();
      if (auto checked = check_options("base-k", options, exact); !checked) return checked.error();
    }
  }
  return build_schedule(options, false, rounds, draw);
}

}  // namespace

TopologyResult make_base_k(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  if (auto checked = check_options("base-k", options, n); !checked) return checked.error();
  if (options.degree < 1) return usage_error("base-k needs a maximum degree of at least 1", "set degree = 1");
  const std::uint32_t k = std::min(options.degree, n - 1);
  const std::uint32_t p = smooth_part(n, k + 1);
  const std::uint32_t q = n / p;
  const SimpleBase simple(n, k);
  const SimpleBase block(q, k);
  const HyperHypercube across(p, k);
  if (p == 1 || q == 1 || simple.rounds() < block.rounds() + across.rounds()) {
    return schedule(options, simple.rounds(), [&](std::uint32_t round, RoundLinks& links) {
      simple.add_round(round, {0, 1}, links);
    });
  }
  return schedule(options, block.rounds() + across.rounds(), [&](std::uint32_t round, RoundLinks& links) {
    if (round < block.rounds()) {
      for (std::uint32_t i = 0; i < p; ++i) block.add_round(round, {i * q, 1}, links);
    } else {
      for (std::uint32_t j = 0; j < q; ++j) across.add_round(round - block.rounds(), {j, q}, links);
    }
  });
}

}  // namespace hansa::topology
