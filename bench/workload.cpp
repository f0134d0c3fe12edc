// Drives sim::World directly, as sim/experiment.cpp does.
#include "bench/workload.hpp"

#include "sim/evaluation.hpp"
#include "sim/recorder.hpp"
#include "sim/world.hpp"
#include "src/exec/usage.hpp"
#include "src/exec/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

namespace hansa::bench {

Result<sim::Setup> load_workload(const std::string& name, const std::vector<config::Override>& overrides) {
  auto config = config::load_run_config(std::string(HANSA_SOURCE_DIR "/bench/") + name, overrides);
  if (!config) return config.error();
  return sim::set_up(*config);
}

Result<Repetition> run_world(const sim::Setup& setup) {
  auto options = sim::world_options(setup.config);
  if (!options) return options.error();
  exec::WorkerPool pool(1);
  sim::World world(std::move(options).value(), pool);
  const sim::Evaluator evaluator(*setup.model, setup.test);
  const std::function<void(const sim::Progress&)> silent;
  std::atomic<std::uint64_t> bytes_sent{0};
  sim::Recorder recorder(setup.config, evaluator, pool, "", silent, bytes_sent);
  exec::DriverInput input;
  input.parties = setup.config.parties;
  input.make = sim::machine_factory(setup);
  input.training = &setup.training;
  input.sink = &recorder;
  input.bytes_sent_total = &bytes_sent;
  const double begin = exec::process_cpu_seconds();
  auto driven = world.run(input);
  Repetition result;
  result.cpu_seconds = exec::process_cpu_seconds() - begin;
  if (!driven) return driven.error();
  const exec::MachinePeak peak = exec::measure_peak();
  result.ideal_seconds = std::max(driven->cost.flop / peak.flops, driven->cost.bytes / peak.bandwidth);
  result.events = driven->events;
  result.node_rounds = recorder.node_rounds();
  result.models = recorder.final_models();
  return result;
}

double rows_trained(const sim::Setup& setup) {
  double rows = 0;
  for (const learn::Shard& shard : setup.training.shards) rows += static_cast<double>(shard.rows.size());
  return rows * setup.config.train.epochs * setup.config.rounds;
}

}  // namespace hansa::bench
