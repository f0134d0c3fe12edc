// Scores of predictions against labels. AUC is exact with ties (rank statistic, mid-ranks).
#pragma once

#include "src/learn/dataset.hpp"

#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::learn {

/// All metrics of one model on one set of rows, by key. Keys: auc accuracy ks lift5 lift10 log_loss rmse.
/// Which keys are present depends on the task: binary has all but rmse, multiclass accuracy and log_loss,
/// regression rmse.
using Metrics = std::vector<std::pair<std::string_view, double>>;

/// Computes them. `scores` are raw model outputs (logits or values), row-major [labels.size()][outputs];
/// `labels` as in Dataset. AUC, KS and lift are NaN if only one class is present.
Metrics compute_metrics(TaskKind task, std::size_t classes, std::span<const float> scores,
                        std::span<const float> labels);

/// Value of `key`, or NaN.
double metric(const Metrics& metrics, std::string_view key) noexcept;

/// The metric shown first for a task: auc, accuracy or rmse; and whether larger is better.
std::string_view primary_metric(TaskKind task) noexcept;
bool larger_is_better(std::string_view key) noexcept;

/// Pieces, for tests and for statistics elsewhere. `positive` is 0 or 1 per row.
double auc(std::span<const float> scores, std::span<const float> positive);
double kolmogorov_smirnov(std::span<const float> scores, std::span<const float> positive);
/// Precision among the `fraction` rows with the highest scores (ties broken by row order) over the base rate.
double lift(std::span<const float> scores, std::span<const float> positive, double fraction);

}  // namespace hansa::learn
