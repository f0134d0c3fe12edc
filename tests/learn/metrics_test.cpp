// Metrics against known answers and against naive versions that count pairs.
#include "src/learn/metrics.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hansa::learn {
namespace {

double naive_auc(const std::vector<float>& scores, const std::vector<float>& labels) {
  double wins = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (labels[i] != 1 || labels[j] != 0) continue;
      pairs += 1;
      wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

double naive_ks(const std::vector<float>& scores, const std::vector<float>& labels) {
  double largest = 0;
  for (const float threshold : scores) {
    double above[2] = {0, 0};
    double all[2] = {0, 0};
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const std::size_t label = labels[i] == 1 ? 1 : 0;
      all[label] += 1;
      above[label] += scores[i] >= threshold ? 1 : 0;
    }
    largest = std::max(largest, std::abs(above[1] / all[1] - above[0] / all[0]));
  }
  return largest;
}

double naive_lift(const std::vector<float>& scores, const std::vector<float>& labels, double fraction) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  const auto top =
      std::max<std::size_t>(1, static_cast<std::size_t>(fraction * static_cast<double>(scores.size())));
  double hits = 0;
  for (std::size_t i = 0; i < top; ++i) hits += static_cast<double>(labels[order[i]]);
  const double base = static_cast<double>(std::accumulate(labels.begin(), labels.end(), 0.0f)) /
                      static_cast<double>(labels.size());
  return hits / static_cast<double>(top) / base;
}

TEST(Ranking, KnownAnswers) {
  const std::vector<float> labels = {0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{0.1f, 0.4f, 0.35f, 0.8f}, labels), 0.75);
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{-3, -2, 1, 2}, labels), 1);
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{3, 2, 1, 0}, labels), 0);
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{5, 5, 5, 5}, labels), 0.5);
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{-0.0f, 0.0f, 0.0f, -0.0f}, labels), 0.5);
  EXPECT_DOUBLE_EQ(kolmogorov_smirnov(std::vector<float>{5, 5, 5, 5}, labels), 0);
  EXPECT_DOUBLE_EQ(kolmogorov_smirnov(std::vector<float>{0.1f, 0.4f, 0.35f, 0.8f}, labels), 0.5);
  EXPECT_DOUBLE_EQ(kolmogorov_smirnov(std::vector<float>{3, 2, 1, 0}, labels), 1);
  EXPECT_DOUBLE_EQ(lift(std::vector<float>{0.1f, 0.4f, 0.35f, 0.8f}, labels, 0.5), 1);
  EXPECT_DOUBLE_EQ(lift(std::vector<float>{0.1f, 0.4f, 0.35f, 0.8f}, labels, 0.25), 2);
  EXPECT_DOUBLE_EQ(lift(std::vector<float>{1, 1, 1, 1}, labels, 0.5), 0);  // ties in row order
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_DOUBLE_EQ(auc(std::vector<float>{-infinity, 0, 1, infinity}, labels), 1);
}

TEST(Ranking, IsUndefinedForOneClassOrNaN) {
  const std::vector<float> scores = {1, 2, 3};
  for (const float label : {0.0f, 1.0f}) {
    const std::vector<float> labels(3, label);
    EXPECT_TRUE(std::isnan(auc(scores, labels)));
    EXPECT_TRUE(std::isnan(kolmogorov_smirnov(scores, labels)));
    EXPECT_TRUE(std::isnan(lift(scores, labels, 0.1)));
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(auc(std::vector<float>{1, nan, 2}, std::vector<float>{0, 1, 1})));
  EXPECT_TRUE(std::isnan(auc({}, {})));
}

TEST(Ranking, AgreesWithCountingPairs) {
  for (std::uint64_t repeat = 0; repeat < 200; ++repeat) {
    Rng rng(11, Purpose::test, repeat);
    const std::size_t rows = 2 + rng.below(120);
    const std::uint64_t levels = 1 + rng.below(40);  // few levels: many ties
    const float scale = rng.below(2) == 0 ? 1.0f : 1e-30f;
    std::vector<float> scores(rows);
    std::vector<float> labels(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      scores[i] = (static_cast<float>(rng.below(levels)) - static_cast<float>(levels / 2)) * scale;
      labels[i] = static_cast<float>(rng.below(3) == 0 ? 1 : 0);
    }
    labels[0] = 0;
    labels[1] = 1;
    EXPECT_NEAR(auc(scores, labels), naive_auc(scores, labels), 1e-12);
    EXPECT_NEAR(kolmogorov_smirnov(scores, labels), naive_ks(scores, labels), 1e-12);
    for (const double fraction : {0.05, 0.1, 0.5, 1.0}) {
      EXPECT_NEAR(lift(scores, labels, fraction), naive_lift(scores, labels, fraction), 1e-12);
    }
  }
}

