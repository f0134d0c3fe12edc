// The parts of the simulator that are not learning, one by one: the event queue, the size of a message's
// frame, the link model, and a whole round of the world with a model that learns nothing. What they cost
// together is the engine's share of a run.
#include "bench/workload.hpp"
#include "sim/event_queue.hpp"
#include "sim/link_model.hpp"
#include "src/wire/codec.hpp"

#include <hansa/parameters.hpp>
#include <hansa/rng.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace hansa::bench {
namespace {

/// A queue that stays at `range(0)` events: take the next, put one at a random later time (the "hold" model
/// of the literature on event queues). Time is for a pop and a push together.
void event_queue_hold(benchmark::State& state) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  sim::EventQueue<protocols::Message> queue;
  Rng rng(1, Purpose::test);
  std::uint64_t sequence = 0;
  const auto later = [&](Time now) {
    return now + Duration(static_cast<Duration::rep>(1 + rng.below(20'000'000)));
  };
  for (std::uint64_t i = 0; i < size; ++i) {
    queue.push(later(Time{0}), party_at(i % 256), party_at((i + 1) % 256), sequence++, protocols::ShareAck{});
  }
  for (auto _ : state) {
    auto event = queue.pop();
    queue.push(later(event.time), event.destination, event.source, sequence++, std::move(event.payload));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_queue_hold)->Arg(100)->Arg(10'000)->Arg(1'000'000);

/// Round-based protocols send in bursts: many events of equal time, told apart by who and which.
void event_queue_bursts(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  sim::EventQueue<protocols::Message> queue;
  std::uint64_t sequence = 0;
  Time now{0};
  for (auto _ : state) {
    now += std::chrono::milliseconds(1);
    for (std::size_t i = 0; i < size; ++i) {
      queue.push(now, party_at(i * 7 % size), party_at(i), sequence++, protocols::ShareAck{});
    }
    while (!queue.empty()) benchmark::DoNotOptimize(queue.pop());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(event_queue_bursts)->Arg(256)->Arg(16'384);

protocols::Message model_message(std::size_t floats) {
  return protocols::ModelMessage{.round = 17,
                                 .weight = 937,
                                 .age = 123'456,
                                 .model = protocols::Slice::whole(Parameters::zeros(floats).freeze())};
}

void encoded_size(benchmark::State& state) {
  const protocols::Message message = model_message(50'890);
  for (auto _ : state) benchmark::DoNotOptimize(wire::encoded_size(message));
}
BENCHMARK(encoded_size);

/// For comparison: what a run pays per message that really goes through the codec.
void encode_and_decode(benchmark::State& state) {
  const protocols::Message message = model_message(static_cast<std::size_t>(state.range(0)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::vector<std::byte> frame = wire::encode(message);
    protocols::Message decoded;
    if (wire::try_decode(frame, {}, decoded) != wire::DecodeError::none) state.SkipWithError("refused");
    bytes = frame.size();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(encode_and_decode)->Arg(116)->Arg(50'890);

void link_model(benchmark::State& state) {
  sim::LinkOptions options;
  options.parties = 256;
  if (state.range(0) != 0) {
    options.bandwidth_mbps = 100;
    options.jitter = std::chrono::milliseconds(5);
    options.loss = 0.2;
    options.duplicate = 0.1;
    options.reorder = 0.1;
  }
  sim::LinkModel link(options);
  std::uint32_t i = 0;
  for (auto _ : state) {
    ++i;
    benchmark::DoNotOptimize(link.send(party_at(i % 256), party_at(i * 31 % 256), 203'600, Time(i)));
  }
  state.SetLabel(state.range(0) != 0 ? "loss, duplicates, reordering, jitter, bandwidth" : "latency only");
}
BENCHMARK(link_model)->Arg(0)->Arg(1);

/// A model that is there and does nothing: what is left of a run is the engine.
class Nothing final : public learn::Model {
 public:
  explicit Nothing(std::size_t parameters) : parameters_(parameters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "nothing"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return parameters_; }
  [[nodiscard]] learn::Layout layout() const override { return {}; }
  [[nodiscard]] learn::Storage storage() const noexcept override { return learn::Storage::sparse; }
  void initialise(std::span<float> parameters, Rng) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const learn::TrainOptions&) const noexcept override {
    return 0;
  }
  learn::TrainStatistics train(std::span<float>, std::span<float>, const learn::Shard& shard,
                               const learn::TrainOptions&, Rng, learn::Workspace&) const override {
    return {.loss_sum = 0, .rows = shard.rows.size(), .steps = 1};
  }
  void predict(std::span<const float>, const learn::Dataset&, std::span<const std::uint32_t>,
               std::span<float> out, learn::Workspace&) const override {
    std::fill(out.begin(), out.end(), 0.0f);
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return 1; }
  double loss_and_gradient(std::span<const float>, const learn::Dataset&, std::span<const std::uint32_t>,
                           std::span<double>) const override {
    return 0;
  }
  [[nodiscard]] learn::Cost train_cost(std::uint64_t, std::uint64_t, std::uint64_t) const noexcept override {
    return {};
  }

 private:
  std::size_t parameters_;
};

/// Each strategy's rounds without any learning: nanoseconds per node-round and per event.
void world_without_learning(benchmark::State& state, const char* strategy) {
  auto loaded = load_workload("fm.toml", {{"strategy", strategy},
                                          {"model", "logistic-regression"},
                                          {"parties", std::to_string(state.range(0))},
                                          {"rounds", "200"},
                                          {"topology.name", "k-regular"},
                                          {"topology.degree", "4"},
                                          {"data.rows", "8192"},
                                          {"data.features", "40"},
                                          {"cohort.size", "4"}});
  if (!loaded) return state.SkipWithError(loaded.error().message.c_str());
  sim::Setup& setup = *loaded;
  setup.training.model = std::make_shared<Nothing>(setup.run->parameter_count);
  std::uint64_t node_rounds = 0;
  std::uint64_t events = 0;
  double seconds = 0;
  for (auto _ : state) {
    const auto run = run_world(setup);
    if (!run) return state.SkipWithError(run.error().message.c_str());
    node_rounds += run->node_rounds;
    events += run->events;
    seconds += run->cpu_seconds;
    state.SetIterationTime(run->cpu_seconds);
  }
  state.counters["ns_per_node_round"] = seconds * 1e9 / static_cast<double>(node_rounds);
  state.counters["ns_per_event"] = seconds * 1e9 / static_cast<double>(events);
}
#define HANSA_WORLD(name, strategy)                         \
  BENCHMARK_CAPTURE(world_without_learning, name, strategy) \
      ->Arg(64)                                             \
      ->Arg(4'096)                                          \
      ->UseManualTime()                                     \
      ->Unit(benchmark::kMillisecond)
HANSA_WORLD(d_psgd, "d-psgd");
HANSA_WORLD(gossip_learning, "gossip-learning");
HANSA_WORLD(epidemic, "epidemic");
HANSA_WORLD(push_sum, "push-sum");
HANSA_WORLD(cohort, "cohort");

}  // namespace
}  // namespace hansa::bench
