// The five update rules as plain loops: they contain only correctly rounded operations without reductions, so
// the compiler may vectorise them as it likes without changing a bit.
#include "src/learn/optimisers/optimiser.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace hansa::learn {
namespace {

constexpr float kSmallest = std::numeric_limits<float>::min();  // keeps 0 / 0 out when epsilon is 0

void sgd(const TrainOptions& o, float* __restrict w, const float* __restrict g, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) w[i] -= o.learning_rate * (g[i] + o.l2 * w[i]);
}

void momentum(const TrainOptions& o, float* __restrict w, float* __restrict velocity,
              const float* __restrict g, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    velocity[i] = o.momentum * velocity[i] + (g[i] + o.l2 * w[i]);
    w[i] -= o.learning_rate * velocity[i];
  }
}

void nesterov(const TrainOptions& o, float* __restrict w, float* __restrict velocity,
              const float* __restrict g, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const float gradient = g[i] + o.l2 * w[i];
    velocity[i] = o.momentum * velocity[i] + gradient;
    w[i] -= o.learning_rate * (gradient + o.momentum * velocity[i]);
  }
}

void adagrad(const TrainOptions& o, float* __restrict w, float* __restrict squares, const float* __restrict g,
             std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const float gradient = g[i] + o.l2 * w[i];
    squares[i] += gradient * gradient;
    w[i] -= o.learning_rate * gradient / std::max(std::sqrt(squares[i]) + o.epsilon, kSmallest);
  }
}

}  // namespace

std::size_t optimiser_state_size(OptimiserKind kind, std::size_t parameters) noexcept {
  switch (kind) {
    case OptimiserKind::sgd:
      return 0;
    case OptimiserKind::momentum:
    case OptimiserKind::nesterov:
    case OptimiserKind::adagrad:
      return parameters;
    case OptimiserKind::adam:
      return (2 * parameters + 2 + 15) / 16 * 16;
  }
  return 0;
}

Optimiser::Optimiser(const TrainOptions& options, std::span<float> parameters,
                     std::span<float> state) noexcept
    : options_(options), parameters_(parameters), state_(state) {
  HANSA_ASSERT(state.size() >= optimiser_state_size(options.optimiser, parameters.size()));
}

void Optimiser::begin_step() noexcept {
  if (options_.optimiser != OptimiserKind::adam) return;
  float* counters = state_.data() + 2 * parameters_.size();
  counters[0] = counters[0] * options_.momentum + (1.0f - options_.momentum);
  counters[1] = counters[1] * options_.beta2 + (1.0f - options_.beta2);
  mean_correction_ = 1.0f / counters[0];
  square_correction_ = 1.0f / counters[1];
}

void Optimiser::apply(std::size_t offset, const float* gradient, std::size_t count) noexcept {
  float* w = parameters_.data() + offset;
  float* first = plain_sgd() ? nullptr : state_.data() + offset;
  switch (options_.optimiser) {
    case OptimiserKind::sgd:
      sgd(options_, w, gradient, count);
      return;
    case OptimiserKind::momentum:
      momentum(options_, w, first, gradient, count);
      return;
    case OptimiserKind::nesterov:
      nesterov(options_, w, first, gradient, count);
      return;
    case OptimiserKind::adagrad:
      adagrad(options_, w, first, gradient, count);
      return;
    case OptimiserKind::adam:
      break;
  }
  float* __restrict mean = first;
  float* __restrict square = first + parameters_.size();
  float* __restrict target = w;
  const TrainOptions o = options_;
  const float mean_correction = mean_correction_;
  const float square_correction = square_correction_;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i] + o.l2 * target[i];
    mean[i] = o.momentum * mean[i] + (1.0f - o.momentum) * g;
    square[i] = o.beta2 * square[i] + (1.0f - o.beta2) * g * g;
    const float scale = std::sqrt(square[i] * square_correction) + o.epsilon;
    target[i] -= o.learning_rate * (mean[i] * mean_correction) / std::max(scale, kSmallest);
  }
}

}  // namespace hansa::learn
