// W2: D-PSGD of an MLP 784-64-10 on Fashion-MNIST over a random 4-regular graph, as a real run, as a plain
// loop over the same kernels, and as a plain loop over OpenBLAS. One benchmark iteration is one repetition of
// each, one after the other in turning order, so that what else the machine does falls on all of them; ratios
// are taken within an iteration, and their median is reported.
#include "bench/openblas_loop.hpp"
#include "bench/plain_loop.hpp"
#include "bench/targets.hpp"
#include "bench/workload.hpp"
#include "src/learn/mix.hpp"

#include <benchmark/benchmark.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

namespace hansa::bench {
namespace {

constexpr int kRepetitions = 9;

/// Workloads stay loaded: the data are the same for all sizes but take half a second to read.
Result<const sim::Setup*> w2(std::uint32_t parties, std::uint32_t rounds) {
  static std::map<std::uint32_t, sim::Setup> loaded;
  if (const auto found = loaded.find(parties); found != loaded.end()) return &found->second;
  auto setup = load_workload(
      "w2.toml",
      {{"parties", std::to_string(parties)},
       {"rounds", std::to_string(rounds)},
       {"topology.name", fmt::format("file:{}/data/graphs/reg4_{}.edges", HANSA_SOURCE_DIR, parties)}});
  if (!setup) return setup.error();
  return &loaded.emplace(parties, std::move(setup).value()).first->second;
}

bool same_bits(const Repetition& a, const Repetition& b) {
  return std::equal(a.models.begin(), a.models.end(), b.models.begin(), b.models.end(),
                    [](const ParametersRef& x, const ParametersRef& y) {
                      return x.size() == y.size() &&
                             std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
                    });
}

/// How far apart two results are, relative to the way from the initial model: other rounding, not other work.
double distance(const sim::Setup& setup, const Repetition& a, const Repetition& b) {
  double apart = 0;
  double way = 0;
  for (std::size_t i = 0; i < a.models.size(); ++i) {
    apart += learn::squared_distance(a.models[i].span(), b.models[i].span());
    way += learn::squared_distance(a.models[i].span(), setup.run->initial_model.span());
  }
  return std::sqrt(apart / way);
}

struct Contender {
  std::string name;
  std::function<Repetition()> run;
  std::vector<Repetition> done = {};
};

std::vector<double> rates(const Contender& contender) {
  std::vector<double> result;
  for (const Repetition& repetition : contender.done) result.push_back(repetition.rate());
  return result;
}

/// The first contender's rate over another's, repetition by repetition.
std::vector<double> ratios(const Contender& real, const Contender& other) {
  std::vector<double> result;
  for (std::size_t i = 0; i < real.done.size(); ++i)
    result.push_back(real.done[i].rate() / other.done[i].rate());
  return result;
}

void report_targets(benchmark::State& state, const std::vector<Contender>& contenders, double wanted_rate) {
  const Contender& real = contenders.front();
  const std::string size = fmt::format("W2 N={}: ", state.range(0));
  std::vector<double> efficiency;
  for (const Repetition& r : real.done) efficiency.push_back(r.ideal_seconds / r.cpu_seconds);
  state.counters["node_rounds_per_s"] = median(rates(real));
  state.counters["efficiency"] = median(efficiency);
  record({size + "node-rounds per CPU-second", true, wanted_rate, rates(real)});
  for (std::size_t i = 1; i < contenders.size(); ++i) {
    const Contender& other = contenders[i];
    state.counters[other.name + "_per_s"] = median(rates(other));
    if (other.name == "plain") {
      std::vector<double> overhead;
      for (const double ratio : ratios(real, other)) overhead.push_back(1 / ratio - 1);
      state.counters["overhead"] = median(overhead);
      record({size + "engine overhead over a plain loop", false, 0.15, overhead});
    } else {
      state.counters["vs_" + other.name] = median(ratios(real, other));
      // Huge pages are ours: that loop says how much they are, it is not what was promised.
      if (other.name.ends_with("huge_pages")) continue;
      record({size + "speed over a plain loop, " + other.name, true, 1.2, ratios(real, other)});
    }
  }
}

void w2_run(benchmark::State& state) {
  const auto parties = static_cast<std::uint32_t>(state.range(0));
  const auto loaded = w2(parties, static_cast<std::uint32_t>(state.range(1)));
  if (!loaded) return state.SkipWithError(loaded.error().message.c_str());
  const sim::Setup& setup = **loaded;
  std::vector<Contender> contenders;
  contenders.push_back({"real", [&] { return run_world(setup).value(); }});
  contenders.push_back({"plain", [&] { return plain_d_psgd(setup); }});
  const OpenBlas* const blas = OpenBlas::instance();
  if (blas == nullptr) {
    state.SetLabel("no OpenBLAS here (libopenblas-dev): not compared");
  } else {
    const auto add = [&](const char* core, Memory memory, const char* suffix) {
      if (!blas->use_core(core)) return;
      contenders.push_back({"OpenBLAS_" + blas->core() + suffix, [&setup, blas, core, memory] {
                              static_cast<void>(blas->use_core(core));
                              return openblas_d_psgd(*blas, setup, memory);
                            }});
    };
    add("", Memory::ordinary, "");
    add("SkylakeX", Memory::ordinary, "");
    add("", Memory::huge, "_huge_pages");
  }
  std::size_t first = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      Contender& contender = contenders[(first + i) % contenders.size()];
      contender.done.push_back(contender.run());
    }
    ++first;
    const Repetition& real = contenders.front().done.back();
    state.SetIterationTime(real.cpu_seconds);
    if (!same_bits(real, contenders[1].done.back())) {
      return state.SkipWithError("the plain loop did not give the same models");
    }
    for (std::size_t i = 2; i < contenders.size(); ++i) {
      if (distance(setup, real, contenders[i].done.back()) > 0.01) {
        return state.SkipWithError("OpenBLAS's loop went another way");
      }
    }
    for (Contender& contender : contenders) contender.done.back().models.clear();
  }
  report_targets(state, contenders, parties <= 64 ? 10'000 : 8'000);
}
// Parties, rounds.
BENCHMARK(w2_run)
    ->Args({64, 100})
    ->Args({256, 30})
    ->Iterations(kRepetitions)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hansa::bench
