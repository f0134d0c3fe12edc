// Secure aggregation through the whole simulator: the same messages, sessions and tasks that a node would
// run. The oracle is aggregation = "plain-fixed": the same integers, without the masks and without the
// session.
#include "sim/experiment.hpp"
#include "sim/setup.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace hansa::sim {
namespace {

config::RunConfig cohort_run(const std::string& aggregation) {
  config::RunConfig config = testing::small_run("logistic-regression", "cohort");
  config.aggregation = aggregation;
  config.parties = 9;
  config.rounds = 6;
  config.cohort.size = 4;
  config.topology.weights = "sample-count";
  return config;
}

RunResult run(const config::RunConfig& config, std::uint32_t threads = 1) {
  ExperimentOptions options;
  options.threads = threads;
  return testing::run(config, options);
}

TEST(Secure, EqualsPlainFixedBitForBit) {
  for (const std::uint32_t size : {3U, 4U, 9U}) {
    for (const std::string weights : {"sample-count", "uniform"}) {
      config::RunConfig secure = cohort_run("secure");
      secure.cohort.size = size;
      secure.topology.weights = weights;
      config::RunConfig plain = secure;
      plain.aggregation = "plain-fixed";
      const RunResult masked = run(secure);
      EXPECT_EQ(masked.models_hash, run(plain).models_hash) << "cohorts of " << size << ", " << weights;
      EXPECT_EQ(masked.sums.completed, masked.sums.sessions);
      EXPECT_GT(masked.sums.sessions, 0U);
      EXPECT_EQ(masked.sums.caught, 0U);
    }
  }
}

/// One cohort of all, so that every compression is possible.
config::RunConfig one_cohort(const std::string& aggregation) {
  config::RunConfig config = cohort_run(aggregation);
  config.parties = 5;
  config.cohort.size = 5;
  config.secure.weight_max = 100;
  return config;
}

double bytes_per_party(const RunResult& result) {
  double sum = 0;
  for (const PartyRecord& party : result.parties) sum += static_cast<double>(party.bytes_sent);
  return sum / static_cast<double>(result.parties.size());
}

TEST(Secure, CompressedSumsEqualPlainFixedBitForBit) {
  struct Row {
    std::uint32_t ring_bits;
    double sparsify;
    const char* weights;
  };
  for (const Row& row :
       {Row{32, 0.25, "uniform"}, Row{64, 0.5, "sample-count"}, Row{16, 1, "uniform"},
        Row{16, 1, "sample-count"}, Row{16, 0.25, "sample-count"}, Row{32, 0.01, "uniform"}}) {
    SCOPED_TRACE(std::to_string(row.ring_bits) + " bits, fraction " + std::to_string(row.sparsify));
    config::RunConfig secure = one_cohort("secure");
    secure.secure.ring_bits = row.ring_bits;
    secure.secure.sparsify = row.sparsify;
    secure.topology.weights = row.weights;
    if (row.ring_bits == 16) secure.secure.clip = 0.5;
    config::RunConfig plain = secure;
    plain.aggregation = "plain-fixed";
    const RunResult masked = run(secure);
    EXPECT_EQ(masked.models_hash, run(plain).models_hash);
    EXPECT_EQ(masked.sums.completed, masked.sums.sessions);
    EXPECT_EQ(masked.sums.sessions, secure.rounds) << "no round needed whole models";
  }
  config::RunConfig many = cohort_run("secure");  // sparse sums also in changing cohorts
  many.secure.sparsify = 0.5;
  const std::string hash = run(many).models_hash;
  many.aggregation = "plain-fixed";
  EXPECT_EQ(run(many).models_hash, hash);
}

TEST(Secure, CompressionSavesTheBytesThatItPromises) {
  config::RunConfig config = one_cohort("secure");
  config.model = "mlp";
  config.model_options.hidden = {256, 64};
  const double whole = bytes_per_party(run(config));
  config.secure.sparsify = 0.25;
  const double quarter = bytes_per_party(run(config));
  config.secure.sparsify = 1;
  config.secure.ring_bits = 16;
  config.secure.clip = 0.5;
  const double half = bytes_per_party(run(config));
  config.secure.sparsify = 0.25;
  const double eighth = bytes_per_party(run(config));
  // Keys, shares and votes do not shrink, so solve for them: whole = control + vector.
  const double control = (4 * quarter - whole) / 3, vector = whole - control;
  EXPECT_GT(vector, control);
  EXPECT_NEAR((half - control) / vector, 0.5, 0.01);
  EXPECT_NEAR((eighth - control) / vector, 0.125, 0.01);
}

TEST(Secure, CompressedTrainingIsNearlyAsGood) {
  config::RunConfig config = one_cohort("secure");
  config.rounds = 12;
  const double whole = run(config).rounds.back().mean_model.at("log_loss");
  config.secure.ring_bits = 16;
  config.secure.clip = 0.5;
  EXPECT_NEAR(run(config).rounds.back().mean_model.at("log_loss"), whole, 0.01);
  config.secure.sparsify = 0.5;
  EXPECT_NEAR(run(config).rounds.back().mean_model.at("log_loss"), whole, 0.03);
}

/// A member that returns has no base, one that missed a sum another one: whole models are summed, and all go
/// on from the same model. A wrong mean would show in the models.
TEST(Secure, DifferentBasesAreFoundAndMended) {
  std::uint64_t aborted = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    config::RunConfig config = one_cohort("secure");
    config.seed = seed;
    config.rounds = 30;
    config.secure.ring_bits = 16;
    config.secure.clip = 0.5;
    config.deadline.floor_ms = 500;
    config.faults.crash_fraction = 0.2;
    config.faults.down_ms = 800;
    config.faults.end_ms = 1'500;
    config.eval.every = 0;
    const RunResult result = run(config);
    aborted += result.sums.aborted;
    EXPECT_EQ(result.sums.caught, 0U) << "seed " << seed;
    EXPECT_GT(result.sums.completed, config.rounds / 2) << "seed " << seed;
    EXPECT_LT(result.rounds.back().consensus_distance, 1e-6) << "seed " << seed;
  }
  EXPECT_GT(aborted, 0U);
}

