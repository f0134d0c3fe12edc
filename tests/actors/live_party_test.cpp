// The party of a live node, in all but the socket: the models of the simulator to the last bit, a disk that
// fails stops the party before it says anything that relies on it, and leaving at any moment is clean.
#include "actors/live_party.hpp"
#include "tests/actors/live_driver.hpp"
#include "tests/actors/training_run.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>

namespace hansa::actors {
namespace {

class LiveParties : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Strategies, LiveParties, ::testing::Values("d-psgd", "cohort", "push-sum"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(LiveParties, GiveTheModelsOfTheSimulator) {
  const config::RunConfig config = sim::testing::small_run("fm", GetParam());
  const sim::RunResult simulated = sim::testing::run(config, {.threads = 2});
  const auto live = testing::make_live_driver();
  const sim::RunResult real = sim::testing::run(config, {.threads = 2, .driver = live.get()});
  EXPECT_EQ(real.clock, "live");
  EXPECT_EQ(real.models_hash, simulated.models_hash);
}

/// A node without peers, whose disk is broken if asked.
class LonelyNode final : public LiveNode {
 public:
  explicit LonelyNode(bool disk_broken) : disk_broken_(disk_broken) {}
  void send(PartyId, FrameRef) override {
    const std::lock_guard lock(mutex_);
    ++sent;
    changed_.notify_one();
  }
  Result<void> persist(const protocols::Record&) override {
    if (disk_broken_) return Error{ErrorKind::failed, "no space left on device", ""};
    return {};
  }
  void happened(const protocols::Event&, Time) override {}
  void failed(const std::string& what) override {
    const std::lock_guard lock(mutex_);
    failure = what;
    changed_.notify_one();
  }
  void wait_for_word() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return sent > 0 || !failure.empty(); });
  }

  std::size_t sent = 0;
  std::string failure;

 private:
  const bool disk_broken_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

std::unique_ptr<LiveParty> lonely_party(LonelyNode& node, const testing::TrainingRun& run) {
  class NoSink final : public exec::EventSink {
    void on_event(PartyId, const protocols::Event&, Time) override {}
  } sink;
  const exec::DriverInput input = run.input(sink);
  return LiveParty::make(
             {.self = party_at(0), .machine = input.make(party_at(0), {}), .training = *input.training}, node)
      .value();
}

TEST(LiveParty, SaysNothingThatItsDiskDoesNotKnow) {
  const testing::TrainingRun run({});
  LonelyNode node(true);
  const auto party = lonely_party(node, run);
  party->begin();
  node.wait_for_word();
  EXPECT_EQ(node.failure, "no space left on device");
  EXPECT_EQ(node.sent, 0u);
}

TEST(LiveParty, LeavesBeforeItBeginsAndWhileItWaits) {
  const testing::TrainingRun run({});
  LonelyNode node(false);
  lonely_party(node, run).reset();
  EXPECT_EQ(node.sent, 0u);
  const auto party = lonely_party(node, run);
  party->begin();
  node.wait_for_word();
  party->deliver(party_at(1), std::make_shared<const std::vector<std::byte>>(100, std::byte{7}));  // garbage
  party->peer_down(party_at(1));
}

}  // namespace
}  // namespace hansa::actors
