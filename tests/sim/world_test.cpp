// The world with machines that do exactly what a test tells them: when alarms ring, what a crash leaves
// behind, and that nothing of a past life reaches the next one.
#include "sim/world.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

using namespace std::chrono_literals;

struct Script;

/// Calls the script's functions and notes what happened to it.
class Scripted final : public protocols::Machine {
 public:
  Scripted(Script& script, PartyId self, std::optional<protocols::Record> restored)
      : script_(script), self_(self), restored_(std::move(restored)) {}
  void start(Time now, protocols::Effects& out) override;
  void on_message(PartyId from, protocols::Message, Time now, protocols::Effects&) override;
  void on_computed(protocols::ComputeId id, protocols::Computed, Time now, protocols::Effects&) override;
  void on_deadline(Time now, protocols::Effects&) override;
  void on_peer_down(PartyId, Time, protocols::Effects&) override {}
  [[nodiscard]] std::optional<Time> next_deadline() const override { return deadline; }
  [[nodiscard]] bool finished() const override { return true; }
  [[nodiscard]] Round round() const override { return 0; }

  std::optional<Time> deadline;

 private:
  void note(const std::string& what, Time now);
  Script& script_;
  PartyId self_;
  std::optional<protocols::Record> restored_;
};

struct Script {
  std::function<void(Scripted&, PartyId, const std::optional<protocols::Record>&, Time, protocols::Effects&)>
      start;
  std::function<void(Scripted&, Time)> on_deadline;
  std::function<void(Scripted&, Time)> on_message;
  std::vector<std::string> notes;
};

