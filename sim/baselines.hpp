// What the federation is compared with, in the same run and on the same split: every party training alone on
// its own rows, and one model trained on all rows in one place.
#pragma once

#include "sim/evaluation.hpp"
#include "sim/setup.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace hansa::sim {

struct Baselines {
  std::vector<std::map<std::string, double>> local_only;  ///< per party; empty if not asked for
  std::map<std::string, double> local_only_mean;
  std::map<std::string, double> pooled;  ///< empty if not asked for
};

/// Trains for eval.baseline_rounds (default: the run's training rounds) rounds of the run's own local
/// training. `on_fraction` hears of progress; returns what is complete if `stop` is set.
Baselines train_baselines(const Setup& setup, const Evaluator& evaluator, exec::WorkerPool& pool,
                          const std::function<void(double)>& on_fraction, const std::atomic<bool>* stop);

}  // namespace hansa::sim
