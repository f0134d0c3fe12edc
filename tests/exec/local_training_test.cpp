// Performing a task against the same thing done by hand: mixing term by term, training by the model itself.
#include "src/exec/local_training.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

namespace hansa::exec {
namespace {

using protocols::MixAndTrain;
using protocols::MixTerm;
using protocols::Slice;

ParametersRef random_block(std::size_t size, std::uint64_t seed) {
  Parameters block = Parameters::uninitialised(size);
  Rng rng(seed, Purpose::test);
  for (float& x : block.span()) x = static_cast<float>(rng.normal());
  return std::move(block).freeze();
}

std::vector<float> copy(const ParametersRef& block) { return {block.span().begin(), block.span().end()}; }

class LocalTrainingTest : public ::testing::Test {
 protected:
  LocalTrainingTest() {
    auto data = std::make_shared<learn::Dataset>();
    data->rows = 60;
    data->features = 7;
    Rng rng(1, Purpose::test);
    for (std::size_t row = 0; row < data->rows; ++row) {
      const bool positive = rng.below(2) == 1;
      for (std::size_t f = 0; f < data->features; ++f) {
        data->dense.push_back(static_cast<float>(rng.normal() + (positive ? 0.6 : -0.6)));
      }
      data->label.push_back(positive ? 1.0f : 0.0f);
    }
    training.model = learn::make_model("mlp", *data, {.hidden = {5}}).value();
    training.seed = 9;
    training.options.batch_size = 4;
    for (std::uint32_t party = 0; party < 3; ++party) {
      training.shards.push_back({data, {}});
      for (std::uint32_t row = party; row < 60; row += 3) training.shards.back().rows.push_back(row);
    }
    size = static_cast<std::uint32_t>(training.model->parameter_count());
  }

  /// Training of `start` by the model itself.
  std::vector<float> trained(const ParametersRef& start, std::size_t party, Round round,
                             std::vector<float>& state) {
    std::vector<float> model = copy(start);
    state.resize(training.model->optimiser_state_count(training.options));
    statistics = training.model->train(model, state, training.shards[party], training.options,
                                       Rng(training.seed, Purpose::batch_order, party, round), workspace);
    return model;
  }

  MixAndTrain passing(ParametersRef block, bool train, Round round = 0) const {
    MixAndTrain task;
    task.size = size;
    task.terms.push_back({Slice::whole(std::move(block)), 0, 1.0f});
    task.train = train;
    task.round = round;
    return task;
  }

