// The host itself, with machines made for the purpose: ordering, alarms, ends and failures. Every test runs
// on the deterministic scheduler with several schedules, and on real threads.
#include "actors/wall_driver.hpp"
#include "src/wire/codec.hpp"
#include "tests/actors/shuffled_driver.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace hansa::actors {
namespace {

using namespace std::chrono_literals;
using protocols::Effects;
using protocols::Message;
using protocols::ShareAck;

/// Does nothing unless told otherwise.
class FakeMachine : public protocols::Machine {
 public:
  void start(Time, Effects&) override { started_ = true; }
  void on_message(PartyId, Message, Time, Effects&) override { EXPECT_TRUE(started_) << "start comes first"; }
  void on_computed(protocols::ComputeId, protocols::Computed, Time, Effects&) override {}
  void on_deadline(Time, Effects&) override {}
  void on_peer_down(PartyId, Time, Effects&) override {}
  [[nodiscard]] std::optional<Time> next_deadline() const override { return std::nullopt; }
  [[nodiscard]] bool finished() const override { return finished_; }
  [[nodiscard]] Round round() const override { return 0; }

 protected:
  bool started_ = false;
  bool finished_ = false;
};

using Make = std::function<std::unique_ptr<protocols::Machine>(PartyId)>;
constexpr std::uint64_t kShuffled = 5;  // drivers 0 .. 4 are schedules, the rest are real

/// Every kind of driver; `kind` below kShuffled is a schedule's seed.
std::unique_ptr<exec::Driver> driver_of(std::uint64_t kind) {
  if (kind < kShuffled) {
    return testing::make_shuffled_driver({.seed = kind, .encode_messages = kind % 2 == 1});
  }
  return make_wall_driver({.threads = kind == kShuffled ? 1u : 3u, .encode_messages = kind % 2 == 1});
}

class Host : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Result<exec::DriverOutput> run(std::uint32_t parties, const Make& make,
                                 const std::atomic<bool>* stop = nullptr) {
    exec::DriverInput input;
    input.parties = parties;
    input.make = [&](PartyId party, std::optional<protocols::Record>) { return make(party); };
    input.training = &training_;
    input.sink = sink_;
    input.stop = stop;
    input.bytes_sent_total = &bytes_sent_total_;
    return driver_of(GetParam())->run(input);
  }

  exec::LocalTraining training_;
  exec::EventSink* sink_ = nullptr;
  std::atomic<std::uint64_t> bytes_sent_total_{0};
};
INSTANTIATE_TEST_SUITE_P(Drivers, Host, ::testing::Range<std::uint64_t>(0, kShuffled + 2));

/// Sends a counter to and fro; done at 100.
class PingPong final : public FakeMachine {
 public:
  explicit PingPong(PartyId self) : self_(self) {}
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    if (self_ == PartyId{0}) out.send(PartyId{1}, ShareAck{1});
  }
  void on_message(PartyId from, Message message, Time now, Effects& out) override {
    FakeMachine::on_message(from, message, now, out);
    const std::uint64_t count = std::get<ShareAck>(message).sequence;
    EXPECT_EQ(count, expected_ + (self_ == PartyId{0} ? 2 : 1));
    expected_ = self_ == PartyId{0} ? count : count + 1;
    finished_ = count + 1 >= 100;
    if (count < 100) out.send(from, ShareAck{count + 1});
  }

 private:
  PartyId self_;
  std::uint64_t expected_ = 0;
};

