// Whole fleets under loss, duplication, reordering and crashes between any two effects, from many seeds. A
// failure prints its seed; the same seed replays it.
#include "tests/protocols/support/fleet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace hansa::protocols::testing {
namespace {

constexpr std::uint64_t kSeeds = 40;

/// Loss 20 %, duplication, reordering; with `crashes`, a tenth of the parties (at least one) crash.
Faults hostile(bool crashes) {
  return {.loss = 0.2,
          .duplication = 0.2,
          .latency_min = 1ms,
          .latency_max = 400ms,
          .crash = crashes ? 0.03 : 0,
          .stray_alarm = 0.1};
}

/// A ring of n where everybody also hears the party three places before: directed, column-stochastic.
std::shared_ptr<const topology::Topology> directed_graph(std::size_t n) {
  std::vector<std::vector<double>> w(n, std::vector<double>(n, 0));
  for (std::size_t j = 0; j < n; ++j) {
    for (const std::size_t i : {j, (j + 1) % n, (j + 3) % n}) w[i][j] += 1.0 / 3;
  }
  return graph(w, topology::Promise::column_stochastic);
}

/// An undirected ring with chords, Metropolis-Hastings.
std::shared_ptr<const topology::Topology> chord_graph(std::size_t n) {
  std::vector<std::vector<double>> w(n, std::vector<double>(n, 0));
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, n - 1, n - 2}) w[i][(i + step) % n] = 0.2;
    w[i][i] = 0.2;
  }
  return graph(w);
}

RunOptions fleet_run(const StrategyEntry& entry, std::uint32_t parties, Round rounds) {
  RunOptions run = run_options(parties, rounds, 5);
  run.topology = !entry.uses_topology      ? nullptr
                 : entry.column_stochastic ? directed_graph(parties)
                                           : chord_graph(parties);
  run.deadline = {.floor = 2s, .ceiling = 20s, .factor = 4};
  run.cohort = {.parties = parties, .size = 4, .grid = false, .seed = 3};
  run.epidemic_fanout = 3;
  return run;
}

class EveryStrategy : public ::testing::TestWithParam<std::size_t> {
 protected:
  const StrategyEntry& entry() const { return strategy_registry()[GetParam()]; }
};

TEST_P(EveryStrategy, EndsUnderLossDuplicationReorderingAndCrashes) {
  std::uint32_t crashes = 0;
  std::size_t missing = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(std::string(entry().name) + " seed " + std::to_string(seed));
    RunOptions run = fleet_run(entry(), 11, 12);
    run.seed = seed;
    run.eval_every = static_cast<Round>(seed % 4);
    run.finish_rounds = static_cast<Round>(seed % 3);
    if (seed % 2 == 0) run.weights = MixWeights::sample_count;
    Fleet fleet(entry().make, run, hostile(true), seed, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5});
    ASSERT_TRUE(fleet.run(4h)) << "still running at " << fleet.now().count() << " ns";
    crashes += fleet.crashes();
    missing += fleet.count<PeerMissing>();
    for (std::size_t i = 0; i < fleet.nodes().size(); ++i) {
      const Fleet::Node& node = fleet.nodes()[i];
      ASSERT_TRUE(node.machine && node.machine->finished()) << "party " << i;
      EXPECT_EQ(node.completed, 12U) << "party " << i;
      ASSERT_EQ(node.final_model.size(), 5U) << "party " << i;
      for (const float x : node.final_model.span()) EXPECT_TRUE(std::isfinite(x)) << "party " << i;
    }
  }
  EXPECT_GT(crashes, kSeeds / 2) << "this test must crash parties";
  EXPECT_TRUE(!entry().round_based || missing > kSeeds) << "who was missing is reported";
}

TEST_P(EveryStrategy, SameSeedSameBits) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Fleet first(entry().make, fleet_run(entry(), 11, 8), hostile(true), seed);
    Fleet second(entry().make, fleet_run(entry(), 11, 8), hostile(true), seed);
    ASSERT_TRUE(first.run(4h) && second.run(4h));
    EXPECT_EQ(first.final_models(), second.final_models()) << "seed " << seed;
    EXPECT_EQ(first.now(), second.now());
  }
}