TEST(Secure, AWeightThatSixteenBitsCannotHoldIsRefused) {
  config::RunConfig config = one_cohort("secure");
  config.secure.ring_bits = 16;
  config.secure.weight_max = 1'000'000;
  const auto setup = set_up(config);
  ASSERT_FALSE(setup.ok());
  EXPECT_NE(setup.error().message.find("weighs too little"), std::string::npos);
}

TEST(Secure, GridEndsInTheExactAverage) {
  config::RunConfig config = cohort_run("secure");
  config.cohort.grid = true;
  config.local.finish_rounds = 1;
  const RunResult masked = run(config);
  EXPECT_EQ(masked.rounds.back().consensus_distance, 0.0);
  config.aggregation = "plain-fixed";
  EXPECT_EQ(masked.models_hash, run(config).models_hash);
}

TEST(Secure, SetUpAndMasksCostNoTimeBesideTraining) {
  config::RunConfig config = cohort_run("secure");
  config.parties = 4;
  config.compute.rows_per_second = 100;  // training takes longer than any message
  const auto seconds = [&](double latency_ms) {
    config.network.latency_ms = latency_ms;
    return run(config).virtual_seconds;
  };
  const double delays = (seconds(200) - seconds(100)) / 0.1;
  const double each = 7;  // CHUNK, RECEIPT, PROPOSE, VOTE, REVEAL, RESULT, DONE, but not the setup's three
  const double once = 3;  // COMMIT, REVEAL and VOTE of the beacon
  EXPECT_GT(delays, each * config.rounds + once - 0.1);
  EXPECT_LT(delays, each * config.rounds + once + 2.1) << "at the end there may be an audit";
}

/// Their training takes longer than the floor of the deadline, and still they are in every sum: a party waits
/// as long as recent rounds took.
TEST(Secure, WaitsForSlowTraining) {
  config::RunConfig config = cohort_run("secure");
  config.compute.rows_per_second = 20;
  config.compute.spread = 0.3;
  config.deadline.floor_ms = 300;
  config.secure.beacon = false;  // whom a party has met decides how long it has learnt to wait
  const RunResult result = run(config);
  double slowest = 0, fastest = 1e9;
  for (const PartyRecord& party : result.parties) {
    slowest = std::max(slowest, party.compute_seconds / config.rounds);
    fastest = std::min(fastest, party.compute_seconds / config.rounds);
  }
  EXPECT_GT(slowest - fastest, 2 * config.deadline.floor_ms / 1000);
  EXPECT_EQ(result.sums.completed, result.sums.sessions);
  EXPECT_EQ(result.sums.dropouts_recovered, 0U);
  config.aggregation = "plain-fixed";
  EXPECT_EQ(run(config).models_hash, result.models_hash);
}

TEST(Secure, NeuralNetworkIsWithinRoundingOfPlain) {
  config::RunConfig config = testing::small_run("mlp", "cohort");
  config.aggregation = "secure";
  config.cohort.size = 4;
  config.parties = 8;
  config.secure.beacon = false;  // plain knows no beacon; with one the cohorts would be others
  const RunResult masked = run(config);
  config.aggregation = "plain-fixed";
  EXPECT_EQ(masked.models_hash, run(config).models_hash);
  config.aggregation = "plain";
  const RunResult plain = run(config);
  ASSERT_EQ(masked.models.size(), plain.models.size());
  for (std::size_t party = 0; party < plain.models.size(); ++party) {
    for (std::size_t i = 0; i < plain.models[party].size(); ++i) {
      ASSERT_NEAR(masked.models[party].data()[i], plain.models[party].data()[i], 1e-4) << party << " " << i;
    }
  }
}

TEST(Secure, SameBitsForAnyThreadsAndWithTheRealCodec) {
  config::RunConfig config = cohort_run("secure");
  config.deadline.floor_ms = 500;
  config.faults.crash_fraction = 0.3;
  config.faults.down_ms = 800;
  config.faults.end_ms = 400;
  const std::string hash = run(config).models_hash;
  EXPECT_EQ(run(config, 2).models_hash, hash);
  config.network.full_codec = true;
  EXPECT_EQ(run(config, 3).models_hash, hash);
}

