// Properties of every model in the registry: gradients, one SGD step, determinism, instruction sets, odd
// sizes.
#include "src/learn/model.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "tests/models/model_data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace hansa::learn {
namespace {

using test::all_cases;
using test::Case;
using test::start_of;
using test::whole;

const Rng kOrder(5, Purpose::batch_order, 0, 0);

TEST(ModelRegistry, NamesAreUniqueAndUnknownOnesAreRefused) {
  std::set<std::string_view> names;
  for (const ModelEntry& entry : model_registry()) {
    EXPECT_TRUE(names.insert(entry.name).second);
    EXPECT_FALSE(entry.summary.empty());
  }
  EXPECT_EQ(names.size(), 5U);
  const auto made = make_model("perceptron", Dataset{}, {});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().kind, ErrorKind::usage);
  EXPECT_NE(made.error().hint.find("deepfm"), std::string::npos);
}

TEST(ModelRegistry, RefusesWhatDoesNotFit) {
  const auto images = test::random_images(TaskKind::multiclass, 3, 28, 28, 1);
  const auto sparse = test::random_dataset(TaskKind::multiclass, Storage::sparse, 3, 10);
  const auto binary = test::random_dataset(TaskKind::binary, Storage::sparse, 3, 10);
  ModelOptions options;
  EXPECT_FALSE(make_model("fm", *sparse, options).ok());
  EXPECT_FALSE(make_model("deepfm", *sparse, options).ok());
  EXPECT_FALSE(make_model("cnn", *sparse, options).ok());
  options.channels = {4, 4, 4};
  EXPECT_FALSE(make_model("cnn", *images, options).ok());
  options.fm_rank = 0;
  EXPECT_FALSE(make_model("fm", *binary, options).ok());
  options.fm_rank = 129;
  EXPECT_FALSE(make_model("fm", *binary, options).ok());
  options.hidden = {3, 0};
  EXPECT_FALSE(make_model("mlp", *images, options).ok());
}

TEST(Models, LayoutCoversTheVectorInOrder) {
  for (const Case& c : all_cases(4)) {
    std::size_t end = 0;
    for (const LayoutPart& part : c.model->layout()) {
      std::size_t size = 1;
      for (const std::size_t s : part.shape) size *= s;
      EXPECT_GE(part.offset, end) << c.label << " " << part.name;
      EXPECT_LT(part.offset - end, 16U) << c.label << ": more than alignment between parts";
      end = part.offset + size;
    }
    EXPECT_EQ(end, c.model->parameter_count()) << c.label;
    EXPECT_EQ(c.model->outputs(), c.data->task == TaskKind::multiclass ? c.data->classes : 1U) << c.label;
    EXPECT_EQ(c.model->storage(), c.data->storage) << c.label;
  }
}

/// Loss of predictions by a textbook formula, in double.
double mean_loss(const Case& c, std::span<const float> parameters, std::span<const std::uint32_t> rows) {
  Workspace workspace;
  const std::size_t outputs = c.model->outputs();
  std::vector<float> z(rows.size() * outputs);
  c.model->predict(parameters, *c.data, rows, z, workspace);
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = static_cast<double>(c.data->label[rows[i]]);
    const double first = static_cast<double>(z[i * outputs]);
    if (c.data->task == TaskKind::regression) {
      sum += 0.5 * (first - y) * (first - y);
    } else if (c.data->task == TaskKind::binary) {
      sum += std::log1p(std::exp(-std::fabs(first))) + std::max(first, 0.0) - y * first;
    } else {
      double total = 0;
      for (std::size_t o = 0; o < outputs; ++o) total += std::exp(static_cast<double>(z[i * outputs + o]));
      sum += std::log(total) - static_cast<double>(z[i * outputs + static_cast<std::size_t>(y)]);
    }
  }
  return sum / static_cast<double>(rows.size());
}

