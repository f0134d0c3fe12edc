// How close the inner loops come to what the machine can do. Two probes run first in the same process: a loop
// of independent fused multiply-adds (the arithmetic floor) and a triad over memory (the traffic floor).
// Counters:
//   of_peak      achieved multiply-adds / the measured peak, or achieved bytes / the measured bandwidth
//   GFLOPs, GBs  the absolute figures, in 1e9 per second of CPU time
// On a busy machine absolute times move; the ratios to the probes move less, and repetitions show the spread:
//   hansa_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <hansa/parameters.hpp>
#include <hansa/rng.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/mix.hpp"
#include "src/learn/model.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>
#include <numeric>
#include <vector>

namespace hansa::learn {
namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The best of several tries of work / second.
template <class F>
double best_rate(const F& work) {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const double start = cpu_seconds();
    const double done = work();
    best = std::max(best, done / (cpu_seconds() - start));
  }
  return best;
}

struct Floor {
  double flops = 0;
  double memory = 0;  ///< bytes per second of a triad over 3 x 64 MiB
  double cached = 0;  ///< the same over 3 x 200 KiB
};

const Floor& machine_floor() {
  static const Floor measured = [] {
    Floor f;
    float sink = 0;
    f.flops = best_rate([&] { return kernels().peak_flop_probe(1'000'000, &sink); });
    benchmark::DoNotOptimize(sink);
    const auto triad = [](std::size_t n, int repeats) {
      auto a = Parameters::zeros(n);
      auto b = Parameters::zeros(n);
      auto c = Parameters::zeros(n);
      return best_rate([&] {
        double bytes = 0;
        for (int i = 0; i < repeats; ++i) bytes += kernels().bandwidth_probe(a.data(), b.data(), c.data(), n);
        return bytes;
      });
    };
    f.memory = triad(std::size_t{16} << 20, 1);
    f.cached = triad(51'200, 50);
    return f;
  }();
  return measured;
}

void report_flops(benchmark::State& state, double flop_per_iteration) {
  const double flop = flop_per_iteration * static_cast<double>(state.iterations());
  state.counters["GFLOPs"] = benchmark::Counter(flop / 1e9, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = benchmark::Counter(flop / machine_floor().flops, benchmark::Counter::kIsRate);
}

void report_bytes(benchmark::State& state, double bytes_per_iteration, double floor) {
  const double bytes = bytes_per_iteration * static_cast<double>(state.iterations());
  state.counters["GBs"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = benchmark::Counter(bytes / floor, benchmark::Counter::kIsRate);
}

void machine_peak(benchmark::State& state) {
  const Floor& f = machine_floor();
  float sink = 0;
  for (auto _ : state) benchmark::DoNotOptimize(kernels().peak_flop_probe(100'000, &sink));
  state.counters["peak_GFLOPs"] = f.flops / 1e9;
  state.counters["memory_GBs"] = f.memory / 1e9;
  state.counters["cached_GBs"] = f.cached / 1e9;
}
BENCHMARK(machine_peak);

Parameters random_parameters(std::size_t n, std::uint64_t seed) {
  auto p = Parameters::uninitialised(n);
  Rng rng(seed, Purpose::test);
  for (float& v : p.span()) v = static_cast<float>(rng.uniform() - 0.5);
  return p;
}

/// C = A B: rows, outputs, inputs.
void gemm_forward(benchmark::State& state) {
  GemmTask t;
  t.m = static_cast<std::size_t>(state.range(0));
  t.n = static_cast<std::size_t>(state.range(1));
  t.k = static_cast<std::size_t>(state.range(2));
  auto a = random_parameters(t.m * t.k, 1);
  auto b = random_parameters(t.k * t.n, 2);
  auto c = Parameters::zeros(t.m * t.n);
  t.a = a.data(), t.a_row = t.k;
  t.b = b.data(), t.b_row = t.n;
  t.c = c.data(), t.c_row = t.n;
  for (auto _ : state) {
    kernels().gemm(t);
    benchmark::ClobberMemory();
  }
  report_flops(state, 2.0 * static_cast<double>(t.m * t.n * t.k));
}
BENCHMARK(gemm_forward)->Args({32, 64, 784})->Args({32, 10, 64})->Args({32, 128, 784})->Args({128, 128, 784});
BENCHMARK(gemm_forward)->Args({64, 120, 256})->Args({576, 6, 25})->Args({64, 16, 150})->Args({512, 512, 512});

/// W -= rate * A^T D: rows, outputs, inputs.
void gemm_gradient_step(benchmark::State& state) {
  GemmTask t;
  t.k = static_cast<std::size_t>(state.range(0));
  t.n = static_cast<std::size_t>(state.range(1));
  t.m = static_cast<std::size_t>(state.range(2));
  auto a = random_parameters(t.m * t.k, 1);
  auto b = random_parameters(t.k * t.n, 2);
  auto c = Parameters::zeros(t.m * t.n);
  t.a = a.data(), t.a_row = 1, t.a_column = t.m;
  t.b = b.data(), t.b_row = t.n;
  t.c = c.data(), t.c_row = t.n;
  t.finish = GemmFinish::sgd;
  t.rate = 1e-6f;
  for (auto _ : state) {
    kernels().gemm(t);
    benchmark::ClobberMemory();
  }
  report_flops(state, 2.0 * static_cast<double>(t.m * t.n * t.k));
}
BENCHMARK(gemm_gradient_step)->Args({32, 64, 784})->Args({32, 128, 784})->Args({128, 128, 784});

/// Five models of `range(0)` floats, as one neighbour average of a 4-regular graph; out of `range(1)` models
/// in turn, so that they come from the cache (few) or from memory (many).
void mix_five(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto models = static_cast<std::size_t>(state.range(1));
  std::vector<Parameters> pool;
  for (std::size_t i = 0; i < models; ++i) pool.push_back(random_parameters(n, i));
  const double weights[] = {0.2, 0.2, 0.2, 0.2, 0.2};
  std::size_t at = 0;
  for (auto _ : state) {
    const float* inputs[5];
    for (std::size_t j = 0; j < 5; ++j) inputs[j] = pool[(at + 1 + j) % models].data();
    mix(pool[at].span(), inputs, weights);
    at = (at + 6) % models;
    benchmark::ClobberMemory();
  }
  report_bytes(state, 6.0 * 4.0 * static_cast<double>(n),
               models < 20 ? machine_floor().cached : machine_floor().memory);
}
BENCHMARK(mix_five)->Args({50'890, 6})->Args({50'890, 60})->Args({50'890, 600})->Args({116, 6});

std::shared_ptr<Dataset> images(std::size_t rows) {
  auto d = std::make_shared<Dataset>();
  d->task = TaskKind::multiclass;
  d->storage = Storage::pixels;
  d->rows = rows;
  d->features = 784;
  d->classes = 10;
  d->image_height = d->image_width = 28;
  Rng rng(1, Purpose::test);
  for (std::size_t i = 0; i < rows * 784; ++i) d->pixels.push_back(static_cast<std::uint8_t>(rng.below(256)));
  for (std::size_t i = 0; i < rows; ++i) d->label.push_back(static_cast<float>(rng.below(10)));
  return d;
}

Shard whole(std::shared_ptr<const Dataset> d) {
  Shard shard{d, std::vector<std::uint32_t>(d->rows)};
  std::iota(shard.rows.begin(), shard.rows.end(), 0U);
  return shard;
}

/// One round of training; reports arithmetic (Model::train_cost) against the peak, and rows per second.
void train_rounds(benchmark::State& state, const char* name, const std::shared_ptr<const Dataset>& data,
                  const ModelOptions& model_options, const TrainOptions& options) {
  const auto made = make_model(name, *data, model_options);
  const Model& model = *made.value();
  auto parameters = Parameters::zeros(model.parameter_count());
  model.initialise(parameters.span(), Rng(1, Purpose::initial_model));
  std::vector<float> optimiser_state(model.optimiser_state_count(options));
  const Shard shard = whole(data);
  Workspace workspace;
  std::uint64_t round = 0;
  TrainStatistics last;
  for (auto _ : state) {
    last = model.train(parameters.span(), optimiser_state, shard, options,
                       Rng(1, Purpose::batch_order, 0, round++), workspace);
  }
  if (!std::isfinite(last.loss_sum)) state.SkipWithError("training diverged");
  const double per_row = static_cast<double>(data->column.size()) / static_cast<double>(data->rows);
  const auto non_zeros = static_cast<std::uint64_t>(per_row * static_cast<double>(last.rows));
  report_flops(state, model.train_cost(last.rows, last.steps, non_zeros).flop);
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(last.rows * state.iterations()), benchmark::Counter::kIsRate);
}

void mlp_step(benchmark::State& state) {
  static const auto data = images(3750);
  TrainOptions options;
  options.batch_size = static_cast<std::uint32_t>(state.range(0));
  options.steps = 1;
  options.learning_rate = 0.001f;
  ModelOptions model;
  model.hidden = {static_cast<std::uint32_t>(state.range(1))};
  train_rounds(state, "mlp", data, model, options);
}
BENCHMARK(mlp_step)->Args({32, 64})->Args({32, 128})->Args({128, 128});

void mlp_adam_step(benchmark::State& state) {
  static const auto data = images(3750);
  TrainOptions options;
  options.optimiser = OptimiserKind::adam;
  options.steps = 1;
  options.learning_rate = 1e-5f;
  train_rounds(state, "mlp", data, {}, options);
}
BENCHMARK(mlp_adam_step);

void cnn_step(benchmark::State& state) {
  static const auto data = images(3750);
  TrainOptions options;
  options.batch_size = 64;
  options.steps = 1;
  options.learning_rate = 0.001f;
  train_rounds(state, "cnn", data, {}, options);
}
BENCHMARK(cnn_step)->Unit(benchmark::kMicrosecond);

/// 41 rows of 57 features in batches of 32 and 9: one party of the spam data dealt to 100.
void linear_epoch(benchmark::State& state) {
  auto d = std::make_shared<Dataset>();
  d->rows = 41;
  d->features = 57;
  Rng rng(1, Purpose::test);
  for (std::size_t i = 0; i < 41 * 57; ++i) d->dense.push_back(static_cast<float>(rng.normal()));
  for (std::size_t i = 0; i < 41; ++i) d->label.push_back(static_cast<float>(rng.below(2)));
  TrainOptions options;
  options.l2 = 0.01f;
  train_rounds(state, "logistic-regression", d, {}, options);
}
BENCHMARK(linear_epoch);

/// 30 non-zeros a row over 226,000 features with a skewed popularity, rows of unit norm.
std::shared_ptr<Dataset> clicks(std::size_t rows) {
  constexpr std::size_t kFeatures = 226'000;
  constexpr std::size_t kNonZeros = 30;
  auto d = std::make_shared<Dataset>();
  d->storage = Storage::sparse;
  d->rows = rows;
  d->features = kFeatures;
  d->row_begin.push_back(0);
  Rng rng(1, Purpose::test);
  std::vector<std::uint32_t> row;
  for (std::size_t r = 0; r < rows; ++r) {
    row.clear();
    while (row.size() < kNonZeros) {
      // Log-uniform ranks: popularity falls with 1 / rank, as Zipf's law says of clicks and words.
      const double rank = std::exp(rng.uniform() * std::log(static_cast<double>(kFeatures)));
      const auto f = static_cast<std::uint32_t>(std::min<double>(rank, kFeatures) - 1);
      if (std::find(row.begin(), row.end(), f) == row.end()) row.push_back(f);
    }
    std::sort(row.begin(), row.end());
    d->column.insert(d->column.end(), row.begin(), row.end());
    d->value.insert(d->value.end(), kNonZeros, 0.18257f);
    d->row_begin.push_back(d->column.size());
    d->label.push_back(static_cast<float>(rng.below(2)));
  }
  return d;
}

void fm_epoch(benchmark::State& state) {
  static const auto data = clicks(200'000);
  TrainOptions options;
  options.batch_size = static_cast<std::uint32_t>(state.range(1));
  options.optimiser = static_cast<OptimiserKind>(state.range(2));
  options.learning_rate = 0.02f;
  options.l2 = 1e-5f;
  ModelOptions model;
  model.fm_rank = static_cast<std::uint32_t>(state.range(0));
  model.fm_init_stddev = 0.01f;
  train_rounds(state, "fm", data, model, options);
}
BENCHMARK(fm_epoch)->Args({16, 1, 0})->Args({8, 1, 0})->Args({32, 1, 0})->Unit(benchmark::kMillisecond);
BENCHMARK(fm_epoch)->Args({16, 32, 0})->Args({16, 1, 3})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hansa::learn