TEST_P(Host, PingPongCountsEveryByte) {
  const auto result = run(2, [](PartyId self) { return std::make_unique<PingPong>(self); });
  ASSERT_TRUE(result.ok()) << result.error().message;
  const exec::DriverOutput& output = result.value();
  EXPECT_FALSE(output.interrupted);
  EXPECT_EQ(output.events, 2u + 100u);
  std::uint64_t bytes[2] = {0, 0};
  for (std::uint64_t i = 1; i <= 100; ++i) bytes[(i + 1) % 2] += wire::encoded_size(ShareAck{i});
  for (int p = 0; p < 2; ++p) {
    const exec::PartyTraffic& traffic = output.parties[p];
    EXPECT_EQ(traffic.messages_sent, 50u);
    EXPECT_EQ(traffic.messages_received, 50u);
    EXPECT_EQ(traffic.bytes_sent, bytes[p]);
    EXPECT_EQ(traffic.bytes_received, bytes[1 - p]);
    EXPECT_TRUE(traffic.finished);
  }
  EXPECT_EQ(bytes_sent_total_, bytes[0] + bytes[1]);
  EXPECT_EQ(output.messages_lost, 0u);
}

/// Everybody greets everybody from start(): a fast starter's greeting must wait for a slow starter.
class Greeter final : public FakeMachine {
 public:
  Greeter(PartyId self, std::uint32_t parties) : self_(self), parties_(parties) {}
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    for (std::uint32_t p = 0; p < parties_; ++p) {
      if (party_at(p) != self_) out.send(party_at(p), ShareAck{index(self_)});
    }
  }
  void on_message(PartyId from, Message message, Time now, Effects& out) override {
    FakeMachine::on_message(from, message, now, out);
    EXPECT_EQ(std::get<ShareAck>(message).sequence, index(from)) << "the sender's name travels with it";
    finished_ = ++heard_ == parties_ - 1;
  }

 private:
  PartyId self_;
  std::uint32_t parties_;
  std::uint32_t heard_ = 0;
};

TEST_P(Host, NobodyHearsAnythingBeforeItHasStarted) {
  const auto result = run(20, [](PartyId self) { return std::make_unique<Greeter>(self, 20); });
  ASSERT_TRUE(result.ok()) << result.error().message;
  for (const auto& traffic : result.value().parties) EXPECT_TRUE(traffic.finished);
}

/// Wants alarms that move: later ones first, then earlier, then a far one that is never reached.
class Sleeper final : public FakeMachine {
 public:
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    next_ = now + 3ms;
  }
  void on_deadline(Time now, Effects& out) override {
    EXPECT_GE(now, *next_) << "an alarm before its time";
    ++rings_;
    if (rings_ < 5) {
      next_ = now + (rings_ % 2 == 0 ? 3ms : 1ms);
    } else {
      finished_ = true;
      next_ = now + std::chrono::hours(24 * 365 * 200);
      out.emit(protocols::Finished{});
    }
  }
  [[nodiscard]] std::optional<Time> next_deadline() const override { return next_; }

 private:
  std::optional<Time> next_;
  int rings_ = 0;
};

TEST_P(Host, OneAlarmPerPartyRingsWhenItShould) {
  const auto result = run(3, [](PartyId) { return std::make_unique<Sleeper>(); });
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().events, 3u + 3u * 5u) << "no alarm is handled twice";
  EXPECT_GE(result.value().end, Time(9ms));
}

/// Persists, then tells; the record kept is the last one.
class Keeper final : public FakeMachine {
 public:
  explicit Keeper(PartyId self) : self_(self) {}
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    for (Round r = 0; r <= index(self_); ++r) {
      protocols::Record record;
      record.round = r;
      out.persist(std::move(record));
    }
    finished_ = true;
  }

 private:
  PartyId self_;
};

TEST_P(Host, TheLastRecordOfEachPartyIsKept) {
  const auto result = run(4, [](PartyId self) { return std::make_unique<Keeper>(self); });
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result.value().records.size(), 4u);
  for (Round p = 0; p < 4; ++p) {
    ASSERT_TRUE(result.value().records[p].has_value());
    EXPECT_EQ(result.value().records[p]->round, p);
  }
}