TEST(Models, PredictionsGiveTheOraclesLoss) {
  for (const Case& c : all_cases(70)) {
    const auto parameters = start_of(*c.model);
    std::vector<double> gradient(parameters.size());
    const auto rows = whole(c.data).rows;
    const double oracle = c.model->loss_and_gradient(parameters, *c.data, rows, gradient);
    EXPECT_NEAR(mean_loss(c, parameters, rows), oracle, 1e-5 * (1 + oracle)) << c.label;
  }
}

TEST(Models, GradientsAgreeWithFiniteDifferences) {
  for (const Case& c : all_cases(6)) {
    auto parameters = start_of(*c.model);
    const auto rows = whole(c.data).rows;
    std::vector<double> gradient(parameters.size());
    std::vector<double> scratch(parameters.size());
    c.model->loss_and_gradient(parameters, *c.data, rows, gradient);
    Rng rng(9, Purpose::test);
    const std::size_t checks = std::min<std::size_t>(parameters.size(), 120);
    std::size_t kinks = 0;
    for (std::size_t n = 0; n < checks; ++n) {
      const std::size_t i = checks == parameters.size() ? n : rng.below(parameters.size());
      const float value = parameters[i];
      const auto slope = [&](float h) {
        parameters[i] = value + h;
        const double up_at = static_cast<double>(parameters[i]);
        const double up = c.model->loss_and_gradient(parameters, *c.data, rows, scratch);
        parameters[i] = value - h;
        const double down_at = static_cast<double>(parameters[i]);
        const double down = c.model->loss_and_gradient(parameters, *c.data, rows, scratch);
        parameters[i] = value;
        return (up - down) / (up_at - down_at);
      };
      // A ReLU or a maximum may switch within the step; then a tenth of the step must agree.
      const double error = std::fabs(slope(1e-3f) - gradient[i]);
      const double tolerance = 2e-5 * (1 + std::fabs(gradient[i]));
      if (error <= tolerance) continue;
      ++kinks;
      EXPECT_NEAR(slope(3e-5f), gradient[i], 10 * tolerance) << c.label << " parameter " << i;
    }
    EXPECT_LE(kinks, checks / 3) << c.label;
  }
}

TEST(Models, OneStepOfSgdFollowsTheGradient) {
  for (const Case& c : all_cases(37)) {
    for (const std::uint32_t batch : {1U, 37U, 1000U}) {
      Shard shard = whole(c.data);
      if (batch == 1) shard.rows = {11};
      TrainOptions options;
      options.learning_rate = 0.125f;
      options.batch_size = batch;
      const auto before = start_of(*c.model);
      auto after = before;
      std::vector<double> gradient(before.size());
      const double loss = c.model->loss_and_gradient(before, *c.data, shard.rows, gradient);
      Workspace workspace;
      const TrainStatistics s = c.model->train(after, {}, shard, options, kOrder, workspace);
      EXPECT_EQ(s.steps, 1U);
      EXPECT_EQ(s.rows, shard.rows.size());
      EXPECT_NEAR(s.loss_sum / static_cast<double>(s.rows), loss, 1e-5 * (1 + loss)) << c.label;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const double expected = static_cast<double>(before[i]) - 0.125 * gradient[i];
        ASSERT_NEAR(static_cast<double>(after[i]), expected, 4e-6 * (1 + std::fabs(expected)))
            << c.label << " parameter " << i << " batch " << batch;
      }
    }
  }
}

std::vector<float> trained(const Case& c, const TrainOptions& options, std::uint64_t rounds,
                           Workspace& workspace) {
  auto parameters = start_of(*c.model);
  std::vector<float> state(c.model->optimiser_state_count(options), 0.0f);
  for (std::uint64_t r = 0; r < rounds; ++r) {
    c.model->train(parameters, state, whole(c.data), options, Rng(5, Purpose::batch_order, 0, r), workspace);
  }
  std::vector<float> scores(c.data->rows * c.model->outputs());
  c.model->predict(parameters, *c.data, whole(c.data).rows, scores, workspace);
  parameters.insert(parameters.end(), scores.begin(), scores.end());
  return parameters;
}

