// Many parties on one machine: how long, and how much memory each takes while it waits. Limits are generous
// in time, since the machine may be busy, and exact in memory, which it cannot disturb.
#include "sim/setup.hpp"
#include "sim/world.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <fstream>

namespace hansa::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// Bytes that are allocated now, models apart: heap in use, without the arena's chunks (which are part of
/// it).
double control_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  const ArenaStatistics models = arena_statistics();
  return static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd) -
         static_cast<double>(models.bytes_in_use + models.bytes_recycled);
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

config::RunConfig many_parties(std::uint32_t parties) {
  config::RunConfig config = testing::small_run("logistic-regression", "d-psgd");
  config.parties = parties;
  config.rounds = 3;
  config.data.rows = std::uint64_t{parties} * 2;
  config.data.features = 57;
  config.eval.every = 0;
  config.eval.rows_max = 100;
  return config;
}

/// Looks at memory when the last party is done and every machine still stands.
class MemoryWatch final : public exec::EventSink {
 public:
  MemoryWatch(std::uint32_t parties, const World& world) : left_(parties), world_(world) {}
  void on_event(PartyId, const protocols::Event& event, Time) override {
    if (!std::holds_alternative<protocols::Finished>(event) || --left_ > 0) return;
    resident_ = resident_bytes();
    events_ = static_cast<double>(world_.queue_bytes());
    control_ = control_bytes() - events_;
    models_ = static_cast<double>(arena_statistics().bytes_in_use);
  }
  [[nodiscard]] std::uint64_t resident() const { return resident_; }
  [[nodiscard]] double control() const { return control_; }
  [[nodiscard]] double events() const { return events_; }
  [[nodiscard]] double models() const { return models_; }

 private:
  std::uint32_t left_;
  const World& world_;
  double events_ = 0;
  std::uint64_t resident_ = 0;
  double control_ = 0;
  double models_ = 0;
};

TEST(Scale, TenThousandPartiesTrainThreeRounds) {
  const auto begin = std::chrono::steady_clock::now();
  const RunResult result = testing::run(many_parties(10'000));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(result.node_rounds, 30'000u);
  std::printf(
      "10,000 parties x 3 rounds: %.2f s in all, %.3f CPU seconds of rounds (%.0f node-rounds/s), %.0f MB\n",
      seconds, result.cpu_seconds, 30'000 / result.cpu_seconds,
      static_cast<double>(result.peak_rss_bytes) / 1e6);
  EXPECT_LT(seconds, kSanitized ? 60 : 5);
}

TEST(Scale, APartyTakesAtMostOneKibibyteAndItsModel) {
  constexpr std::uint32_t kParties = 10'000;
  const config::RunConfig config = many_parties(kParties);
  const auto setup = set_up(config);
  ASSERT_TRUE(setup.ok());
  exec::WorkerPool pool(1);
  World world(world_options(config).value(), pool);
  MemoryWatch watch(kParties, world);
  exec::DriverInput input;
  input.parties = kParties;
  input.training = &setup->training;
  input.sink = &watch;
  input.make = [&](PartyId party, std::optional<protocols::Record> restored) {
    return setup->strategy->make(
        {.self = party, .training_rows = 2, .run = setup->run, .restored = std::move(restored)});
  };
  const std::uint64_t resident_before = resident_bytes();
  const double control_before = control_bytes();
  const auto models_before = static_cast<double>(arena_statistics().bytes_in_use);
  const auto output = world.run(input);
  ASSERT_TRUE(output.ok());
  const double control = (watch.control() - control_before) / kParties;
  const double models = (watch.models() - models_before) / kParties;
  const double parameters = static_cast<double>(setup->model->parameter_count() * sizeof(float));
  std::printf(
      "a party at rest: %.0f bytes and %.0f for its model of %.0f bytes; its events took %.0f; resident "
      "%.0f\n",
      control, models, parameters, watch.events() / kParties,
      static_cast<double>(watch.resident() - resident_before) / kParties);
  if (kSanitized) GTEST_SKIP() << "memory is the sanitizer's here";
  EXPECT_LE(control, 1024);
  EXPECT_LE(models, parameters + 128 + 1) << "one block: its header, and up to the next cache line";
}

TEST(Scale, AHundredThousandParties) {
  if (!testing::long_tests()) GTEST_SKIP() << "set HANSA_LONG=1";
  const RunResult result = testing::run(many_parties(100'000), {.threads = 2});
  EXPECT_EQ(result.node_rounds, 300'000u);
  std::printf("100,000 parties x 3 rounds: %.2f CPU seconds of rounds, %.0f MB\n", result.cpu_seconds,
              static_cast<double>(result.peak_rss_bytes) / 1e6);
  EXPECT_LT(result.peak_rss_bytes, 1u << 30);
}

}  // namespace
}  // namespace hansa::sim
