// Can colluders cut an honest party off? Nobody chooses whom it meets: neighbours follow from the graph's
// name and the run's seed, which every organisation approves. What is left to try is luck, and here the luck
// is the worst there is: for graphs of a few parties every set of colluders, for larger ones the
// neighbourhood of each victim.
#include "tests/topology/make.hpp"
#include "topology/cohorts.hpp"
#include "topology/random_schedule.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <functional>
#include <numeric>

namespace hansa::topology {
namespace {

using testing::make;

/// Whether those that are not `bad` reach each other without help of the others, over `rounds` rounds.
class HonestGraph {
 public:
  explicit HonestGraph(std::vector<bool> bad) : bad_(std::move(bad)), root_(bad_.size()) {
    std::iota(root_.begin(), root_.end(), std::size_t{0});
  }
  void add(std::size_t a, std::size_t b) {
    if (!bad_[a] && !bad_[b]) root_[find(a)] = find(b);
  }
  [[nodiscard]] bool connected() {
    std::size_t parts = 0;
    for (std::size_t i = 0; i < root_.size(); ++i) parts += !bad_[i] && find(i) == i ? 1 : 0;
    return parts == 1;
  }

 private:
  std::size_t find(std::size_t i) {
    while (root_[i] != i) i = root_[i] = root_[root_[i]];
    return i;
  }
  std::vector<bool> bad_;
  std::vector<std::size_t> root_;
};

bool honest_stay_connected(const Topology& topology, const std::vector<bool>& bad) {
  HonestGraph honest(bad);
  for (Round round = 0; round < topology.period(); ++round) {
    for (std::uint32_t i = 0; i < topology.parties(); ++i) {
      for (const Neighbour& from : topology.in(round, party_at(i))) honest.add(i, index(from.party));
    }
  }
  return honest.connected();
}

/// Calls `check` with every set of `count` among `n`.
void every_set(std::size_t n, std::size_t count, const std::function<void(const std::vector<bool>&)>& check) {
  std::vector<bool> bad(n, false);
  std::fill_n(bad.begin(), count, true);
  do {
    check(bad);
  } while (std::prev_permutation(bad.begin(), bad.end()));
}

constexpr std::size_t colluders_of(std::size_t n) { return (n - 1) / 3; }  // fewer than a third

TEST(Eclipse, NoThirdOfASmallConsortiumCutsTheHonestOnesApart) {
  for (std::uint32_t n = 4; n <= 12; ++n) {
    every_set(n, colluders_of(n), [&](const std::vector<bool>& bad) {
      ASSERT_TRUE(honest_stay_connected(*make("complete", n), bad)) << "complete, " << n;
    });
  }
  // Three of ten cannot split a graph in which everybody has six neighbours, wherever they are: what is left
  // has three neighbours each among seven, too many for two parts. With four neighbours it takes luck.
  std::size_t tried = 0, split = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const std::uint32_t degree : {6U, 4U}) {
      TopologyOptions options;
      options.parties = 10;
      options.degree = degree;
      options.seed = seed;
      const auto graph = make("k-regular", options);
      every_set(10, 3, [&](const std::vector<bool>& bad) {
        const bool connected = honest_stay_connected(*graph, bad);
        if (degree == 6) {
          ASSERT_TRUE(connected) << "k-regular, seed " << seed;
        } else {
          ++tried;
          split += connected ? 0 : 1;
        }
      });
    }
  }
  EXPECT_LT(split * 200, tried) << "fewer than one choice in 200";
}

TEST(Eclipse, AVictimKeepsAnHonestNeighbourEvenIfAllButOneOfItsNeighboursCollude) {
  constexpr std::uint32_t kParties = 60, kDegree = 8;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    TopologyOptions options;
    options.parties = kParties;
    options.degree = kDegree;
    options.seed = seed;
    const auto graph = make("k-regular", options);
    for (std::uint32_t victim = 0; victim < kParties; ++victim) {
      std::vector<bool> bad(kParties, false);
      const auto around = graph->in(0, party_at(victim));
      for (std::size_t i = 0; i + 1 < around.size(); ++i) bad[index(around[i].party)] = true;
      ASSERT_TRUE(honest_stay_connected(*graph, bad)) << "seed " << seed << ", victim " << victim;
    }
  }
}

TEST(Eclipse, GraphsThatAFewCanCutAreKnown) {
  // The test above must be able to fail: two neighbours eclipse a member of a ring.
  std::vector<bool> bad(10, false);
  bad[4] = bad[6] = true;
  EXPECT_FALSE(honest_stay_connected(*make("ring", 10), bad));
  bad = std::vector<bool>(10, false);
  bad[0] = true;
  EXPECT_FALSE(honest_stay_connected(*make("star", 10), bad));
}

TEST(Eclipse, DrawnNeighboursCannotBeKept) {
  // A third collude. With new neighbours every round, whoever is surrounded once is not for long: within
  // eight rounds the honest parties of every draw hear each other, directly or through honest ones.
  constexpr std::uint32_t kParties = 30;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::vector<bool> bad(kParties, false);
    Rng rng(seed, Purpose::test);
    for (std::size_t placed = 0; placed < colluders_of(kParties);) {
      const std::size_t at = rng.below(kParties);
      placed += bad[at] ? 0 : 1;
      bad[at] = true;
    }
    HonestGraph epidemic(bad), cohorts(bad);
    const RandomSchedule schedule(seed, kParties, 3);
    const CohortOptions options{kParties, 5, false, seed};
    for (Round round = 0; round < 8; ++round) {
      for (std::uint32_t i = 0; i < kParties; ++i) {
        for (const PartyId to : schedule.targets(round, party_at(i))) epidemic.add(i, index(to));
        for (const PartyId with : cohort_of(options, round, party_at(i))) cohorts.add(i, index(with));
      }
    }
    EXPECT_TRUE(epidemic.connected()) << "epidemic, seed " << seed;
    EXPECT_TRUE(cohorts.connected()) << "cohorts, seed " << seed;
  }
}

}  // namespace
}  // namespace hansa::topology