TEST(Models, SameSeedSameBitsOnEveryInstructionSet) {
  for (const OptimiserKind kind : {OptimiserKind::sgd, OptimiserKind::momentum, OptimiserKind::nesterov,
                                   OptimiserKind::adagrad, OptimiserKind::adam}) {
    for (const Case& c : all_cases(23)) {
      TrainOptions options;
      options.optimiser = kind;
      options.learning_rate = 0.01f;
      options.l2 = 0.01f;
      for (const std::uint32_t batch : {1U, 8U}) {
        options.batch_size = batch;
        Workspace fresh;
        const auto expected = trained(c, options, 2, fresh);
        for (const float v : expected) ASSERT_TRUE(std::isfinite(v)) << c.label;
        Workspace used;  // whatever an earlier use left in the buffers must not matter
        for (std::size_t slot = 0; slot < 16; ++slot) {
          for (float& v : used.floats(slot, 5000)) v = 1e30f;
          for (std::uint32_t& v : used.integers(slot, 5000)) v = 0xDEADBEEF;
        }
        const Isa best = isa_available(Isa::avx512) ? Isa::avx512 : Isa::avx2;
        set_active_isa(Isa::avx2);
        const auto again = trained(c, options, 2, used);
        set_active_isa(best);
        ASSERT_EQ(std::memcmp(expected.data(), again.data(), expected.size() * sizeof(float)), 0)
            << c.label << " optimiser " << static_cast<int>(kind) << " batch " << batch;
      }
    }
  }
}

TEST(Models, PaddingStaysExactlyZero) {
  for (const Case& c : all_cases(23)) {
    if (c.model->name() != "fm" && c.model->name() != "deepfm") continue;
    for (const OptimiserKind kind : {OptimiserKind::sgd, OptimiserKind::adam, OptimiserKind::adagrad}) {
      TrainOptions options;
      options.optimiser = kind;
      options.batch_size = 4;
      options.epsilon = 0.0f;
      options.l2 = 0.1f;
      Workspace workspace;
      const auto parameters = trained(c, options, 3, workspace);
      const LayoutPart factors = c.model->layout()[2];
      ASSERT_EQ(factors.name, "factors");
      EXPECT_EQ(factors.offset % 16, 0U);
      for (std::size_t f = 0; f < factors.shape[0]; ++f) {
        for (std::size_t i = 5; i < factors.shape[1]; ++i) {
          ASSERT_EQ(parameters[factors.offset + f * factors.shape[1] + i], 0.0f) << c.label;
        }
      }
      for (std::size_t i = 22; i < factors.offset; ++i) ASSERT_EQ(parameters[i], 0.0f);
    }
  }
}

TEST(Models, OddSizesTrain) {
  for (const std::size_t rows : {std::size_t{1}, std::size_t{33}}) {
    for (const std::size_t features : {std::size_t{1}, std::size_t{15}, std::size_t{65}}) {
      for (const TaskKind task : {TaskKind::binary, TaskKind::multiclass, TaskKind::regression}) {
        for (const Storage storage : {Storage::dense, Storage::pixels, Storage::sparse}) {
          const auto data = test::random_dataset(task, storage, rows, features);
          for (const ModelEntry& entry : model_registry()) {
            ModelOptions options;
            options.hidden = {};
            options.fm_rank = static_cast<std::uint32_t>(features);
            auto made = make_model(entry.name, *data, options);
            if (!made.ok() || made.value()->storage() != storage) continue;
            const Model& model = *made.value();
            TrainOptions train;
            train.learning_rate = 0.01f;
            train.batch_size = 10;
            train.epochs = 2;
            std::vector<float> parameters(model.parameter_count());
            model.initialise(parameters, Rng(1, Purpose::initial_model));
            Workspace workspace;
            const auto s = model.train(parameters, {}, whole(data), train, kOrder, workspace);
            EXPECT_EQ(s.rows, 2 * rows);
            EXPECT_EQ(s.steps, 2 * ((rows + 9) / 10));
            for (const float p : parameters) ASSERT_TRUE(std::isfinite(p)) << entry.name;
          }
        }
      }
    }
  }
}