/// Mixes two models in its trainer.
class Mixer final : public FakeMachine {
 public:
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    protocols::MixAndTrain task;
    task.size = 3;
    const float a[] = {1, 2, 3}, b[] = {5, 5, 5};
    task.terms.push_back({protocols::Slice::whole(Parameters::copy_of(a).freeze()), 0, 0.5f});
    task.terms.push_back({protocols::Slice::whole(Parameters::copy_of(b).freeze()), 0, 0.5f});
    out.compute(42, std::move(task));
  }
  void on_computed(protocols::ComputeId id, protocols::Computed result, Time, Effects& out) override {
    EXPECT_EQ(id, 42u);
    const std::vector<float> model(result.model.data(), result.model.data() + result.model.size());
    EXPECT_EQ(model, (std::vector<float>{3, 3.5f, 4}));
    finished_ = true;
    out.emit(protocols::Finished{result.model});
  }
};

TEST_P(Host, ATaskComesBackFromTheTrainer) {
  const auto result = run(8, [](PartyId) { return std::make_unique<Mixer>(); });
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.value().interrupted);
  EXPECT_GT(result.value().cost.flop, 0);
  for (const auto& traffic : result.value().parties) EXPECT_GT(traffic.compute_time.count(), 0);
}

TEST_P(Host, APartyThatCanDoNoMoreEndsTheRunUnfinished) {
  const auto result = run(3, [](PartyId) { return std::make_unique<FakeMachine>(); });
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.value().interrupted);
  for (const auto& traffic : result.value().parties) EXPECT_FALSE(traffic.finished);
}

/// Talks to itself for ever; the first event asks for a stop.
class Endless final : public FakeMachine {
 public:
  explicit Endless(PartyId self) : self_(self) {}
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    out.send(self_, ShareAck{0});
  }
  void on_message(PartyId, Message message, Time, Effects& out) override {
    const std::uint64_t count = std::get<ShareAck>(message).sequence;
    if (count == 100) out.emit(protocols::Finished{});
    out.send(self_, ShareAck{count + 1});
  }

 private:
  PartyId self_;
};

class StoppingSink final : public exec::EventSink {
 public:
  explicit StoppingSink(std::atomic<bool>& stop) : stop_(stop) {}
  void on_event(PartyId, const protocols::Event&, Time) override { stop_ = true; }

 private:
  std::atomic<bool>& stop_;
};

TEST_P(Host, AStopEndsARunThatWouldNot) {
  std::atomic<bool> stop{false};
  StoppingSink sink(stop);
  sink_ = &sink;
  const auto result = run(
      4, [](PartyId self) { return std::make_unique<Endless>(self); }, &stop);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.value().interrupted);
}

TEST_P(Host, AStopBeforeTheStartEndsTheRunAtOnce) {
  const std::atomic<bool> stop{true};
  const auto result = run(
      4, [](PartyId self) { return std::make_unique<Endless>(self); }, &stop);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.value().interrupted);
}

/// Party 2 throws when it starts; the others would go on for ever.
class Thrower final : public FakeMachine {
 public:
  explicit Thrower(PartyId self) : self_(self) {}
  void start(Time now, Effects& out) override {
    FakeMachine::start(now, out);
    if (self_ == PartyId{2}) throw std::runtime_error("out of luck");
    out.send(self_, ShareAck{0});
  }
  void on_message(PartyId, Message, Time, Effects& out) override { out.send(self_, ShareAck{0}); }

 private:
  PartyId self_;
};

TEST_P(Host, AMachineThatThrowsEndsTheRunWithAnError) {
  const auto result = run(4, [](PartyId self) { return std::make_unique<Thrower>(self); });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "party 2 stopped: out of luck");
}

TEST(WallDriver, APartyThatCannotBeMadeIsAnErrorAndNothingHangs) {
  exec::DriverInput input;
  input.parties = 4;
  input.make = [](PartyId self, std::optional<protocols::Record>) -> std::unique_ptr<protocols::Machine> {
    if (self == PartyId{2}) throw std::bad_alloc();
    return std::make_unique<FakeMachine>();
  };
  const auto result = make_wall_driver({.threads = 2})->run(input);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "the actors cannot be started: std::bad_alloc");
}

TEST(WallDriver, IsCalledWall) { EXPECT_STREQ(make_wall_driver({})->clock_name(), "wall"); }

}  // namespace
}  // namespace hansa::actors