  LocalTraining training;
  learn::Workspace workspace;
  learn::TrainStatistics statistics;
  std::uint32_t size = 0;
};

TEST_F(LocalTrainingTest, OneWholeTermOfWeightOneIsPassedOnWithoutACopy) {
  const ParametersRef block = random_block(size, 1);
  const Performed performed = perform(training, party_at(0), passing(block, false), workspace);
  EXPECT_EQ(performed.computed.model, block);
  EXPECT_EQ(performed.computed.rows, 0u);
  EXPECT_EQ(performed.cost.flop, 0);
  EXPECT_EQ(performed.cost.bytes, 0);
}

TEST_F(LocalTrainingTest, TrainsInPlaceWhatNobodyElseHolds) {
  ParametersRef block = random_block(size, 1);
  const float* const memory = block.data();
  const Performed performed = perform(training, party_at(0), passing(std::move(block), true), workspace);
  EXPECT_EQ(performed.computed.model.data(), memory);
}

TEST_F(LocalTrainingTest, CopiesWhatIsShared) {
  const ParametersRef block = random_block(size, 1);
  const std::vector<float> before = copy(block);
  const Performed performed = perform(training, party_at(0), passing(block, true), workspace);
  EXPECT_FALSE(performed.computed.model == block);
  EXPECT_EQ(copy(block), before) << "others may be reading it";
}

TEST_F(LocalTrainingTest, TrainsExactlyAsTheModelDoesWithTheRoundsKey) {
  for (const auto kind :
       {learn::OptimiserKind::sgd, learn::OptimiserKind::momentum, learn::OptimiserKind::adam}) {
    training.options.optimiser = kind;
    for (std::size_t party = 0; party < 3; ++party) {
      std::vector<float> state;
      const ParametersRef start = random_block(size, party);
      const std::vector<float> expected = trained(start, party, 5, state);
      const Performed performed = perform(training, party_at(party), passing(start, true, 5), workspace);
      EXPECT_EQ(copy(performed.computed.model), expected);
      EXPECT_EQ(performed.computed.loss_sum, statistics.loss_sum);
      EXPECT_EQ(performed.computed.rows, statistics.rows);
      EXPECT_EQ(performed.computed.rows, training_rows(training, party_at(party), passing(start, true)));
      EXPECT_GT(performed.cost.flop, 0);
      if (state.empty()) {
        EXPECT_FALSE(performed.computed.optimiser_state);
      } else {
        EXPECT_EQ(copy(performed.computed.optimiser_state), state);
      }
      const Performed other = perform(training, party_at(party), passing(start, true, 6), workspace);
      EXPECT_NE(copy(other.computed.model), expected) << "another round has another order of rows";
    }
  }
}

TEST_F(LocalTrainingTest, OptimiserStateGoesOnWhereItWas) {
  training.options.optimiser = learn::OptimiserKind::adam;
  const ParametersRef start = random_block(size, 1);
  std::vector<float> state;
  const std::vector<float> first = trained(start, 1, 0, state);
  std::vector<float> second = first;
  training.model->train(second, state, training.shards[1], training.options,
                        Rng(training.seed, Purpose::batch_order, 1, 1), workspace);

  Performed performed = perform(training, party_at(1), passing(start, true, 0), workspace);
  MixAndTrain next = passing(performed.computed.model, true, 1);
  next.optimiser_state = performed.computed.optimiser_state;
  const std::vector<float> held = copy(next.optimiser_state);
  const ParametersRef shared = next.optimiser_state;
  performed = perform(training, party_at(1), std::move(next), workspace);
  EXPECT_EQ(copy(performed.computed.model), second);
  EXPECT_EQ(copy(performed.computed.optimiser_state), state);
  EXPECT_EQ(copy(shared), held) << "a record may hold the old state";
}

TEST_F(LocalTrainingTest, StepScaleStretchesTheLocalUpdate) {
  const ParametersRef start = random_block(size, 1);
  std::vector<float> state;
  const std::vector<float> full = trained(start, 0, 0, state);
  MixAndTrain task = passing(start, true);
  task.step_scale = 2.5f;
  const Performed performed = perform(training, party_at(0), std::move(task), workspace);
  for (std::size_t i = 0; i < full.size(); ++i) {
    const float z = start.data()[i];
    EXPECT_EQ(performed.computed.model.data()[i], z + 2.5f * (full[i] - z));
  }
}

TEST_F(LocalTrainingTest, MixesTermsPerRangeInTheOrderGiven) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed, Purpose::test);
    MixAndTrain task;
    task.size = size;
    std::vector<double> expected(size, 0.0);
    // Two to four ranges cover the model; each is a mix of some pieces out of the middle of larger blocks.
    std::uint32_t begin = 0;
    while (begin < size) {
      const auto count = static_cast<std::uint32_t>(1 + rng.below(size - begin));
      const std::uint64_t terms = 1 + rng.below(4);
      for (std::uint64_t t = 0; t < terms; ++t) {
        const auto first = static_cast<std::uint32_t>(rng.below(10));
        const ParametersRef block = random_block(first + count + rng.below(5), rng.next());
        const auto weight = static_cast<float>(rng.uniform());
        for (std::uint32_t i = 0; i < count; ++i) {
          expected[begin + i] += static_cast<double>(weight) * static_cast<double>(block.data()[first + i]);
        }
        task.terms.push_back({Slice{block, first, count}, begin, weight});
      }
      begin += count;
    }
    const Performed performed = perform(training, party_at(0), task, workspace);
    for (std::uint32_t i = 0; i < size; ++i) {
      ASSERT_NEAR(performed.computed.model.data()[i], expected[i], 1e-5) << "seed " << seed;
    }
    const Performed again = perform(training, party_at(2), task, workspace);
    EXPECT_EQ(copy(again.computed.model), copy(performed.computed.model)) << "mixing does not depend on who";
    EXPECT_EQ(performed.cost.bytes, static_cast<double>(mixing_bytes(task)));
  }
}

TEST_F(LocalTrainingTest, RowsOfATask) {
  const auto rows = [&] {
    return training_rows(training, party_at(0), passing(random_block(size, 1), true));
  };
  training.options.epochs = 3;
  EXPECT_EQ(rows(), 60u);
  training.options.steps = 5;
  EXPECT_EQ(rows(), 20u) << "steps come before epochs";
  training.options.batch_size = 1'000;
  EXPECT_EQ(rows(), 100u) << "a batch holds no more rows than there are";
  EXPECT_EQ(training_rows(training, party_at(0), passing(random_block(size, 1), false)), 0u);
}

}  // namespace
}  // namespace hansa::exec
