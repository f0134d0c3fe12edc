// Metrics of ranking need the rows in order of their scores. They are sorted once per call, by a radix sort
// on the scores' bits: an evaluation runs for every party and round, so it should cost about as much as a
// prediction. AUC is the Mann-Whitney statistic with mid-ranks (Hanley and McNeil 1982), counted in integers.
#include "src/learn/metrics.hpp"

#include <hansa/assert.hpp>
#include <hansa/math.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace hansa::learn {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// One row for ranking. Keys ascend as scores descend; equal scores have equal keys.
struct Ranked {
  std::uint32_t key;
  std::uint32_t positive;
};

std::uint32_t descending_key(float score) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // + 0 turns -0 into 0
  // Negative floats order backwards as integers; flip them, and the sign bit of the others, then reverse all.
  const std::uint32_t ascending = (bits & 0x8000'0000U) != 0 ? ~bits : bits | 0x8000'0000U;
  return ~ascending;
}

/// Rows by descending score, ties in row order; empty if a score is NaN.
std::vector<Ranked> ranked_rows(std::span<const float> scores, std::span<const float> positive) {
  HANSA_ASSERT(scores.size() == positive.size());
  constexpr std::size_t kBuckets = 2048;  // 11 bits, three passes
  std::vector<Ranked> rows(scores.size());
  std::uint32_t count[3][kBuckets] = {};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) return {};
    const std::uint32_t key = descending_key(scores[i]);
    rows[i] = {key, positive[i] > 0.5f ? 1U : 0U};
    ++count[0][key & 2047];
    ++count[1][key >> 11 & 2047];
    ++count[2][key >> 22];
  }
  std::vector<Ranked> other(rows.size());
  for (int pass = 0; pass < 3; ++pass) {
    std::uint32_t next = 0;
    for (std::uint32_t& c : count[pass]) c = std::exchange(next, next + c);
    for (const Ranked& row : rows) other[count[pass][row.key >> (11 * pass) & 2047]++] = row;
    rows.swap(other);
  }
  return rows;
}

std::uint64_t positives(const std::vector<Ranked>& rows) noexcept {
  std::uint64_t sum = 0;
  for (const Ranked& row : rows) sum += row.positive;
  return sum;
}

/// AUC and KS from one walk over the groups of tied rows.
struct RankStatistics {
  double auc = kNaN;
  double ks = kNaN;
};

RankStatistics rank_statistics(const std::vector<Ranked>& rows) {
  const std::uint64_t all_positive = positives(rows);
  const std::uint64_t all_negative = rows.size() - all_positive;
  if (all_positive == 0 || all_negative == 0) return {};
  std::uint64_t seen_positive = 0;
  std::uint64_t seen_negative = 0;
  std::uint64_t twice_wins =
      0;  // pairs (positive, negative) ranked right count 2, ties 1; fits for 2^32 rows
  double ks = 0;
  for (std::size_t i = 0; i < rows.size();) {
    std::uint64_t tied[2] = {0, 0};
    const std::uint32_t key = rows[i].key;
    for (; i < rows.size() && rows[i].key == key; ++i) ++tied[rows[i].positive];
    twice_wins += tied[0] * (2 * seen_positive + tied[1]);
    seen_negative += tied[0];
    seen_positive += tied[1];
    ks = std::max(ks, std::abs(static_cast<double>(seen_positive) / static_cast<double>(all_positive) -
                               static_cast<double>(seen_negative) / static_cast<double>(all_negative)));
  }
  const double pairs = static_cast<double>(all_positive) * static_cast<double>(all_negative);
  return {static_cast<double>(twice_wins) / (2 * pairs), ks};
}

double lift_of(const std::vector<Ranked>& rows, double fraction) {
  const std::uint64_t all_positive = positives(rows);
  if (all_positive == 0 || all_positive == rows.size()) return kNaN;
  const auto wanted = static_cast<std::size_t>(fraction * static_cast<double>(rows.size()));
  const std::size_t top = std::clamp<std::size_t>(wanted, 1, rows.size());
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < top; ++i) hits += rows[i].positive;
  const double precision = static_cast<double>(hits) / static_cast<double>(top);
  return precision / (static_cast<double>(all_positive) / static_cast<double>(rows.size()));
}

