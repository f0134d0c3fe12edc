// The loss of one row by task: logistic (binary), cross-entropy after softmax (multiclass), half the squared
// error (regression; the gradient is then prediction - label, as in libFM).
#pragma once

#include "src/learn/dataset.hpp"
#include "src/learn/model.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace hansa::learn {

/// Scores per row for a task: one per class, or one.
std::size_t output_count(const Dataset& shape) noexcept;

/// Labels of the given rows, in the workspace.
const float* gather_labels(const Dataset& dataset, std::span<const std::uint32_t> rows, Workspace& workspace);

/// Replaces the scores `z` ([rows][outputs]) by the gradient of the loss times `scale` (1 / rows for a mean),
/// and returns the sum of the losses.
double loss_gradient(TaskKind task, float* z, std::size_t rows, std::size_t outputs, const float* labels,
                     float scale, Workspace& workspace);

/// Sum of the losses of single-output scores, which stay as they are.
double loss_sum(TaskKind task, const float* z, std::size_t rows, const float* labels, Workspace& workspace);

/// The same for one row in double precision, for oracles: returns the loss, writes its gradient by `z` over
/// `z`.
double oracle_loss(TaskKind task, std::vector<double>& z, float label);

/// Features of one row of dense or pixel storage in double precision, for oracles.
std::vector<double> oracle_features(const Dataset& dataset, std::uint32_t row);

}  // namespace hansa::learn
