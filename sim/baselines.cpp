#include "sim/baselines.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <utility>

namespace hansa::sim {
namespace {

bool stopped(const std::atomic<bool>* stop) {
  return stop != nullptr && stop->load(std::memory_order_relaxed);
}

/// `rounds` rounds of local training on one shard; empty metrics if stopped on the way.
std::map<std::string, double> train_alone(const Setup& setup, const learn::Shard& shard, std::uint64_t stream,
                                          Round rounds, const Evaluator& evaluator,
                                          learn::Workspace& workspace, const std::atomic<bool>* stop) {
  const exec::LocalTraining& training = setup.training;
  Parameters model = Parameters::copy_of(setup.run->initial_model.span());
  Parameters state = Parameters::zeros(training.model->optimiser_state_count(training.options));
  for (Round round = 0; round < rounds; ++round) {
    if (stopped(stop)) return {};
    const Rng rng(training.seed, Purpose::batch_order, stream, round);
    training.model->train(model.span(), state.span(), shard, training.options, rng, workspace);
  }
  std::map<std::string, double> result;
  for (const auto& [key, value] : evaluator.evaluate_one(model.span(), workspace)) result.emplace(key, value);
  return result;
}

bool asked_for(const config::RunConfig& config, const char* name) {
  const auto& names = config.eval.baselines;
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Baselines train_baselines(const Setup& setup, const Evaluator& evaluator, exec::WorkerPool& pool,
                          const std::function<void(double)>& on_fraction, const std::atomic<bool>* stop) {
  const config::RunConfig& config = setup.config;
  const bool local_only = asked_for(config, "local_only");
  const bool pooled = asked_for(config, "pooled");
  const Round rounds = config.eval.baseline_rounds > 0 ? config.eval.baseline_rounds
                                                       : config.rounds - config.local.finish_rounds;
  Baselines result;
  if (local_only) result.local_only.resize(config.parties);
  // The pooled model is by far the longest job, so it goes first.
  const std::size_t jobs = (pooled ? 1 : 0) + (local_only ? config.parties : 0);
  std::atomic<std::size_t> done{0};
  pool.parallel_for(jobs, [&](std::size_t job, learn::Workspace& workspace) {
    if (pooled && job == 0) {
      result.pooled = train_alone(setup, setup.pooled, config.parties, rounds, evaluator, workspace, stop);
    } else {
      const std::size_t party = job - (pooled ? 1 : 0);
      result.local_only[party] =
          train_alone(setup, setup.training.shards[party], party, rounds, evaluator, workspace, stop);
    }
    ++done;
  });
  if (on_fraction) on_fraction(1.0);
  if (stopped(stop)) return {};
  for (const auto& of_party : result.local_only) {
    for (const auto& [key, value] : of_party) result.local_only_mean[key] += value / config.parties;
  }
  return result;
}

}  // namespace hansa::sim
