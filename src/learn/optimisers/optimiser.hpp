// How a gradient changes parameters. One object drives one call of `train`; what has to survive between
// rounds lies in a flat float vector that the caller keeps (and may send, check-point or drop).
//
// Layout of that vector, for P parameters:
//   sgd                  nothing
//   momentum, nesterov   velocity[P]                          (Sutskever et al., ICML 2013; torch's
//   convention) adagrad              sum of squared gradients[P]          (Duchi et al., JMLR 2011) adam
//   mean[P] | mean square[P] | 1 - beta1^t | 1 - beta2^t | zeros up to a multiple of 16
//                                                             (Kingma and Ba, ICLR 2015)
// Adam keeps its step counter t as 1 - beta^t, which starts at 0 like everything else and follows the
// recurrence c <- c * beta + (1 - beta).
//
// Sparse models apply an update only to the coordinates a step touched: there, velocity and means decay only
// when the coordinate is touched (as in torch's SparseAdam), and so does weight decay. Adam's t counts all
// steps.
#pragma once

#include "src/learn/model.hpp"

#include <cstddef>
#include <span>

namespace hansa::learn {

/// Floats of state for `parameters` parameters.
std::size_t optimiser_state_size(OptimiserKind kind, std::size_t parameters) noexcept;

class Optimiser {
 public:
  /// `parameters` is the whole flat vector; `state` has optimiser_state_size() floats. Both must outlive
  /// this.
  Optimiser(const TrainOptions& options, std::span<float> parameters, std::span<float> state) noexcept;

  /// Call once before the updates of each step.
  void begin_step() noexcept;

  /// Updates parameters offset .. offset + count - 1 with their gradient (l2 is added here).
  void apply(std::size_t offset, const float* gradient, std::size_t count) noexcept;

  [[nodiscard]] bool plain_sgd() const noexcept { return options_.optimiser == OptimiserKind::sgd; }
  [[nodiscard]] const TrainOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::span<float> parameters() const noexcept { return parameters_; }

 private:
  TrainOptions options_;
  std::span<float> parameters_;
  std::span<float> state_;
  float mean_correction_ = 1;    ///< 1 / (1 - beta1^t)
  float square_correction_ = 1;  ///< 1 / (1 - beta2^t)
};

}  // namespace hansa::learn
