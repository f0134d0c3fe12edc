// Every optimiser against a naive double implementation, whole models included, and the order of batches.
#include "src/learn/optimisers/optimiser.hpp"

#include <hansa/rng.hpp>

#include "src/learn/models/batch_order.hpp"
#include "tests/models/model_data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace hansa::learn {
namespace {

using test::random_dataset;
using test::whole;

constexpr OptimiserKind kAll[] = {OptimiserKind::sgd, OptimiserKind::momentum, OptimiserKind::nesterov,
                                  OptimiserKind::adagrad, OptimiserKind::adam};

/// The update rules in double, one coordinate at a time, from the papers.
struct Naive {
  double first = 0;
  double second = 0;

  double step(const TrainOptions& o, double w, double g, int t) {
    const double lr = static_cast<double>(o.learning_rate);
    const double mu = static_cast<double>(o.momentum);
    const double b2 = static_cast<double>(o.beta2);
    const double eps = static_cast<double>(o.epsilon);
    g += static_cast<double>(o.l2) * w;
    switch (o.optimiser) {
      case OptimiserKind::sgd:
        return w - lr * g;
      case OptimiserKind::momentum:
        first = mu * first + g;
        return w - lr * first;
      case OptimiserKind::nesterov:
        first = mu * first + g;
        return w - lr * (g + mu * first);
      case OptimiserKind::adagrad:
        first += g * g;
        return w - lr * g / (std::sqrt(first) + eps);
      case OptimiserKind::adam:
        break;
    }
    first = mu * first + (1 - mu) * g;
    second = b2 * second + (1 - b2) * g * g;
    const double mean = first / (1 - std::pow(mu, t));
    const double square = second / (1 - std::pow(b2, t));
    return w - lr * mean / (std::sqrt(square) + eps);
  }
};

TEST(Optimiser, FollowsTheNaiveRules) {
  for (const OptimiserKind kind : kAll) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{37}}) {
      TrainOptions options;
      options.optimiser = kind;
      options.learning_rate = 0.05f;
      options.l2 = 0.1f;
      Rng rng(1, Purpose::test);
      std::vector<float> w(n + 3);
      for (float& v : w) v = static_cast<float>(rng.normal());
      const std::vector<float> start = w;
      std::vector<double> expected(w.begin(), w.end());
      std::vector<Naive> naive(w.size());
      std::vector<float> state(optimiser_state_size(kind, w.size()), 0.0f);
      for (int t = 1; t <= 30; ++t) {
        Optimiser optimiser(options, w, state);  // a new object each step: everything must be in `state`
        std::vector<float> gradient(n);
        for (float& g : gradient) g = static_cast<float>(rng.normal());
        optimiser.begin_step();
        optimiser.apply(2, gradient.data(), n);
        for (std::size_t i = 0; i < n; ++i) {
          expected[2 + i] = naive[2 + i].step(options, expected[2 + i], static_cast<double>(gradient[i]), t);
        }
      }
      for (std::size_t i = 0; i < w.size(); ++i) {
        EXPECT_NEAR(static_cast<double>(w[i]), expected[i], 2e-5) << static_cast<int>(kind) << " at " << i;
      }
      EXPECT_EQ(w[0], start[0]);
      EXPECT_EQ(w[n + 2], start[n + 2]);
    }
  }
}

TEST(Optimiser, PlainSgdKeepsNothing) {
  EXPECT_EQ(optimiser_state_size(OptimiserKind::sgd, 100), 0U);
  EXPECT_EQ(optimiser_state_size(OptimiserKind::adagrad, 100), 100U);
  EXPECT_GE(optimiser_state_size(OptimiserKind::adam, 100), 202U);
}

