// The order of a run: everything that can be refused is refused before training starts; CPU time is taken
// around the driver alone, so that evaluation, baselines and loading do not blur the efficiency figure.
#include "sim/experiment.hpp"

#include "protocols/beacon/draw.hpp"
#include "sim/baselines.hpp"
#include "sim/evaluation.hpp"
#include "sim/observer.hpp"
#include "sim/recorder.hpp"
#include "sim/world.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"
#include "src/exec/usage.hpp"

#include <hansa/version.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace hansa::sim {
namespace {

void report(const ExperimentOptions& options, Progress::Stage stage, double fraction) {
  if (!options.on_progress) return;
  Progress progress;
  progress.stage = stage;
  progress.fraction = fraction;
  options.on_progress(progress);
}

/// What each party ends with: its final model, or the last durable one of a party that did not come to the
/// end.
std::vector<ParametersRef> models_of(const Setup& setup, const Recorder& recorder,
                                     const exec::DriverOutput& output) {
  std::vector<ParametersRef> models = recorder.final_models();
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models[i]) continue;
    const bool recorded = i < output.records.size() && output.records[i] && output.records[i]->model;
    models[i] = recorded ? output.records[i]->model : setup.run->initial_model;
  }
  return models;
}

std::string hash_of(const std::vector<ParametersRef>& models) {
  crypto::Hasher hasher("hansa/models");
  for (const ParametersRef& model : models) hasher.update(std::as_bytes(model.span()));
  return hasher.finish().hex();
}

void fill_parties(const Setup& setup, const Recorder& recorder, const exec::DriverOutput& output,
                  const Baselines& baselines, RunResult& result) {
  for (std::size_t i = 0; i < setup.config.parties; ++i) {
    const exec::PartyTraffic& traffic = output.parties[i];
    const Recorder::PartyProgress& progress = recorder.parties()[i];
    PartyRecord record;
    record.name = setup.party_names[i];
    record.train_rows = setup.training.shards[i].rows.size();
    record.bytes_sent = traffic.bytes_sent;
    record.bytes_received = traffic.bytes_received;
    record.messages_sent = traffic.messages_sent;
    record.messages_received = traffic.messages_received;
    record.compute_seconds = std::chrono::duration<double>(traffic.compute_time).count();
    record.rows_per_second = traffic.rows_per_second;
    record.bandwidth_mbps = traffic.bandwidth_mbps;
    record.rounds_completed = progress.completed;
    record.missed_peers = progress.missed;
    record.skipped_rounds = progress.skipped;
    record.crashes = traffic.crashes;
    if (i < baselines.local_only.size()) record.local_only = baselines.local_only[i];
    result.bytes_sent_total += traffic.bytes_sent;
    result.parties.push_back(std::move(record));
  }
}

void fill_final_metrics(const Evaluator& evaluator, exec::WorkerPool& pool, RunResult& result) {
  const std::vector<learn::Metrics> metrics = evaluator.evaluate(result.models, pool);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    for (const auto& [key, value] : metrics[i]) result.parties[i].metrics.emplace(key, value);
  }
}

void fill_facts(const Setup& setup, const ExperimentOptions& options, RunResult& result) {
  const learn::Dataset& data = *setup.test.dataset;
  result.config = setup.config;
  result.program_version = program_version();
  result.program_commit = program_commit();
  result.threads = options.threads;
  result.primary_metric = std::string(learn::primary_metric(data.task));
  result.larger_is_better = learn::larger_is_better(result.primary_metric);
  result.dataset_summary = setup.dataset_summary;
  result.train_rows = setup.pooled.rows.size();
  result.test_rows = setup.test.rows.size();
  result.features = data.features;
  result.parameters = setup.model->parameter_count();
  result.spectral_gap = std::numeric_limits<double>::quiet_NaN();
  constexpr std::uint32_t kGapPartiesMax = 1024;  // above, the gap would take longer than many a run
  if (setup.topology != nullptr && setup.config.parties <= kGapPartiesMax) {
    result.spectral_gap = topology::spectral_gap(*setup.topology);
  }
}

/// The cohorts as the parties have drawn them so far.
topology::CohortOptions cohorts_of(const Setup& setup, const Recorder& recorder) {
  topology::CohortOptions cohorts = setup.run->cohort;
  if (const protocols::beacon::BeaconRecord* drawn = recorder.beacon()) {
    cohorts.draw = protocols::beacon::cohort_draw(drawn->beacon, drawn->members);
  }
  return cohorts;
}