TEST_P(EveryStrategy, HealthyRunsReportNobodyMissing) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Fleet fleet(entry().make, fleet_run(entry(), 11, 8), {.latency_max = 300ms, .stray_alarm = 0.2}, seed);
    ASSERT_TRUE(fleet.run(1h));
    EXPECT_EQ(fleet.count<PeerMissing>(), 0U) << "seed " << seed;
    EXPECT_EQ(fleet.count<RoundsSkipped>(), 0U) << "seed " << seed;
    EXPECT_TRUE(!entry().round_based || fleet.count<Rejected>() == 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryStrategy,
                         ::testing::Range<std::size_t>(0, strategy_registry().size()), [](const auto& test) {
                           std::string name(strategy_registry()[test.param].name);
                           std::erase(name, '-');
                           return name;
                         });

// Whatever is lost, the weights of a mix sum to 1, and everybody who is not in it is reported missing.
TEST(FaultyFleet, MixesSumToOneAndNameWhoIsMissing) {
  for (const char* name : {"d-psgd", "epidemic"}) {
    const StrategyEntry& entry = *find_strategy(name);
    const std::size_t degree = entry.uses_topology ? 4 : 3;
    std::size_t mixes = 0;
    std::size_t short_mixes = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      RunOptions run = fleet_run(entry, 11, 12);
      run.seed = seed;
      Fleet fleet(entry.make, run, hostile(true), seed);
      fleet.on_batch = [&](PartyId party, std::span<const Effect> effects) {
        std::set<PartyId> missing;
        bool skipped = false;
        for (const Effect& effect : effects) {
          if (const auto* emit = std::get_if<Emit>(&effect)) {
            skipped |= std::holds_alternative<RoundsSkipped>(emit->event);
            const auto* miss = std::get_if<PeerMissing>(&emit->event);
            if (miss != nullptr) {
              EXPECT_TRUE(missing.insert(miss->peer).second || skipped) << "reported twice";
            }
          }
          const auto* compute = std::get_if<Compute>(&effect);
          if (compute == nullptr || skipped) continue;
          const auto& terms = std::get<MixAndTrain>(compute->task).terms;
          double sum = 0;
          for (const MixTerm& term : terms) sum += static_cast<double>(term.weight);
          EXPECT_NEAR(sum, 1, 1e-6);
          if (terms.size() == 1 && missing.empty()) continue;  // training alone
          ++mixes;
          short_mixes += missing.empty() ? 0 : 1;
          EXPECT_EQ(terms.size() + missing.size(), degree + 1)
              << name << " seed " << seed << " party " << index(party);
        }
      };
      ASSERT_TRUE(fleet.run(4h));
    }
    EXPECT_GT(mixes, 1000U);
    EXPECT_GT(short_mixes, 100U) << "this test must lose messages";
  }
}

/// Mass and mass * z over all records and all shares that are recorded as pending and not as absorbed.
struct Total {
  double mass = 0;
  std::vector<double> moment;
  double magnitude = 0;
};

bool absorbed(const std::optional<Record>& disk, PartyId from, std::uint64_t sequence) {
  if (!disk) return false;
  for (const AbsorbedShares& entry : disk->absorbed) {
    if (entry.from != from) continue;
    return sequence <= entry.through ||
           std::find(entry.above.begin(), entry.above.end(), sequence) != entry.above.end();
  }
  return false;
}