/// Several rounds of one full batch, so that every step's gradient is known: model parameters against naive
/// rules. Sparse models apply a step to touched coordinates only; with full batches those are the same in
/// every step, so untouched ones must not move at all.
TEST(Optimiser, ModelsFollowTheNaiveRulesOverSeveralSteps) {
  for (const OptimiserKind kind : kAll) {
    for (const test::Case& c : test::all_cases(9)) {
      const bool sparse = c.data->storage == Storage::sparse;
      TrainOptions options;
      options.optimiser = kind;
      options.learning_rate = 0.01f;
      options.batch_size = 9;
      options.l2 = 0.05f;
      options.epsilon = 1e-3f;  // keeps the rounding of tiny gradients from being divided by their own size
      auto w = test::start_of(*c.model);
      std::vector<bool> touched(w.size(), true);
      if (sparse) {
        std::vector<bool> present(c.data->features);
        for (const std::uint32_t f : c.data->column) present[f] = true;
        for (const LayoutPart& part : c.model->layout()) {
          if (part.shape[0] != c.data->features) continue;
          const std::size_t width = part.shape.size() > 1 ? part.shape[1] : 1;
          for (std::size_t i = 0; i < c.data->features * width; ++i)
            touched[part.offset + i] = present[i / width];
        }
      }
      std::vector<double> expected(w.begin(), w.end());
      std::vector<Naive> naive(w.size());
      std::vector<float> state(c.model->optimiser_state_count(options), 0.0f);
      std::vector<double> gradient(w.size());
      Workspace workspace;
      for (int t = 1; t <= 4; ++t) {
        c.model->loss_and_gradient(w, *c.data, whole(c.data).rows, gradient);
        for (std::size_t i = 0; i < w.size(); ++i) {
          if (touched[i]) expected[i] = naive[i].step(options, expected[i], gradient[i], t);
        }
        c.model->train(w, state, whole(c.data), options, Rng(2, Purpose::batch_order, 0, t), workspace);
      }
      for (std::size_t i = 0; i < w.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(w[i]), expected[i], 5e-5)
            << c.label << " optimiser " << static_cast<int>(kind) << " parameter " << i;
      }
    }
  }
}

std::vector<std::uint32_t> rows_of(const Shard& shard, const TrainOptions& options, Rng rng,
                                   std::vector<std::size_t>* batches = nullptr) {
  Workspace workspace;
  BatchOrder order(shard, options, rng, workspace);
  std::vector<std::uint32_t> all;
  for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
    all.insert(all.end(), rows.begin(), rows.end());
    if (batches != nullptr) batches->push_back(rows.size());
  }
  return all;
}

TEST(BatchOrder, AnEpochVisitsEveryRowOnce) {
  auto data = random_dataset(TaskKind::binary, Storage::dense, 100, 1);
  Shard shard{data, {}};
  for (std::uint32_t r = 3; r < 100; r += 2) shard.rows.push_back(r);
  TrainOptions options;
  options.batch_size = 10;
  options.epochs = 2;
  std::vector<std::size_t> batches;
  const auto rows = rows_of(shard, options, Rng(1, Purpose::batch_order), &batches);
  EXPECT_EQ(batches, (std::vector<std::size_t>{10, 10, 10, 10, 9, 10, 10, 10, 10, 9}));
  ASSERT_EQ(rows.size(), 98U);
  std::vector<std::uint32_t> first(rows.begin(), rows.begin() + 49);
  std::vector<std::uint32_t> second(rows.begin() + 49, rows.end());
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, shard.rows);
  EXPECT_EQ(second, shard.rows);
}

TEST(BatchOrder, StepsAreCountedAcrossPasses) {
  const auto data = random_dataset(TaskKind::binary, Storage::dense, 41, 1);
  TrainOptions options;
  options.batch_size = 32;
  options.steps = 3;
  std::vector<std::size_t> batches;
  rows_of(whole(data), options, Rng(1, Purpose::batch_order), &batches);
  EXPECT_EQ(batches, (std::vector<std::size_t>{32, 9, 32}));
}

TEST(BatchOrder, FewStepsOfALargeShardDrawDistinctRowsUniformly) {
  const auto data = random_dataset(TaskKind::binary, Storage::dense, 400, 1);
  TrainOptions options;
  options.batch_size = 32;
  options.steps = 3;
  std::vector<int> hits(400, 0);
  for (std::uint64_t round = 0; round < 2000; ++round) {
    const auto rows = rows_of(whole(data), options, Rng(1, Purpose::batch_order, 0, round));
    ASSERT_EQ(rows.size(), 96U);
    ASSERT_EQ(std::set<std::uint32_t>(rows.begin(), rows.end()).size(), 96U);
    for (const std::uint32_t r : rows) ++hits[r];
  }
  // Each row is expected 480 times with a standard deviation of 19.
  for (const int h : hits) EXPECT_NEAR(h, 480, 100);
}

TEST(BatchOrder, SeveralStepsAtOnceGiveTheSameRows) {
  const auto data = random_dataset(TaskKind::binary, Storage::dense, 50, 1);
  TrainOptions options;
  options.batch_size = 1;
  options.epochs = 2;
  const auto expected = rows_of(whole(data), options, Rng(1, Purpose::batch_order));
  Workspace workspace;
  const Shard shard = whole(data);
  BatchOrder pieces(shard, options, Rng(1, Purpose::batch_order), workspace);
  std::vector<std::uint32_t> all;
  for (auto rows = pieces.next(17); !rows.empty(); rows = pieces.next(17)) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace hansa::learn
