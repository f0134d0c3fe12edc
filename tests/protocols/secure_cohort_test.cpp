// The party around the secure sums: what a cohort keeps to when members are missing, or play dead towards
// some of the others. (The sums themselves are tested in tests/secure_sum/, whole runs in tests/sim/.)
#include "protocols/gossip/secure_cohort.hpp"
#include "src/exec/entropy.hpp"
#include "src/exec/secure_tasks.hpp"
#include "tests/protocols/support/rig.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace hansa::protocols::testing {
namespace {

crypto::Identity identity_of(std::uint32_t party) {
  crypto::Hasher hasher("hansa/test-ident");
  hasher.update_u64(party);
  return crypto::Identity::from_seed(hasher.finish().bytes);
}

/// One cohort of everybody; `passes` decides which packets of which attempt arrive.
class Cohort {
 public:
  using Passes = std::function<bool(std::uint32_t from, std::uint32_t to, std::uint32_t attempt)>;

  Cohort(std::uint32_t members, std::uint32_t colluders, Passes passes, Round rounds = 1)
      : passes_(std::move(passes)) {
    RunOptions run = run_options(members, rounds, 8);
    run.aggregation = Aggregation::secure;
    run.secure.colluders = colluders;
    run.deadline.floor = 1s;
    for (std::uint32_t i = 0; i < members; ++i) run.secure.roster.push_back(identity_of(i).public_key());
    run_ = std::make_shared<const RunOptions>(std::move(run));
    disks_.resize(members);
    lives_.resize(members);
    for (std::uint32_t i = 0; i < members; ++i) machines_.push_back(make_cohort(options_of(i)));
  }

  /// `party` is killed, which the others notice at once, and is back from its last record later.
  void restart(std::uint32_t party, Time killed, Time back) {
    at(killed, [this, party] {
      machines_[party].reset();
      ++lives_[party];
      for (std::uint32_t i = 0; i < machines_.size(); ++i) {
        if (i == party) continue;
        input(i, [&](Machine& machine, Effects& out) { machine.on_peer_down(P(party), now_, out); });
      }
    });
    at(back, [this, party] {
      machines_[party] = make_cohort(options_of(party));
      input(party, [&](Machine& machine, Effects& out) { machine.start(now_, out); });
    });
  }

  [[nodiscard]] Time now() const noexcept { return now_; }
  /// Parties that left out rounds.
  std::vector<PartyId> skipped;
  /// When each round of a party was over.
  std::map<std::pair<PartyId, Round>, Time> completed;
  /// When a sum had so many inputs for the first time.
  std::map<std::uint32_t, Time> first_sum_of;

  /// A packet out of nowhere.
  void forge(std::uint32_t from, std::uint32_t to, Round round) {
    const auto bytes = std::make_shared<const secure_sum::Bytes>(200);
    at(Time{1}, [this, from, to, round, bytes] {
      input(to, [&](Machine& machine, Effects& out) {
        machine.on_message(P(from), SecurePacketMessage{round, 0, bytes}, now_, out);
      });
    });
  }

  /// The end of every attempt, by party.
  std::vector<std::pair<PartyId, SumEnded>> run() {
    for (std::uint32_t i = 0; i < machines_.size(); ++i) {
      input(i, [&](Machine& machine, Effects& out) { machine.start(now_, out); });
    }
    while (!queue_.empty() && queue_.begin()->first.first < 1h) {
      now_ = queue_.begin()->first.first;
      const auto action = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      action();
    }
    for (const auto& machine : machines_) EXPECT_TRUE(machine->finished());
    return ended_;
  }

  /// `party` stands still; what is sent to it waits.
  void pause(std::uint32_t party, Time from, Time until) { pauses_[party] = {from, until}; }

