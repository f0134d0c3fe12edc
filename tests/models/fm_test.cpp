// The factorization machine against its definition as a sum over pairs, and what a step may touch.
#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "tests/models/model_data.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hansa::learn {
namespace {

using test::random_dataset;
using test::whole;

std::unique_ptr<const Model> fm_of(const Dataset& data, std::uint32_t rank, float stddev = 0.3f) {
  ModelOptions options;
  options.fm_rank = rank;
  options.fm_init_stddev = stddev;
  return std::move(make_model("fm", data, options)).value();
}

std::vector<float> initial(const Model& model) {
  std::vector<float> parameters(model.parameter_count());
  model.initialise(parameters, Rng(4, Purpose::initial_model));
  return parameters;
}

/// bias + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j, in O(n^2 k).
double by_pairs(const Model& model, const std::vector<float>& p, const Dataset& d, std::size_t row,
                std::size_t rank) {
  const Layout layout = model.layout();
  double score = p[0];
  const auto at = [&](std::size_t j, std::size_t i) {
    return static_cast<double>(p[layout[2].offset + d.column[j] * layout[2].shape[1] + i]);
  };
  for (std::size_t a = d.row_begin[row]; a < d.row_begin[row + 1]; ++a) {
    const double x = static_cast<double>(d.value[a]);
    score += static_cast<double>(p[layout[1].offset + d.column[a]]) * x;
    for (std::size_t b = a + 1; b < d.row_begin[row + 1]; ++b) {
      double inner = 0;
      for (std::size_t i = 0; i < rank; ++i) inner += at(a, i) * at(b, i);
      score += inner * x * static_cast<double>(d.value[b]);
    }
  }
  return score;
}

TEST(Fm, EqualsTheSumOverPairsAtEveryRank) {
  const auto data = random_dataset(TaskKind::regression, Storage::sparse, 30, 60, 7, 25);
  for (std::uint32_t rank = 1; rank <= 128; rank += rank < 20 ? 1 : 9) {
    const auto model = fm_of(*data, rank);
    auto parameters = initial(*model);
    Rng rng(8, Purpose::test);
    for (std::size_t i = 0; i <= data->features; ++i) parameters[i] = static_cast<float>(rng.normal());
    std::vector<float> scores(data->rows);
    Workspace workspace;
    model->predict(parameters, *data, whole(data).rows, scores, workspace);
    for (std::size_t r = 0; r < data->rows; ++r) {
      const double expected = by_pairs(*model, parameters, *data, r, rank);
      ASSERT_NEAR(static_cast<double>(scores[r]), expected, 2e-4 * (1 + std::fabs(expected)))
          << "rank " << rank;
    }
  }
}

TEST(Fm, RowByRowFollowsTheGradientAtEveryRank) {
  const auto data = random_dataset(TaskKind::binary, Storage::sparse, 12, 40, 9, 15);
  for (const std::uint32_t rank : {1U, 8U, 9U, 16U, 17U, 33U, 50U, 64U, 70U, 90U, 100U, 128U}) {
    const auto model = fm_of(*data, rank, 0.2f);
    auto parameters = initial(*model);
    Workspace workspace;
    TrainOptions options;
    options.batch_size = 1;
    options.l2 = 0.05f;
    options.learning_rate = 0.1f;
    for (std::uint32_t row = 0; row < data->rows; ++row) {
      const Shard shard{data, {row}};
      std::vector<double> gradient(parameters.size());
      model->loss_and_gradient(parameters, *data, shard.rows, gradient);
      auto after = parameters;
      model->train(after, {}, shard, options, Rng(1, Purpose::batch_order), workspace);
      std::vector<bool> touched(data->features);
      for (std::size_t j = data->row_begin[row]; j < data->row_begin[row + 1]; ++j)
        touched[data->column[j]] = true;
      const Layout layout = model->layout();
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        bool own = i == 0;
        if (i >= 1 && i <= data->features) own = touched[i - 1];
        if (i >= layout[2].offset) own = touched[(i - layout[2].offset) / layout[2].shape[1]];
        const double before = static_cast<double>(parameters[i]);
        const double expected = own ? before - 0.1 * (gradient[i] + 0.05 * before) : before;
        ASSERT_NEAR(static_cast<double>(after[i]), expected, own ? 1e-6 : 0.0)
            << "rank " << rank << " at " << i;
      }
      parameters = after;
    }
  }
}

/// Rows {user, item} with a rating made from hidden factors.
std::shared_ptr<Dataset> ratings(std::size_t rows) {
  auto d = std::make_shared<Dataset>();
  d->task = TaskKind::regression;
  d->storage = Storage::sparse;
  d->rows = rows;
  d->features = 50;
  d->classes = 1;
  d->row_begin.push_back(0);
  Rng rng(3, Purpose::test);
  std::vector<double> hidden(50);
  for (double& h : hidden) h = rng.normal();
  for (std::size_t r = 0; r < rows; ++r) {
    const auto user = static_cast<std::uint32_t>(rng.below(20));
    const auto item = static_cast<std::uint32_t>(20 + rng.below(30));
    d->column.insert(d->column.end(), {user, item});
    d->value.insert(d->value.end(), {1.0f, 1.0f});
    d->row_begin.push_back(d->column.size());
    d->label.push_back(static_cast<float>(3.5 + 0.5 * hidden[user] * hidden[item] + 0.05 * rng.normal()));
  }
  return d;
}

TEST(Fm, LearnsARankOneMatrix) {
  const auto data = ratings(2000);
  for (const std::uint32_t batch : {1U, 16U}) {
    const auto model = fm_of(*data, 4, 0.1f);
    auto parameters = initial(*model);
    Workspace workspace;
    TrainOptions options;
    options.batch_size = batch;
    options.learning_rate = batch == 1 ? 0.05f : 0.4f;
    double first = 0;
    double last = 0;
    for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
      const auto s = model->train(parameters, {}, whole(data), options,
                                  Rng(1, Purpose::batch_order, 0, epoch), workspace);
      last = std::sqrt(2 * s.loss_sum / static_cast<double>(s.rows));
      if (epoch == 0) first = last;
    }
    EXPECT_GT(first, 0.3) << batch;
    EXPECT_LT(last, 0.12) << batch;  // the noise is 0.05
  }
}

}  // namespace
}  // namespace hansa::learn
