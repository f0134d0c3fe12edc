// Losses for whole batches through the vector kernels, and one row at a time in double precision.
#include "src/learn/models/row_loss.hpp"

#include <hansa/assert.hpp>
#include <hansa/math.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/models/slots.hpp"

#include <algorithm>

namespace hansa::learn {

std::size_t output_count(const Dataset& shape) noexcept {
  return shape.task == TaskKind::multiclass ? shape.classes : 1;
}

const float* gather_labels(const Dataset& dataset, std::span<const std::uint32_t> rows,
                           Workspace& workspace) {
  const std::span<float> labels = workspace.floats(kSlotLabels, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) labels[i] = dataset.label[rows[i]];
  return labels.data();
}

double loss_gradient(TaskKind task, float* z, std::size_t rows, std::size_t outputs, const float* labels,
                     float scale, Workspace& workspace) {
  double sum = 0;
  if (task == TaskKind::regression) {
    for (std::size_t i = 0; i < rows; ++i) {
      const float error = z[i] - labels[i];
      sum += 0.5 * static_cast<double>(error) * static_cast<double>(error);
      z[i] = error * scale;
    }
    return sum;
  }
  const std::span<float> losses = workspace.floats(kSlotLosses, rows);
  if (task == TaskKind::binary) {
    kernels().logistic_gradient(z, rows, labels, scale, losses.data());
  } else {
    kernels().softmax_gradient(z, rows, outputs, labels, scale, losses.data());
  }
  for (const float loss : losses) sum += static_cast<double>(loss);
  return sum;
}

double loss_sum(TaskKind task, const float* z, std::size_t rows, const float* labels, Workspace& workspace) {
  HANSA_ASSERT(task != TaskKind::multiclass);
  double sum = 0;
  if (task == TaskKind::regression) {
    for (std::size_t i = 0; i < rows; ++i) {
      const double error = static_cast<double>(z[i] - labels[i]);
      sum += 0.5 * error * error;
    }
    return sum;
  }
  const std::span<float> losses = workspace.floats(kSlotLosses, rows);
  kernels().logistic_loss(z, rows, labels, losses.data());
  for (const float loss : losses) sum += static_cast<double>(loss);
  return sum;
}

double oracle_loss(TaskKind task, std::vector<double>& z, float label) {
  const double y = static_cast<double>(label);
  if (task == TaskKind::regression) {
    z[0] -= y;
    return 0.5 * z[0] * z[0];
  }
  if (task == TaskKind::binary) {
    const double loss = softplus(z[0]) - y * z[0];
    z[0] = 1.0 / (1.0 + exp_exact(-z[0])) - y;
    return loss;
  }
  const double top = *std::max_element(z.begin(), z.end());
  const auto target = static_cast<std::size_t>(label);
  const double margin = z[target] - top;
  double total = 0;
  for (double& value : z) total += value = exp_exact(value - top);
  for (double& value : z) value /= total;
  z[target] -= 1;
  return log_exact(total) - margin;
}

std::vector<double> oracle_features(const Dataset& dataset, std::uint32_t row) {
  std::vector<double> features(dataset.features);
  const std::size_t begin = row * dataset.features;
  for (std::size_t i = 0; i < features.size(); ++i) {
    features[i] =
        dataset.storage == Storage::pixels
            ? static_cast<double>(static_cast<float>(dataset.pixels[begin + i]) * dataset.pixel_scale)
            : static_cast<double>(dataset.dense[begin + i]);
  }
  return features;
}

}  // namespace hansa::learn