 private:
  [[nodiscard]] PartyOptions options_of(std::uint32_t i) const {
    PartyOptions options;
    options.self = P(i);
    options.run = run_;
    options.identity = std::make_shared<const crypto::Identity>(identity_of(i));
    options.entropy = std::make_shared<exec::SeededEntropy>(1, P(i), lives_[i]);
    options.restored = disks_[i];
    return options;
  }

  void at(Time time, std::function<void()> action) {
    queue_.emplace(std::pair(time, order_++), std::move(action));
  }

  /// Something that `party` does; later, if it stands still then.
  void at(std::uint32_t party, Time time, std::function<void()> action) {
    at(time, [this, party, action = std::move(action)] {
      const auto pause = pauses_.find(party);
      const bool still = pause != pauses_.end() && now_ >= pause->second.first && now_ < pause->second.second;
      still ? at(pause->second.second, action) : action();
    });
  }

  void input(std::uint32_t i, const std::function<void(Machine&, Effects&)>& call) {
    if (machines_[i] == nullptr) return;
    Effects out;
    call(*machines_[i], out);
    for (Effect& effect : out.items()) perform(i, effect);
    if (const auto due = machines_[i]->next_deadline()) {
      at(i, std::max(*due, now_), [this, i] {
        const auto still = machines_[i] == nullptr ? std::nullopt : machines_[i]->next_deadline();
        if (!still || *still > now_) return;
        input(i, [&](Machine& machine, Effects& late) { machine.on_deadline(now_, late); });
      });
    }
  }

  void perform(std::uint32_t i, Effect& effect) {
    if (auto* send = std::get_if<Send>(&effect)) {
      const auto to = static_cast<std::uint32_t>(send->to);
      if (!passes_(i, to, std::get<SecurePacketMessage>(send->message).attempt)) return;
      at(to, now_ + 1ms, [this, i, to, message = send->message] {
        input(to, [&](Machine& machine, Effects& out) { machine.on_message(P(i), message, now_, out); });
      });
    } else if (auto* compute = std::get_if<Compute>(&effect)) {
      at(i, now_ + 1ms, [this, i, life = lives_[i], id = compute->id, task = std::move(compute->task)] {
        if (life != lives_[i]) return;
        Computed result = std::visit(Perform{i}, task);
        input(i,
              [&](Machine& machine, Effects& out) { machine.on_computed(id, std::move(result), now_, out); });
      });
    } else if (auto* persist = std::get_if<Persist>(&effect)) {
      disks_[i] = std::move(persist->record);
    } else if (auto* emit = std::get_if<Emit>(&effect)) {
      if (std::holds_alternative<RoundsSkipped>(emit->event)) skipped.push_back(P(i));
      if (const auto* done = std::get_if<RoundCompleted>(&emit->event))
        completed[{P(i), done->completed}] = now_;
      if (const auto* ended = std::get_if<SumEnded>(&emit->event)) {
        ended_.emplace_back(P(i), *ended);
        first_sum_of.try_emplace(ended->contributors, now_);
      }
    }
  }

  struct Perform {
    std::uint32_t party;
    Computed operator()(const MixAndTrain& task) const {
      return {.model = constant_model(task.size, static_cast<float>(party))};
    }
    Computed operator()(const EncodeInput& task) const { return exec::perform_sum(task); }
    Computed operator()(const ApplyMasks& task) const { return exec::perform_sum(task); }
    Computed operator()(const DecodeSums& task) const { return exec::perform_sum(task); }
    Computed operator()(const FixedPointMean&) const { return {}; }
  };