Total total_of(const Fleet& fleet) {
  Total total;
  total.moment.assign(fleet.options().parameter_count, 0);
  const auto add = [&](double mass, const ParametersRef& model) {
    total.mass += mass;
    for (std::size_t k = 0; k < total.moment.size(); ++k) {
      const double value = mass * static_cast<double>(model.data()[k]);
      total.moment[k] += value;
      total.magnitude += std::abs(value);
    }
  };
  for (std::size_t i = 0; i < fleet.nodes().size(); ++i) {
    const auto& disk = fleet.nodes()[i].disk;
    add(disk ? disk->mass : 1.0, disk ? disk->model : fleet.options().initial_model);
    if (!disk) continue;
    for (const PendingShare& share : disk->pending) {
      if (!absorbed(fleet.nodes()[index(share.to)].disk, party_at(i), share.sequence))
        add(share.mass, share.model);
    }
  }
  return total;
}

void expect_conserved(const Fleet& fleet, std::uint64_t seed, bool& ok) {
  if (!ok) return;  // one report per run
  const Total total = total_of(fleet);
  const auto parties = static_cast<double>(fleet.options().parties);
  ok = std::abs(total.mass - parties) < 1e-9;
  EXPECT_TRUE(ok) << "seed " << seed << ": mass " << total.mass << " of " << parties << " at "
                  << fleet.now().count() << " ns";
  for (std::size_t k = 0; ok && k < total.moment.size(); ++k) {
    double expected = parties * static_cast<double>(fleet.options().initial_model.data()[k]);
    for (const Fleet::Node& node : fleet.nodes()) expected += node.trained_durable[k];
    ok = std::abs(total.moment[k] - expected) < 1e-5 * (1 + total.magnitude);
    EXPECT_TRUE(ok) << "seed " << seed << ": mass * z is " << total.moment[k] << ", trained " << expected
                    << " at " << fleet.now().count() << " ns";
  }
}

TEST(FaultyFleet, PushSumConservesMassAtEveryRecord) {
  const StrategyEntry& entry = *find_strategy("push-sum");
  std::uint32_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    RunOptions run = fleet_run(entry, 11, 12);
    run.seed = seed;
    run.eval_every = static_cast<Round>(seed % 3);
    run.finish_rounds = static_cast<Round>(seed % 4);
    run.initial_model = constant_model(5, 2);
    Faults faults = hostile(seed % 4 != 0);
    faults.mortal_every = seed % 5 == 0 ? 1 : 10;  // sometimes everybody crashes
    Fleet fleet(entry.make, run, faults, seed);
    bool ok = true;
    fleet.on_durable = [&] { expect_conserved(fleet, seed, ok); };
    ASSERT_TRUE(fleet.run(48h)) << "seed " << seed;
    crashes += fleet.crashes();
    // At the end nothing is in flight: the parties' own mass is all there is.
    double mass = 0;
    for (const Fleet::Node& node : fleet.nodes()) mass += node.final_mass;
    EXPECT_NEAR(mass, 11, 1e-9) << "seed " << seed;
  }
  EXPECT_GT(crashes, kSeeds);
}

TEST(FaultyFleet, SilentNetworkEndsToo) {
  for (const StrategyEntry& entry : strategy_registry()) {
    Fleet fleet(entry.make, fleet_run(entry, 11, 12), {.loss = 1.0}, 1);
    EXPECT_TRUE(fleet.run(4h)) << entry.name;
    for (const Fleet::Node& node : fleet.nodes()) EXPECT_TRUE(node.machine->finished()) << entry.name;
  }
}

TEST(FaultyFleet, PartyThatIsGoneForLongIsNamedByItsNeighbours) {
  const StrategyEntry& entry = *find_strategy("d-psgd");
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Fleet fleet(entry.make, fleet_run(entry, 11, 30),
                {.crash = 0.1, .mortal_every = 11, .crashes_max = 1, .down_max = 1000s}, seed);
    ASSERT_TRUE(fleet.run(10h));
    if (fleet.crashes() == 0) continue;
    std::set<PartyId> named, accusers;
    for (const Fleet::Seen& seen : fleet.events()) {
      const auto* missing = std::get_if<PeerMissing>(&seen.event);
      if (missing == nullptr || seen.party == P(0)) continue;
      named.insert(missing->peer);
      accusers.insert(seen.party);
    }
    EXPECT_TRUE(named.contains(P(0))) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