TEST(Models, CostIsPositiveAndMatchesTheKnownWorkOfAnMlp) {
  for (const Case& c : all_cases(4)) {
    const Cost cost = c.model->train_cost(32, 1, 32 * 6);
    EXPECT_GT(cost.flop, 0) << c.label;
    EXPECT_GT(cost.bytes, 0) << c.label;
  }
  const auto images = test::random_images(TaskKind::multiclass, 1, 28, 28, 1);
  auto shape = *images;
  shape.classes = 10;
  const auto mlp = make_model("mlp", shape, {});
  EXPECT_EQ(mlp.value()->parameter_count(), 50890U);
  EXPECT_NEAR(mlp.value()->train_cost(32, 1, 0).flop, 6.55e6, 0.01e6);
}

TEST(Cnn, LeNetOn28x28) {
  auto images = test::random_images(TaskKind::multiclass, 40, 28, 28, 1);
  images->classes = 10;
  const auto made = make_model("cnn", *images, {});
  ASSERT_TRUE(made.ok());
  const Layout layout = made.value()->layout();
  std::vector<std::pair<std::string, std::vector<std::size_t>>> parts;
  for (const LayoutPart& p : layout) parts.emplace_back(p.name, p.shape);
  using Shape = std::vector<std::size_t>;
  const std::vector<std::pair<std::string, Shape>> expected{
      {"conv0.weight", {5, 5, 1, 6}},  {"conv0.bias", {6}},
      {"conv1.weight", {5, 5, 6, 16}}, {"conv1.bias", {16}},
      {"hidden0.weight", {256, 120}},  {"hidden0.bias", {120}},
      {"hidden1.weight", {120, 84}},   {"hidden1.bias", {84}},
      {"output.weight", {84, 10}},     {"output.bias", {10}}};
  EXPECT_EQ(parts, expected);
  EXPECT_EQ(made.value()->parameter_count(), 44426U);  // LeNet-5 with 28x28 inputs, as counted by torch
}

TEST(Cnn, LearnsWhereTheLightIs) {
  auto images = test::random_images(TaskKind::binary, 200, 16, 16, 1);
  for (std::size_t r = 0; r < 200; ++r) {  // class 1: a bright square at the left, class 0: at the right
    for (std::size_t i = 0; i < 256; ++i) {
      const bool left = i % 16 < 8;
      const bool lit = left == (images->label[r] > 0.5f);
      images->pixels[r * 256 + i] =
          static_cast<std::uint8_t>(images->pixels[r * 256 + i] / 2 + (lit ? 60 : 0));
    }
  }
  ModelOptions options;
  options.channels = {4};
  options.dense = {8};
  const auto model = make_model("cnn", *images, options);
  std::vector<float> parameters(model.value()->parameter_count());
  model.value()->initialise(parameters, Rng(1, Purpose::initial_model));
  TrainOptions train;
  train.epochs = 8;
  Workspace workspace;
  model.value()->train(parameters, {}, whole(images), train, kOrder, workspace);
  std::vector<float> scores(200);
  model.value()->predict(parameters, *images, whole(images).rows, scores, workspace);
  std::size_t right = 0;
  for (std::size_t r = 0; r < 200; ++r) right += (scores[r] > 0) == (images->label[r] > 0.5f) ? 1 : 0;
  EXPECT_GE(right, 195U);
}

}  // namespace
}  // namespace hansa::learn