TEST(Ranking, DoesNotChangeUnderMonotoneMaps) {
  Rng rng(12, Purpose::test);
  std::vector<float> scores(500);
  std::vector<float> mapped(500);
  std::vector<float> labels(500);
  for (std::size_t i = 0; i < 500; ++i) {
    scores[i] = static_cast<float>(rng.normal());
    mapped[i] = std::exp2(scores[i]) * 100 - 7;
    labels[i] = static_cast<float>(rng.below(2));
  }
  EXPECT_DOUBLE_EQ(auc(scores, labels), auc(mapped, labels));
  EXPECT_DOUBLE_EQ(kolmogorov_smirnov(scores, labels), kolmogorov_smirnov(mapped, labels));
}

TEST(Metrics, Binary) {
  const std::vector<float> scores = {2, -1, 0.5f, -3};
  const std::vector<float> labels = {1, 1, 0, 0};
  const Metrics all = compute_metrics(TaskKind::binary, 2, scores, labels);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_DOUBLE_EQ(metric(all, "accuracy"), 0.5);
  EXPECT_DOUBLE_EQ(metric(all, "auc"), 0.75);
  const double loss = (std::log1p(std::exp(-2.0)) + std::log1p(std::exp(1.0)) + std::log1p(std::exp(0.5)) +
                       std::log1p(std::exp(-3.0))) /
                      4;
  EXPECT_NEAR(metric(all, "log_loss"), loss, 1e-12);
  EXPECT_TRUE(std::isnan(metric(all, "rmse")));
}

TEST(Metrics, LogLossIsStableForLargeScores) {
  const std::vector<float> scores = {1000, -1000, 1000};
  const std::vector<float> labels = {1, 0, 0};
  EXPECT_NEAR(metric(compute_metrics(TaskKind::binary, 2, scores, labels), "log_loss"), 1000.0 / 3, 1e-9);
  const std::vector<float> logits = {1000, 0, -1000, 0, 1000, 0};
  const std::vector<float> classes = {0, 2};
  EXPECT_NEAR(metric(compute_metrics(TaskKind::multiclass, 3, logits, classes), "log_loss"), 500, 1e-9);
}

TEST(Metrics, MulticlassAgreesWithSoftmax) {
  Rng rng(13, Purpose::test);
  constexpr std::size_t kRows = 200;
  constexpr std::size_t kClasses = 7;
  std::vector<float> scores(kRows * kClasses);
  std::vector<float> labels(kRows);
  for (float& s : scores) s = static_cast<float>(3 * rng.normal());
  for (float& y : labels) y = static_cast<float>(rng.below(kClasses));
  double loss = 0;
  double right = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    double sum = 0;
    bool best = true;
    const float mine = scores[i * kClasses + static_cast<std::size_t>(labels[i])];
    for (std::size_t c = 0; c < kClasses; ++c) {
      sum += std::exp(static_cast<double>(scores[i * kClasses + c]));
      best = best && scores[i * kClasses + c] <= mine;
    }
    loss -= std::log(std::exp(static_cast<double>(mine)) / sum);
    right += best ? 1 : 0;
  }
  const Metrics all = compute_metrics(TaskKind::multiclass, kClasses, scores, labels);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NEAR(metric(all, "log_loss"), loss / kRows, 1e-6);
  EXPECT_DOUBLE_EQ(metric(all, "accuracy"), right / kRows);
}

TEST(Metrics, RegressionAndDivergence) {
  const std::vector<float> values = {1, 2, 3};
  const std::vector<float> targets = {1, 4, 1};
  EXPECT_DOUBLE_EQ(metric(compute_metrics(TaskKind::regression, 1, values, targets), "rmse"),
                   std::sqrt(8.0 / 3));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Metrics diverged =
      compute_metrics(TaskKind::binary, 2, std::vector<float>{nan, 1}, std::vector<float>{0, 1});
  EXPECT_EQ(diverged.size(), 6U);
  for (const auto& [key, value] : diverged) EXPECT_TRUE(std::isnan(value)) << key;
}

TEST(Metrics, KnowTheirDirection) {
  EXPECT_EQ(primary_metric(TaskKind::binary), "auc");
  EXPECT_EQ(primary_metric(TaskKind::multiclass), "accuracy");
  EXPECT_EQ(primary_metric(TaskKind::regression), "rmse");
  for (const char* key : {"auc", "accuracy", "ks", "lift5", "lift10"})
    EXPECT_TRUE(larger_is_better(key)) << key;
  for (const char* key : {"rmse", "log_loss"}) EXPECT_FALSE(larger_is_better(key)) << key;
}

}  // namespace
}  // namespace hansa::learn