Metrics binary_metrics(std::span<const float> scores, std::span<const float> labels) {
  const std::vector<Ranked> rows = ranked_rows(scores, labels);
  if (rows.empty()) {  // no rows, or a model that diverged
    return {{"auc", kNaN},   {"accuracy", kNaN}, {"ks", kNaN},
            {"lift5", kNaN}, {"lift10", kNaN},   {"log_loss", kNaN}};
  }
  const RankStatistics ranks = rank_statistics(rows);
  double loss = 0;
  std::size_t right = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool positive = labels[i] > 0.5f;
    const double score = static_cast<double>(scores[i]);
    loss += softplus(positive ? -score : score);
    right += (scores[i] > 0) == positive ? 1 : 0;
  }
  const double count = static_cast<double>(rows.size());
  return {{"auc", ranks.auc},
          {"accuracy", static_cast<double>(right) / count},
          {"ks", ranks.ks},
          {"lift5", lift_of(rows, 0.05)},
          {"lift10", lift_of(rows, 0.10)},
          {"log_loss", loss / count}};
}

Metrics multiclass_metrics(std::size_t classes, std::span<const float> scores,
                           std::span<const float> labels) {
  double loss = 0;
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::span<const float> row = scores.subspan(i * classes, classes);
    const std::size_t best = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const std::size_t label = static_cast<std::size_t>(labels[i]);
    HANSA_ASSERT(label < classes);
    double sum = 0;
    for (const float score : row) {
      if (std::isnan(score)) return {{"accuracy", kNaN}, {"log_loss", kNaN}};
      sum += static_cast<double>(exp_fast(score - row[best]));
    }
    loss += log_exact(sum) - (static_cast<double>(row[label]) - static_cast<double>(row[best]));
    right += best == label ? 1 : 0;
  }
  const double count = static_cast<double>(labels.size());
  return {{"accuracy", static_cast<double>(right) / count}, {"log_loss", loss / count}};
}

Metrics regression_metrics(std::span<const float> scores, std::span<const float> labels) {
  double squares = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double error = static_cast<double>(scores[i]) - static_cast<double>(labels[i]);
    squares += error * error;
  }
  return {{"rmse", std::sqrt(squares / static_cast<double>(labels.size()))}};
}

}  // namespace

double auc(std::span<const float> scores, std::span<const float> positive) {
  return rank_statistics(ranked_rows(scores, positive)).auc;
}

double kolmogorov_smirnov(std::span<const float> scores, std::span<const float> positive) {
  return rank_statistics(ranked_rows(scores, positive)).ks;
}

double lift(std::span<const float> scores, std::span<const float> positive, double fraction) {
  return lift_of(ranked_rows(scores, positive), fraction);
}

Metrics compute_metrics(TaskKind task, std::size_t classes, std::span<const float> scores,
                        std::span<const float> labels) {
  const std::size_t outputs = task == TaskKind::multiclass ? classes : 1;
  HANSA_ASSERT(scores.size() == labels.size() * outputs);
  switch (task) {
    case TaskKind::binary:
      return binary_metrics(scores, labels);
    case TaskKind::multiclass:
      return multiclass_metrics(classes, scores, labels);
    case TaskKind::regression:
      return regression_metrics(scores, labels);
  }
  return {};
}

double metric(const Metrics& metrics, std::string_view key) noexcept {
  for (const auto& [name, value] : metrics) {
    if (name == key) return value;
  }
  return kNaN;
}

std::string_view primary_metric(TaskKind task) noexcept {
  switch (task) {
    case TaskKind::binary:
      return "auc";
    case TaskKind::multiclass:
      return "accuracy";
    case TaskKind::regression:
      return "rmse";
  }
  return "";
}

bool larger_is_better(std::string_view key) noexcept { return key != "log_loss" && key != "rmse"; }

}  // namespace hansa::learn