void Scripted::note(const std::string& what, Time now) {
  script_.notes.push_back(std::to_string(index(self_)) + ' ' + what + ' ' +
                          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
}
void Scripted::start(Time now, protocols::Effects& out) {
  note(restored_ ? "restored " + std::to_string(restored_->round) : "started", now);
  if (script_.start) script_.start(*this, self_, restored_, now, out);
}
void Scripted::on_message(PartyId from, protocols::Message, Time now, protocols::Effects&) {
  note("heard " + std::to_string(index(from)), now);
  if (script_.on_message) script_.on_message(*this, now);
}
void Scripted::on_computed(protocols::ComputeId id, protocols::Computed, Time now, protocols::Effects&) {
  note("computed " + std::to_string(id), now);
}
void Scripted::on_deadline(Time now, protocols::Effects&) {
  note("alarm", now);
  deadline.reset();
  if (script_.on_deadline) script_.on_deadline(*this, now);
}

class WorldTest : public ::testing::Test {
 protected:
  exec::DriverOutput run(const WorldOptions& options) {
    World world(options, pool);
    exec::DriverInput input;
    input.parties = options.link.parties;
    input.training = &training;
    input.make = [this](PartyId party, std::optional<protocols::Record> restored) {
      return std::make_unique<Scripted>(script, party, std::move(restored));
    };
    return world.run(input).value();
  }
  static WorldOptions options(std::uint32_t parties) {
    WorldOptions options;
    options.link.parties = parties;
    options.compute.parties = parties;
    options.compute.mix_bytes_per_second = 1000;  // a block of 100 floats takes 0.8 s to mix
    options.churn.parties = parties;
    return options;
  }
  static protocols::MixAndTrain slow_task() {
    protocols::MixAndTrain task;
    task.size = 100;
    for (int i = 0; i < 2; ++i) {
      task.terms.push_back({protocols::Slice::whole(Parameters::zeros(100).freeze()), 0, 0.5f});
    }
    return task;
  }

  Script script;
  exec::LocalTraining training;
  exec::WorkerPool pool{1};
};

TEST_F(WorldTest, AlarmsRingWhenAskedAndOnlyThen) {
  script.start = [](Scripted& self, PartyId, const auto&, Time, protocols::Effects&) {
    self.deadline = 50ms;
  };
  int rings = 0;
  script.on_deadline = [&](Scripted& self, Time now) {
    if (++rings == 1) self.deadline = now - 10ms;  // already past: at once
    if (rings == 2) self.deadline = now + 5ms;
  };
  const auto output = run(options(1));
  EXPECT_EQ(script.notes,
            (std::vector<std::string>{"0 started 0", "0 alarm 50", "0 alarm 50", "0 alarm 55"}));
  EXPECT_EQ(output.end, 55ms);
  EXPECT_EQ(output.events, 3u);
}

TEST_F(WorldTest, AMessageMayMoveTheAlarmEitherWay) {
  for (const auto& [from, to] : {std::pair<Time, Time>{100ms, 30ms}, {30ms, 100ms}}) {
    script.notes.clear();
    script.start = [first = from](Scripted& self, PartyId party, const auto&, Time, protocols::Effects& out) {
      if (party == party_at(1)) return out.send(party_at(0), protocols::ShareAck{1});
      self.deadline = first;
    };
    script.on_message = [second = to](Scripted& self, Time) { self.deadline = second; };
    run(options(2));
    ASSERT_EQ(script.notes.size(), 4u) << "it rings once";
    EXPECT_EQ(script.notes[3], to == 30ms ? "0 alarm 30" : "0 alarm 100");
  }
}

TEST_F(WorldTest, MessagesTakeALatencyAndTheirBytesAreCounted) {
  script.start = [](Scripted&, PartyId self, const auto&, Time, protocols::Effects& out) {
    out.send(party_at(1 - index(self)), protocols::ShareAck{1});
  };
  const auto output = run(options(2));
  EXPECT_EQ(script.notes,
            (std::vector<std::string>{"0 started 0", "1 started 0", "0 heard 1 20", "1 heard 0 20"}));
  EXPECT_EQ(output.parties[0].messages_sent, 1u);
  EXPECT_EQ(output.parties[0].messages_received, 1u);
  EXPECT_EQ(output.parties[0].bytes_sent, output.parties[1].bytes_received);
}

TEST_F(WorldTest, WorkOfAPastLifeIsVoid) {
  script.start = [](Scripted&, PartyId, const auto& restored, Time, protocols::Effects& out) {
    protocols::Record record;
    record.round = restored ? 2 : 1;
    out.persist(record);
    out.compute(1, slow_task());
  };
  WorldOptions crashing = options(1);
  crashing.churn.crash_fraction = 1;
  crashing.churn.down_mean = 1ms;
  crashing.churn.start = 300ms;
  crashing.churn.end = 301ms;
  crashing.churn.seed = 0;
  while (plan_crashes(crashing.churn).front().after_effects) ++crashing.churn.seed;  // one that dies at once
  const auto output = run(crashing);
  ASSERT_EQ(script.notes.size(), 3u) << "the first life's result must not be handed to the second";
  EXPECT_EQ(script.notes[0], "0 started 0");
  EXPECT_EQ(script.notes[1].rfind("0 restored 1 30", 0), 0u) << script.notes[1];
  EXPECT_EQ(script.notes[2].rfind("0 computed 1 110", 0), 0u) << script.notes[2];
  EXPECT_EQ(output.parties[0].crashes, 1u);
  EXPECT_EQ(output.records[0]->round, 2u);
}

TEST_F(WorldTest, APlannedCrashHappensEvenIfTheNextBatchIsShorter) {
  for (std::uint32_t k = 0; k < 6; ++k) {
    script.notes.clear();
    WorldOptions crashing = options(2);
    crashing.churn.crash_fraction = 0.5;
    crashing.churn.stay_down_fraction = 1;
    crashing.churn.end = 1ms;
    const auto is_wanted = [&] {
      const auto plan = plan_crashes(crashing.churn);
      return plan.front().party == party_at(0) && plan.front().after_effects == k;
    };
    for (crashing.churn.seed = 0; !is_wanted();) ++crashing.churn.seed;
    script.start = [](Scripted&, PartyId party, const auto&, Time, protocols::Effects& out) {
      if (party == party_at(1)) return;
      out.compute(1, slow_task());
    };
    // on_computed does nothing: the batch is empty, and the party dies all the same.
    const auto output = run(crashing);
    EXPECT_EQ(output.parties[0].crashes, 1u) << k;
    EXPECT_FALSE(output.parties[0].finished) << k;
    EXPECT_TRUE(output.parties[1].finished) << k;
    EXPECT_EQ(script.notes.back().rfind("0 computed 1", 0), 0u) << script.notes.back();
  }
}

TEST_F(WorldTest, MessagesToTheDeadAreLost) {
  script.start = [](Scripted&, PartyId self, const auto&, Time, protocols::Effects& out) {
    if (self == party_at(1)) out.send(party_at(0), protocols::ShareAck{1});
  };
  WorldOptions crashing = options(2);
  crashing.churn.crash_fraction = 0.5;
  crashing.churn.stay_down_fraction = 1;
  crashing.churn.end = 1ms;
  const auto dies_at_once = [&] {
    const auto plan = plan_crashes(crashing.churn);
    return plan.front().party == party_at(0) && !plan.front().after_effects;
  };
  for (crashing.churn.seed = 0; !dies_at_once();) ++crashing.churn.seed;
  const auto output = run(crashing);
  EXPECT_EQ(output.messages_lost, 1u);
  EXPECT_EQ(output.parties[0].messages_received, 0u);
  EXPECT_EQ(output.parties[1].messages_sent, 1u);
}

}  // namespace
}  // namespace hansa::sim