/// What only the run could tell: from the beacon, who took part and in which cohorts.
void fill_draw(const Setup& setup, const Recorder& recorder, RunResult& result) {
  const topology::CohortOptions cohorts = cohorts_of(setup, recorder);
  if (const protocols::beacon::BeaconRecord* drawn = recorder.beacon()) {
    result.beacon.beacon = drawn->beacon.hex();
    result.beacon.attempts = drawn->attempt + 1;
    result.beacon.members = static_cast<std::uint32_t>(drawn->members.size());
  }
  for (std::uint32_t i = 0; setup.run->secure.beacon && i < setup.run->parties; ++i) {
    const auto* members = cohorts.draw ? &cohorts.draw->members : nullptr;
    const bool member =
        members != nullptr && std::binary_search(members->begin(), members->end(), party_at(i));
    if (!member) result.beacon.others.push_back(i);
  }
  result.edges = edges_to_draw(setup, cohorts);
}

void fill_efficiency(const exec::DriverOutput& output, RunResult& result) {
  const exec::MachinePeak peak = exec::measure_peak();
  result.flop = output.cost.flop;
  result.bytes_touched = output.cost.bytes;
  result.peak_flops = peak.flops;
  result.peak_bandwidth = peak.bandwidth;
  result.ideal_seconds = std::max(result.flop / peak.flops, result.bytes_touched / peak.bandwidth);
  result.efficiency = result.cpu_seconds > 0 ? result.ideal_seconds / result.cpu_seconds : 0;
}

}  // namespace

Result<RunResult> run_experiment(const config::RunConfig& config, const ExperimentOptions& options) {
  const double wall_begin = exec::wall_seconds();
  report(options, Progress::Stage::loading, 0);
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  auto made = set_up(config);
  if (!made) return made.error();
  auto result = run_experiment(*made, options);
  if (result) result->wall_seconds = exec::wall_seconds() - wall_begin;
  return result;
}

Result<RunResult> run_experiment(const Setup& setup, const ExperimentOptions& options) {
  const double wall_begin = exec::wall_seconds();
  const config::RunConfig& config = setup.config;
  auto world = world_options(config);
  if (!world) return world.error();

  RunResult result;
  fill_facts(setup, options, result);
  exec::WorkerPool pool(options.threads);
  const Evaluator evaluator(*setup.model, setup.test);
  std::atomic<std::uint64_t> bytes_sent_total{0};
  Recorder recorder(config, evaluator, pool, result.primary_metric, options.on_progress, bytes_sent_total);
  World virtual_world(std::move(world).value(), pool);
  exec::Driver& driver = options.driver != nullptr ? *options.driver : virtual_world;
  result.clock = driver.clock_name();

  std::unique_ptr<Observer> observer;
  if (&driver == &virtual_world) {
    observer = make_observer(setup.run, [&] { return cohorts_of(setup, recorder); });
  }

  exec::DriverInput input;
  input.parties = config.parties;
  input.make = machine_factory(setup);
  input.training = &setup.training;
  input.sink = &recorder;
  input.tap = observer.get();
  input.stop = options.stop;
  input.bytes_sent_total = &bytes_sent_total;
  const double cpu_begin = exec::process_cpu_seconds();
  auto driven = driver.run(input);
  result.cpu_seconds = exec::process_cpu_seconds() - cpu_begin - recorder.evaluation_cpu_seconds();
  if (!driven) return driven.error();
  const exec::DriverOutput& output = *driven;
  recorder.close();

  result.models = models_of(setup, recorder, output);
  result.models_hash = hash_of(result.models);
  result.interrupted = output.interrupted;
  result.rounds = recorder.take_rounds();
  result.missing = recorder.missing();
  result.node_rounds = recorder.node_rounds();
  result.events = output.events;
  result.messages_lost = output.messages_lost;
  result.messages_duplicated = output.messages_duplicated;
  result.sums = recorder.sums();
  if (observer != nullptr) result.sums.inputs_exposed = observer->close().inputs_exposed;
  fill_draw(setup, recorder, result);
  result.virtual_seconds = std::chrono::duration<double>(output.end).count();
  fill_efficiency(output, result);

  Baselines baselines;
  if (!result.interrupted && !config.eval.baselines.empty()) {
    report(options, Progress::Stage::baselines, 0);
    const double begin = exec::wall_seconds();
    baselines = train_baselines(
        setup, evaluator, pool,
        [&](double fraction) { report(options, Progress::Stage::baselines, fraction); }, options.stop);
    result.baseline_seconds = exec::wall_seconds() - begin;
  }
  result.baseline_local_only = baselines.local_only_mean;
  result.baseline_pooled = baselines.pooled;
  fill_parties(setup, recorder, output, baselines, result);
  fill_final_metrics(evaluator, pool, result);
  result.peak_rss_bytes = exec::peak_rss_bytes();
  result.wall_seconds = exec::wall_seconds() - wall_begin;
  report(options, Progress::Stage::done, 1);
  return result;
}

}  // namespace hansa::sim
