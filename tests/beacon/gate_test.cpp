// The gate in front of training: what it hands to the machine that trains, and what it remembers after a
// crash at any moment. The machine that trains is a small stand-in that reports what it was given.
#include "protocols/beacon/gate.hpp"
#include "tests/beacon/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <map>

namespace hansa::protocols::beacon {
namespace {

using testing::test_identity;
using namespace std::chrono_literals;

constexpr std::uint32_t kParties = 5;

/// Persists once at the start and answers every acknowledgement; its cohort of round 0 is its message.
class Trainer final : public Machine {
 public:
  explicit Trainer(PartyOptions options) : options_(std::move(options)) {}
  void start(Time, Effects& out) override {
    Record record;
    record.round = options_.restored ? options_.restored->round + 1 : 1;
    round_ = record.round;
    out.persist(std::move(record));
    for (const PartyId member : topology::cohort_of(options_.run->cohort, 0, options_.self)) {
      if (member != options_.self) out.send(member, ShareAck{index(options_.self)});
    }
  }
  void on_message(PartyId from, Message message, Time, Effects& out) override {
    out.emit(Rejected{from, RejectReason::late});
    EXPECT_TRUE(std::holds_alternative<ShareAck>(message));
  }
  void on_computed(ComputeId, Computed, Time, Effects&) override {}
  void on_deadline(Time, Effects&) override {}
  void on_peer_down(PartyId, Time, Effects&) override {}
  [[nodiscard]] std::optional<Time> next_deadline() const override { return std::nullopt; }
  [[nodiscard]] bool finished() const override { return false; }
  [[nodiscard]] Round round() const override { return round_; }

 private:
  PartyOptions options_;
  Round round_ = 0;
};

std::unique_ptr<Machine> make_trainer(PartyOptions options) {
  return std::make_unique<Trainer>(std::move(options));
}

/// Gates, one message at a time in order; a party can lose its process after any number of effects.
class Gates {
 public:
  Gates() {
    auto run = std::make_shared<RunOptions>();
    run->parties = kParties;
    run->deadline.floor = 1s;
    run->cohort = {.parties = kParties, .size = kParties};
    run->initial_model = Parameters::zeros(2).freeze();
    run->secure.beacon = true;
    for (Member i = 0; i < kParties; ++i) run->secure.roster.push_back(test_identity(i).public_key());
    run_ = run;
    parties_.resize(kParties);
  }

  void crash(std::uint32_t party, std::size_t after_effects, Duration down) {
    parties_[party].crash_after = after_effects;
    parties_[party].down = down;
  }

  void run() {
    for (std::uint32_t i = 0; i < kParties; ++i) boot(i);
    for (int steps = 0; !queue_.empty() && steps < 100'000; ++steps) {
      now_ = queue_.begin()->first.first;
      const auto action = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      action();
    }
    EXPECT_TRUE(queue_.empty());
  }

  struct Seen {
    std::vector<std::shared_ptr<const BeaconRecord>> drawn;
    std::size_t heard = 0;  ///< messages that reached the trainer
    std::optional<Record> disk;
    std::size_t effects = 0, boots = 0;
  };
  [[nodiscard]] const Seen& seen(std::uint32_t party) const { return parties_[party].seen; }

 private:
  struct Party {
    std::unique_ptr<Machine> machine;
    std::size_t crash_after = std::numeric_limits<std::size_t>::max();
    Duration down{0};
    Seen seen;
  };
  void at(Time time, std::function<void()> action) {
    queue_.emplace(std::pair(time, order_++), std::move(action));
  }
  void boot(std::uint32_t i) {
    Party& party = parties_[i];
    PartyOptions options{.self = party_at(i), .run = run_, .restored = party.seen.disk};
    options.identity = std::make_shared<const crypto::Identity>(test_identity(static_cast<Member>(i)));
    options.entropy = std::make_shared<secure_sum::LabelledEntropy>(std::to_string(party.seen.boots++), i);
    party.machine = std::make_unique<BeaconGate>(std::move(options), make_trainer);
    input(i, [&](Machine& machine, Effects& out) { machine.start(now_, out); });
  }
  template <class Call>
  void input(std::uint32_t i, Call call) {
    Party& party = parties_[i];
    if (!party.machine) return;
    Effects out;
    call(*party.machine, out);
    for (Effect& effect : out.items()) {
      if (party.seen.effects++ == party.crash_after) {
        party.machine.reset();
        return at(now_ + party.down, [this, i] { boot(i); });
      }
      perform(i, effect);
    }
    const auto due = party.machine->next_deadline();
    if (!due) return;
    at(*due, [this, i, due = *due] { alarm(i, due); });
  }
  void alarm(std::uint32_t i, Time due) {
    if (!parties_[i].machine || parties_[i].machine->next_deadline() != due) return;
    input(i, [&](Machine& machine, Effects& effects) { machine.on_deadline(now_, effects); });
  }
  void perform(std::uint32_t i, Effect& effect) {
    Seen& seen = parties_[i].seen;
    if (auto* sending = std::get_if<Send>(&effect)) {
      at(now_ + 10ms, [this, i, to = static_cast<std::uint32_t>(sending->to), message = sending->message] {
        input(to,
              [&](Machine& machine, Effects& out) { machine.on_message(party_at(i), message, now_, out); });
      });
    } else if (auto* persist = std::get_if<Persist>(&effect)) {
      seen.disk = std::move(persist->record);
    } else if (auto* emit = std::get_if<Emit>(&effect)) {
      if (const auto* drawn = std::get_if<BeaconDrawn>(&emit->event)) seen.drawn.push_back(drawn->record);
      if (std::holds_alternative<Rejected>(emit->event)) ++seen.heard;
    }
  }

