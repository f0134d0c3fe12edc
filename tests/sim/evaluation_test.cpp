// Scoring many models: equal ones once, in any number of threads, and averages against plain arithmetic.
#include "sim/evaluation.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <vector>

namespace hansa::sim {
namespace {

/// Score = parameters[0] * feature; counts how often anybody is asked.
class CountingModel final : public learn::Model {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "counting"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return 2; }
  [[nodiscard]] learn::Layout layout() const override { return {}; }
  [[nodiscard]] learn::Storage storage() const noexcept override { return learn::Storage::dense; }
  void initialise(std::span<float>, Rng) const override {}
  [[nodiscard]] std::size_t optimiser_state_count(const learn::TrainOptions&) const noexcept override {
    return 0;
  }
  learn::TrainStatistics train(std::span<float>, std::span<float>, const learn::Shard&,
                               const learn::TrainOptions&, Rng, learn::Workspace&) const override {
    return {};
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return 1; }
  void predict(std::span<const float> parameters, const learn::Dataset& data,
               std::span<const std::uint32_t> rows, std::span<float> scores,
               learn::Workspace&) const override {
    rows_predicted += rows.size();
    for (std::size_t i = 0; i < rows.size(); ++i) scores[i] = parameters[0] * data.dense[rows[i]];
  }
  double loss_and_gradient(std::span<const float>, const learn::Dataset&, std::span<const std::uint32_t>,
                           std::span<double>) const override {
    return 0;
  }
  [[nodiscard]] learn::Cost train_cost(std::uint64_t, std::uint64_t, std::uint64_t) const noexcept override {
    return {};
  }

  mutable std::atomic<std::uint64_t> rows_predicted{0};
};

ParametersRef block(std::vector<float> values) { return Parameters::copy_of(values).freeze(); }

learn::Shard test_rows(std::size_t rows) {
  auto data = std::make_shared<learn::Dataset>();
  data->rows = rows;
  data->features = 1;
  data->task = learn::TaskKind::binary;
  learn::Shard shard{data, {}};
  for (std::size_t i = 0; i < rows; ++i) {
    Rng rng(1, Purpose::test, i);
    data->label.push_back(static_cast<float>(rng.below(2)));
    data->dense.push_back(static_cast<float>(rng.normal()) + data->label.back());
    shard.rows.push_back(static_cast<std::uint32_t>(rows - 1 - i));  // in no particular order
  }
  return shard;
}

TEST(Evaluator, ScoresEqualModelsOnce) {
  const CountingModel model;
  const learn::Shard test = test_rows(10'000);  // more than one piece of prediction
  const Evaluator evaluator(model, test);
  for (const std::uint32_t threads : {1u, 3u}) {
    exec::WorkerPool pool(threads);
    model.rows_predicted = 0;
    const ParametersRef shared = block({1, 5});
    // Shared block, same bits in another block, another model, nobody, the same bits again; and +0 and -0,
    // which are equal numbers but not the same bits.
    const std::vector<ParametersRef> models{shared,         shared,           block({1, 5}),
                                            block({-1, 5}), ParametersRef{},  block({-1, 5}),
                                            block({0, 5}),  block({-0.0f, 5})};
    const auto metrics = evaluator.evaluate(models, pool);
    ASSERT_EQ(metrics.size(), models.size());
    EXPECT_EQ(model.rows_predicted, 4 * test.rows.size());
    EXPECT_TRUE(metrics[4].empty());
    EXPECT_EQ(metrics[0], metrics[1]);
    EXPECT_EQ(metrics[0], metrics[2]);
    EXPECT_EQ(metrics[3], metrics[5]);
    EXPECT_NEAR(learn::metric(metrics[0], "auc") + learn::metric(metrics[3], "auc"), 1, 1e-12);
    EXPECT_GT(learn::metric(metrics[0], "auc"), 0.7);
    EXPECT_EQ(learn::metric(metrics[6], "auc"), 0.5);
  }
}

TEST(Evaluator, ScoresAgainstMetricsOfPredictionsByHand) {
  const CountingModel model;
  const learn::Shard test = test_rows(5'000);
  const Evaluator evaluator(model, test);
  std::vector<float> scores, labels;
  for (const std::uint32_t row : test.rows) {
    scores.push_back(2.0f * test.dataset->dense[row]);
    labels.push_back(test.dataset->label[row]);
  }
  const auto expected = learn::compute_metrics(learn::TaskKind::binary, 2, scores, labels);
  learn::Workspace workspace;
  const std::vector<float> parameters{2, 0};
  EXPECT_EQ(evaluator.evaluate_one(parameters, workspace), expected);
}

TEST(MeanModel, IsTheMeanOfThosePresent) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed, Purpose::test);
    constexpr std::size_t kSize = 33;
    std::vector<ParametersRef> models;
    std::vector<double> sum(kSize, 0);
    double present = 0;
    for (int i = 0; i < 20; ++i) {
      if (i > 0 && rng.uniform() < 0.3) {
        models.emplace_back();
        continue;
      }
      std::vector<float> values(kSize);
      for (float& x : values) x = static_cast<float>(rng.normal());
      for (std::size_t k = 0; k < kSize; ++k) sum[k] += static_cast<double>(values[k]);
      models.push_back(block(values));
      ++present;
    }
    const Parameters mean = mean_model(models);
    double squares = 0;
    for (std::size_t k = 0; k < kSize; ++k) {
      ASSERT_EQ(mean.data()[k], static_cast<float>(sum[k] / present));
      for (const ParametersRef& model : models) {
        if (model)
          squares += std::pow(static_cast<double>(model.data()[k]) - static_cast<double>(mean.data()[k]), 2);
      }
    }
    EXPECT_NEAR(consensus_distance(models, mean.span()), std::sqrt(squares / present), 1e-9);
  }
}

TEST(ConsensusDistance, ByHand) {
  const std::vector<ParametersRef> models{block({3, 4}), block({-3, -4}), ParametersRef{}};
  const Parameters mean = mean_model(models);
  EXPECT_EQ(mean.data()[0], 0);
  EXPECT_EQ(consensus_distance(models, mean.span()), 5);
  EXPECT_EQ(consensus_distance({block({1, 1}), block({1, 1})}, std::vector<float>{1, 1}), 0);
  EXPECT_EQ(consensus_distance({ParametersRef{}}, std::vector<float>{1, 1}), 0);
}

}  // namespace
}  // namespace hansa::sim
