// Scoring many models on the same test rows. Equal models are scored once: an exact average over a hundred
// parties costs one evaluation.
#pragma once

#include "src/exec/worker_pool.hpp"
#include "src/learn/metrics.hpp"
#include "src/learn/model.hpp"

#include <hansa/parameters.hpp>

#include <vector>

namespace hansa::sim {

/// Scores models on fixed test rows. Read-only after construction.
class Evaluator {
 public:
  Evaluator(const learn::Model& model, learn::Shard test) : model_(model), test_(std::move(test)) {}

  /// Metrics of each model, in order; empty references give empty metrics. Uses all threads of `pool`.
  [[nodiscard]] std::vector<learn::Metrics> evaluate(const std::vector<ParametersRef>& models,
                                                     exec::WorkerPool& pool) const;
  [[nodiscard]] learn::Metrics evaluate_one(std::span<const float> parameters,
                                            learn::Workspace& workspace) const;
  /// CPU time of all evaluations by evaluate() so far, on whatever thread. It is not part of training.
  [[nodiscard]] double cpu_seconds() const noexcept { return cpu_seconds_; }

 private:
  const learn::Model& model_;
  learn::Shard test_;
  mutable double cpu_seconds_ = 0;  // written by the pool's owner only
};

/// The average of the models that are present, in double, in order. Precondition: at least one.
Parameters mean_model(const std::vector<ParametersRef>& models);

/// Root mean square distance of the models that are present to `mean`.
double consensus_distance(const std::vector<ParametersRef>& models, std::span<const float> mean);

}  // namespace hansa::sim
