// Gradient inversion on a toy (Zhu et al. 2019, "Deep leakage from gradients"; Geiping et al. 2020,
// "Inverting gradients"; for peers Pasquini et al. 2023, "On the (in)security of peer-to-peer decentralized
// machine learning"). A victim trains a linear model on one row, the canary. In a plain run its neighbour
// reads the row off the victim's model, exactly: decentralisation alone protects nothing. In a secure run the
// same neighbour has the sum, in which the canary is one of many.
#include "sim/world.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace hansa::sim {
namespace {

constexpr std::uint32_t kParties = 12;
constexpr std::uint32_t kVictim = 0, kAttacker = 1;

config::RunConfig toy(const std::string& strategy, const std::string& aggregation) {
  config::RunConfig config = testing::small_run("logistic-regression", strategy);
  config.aggregation = aggregation;
  config.parties = kParties;
  config.rounds = 1;
  config.topology.name = "complete";
  config.cohort.size = kParties;
  config.train.batch_size = 1;
  config.train.epochs = 1;
  config.train.l2 = 0;
  return config;
}

/// Everybody trains on one row of its own.
Setup with_one_row_each(const config::RunConfig& config) {
  auto setup = set_up(config);
  EXPECT_TRUE(setup.ok()) << setup.error().message;
  for (learn::Shard& shard : setup->training.shards) shard.rows.resize(1);
  return std::move(setup).value();
}

std::span<const float> row_of(const Setup& setup, std::uint32_t party) {
  const learn::Shard& shard = setup.training.shards[party];
  const std::size_t features = shard.dataset->features;
  return std::span(shard.dataset->dense).subspan(shard.rows[0] * features, features);
}

/// How alike two directions are: 1 the same, 0 nothing in common.
double likeness(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::abs(ab) / std::sqrt(aa * bb);
}

/// Keeps the model that the victim sends to the attacker.
struct Eavesdropper final : exec::MessageTap, exec::EventSink {
  ParametersRef model;
  void on_sent(PartyId, PartyId, const protocols::Message&) override {}
  void on_delivered(PartyId from, PartyId to, const protocols::Message& message) override {
    const auto* sent = std::get_if<protocols::ModelMessage>(&message);
    if (sent != nullptr && index(from) == kVictim && index(to) == kAttacker) model = sent->model.block;
  }
  void on_event(PartyId, const protocols::Event&, Time) override {}
};

/// The weights' change is a multiple of the row; they begin at zero.
double canary_in(const Setup& setup, std::span<const float> model) {
  const auto canary = row_of(setup, kVictim);
  return likeness(model.first(canary.size()), canary);
}

TEST(Inversion, ANeighbourReadsTheCanaryOffAPlainModel) {
  const auto setup = with_one_row_each(toy("d-psgd", "plain"));
  exec::WorkerPool pool(1);
  World world(world_options(setup.config).value(), pool);
  Eavesdropper attacker;
  exec::DriverInput input;
  input.parties = kParties;
  input.make = machine_factory(setup);
  input.training = &setup.training;
  input.sink = &attacker;
  input.tap = &attacker;
  ASSERT_TRUE(world.run(input).ok());
  ASSERT_TRUE(attacker.model);
  EXPECT_GT(canary_in(setup, attacker.model.span()), 0.9999);
}

TEST(Inversion, OfASecureRunOnlyTheSumCanBeInverted) {
  const auto setup = with_one_row_each(toy("cohort", "secure"));
  const auto secure = run_experiment(setup, {.threads = 1});
  ASSERT_TRUE(secure.ok()) << secure.error().message;
  ASSERT_EQ(secure->sums.completed, 1U);
  EXPECT_EQ(secure->sums.inputs_exposed, std::optional<std::uint64_t>(0))
      << "the coalition solved for an input";
  // The attacker takes its own part out of the average; what is left is the sum of eleven rows.
  const std::span<const float> average = secure->models[kAttacker].span();
  std::vector<float> others(average.begin(), average.end());
  const float own_step = setup.config.train.learning_rate / 2;  // at zero the error is one half
  const learn::Shard& own = setup.training.shards[kAttacker];
  const float sign = own.dataset->label[own.rows[0]] > 0 ? 1.0f : -1.0f;
  for (std::size_t i = 0; i < row_of(setup, kAttacker).size(); ++i) {
    others[i] -= sign * own_step * row_of(setup, kAttacker)[i] / static_cast<float>(kParties);
  }
  EXPECT_LT(canary_in(setup, others), 0.75);
  // What is left is no more like the canary than like the other rows: it could be anybody's.
  double most = 0;
  for (std::uint32_t party = 2; party < kParties; ++party) {
    const auto row = row_of(setup, party);
    most = std::max(most, likeness(std::span<const float>(others).first(row.size()), row));
  }
  EXPECT_GT(most, canary_in(setup, others));
}

}  // namespace
}  // namespace hansa::sim