  std::shared_ptr<const RunOptions> run_;
  std::vector<Party> parties_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t order_ = 0;
  Time now_{0};
};

TEST(BeaconGate, TrainsAmongTheFrozenMembersAndRemembersThem) {
  Gates gates;
  gates.run();
  for (std::uint32_t i = 0; i < kParties; ++i) {
    const auto& seen = gates.seen(i);
    ASSERT_EQ(seen.drawn.size(), 1U);
    EXPECT_TRUE(seen.drawn[0]->taking_part);
    EXPECT_EQ(seen.drawn[0]->beacon, gates.seen(0).drawn[0]->beacon);
    EXPECT_EQ(seen.heard, kParties - 1);
    ASSERT_TRUE(seen.disk && seen.disk->beacon);
    EXPECT_EQ(seen.disk->round, 1U) << "the trainer's own record";
    EXPECT_EQ(seen.disk->beacon->stage, Stage::training);
    EXPECT_EQ(seen.disk->beacon->beacon, seen.drawn[0]->beacon);
    EXPECT_EQ(seen.disk->beacon->members.size(), kParties);
  }
}

TEST(BeaconGate, ACrashAfterAnyEffectNeverGivesTwoBeaconsOrASecondSignature) {
  Gates healthy;
  healthy.run();
  const std::size_t effects = healthy.seen(2).effects;
  ASSERT_GT(effects, 12U);
  std::size_t still_in = 0, alone = 0;
  for (const Duration down : {Duration(5ms), Duration(30s)}) {
    for (std::size_t after = 0; after < effects; ++after) {
      Gates gates;
      gates.crash(2, after, down);
      gates.run();
      const std::string what = "after " + std::to_string(after) + " effects";
      const auto& seen = gates.seen(2);
      EXPECT_EQ(seen.boots, 2U) << what;
      ASSERT_TRUE(seen.disk && seen.disk->beacon) << what;
      const BeaconRecord& durable = *seen.disk->beacon;
      EXPECT_EQ(durable.stage, Stage::training) << what;
      for (std::uint32_t i = 0; i < kParties; ++i) {
        if (i == 2) continue;
        ASSERT_EQ(gates.seen(i).drawn.size(), 1U) << what;
        const BeaconRecord& other = *gates.seen(i).drawn[0];
        EXPECT_TRUE(other.taking_part) << what;
        const bool in = std::binary_search(other.members.begin(), other.members.end(), party_at(2));
        EXPECT_EQ(in, durable.taking_part) << what;
        EXPECT_TRUE(!in || other.beacon == durable.beacon) << what;
      }
      ++(durable.taking_part ? still_in : alone);
    }
  }
  EXPECT_GT(still_in, 5U);
  EXPECT_GT(alone, 5U);
}

TEST(CohortDraw, CohortsArePartitionsOfTheMembersAndOthersStandAlone) {
  for (const bool grid : {false, true}) {
    for (std::uint32_t members = 16; members >= 3; members -= 3) {
      std::vector<PartyId> ids;
      for (std::uint32_t i = 0; i < members; ++i) ids.push_back(party_at(16 - members + i));
      topology::CohortOptions options{.parties = 16, .size = 4, .grid = grid};
      options.draw = cohort_draw(crypto::hash("test", {}), ids);
      for (Round round = 0; round < 6; ++round) {
        std::vector<std::uint32_t> times(16, 0);
        for (std::uint32_t i = 0; i < 16; ++i) {
          const auto cohort = topology::cohort_of(options, round, party_at(i));
          EXPECT_TRUE(std::is_sorted(cohort.begin(), cohort.end()));
          EXPECT_TRUE(i >= 16 - members || cohort == std::vector<PartyId>{party_at(i)});
          for (const PartyId member : cohort) {
            EXPECT_EQ(topology::cohort_of(options, round, member), cohort);
            ++times[index(member)];
          }
          EXPECT_TRUE(grid || i < 16 - members || cohort.size() >= std::min(4U, members));
        }
        for (std::uint32_t i = 0; i < 16; ++i) {
          EXPECT_EQ(times[i], topology::cohort_of(options, round, party_at(i)).size());
        }
      }
    }
  }
}

TEST(CohortDraw, RowsAndColumnsOfADrawnGridMeetOnce) {
  std::vector<PartyId> ids;
  for (std::uint32_t i = 0; i < 25; ++i) ids.push_back(party_at(i));
  topology::CohortOptions options{.parties = 25, .grid = true};
  options.draw = cohort_draw(crypto::hash("test", {}), ids);
  for (std::uint32_t i = 0; i < 25; ++i) {
    const auto row = topology::cohort_of(options, 0, party_at(i));
    const auto column = topology::cohort_of(options, 1, party_at(i));
    std::vector<PartyId> both;
    std::set_intersection(row.begin(), row.end(), column.begin(), column.end(), std::back_inserter(both));
    EXPECT_EQ(both, std::vector<PartyId>{party_at(i)});
    EXPECT_EQ(topology::cohort_of(options, 2, party_at(i)), row) << "placed once";
  }
  EXPECT_NE(topology::cohort_of(options, 0, party_at(0)),
            (std::vector<PartyId>{party_at(0), party_at(1), party_at(2), party_at(3), party_at(4)}));
}

}  // namespace
}  // namespace hansa::protocols::beacon
