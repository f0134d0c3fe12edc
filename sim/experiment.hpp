// A whole run: load the data, deal it to parties, build the machines, drive them, evaluate, train the
// baselines. The command line calls this and prints; it knows nothing of worlds or actors.
#pragma once

#include "sim/run_result.hpp"
#include "sim/setup.hpp"
#include "src/config/run_config.hpp"
#include "src/exec/driver.hpp"

#include <hansa/result.hpp>

#include <atomic>
#include <cstdint>
#include <functional>

namespace hansa::sim {

/// What is going on, for a progress display. Called on the caller's thread, at most a few times per round.
struct Progress {
  enum class Stage { loading, training, baselines, done };
  Stage stage = Stage::loading;
  Round round = 0;  ///< slowest party's completed rounds
  Round rounds = 0;
  double virtual_seconds = 0;
  double fraction = 0;                     ///< of the stage, 0..1
  const RoundRecord* evaluated = nullptr;  ///< set when a round has just been evaluated
};

struct ExperimentOptions {
  std::uint32_t threads = 1;
  std::function<void(const Progress&)> on_progress;  ///< may be empty
  const std::atomic<bool>* stop = nullptr;           ///< set by Ctrl-C: finish early, keep what there is
  exec::Driver* driver = nullptr;                    ///< null: virtual time (sim::World)
};

/// Runs it. Errors: anything wrong with configuration or data, before training starts. An interrupted run is
/// a success with `interrupted` set and the rounds that were completed.
Result<RunResult> run_experiment(const config::RunConfig& config, const ExperimentOptions& options);

/// The same with parties that have been set up already, each perhaps from a file of its own.
Result<RunResult> run_experiment(const Setup& setup, const ExperimentOptions& options);

}  // namespace hansa::sim