TEST(Secure, TheBeaconAloneDecidesTheCohorts) {
  config::RunConfig config = cohort_run("secure");
  const RunResult drawn = run(config);
  EXPECT_EQ(drawn.beacon.beacon.size(), 64U);
  EXPECT_EQ(drawn.beacon.attempts, 1U);
  EXPECT_EQ(drawn.beacon.members, 9U);
  EXPECT_TRUE(drawn.beacon.others.empty());
  EXPECT_EQ(run(config).beacon.beacon, drawn.beacon.beacon) << "the simulator replays";
  config.rounds = 7;  // another agreement, other commitments
  EXPECT_NE(run(config).beacon.beacon, drawn.beacon.beacon);
  config.rounds = 6;
  config.secure.beacon = false;
  const RunResult seeded = run(config);
  EXPECT_TRUE(seeded.beacon.beacon.empty());
  EXPECT_NE(seeded.models_hash, drawn.models_hash);
  EXPECT_EQ(seeded.sums.completed, seeded.sums.sessions);
}

TEST(Secure, APartyThatIsDownAtTheStartTrainsAlone) {
  for (const std::string aggregation : {"secure", "plain-fixed"}) {
    config::RunConfig config = cohort_run(aggregation);
    config.deadline.floor_ms = 500;
    config.faults.crash_fraction = 0.12;  // one of nine
    config.faults.end_ms = 1;             // before anybody has heard from it
    config.faults.down_ms = 60'000;
    const RunResult result = run(config);
    ASSERT_EQ(result.beacon.others.size(), 1U);
    EXPECT_EQ(result.beacon.members, 8U);
    EXPECT_EQ(result.beacon.attempts, 2U);
    for (const PartyRecord& party : result.parties) EXPECT_EQ(party.rounds_completed, config.rounds);
    EXPECT_EQ(result.sums.caught, 0U);
    EXPECT_EQ(result.sums.completed, result.sums.sessions);
  }
}

TEST(Secure, CrashesDuringTheCeremonyLeaveOneBeacon) {
  std::size_t left_out = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    config::RunConfig config = cohort_run("plain-fixed");
    config.seed = seed;
    config.rounds = 3;
    config.deadline.floor_ms = 500;
    config.network.jitter_ms = 5;
    config.network.duplicate = 0.2;
    config.faults.crash_fraction = 0.3;
    config.faults.stay_down_fraction = 0.3;
    config.faults.end_ms = 100;
    config.faults.down_ms = seed % 2 == 0 ? 20 : 2'000;
    const RunResult result = run(config);
    EXPECT_EQ(result.beacon.beacon.size(), 64U) << "seed " << seed;
    EXPECT_GE(result.beacon.members, 6U) << "seed " << seed;
    EXPECT_EQ(result.beacon.members + result.beacon.others.size(), 9U);
    EXPECT_EQ(result.sums.caught, 0U) << "seed " << seed << ": a crash is no misdeed";
    ++(result.beacon.others.empty() ? all : left_out);
  }
  EXPECT_GT(left_out, 3U);
  EXPECT_GT(all, 3U);
}

TEST(Secure, GoesOnWithoutCrashedMembers) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    config::RunConfig config = cohort_run("secure");
    config.seed = seed;
    config.rounds = 12;
    config.deadline.floor_ms = 500;
    config.faults.crash_fraction = 0.3;
    config.faults.stay_down_fraction = 0.3;
    config.faults.down_ms = 1'000;
    config.faults.end_ms = 1'500;
    config.network.jitter_ms = 10;
    const RunResult result = run(config);
    EXPECT_LT(result.virtual_seconds, 600) << "seed " << seed;
    EXPECT_GT(result.sums.completed, 0U) << "seed " << seed;
    EXPECT_EQ(result.sums.caught, 0U) << "seed " << seed << ": a crash is no misdeed";
    std::size_t finished = 0;
    for (const PartyRecord& party : result.parties)
      finished += party.rounds_completed == config.rounds ? 1 : 0;
    EXPECT_GE(finished, 8U) << "seed " << seed;
  }
}

TEST(Secure, AModelThatIsNotFiniteIsWithheld) {
  config::RunConfig config = testing::small_regression("cohort");
  config.aggregation = "secure";
  config.train.learning_rate = 1e20F;  // the squared loss diverges at once
  config.deadline.floor_ms = 200;
  const RunResult result = run(config);
  EXPECT_GT(result.sums.refused, 0U);
  EXPECT_EQ(result.sums.completed, 0U) << "nobody had anything to sum";
}

TEST(Secure, PlainFixedSurvivesAModelThatIsNotFinite) {
  config::RunConfig config = testing::small_regression("cohort");
  config.aggregation = "plain-fixed";
  config.train.learning_rate = 1e20F;
  config.deadline.floor_ms = 200;
  const RunResult result = run(config);
  for (const PartyRecord& party : result.parties) EXPECT_EQ(party.rounds_completed, config.rounds);
}

}  // namespace
}  // namespace hansa::sim