  Passes passes_;
  std::shared_ptr<const RunOptions> run_;
  std::vector<std::unique_ptr<Machine>> machines_;  ///< null while killed
  std::vector<std::optional<Record>> disks_;
  std::vector<std::uint32_t> lives_;
  std::map<std::uint32_t, std::pair<Time, Time>> pauses_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t order_ = 0;
  Time now_{0};
  std::vector<std::pair<PartyId, SumEnded>> ended_;
};

TEST(SecureCohort, ThresholdsOfACohort) {
  struct Row {
    std::size_t members;
    std::uint32_t configured;
    std::size_t colluders, votes;
  };
  for (const Row& row : {Row{3, 0, 1, 3}, Row{4, 0, 1, 3}, Row{5, 0, 1, 4}, Row{8, 0, 2, 6}, Row{8, 3, 3, 6},
                         Row{16, 0, 5, 11}, Row{16, 7, 7, 12}, Row{32, 0, 10, 22}, Row{4, 9, 2, 4}}) {
    const SumThresholds got = thresholds_in({.colluders = row.configured}, row.members);
    EXPECT_EQ(got.colluders, row.colluders) << row.members;
    EXPECT_EQ(got.votes, row.votes) << row.members;
  }
}

TEST(SecureCohort, SumsWithoutSilentMembersDownToTheThreshold) {
  for (std::uint32_t silent = 0; silent <= 4; ++silent) {  // of 7, with f = 2 and t = 5
    Cohort cohort(7, 2, [&](std::uint32_t from, std::uint32_t, std::uint32_t) { return from >= silent; });
    std::size_t completed = 0;
    for (const auto& [party, ended] : cohort.run()) {
      if (ended.contributors == 0) continue;
      EXPECT_EQ(ended.members, 7 - silent);
      EXPECT_GE(index(party), silent);
      ++completed;
    }
    EXPECT_EQ(completed, silent <= 2 ? 7 - silent : 0) << silent << " silent members";
  }
}

// Two colluders send nothing to their victims at first. The victims cannot go on, so the others take them for
// missing. Were the thresholds those of the remaining three, member 6 would then be alone with the colluders.
TEST(SecureCohort, ColludersCannotShrinkASumByPlayingDead) {
  for (const std::uint32_t first_spared : {3U, 4U, 5U, 6U}) {
    Cohort cohort(7, 2, [&](std::uint32_t from, std::uint32_t to, std::uint32_t attempt) {
      return attempt > 0 || from > 1 || to < 2 || to >= first_spared;
    });
    std::size_t attempts = 0;
    for (const auto& [party, ended] : cohort.run()) {
      ++attempts;
      if (ended.contributors > 0) {
        EXPECT_GE(ended.contributors, 5U) << "t of the whole cohort";
      }
      EXPECT_GE(ended.members, 5U) << "or no packet of such a sum leaves";
    }
    EXPECT_GT(attempts, 0U);
  }
}

/// Thirty rounds wait for it until the deadline of one second; the others do not.
TEST(SecureCohort, AMemberThatIsAwayIsWaitedForThirtyTimes) {
  constexpr Round kRounds = 50;
  Cohort cohort(
      5, 1, [](std::uint32_t from, std::uint32_t to, std::uint32_t) { return from < 4 && to < 4; }, kRounds);
  std::size_t sums = 0;
  for (const auto& [party, ended] : cohort.run()) {
    if (ended.contributors == 0) continue;
    EXPECT_EQ(ended.contributors, 4U);
    ++sums;
  }
  EXPECT_EQ(sums, 4 * kRounds) << "every round of those who are there";
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_LT((cohort.completed.at({P(i), kRounds})), 31s);
}

/// Cut off for half a minute, and in the sums again at once: it goes where the others are without
/// waiting for its own deadlines, and they wait for it since they have heard of it.
TEST(SecureCohort, WhoReturnsIsInTheNextSum) {
  constexpr Time kBack = 30'800ms;
  const Cohort* self = nullptr;
  Cohort cohort(
      5, 1,
      [&](std::uint32_t from, std::uint32_t to, std::uint32_t) {
        return self->now() > kBack || (from < 4 && to < 4);
      },
      90);
  self = &cohort;
  static_cast<void>(cohort.run());
  EXPECT_EQ(cohort.skipped, std::vector<PartyId>(cohort.skipped.size(), P(4)));
  EXPECT_FALSE(cohort.skipped.empty());
  ASSERT_TRUE(cohort.first_sum_of.contains(4) && cohort.first_sum_of.contains(5));
  EXPECT_LT(cohort.first_sum_of.at(4), kBack);
  EXPECT_GT(cohort.first_sum_of.at(5), kBack);
  EXPECT_LT(cohort.first_sum_of.at(5), kBack + 100ms);
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_LT((cohort.completed.at({P(i), 90})), 33s);
}

/// Who sends for the next round will not come to this one.
TEST(SecureCohort, AMemberThatIsAheadIsNotWaitedFor) {
  Cohort cohort(
      5, 1, [](std::uint32_t from, std::uint32_t, std::uint32_t) { return from < 4; }, 2);
  for (std::uint32_t i = 0; i < 4; ++i) cohort.forge(4, i, 1);
  static_cast<void>(cohort.run());
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_LT((cohort.completed.at({P(i), 1})), 100ms);
}

/// With one colluder in five, what one member sends moves nobody else to another round. It is taken for ahead
/// itself, and left behind.
TEST(SecureCohort, OneMemberCannotMakeOthersSkipRounds) {
  constexpr Round kRounds = 20;
  Cohort cohort(
      5, 1, [](std::uint32_t, std::uint32_t, std::uint32_t) { return true; }, kRounds);
  for (std::uint32_t victim = 1; victim < 5; ++victim) cohort.forge(0, victim, 15);
  static_cast<void>(cohort.run());
  for (const PartyId party : cohort.skipped) EXPECT_EQ(party, P(0));
  for (std::uint32_t i = 1; i < 5; ++i) {
    for (Round round = 1; round <= kRounds; ++round) EXPECT_TRUE(cohort.completed.contains({P(i), round}));
  }
}

/// Killed in any moment of a sum, and back after half a second: that sum ends without it, at once when it is
/// heard of in the next one, and it is in that one. No round goes by without the others.
TEST(SecureCohort, AKillInTheMiddleOfASumCostsOneSum) {
  constexpr Round kRounds = 6;
  for (Time killed = 1ms; killed < 30ms; killed += 1ms) {
    SCOPED_TRACE(killed.count());
    Cohort cohort(
        5, 1, [](std::uint32_t, std::uint32_t, std::uint32_t) { return true; }, kRounds);
    cohort.restart(4, killed, killed + 500ms);
    std::map<std::uint32_t, std::uint32_t> sums_of_others;  // by inputs
    for (const auto& [party, ended] : cohort.run()) {
      if (party != P(4)) ++sums_of_others[ended.contributors];
    }
    EXPECT_GE(sums_of_others[5], 4 * (kRounds - 1));
    EXPECT_LE(sums_of_others[4], 4U);
    for (std::uint32_t i = 0; i < 5; ++i) EXPECT_LT((cohort.completed.at({P(i), kRounds})), killed + 2s) << i;
  }
}

/// Stopped for longer than the others wait, with all their messages in its socket: it finds that they are in
/// later sums, and is in theirs at once.
TEST(SecureCohort, WhoStoodStillIsInTheNextSum) {
  constexpr Round kRounds = 8;
  constexpr Time kStill = 2500ms;
  for (Time stopped = 1ms; stopped < 20ms; stopped += 2ms) {
    SCOPED_TRACE(stopped.count());
    Cohort cohort(
        5, 1, [](std::uint32_t, std::uint32_t, std::uint32_t) { return true; }, kRounds);
    cohort.pause(4, stopped, stopped + kStill);
    Round alone = 0;
    for (const auto& [party, ended] : cohort.run()) alone += party == P(4) && ended.contributors == 0 ? 1 : 0;
    EXPECT_LE(alone, 2U);
    for (std::uint32_t i = 0; i < 5; ++i) {
      EXPECT_LT((cohort.completed.at({P(i), kRounds})), stopped + kStill + 200ms) << i;
    }
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
