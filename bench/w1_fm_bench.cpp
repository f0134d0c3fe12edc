// W1 (gossip learning of logistic regression on Spambase, where a node-round is a microsecond) and FM (sparse
// factorization machines at size), each as a real run and as a plain loop over the same kernels, repetition
// by repetition in turning order as in w2_bench.cpp.
#include "bench/plain_loop.hpp"
#include "bench/targets.hpp"
#include "bench/workload.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

namespace hansa::bench {
namespace {

struct Pair {
  std::vector<double> real, plain, overhead, efficiency;  ///< work per CPU-second; per repetition
  std::vector<double> ns_per_event;
};

/// `unit` is how much work a repetition is.
Pair run_pairs(benchmark::State& state, const sim::Setup& setup, double unit,
               Repetition (*loop)(const sim::Setup&)) {
  Pair pair;
  bool plain_first = false;
  for (auto _ : state) {
    Repetition plain;
    if (plain_first) plain = loop(setup);
    const auto real = run_world(setup);
    if (!real) {
      state.SkipWithError(real.error().message.c_str());
      return pair;
    }
    if (!plain_first) plain = loop(setup);
    plain_first = !plain_first;
    state.SetIterationTime(real->cpu_seconds);
    pair.real.push_back(unit / real->cpu_seconds);
    pair.plain.push_back(unit / plain.cpu_seconds);
    pair.overhead.push_back(real->cpu_seconds / plain.cpu_seconds - 1);
    pair.efficiency.push_back(real->ideal_seconds / real->cpu_seconds);
    pair.ns_per_event.push_back(real->cpu_seconds * 1e9 / static_cast<double>(real->events));
  }
  state.counters["overhead"] = median(pair.overhead);
  state.counters["efficiency"] = median(pair.efficiency);
  return pair;
}

void w1_run(benchmark::State& state) {
  const std::string parties = std::to_string(state.range(0));
  auto setup = load_workload(
      "w1.toml", {{"parties", parties},
                  {"rounds", std::to_string(state.range(1))},
                  {"topology.name", "file:" HANSA_SOURCE_DIR "/data/graphs/reg20_" + parties + ".edges"}});
  if (!setup) return state.SkipWithError((setup.error().message + "; " + setup.error().hint).c_str());
  const double node_rounds = static_cast<double>(state.range(0) * state.range(1));
  const Pair pair = run_pairs(state, *setup, node_rounds, plain_gossip);
  state.counters["node_rounds_per_s"] = median(pair.real);
  state.counters["plain_per_s"] = median(pair.plain);
  state.counters["ns_per_event"] = median(pair.ns_per_event);
  if (state.range(0) == 100) record({"W1 N=100: node-rounds per CPU-second", true, 300'000, pair.real});
}
// Parties, rounds.
BENCHMARK(w1_run)
    ->Args({100, 2'000})
    ->Args({1'000, 300})
    ->Iterations(9)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void fm_run(benchmark::State& state) {
  auto setup = load_workload("fm.toml", {});
  if (!setup) return state.SkipWithError(setup.error().message.c_str());
  const Pair pair = run_pairs(state, *setup, rows_trained(*setup), plain_d_psgd);
  state.counters["rows_per_s"] = median(pair.real);
  state.counters["plain_per_s"] = median(pair.plain);
  record({"FM rank 16, 30 non-zeros: rows per CPU-second", true, 1'500'000, pair.real});
}
BENCHMARK(fm_run)->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hansa::bench
