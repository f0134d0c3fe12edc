// D-PSGD with secure neighbourhood sums: whole fleets, whose oracle is the plain-fixed run (the same integers
// in the clear), and one party whose neighbours are silent, ahead, or say what they may not.
#include "protocols/gossip/secure_neighbourhood.hpp"
#include "tests/protocols/support/neighbourhoods.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace hansa::protocols::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(SecureNeighbourhood, EqualsPlainFixedBitForBit) {
  const struct {
    std::shared_ptr<const topology::Topology> graph;
    MixWeights weights;
  } cases[] = {
      {random_graph(10, 8), MixWeights::topology},
      {random_graph(10, 8), MixWeights::sample_count},
      {nearly_complete_graph(11, {{0, 1}, {0, 2}, {3, 4}, {4, 5}, {7, 8}}), MixWeights::topology},
  };
  for (const auto& c : cases) {
    Faults faults;
    faults.latency_max = 40ms;
    faults.duplication = 0.1;
    const bool mixes_again = c.weights == MixWeights::sample_count;
    RunOptions run = neighbourhood_run(c.graph, mixes_again ? 2 : 1);
    run.weights = c.weights;
    run.finish_rounds = mixes_again ? 1 : 0;
    std::vector<std::uint64_t> rows(run.parties, 21);  // the last ones have more than secure.weight_max
    for (std::size_t i = 0; i < 9; ++i) rows[i] = 1 + 2 * i;
    Fleet secure(make_d_psgd, run, faults, 3, rows);
    ASSERT_TRUE(secure.run(1h));
    run.aggregation = Aggregation::plain_fixed;
    Fleet fixed(make_d_psgd, run, faults, 4, rows);
    ASSERT_TRUE(fixed.run(1h));
    EXPECT_EQ(secure.final_models(), fixed.final_models());
    run.aggregation = Aggregation::plain;
    Fleet plain(make_d_psgd, run, faults, 5, rows);
    ASSERT_TRUE(plain.run(1h));
    if (c.weights == MixWeights::topology) {  // else rows above the maximum count in full
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t k = 0; k < 5; ++k) {
          EXPECT_NEAR(secure.final_models()[i][k], plain.final_models()[i][k], 1e-4);
        }
      }
    }
    EXPECT_EQ(secure.count<PeerMissing>(), 0U);
    EXPECT_LT(secure.events().back().time, 10s) << "no deadline fired";
    for (const auto& seen : secure.events()) {
      const auto* sum = std::get_if<SumEnded>(&seen.event);
      if (sum != nullptr) {
        EXPECT_EQ(sum->contributors, sum->members);
      }
    }
  }
}

TEST(SecureNeighbourhood, RoundsGoOnWhateverHappens) {
  const struct {
    std::string name;
    Faults faults;
    bool some_complete;
  } cases[] = {
      {"crashes", {.latency_max = 20ms, .crash = 0.002, .mortal_every = 3, .down_max = 60s}, true},
      {"repeats and detours", {.duplication = 0.2, .latency_max = 2s, .stray_alarm = 0.05}, true},
      {"a lossy network", {.loss = 0.02, .latency_max = 20ms}, false},
      {"crashes on a lossy network",
       {.loss = 0.3, .latency_max = 20ms, .crash = 0.02, .mortal_every = 2, .down_max = 60s},
       false},
  };
  for (const auto& c : cases) {
    const RunOptions run = neighbourhood_run(random_graph(10, 8), 3);
    Fleet fleet(make_d_psgd, run, c.faults, 6);
    ASSERT_TRUE(fleet.run(2h)) << c.name;
    std::size_t complete = 0;
    for (const auto& seen : fleet.events()) {
      const auto* sum = std::get_if<SumEnded>(&seen.event);
      complete += sum != nullptr && sum->contributors > 0 ? 1 : 0;
    }
    for (const Fleet::Node& node : fleet.nodes()) EXPECT_EQ(node.completed, run.rounds) << c.name;
    EXPECT_EQ(fleet.count<MemberCaught>(), 0U) << c.name << ": no fault of the network is a misdeed";
    EXPECT_TRUE(complete > 0 || !c.some_complete) << c.name;
    EXPECT_TRUE(fleet.crashes() > 0 || c.faults.crash == 0) << c.name;
  }
}

std::unique_ptr<Machine> with_keys(PartyOptions options) {
  options.identity = std::make_shared<const crypto::Identity>(test_identity(index(options.self)));
  options.entropy = std::make_shared<exec::SeededEntropy>(1, options.self, 0);
  return make_d_psgd(std::move(options));
}

/// Party 0 among nine, all neighbours of each other but 0 and 9, who is a stranger.
constexpr std::uint32_t kStranger = 9;
RunOptions bench_run(Round rounds) {
  return neighbourhood_run(nearly_complete_graph(10, {{0, kStranger}}), rounds);
}

Message relayed(Round round, std::uint32_t receiver, std::uint64_t to, std::size_t bytes = 1) {
  return RelayedPacketMessage{round, P(receiver), to,
                              std::make_shared<const std::vector<std::byte>>(bytes, std::byte{1})};
}
Message without_me(Round round, std::uint32_t receiver) { return relayed(round, receiver, 0, 0); }

Lines leaving_of(std::uint32_t round) {
  Lines lines;
  for (std::uint32_t i = 1; i <= 8; ++i) {
    lines.push_back("send " + std::to_string(i) + ": relayed r" + std::to_string(round) +
                    " of 0: without me");
  }
  return lines;
}

/// Lines that begin with `start`.
std::size_t count(const Lines& lines, const std::string& start) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.starts_with(start); }));
}

/// The elements that the rig's model would be encoded to; their values do not matter.
Computed encoded(const RunOptions& run) {
  return {.lanes = secure_sum::Bytes((run.parameter_count + 1) * 4)};
}

/// Trains and encodes, so that party 0 is in the sums of its round. All weights here are equal, but that of
/// its own model in its own sum.
void enter_sums(Rig& rig, const RunOptions& run, float model, Time now = 0s) {
  const auto training = rig.asked();
  ASSERT_TRUE(training);
  rig.computed(*training, result_of(model, run.parameter_count), now);
  std::vector<ComputeId> tasks;
  for (const Effect& effect : rig.out.items()) {
    if (const auto* compute = std::get_if<Compute>(&effect)) tasks.push_back(compute->id);
  }
  for (const ComputeId id : tasks) rig.computed(id, encoded(run), now);
}

TEST(SecureNeighbourhood, RefusesWhatNobodyMaySay) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  const struct {
    std::string name;
    std::uint32_t from;
    Message message;
    std::string expected;
  } cases[] = {
      {"a model", 1, model_message(0, 1), "rejected 1 unexpected_type"},
      {"a packet of a cohort", 1, packet_message(0), "rejected 1 unexpected_type"},
      {"from a stranger", kStranger, relayed(0, kStranger, 1), "rejected 9 unexpected_sender"},
      {"from a stranger for our sum", kStranger, relayed(0, 0, 1), "rejected 9 unexpected_sender"},
      {"in somebody else's sum", 1, relayed(0, 2, 1), "rejected 1 unexpected_sender"},
      {"for nobody", 1, relayed(0, 0, 0), "rejected 1 wrong_size"},
      {"nothing for somebody", 1, relayed(0, 0, 1, 0), "rejected 1 wrong_size"},
      {"for a tenth member", 1, relayed(0, 0, 1 << 9), "rejected 1 wrong_size"},
      {"for its sender", 1, relayed(0, 0, 1), "rejected 1 wrong_size"},
      {"for another member of its sum", 1, relayed(0, 1, 2), "rejected 1 wrong_size"},
      {"long and for others", 1, relayed(0, 0, 2, 8193), "rejected 1 wrong_size"},
      {"long and through a receiver", 1, relayed(0, 1, 1, 8193), "rejected 1 wrong_size"},
      {"of a round that will not be", 1, relayed(3, 0, 2), "rejected 1 wrong_size"},
      {"no packet at all", 1, RelayedPacketMessage{0, P(0), 2, nullptr}, "rejected 1 wrong_size"},
  };
  for (const auto& c : cases) EXPECT_THAT(rig.message(c.from, c.message), ElementsAre(c.expected)) << c.name;
  EXPECT_THAT(rig.message(1, relayed(0, 0, 2)), IsEmpty()) << "early, and kept";
  EXPECT_THAT(rig.message(1, relayed(0, 1, 1)), IsEmpty());
  // A long packet is a masked model; it is for a receiver that is there.
  EXPECT_THAT(rig.message(1, relayed(0, 0, 1 << 8, 9000)), ElementsAre("rejected 1 wrong_size"));
}

TEST(SecureNeighbourhood, KeepsABoundedNumberOfEarlyPacketsOfOneRound) {
  Rig rig(with_keys, bench_run(9));
  rig.start();
  for (int i = 0; i < 72; ++i) ASSERT_THAT(rig.message(1, relayed(2, 0, 2)), IsEmpty());
  EXPECT_THAT(rig.message(1, relayed(2, 0, 2)), ElementsAre("rejected 1 too_many"));
  EXPECT_THAT(rig.message(1, relayed(1, 0, 2)), ElementsAre("rejected 1 late")) << "it has left round 1";
  EXPECT_THAT(rig.message(1, relayed(3, 0, 2)), IsEmpty()) << "in place of those of round 2";
  EXPECT_THAT(rig.message(2, relayed(2, 0, 1)), IsEmpty()) << "each has its own room";
}

TEST(SecureNeighbourhood, SendsOnWhatIsForOthersAndNotMore) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  enter_sums(rig, run, 1);
  EXPECT_THAT(rig.message(1, relayed(0, 0, 0b1000'1100)),
              ElementsAre("send 3: relayed r0 of 0: 1 to 4", "send 4: relayed r0 of 0: 1 to 8",
                          "send 8: relayed r0 of 0: 1 to 128"));
  for (int i = 1; i < 2 * 8 + 16; ++i) rig.message(1, relayed(0, 0, 2));
  EXPECT_THAT(rig.message(1, relayed(0, 0, 2)), ElementsAre("rejected 1 too_many"));
  EXPECT_THAT(rig.message(2, relayed(0, 0, 1)), ElementsAre("send 1: relayed r0 of 0: 1 to 1"));
  EXPECT_THAT(rig.message(2, relayed(0, 0, 1 << 8)), IsEmpty()) << "for us; the session drops it";
}

TEST(SecureNeighbourhood, LeavesItsSumWithTheFirstNeighbourThatDoes) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  enter_sums(rig, run, 1);
  Lines expected = {"missing r0 3 down"};
  for (const std::string& line : leaving_of(0)) expected.push_back(line);
  expected.push_back("sum r0 attempt 0 of 0: 0/8");
  EXPECT_EQ(rig.message(3, without_me(0, 0)), expected);
  EXPECT_THAT(rig.message(4, without_me(0, 0)), ElementsAre("rejected 4 late"));
  EXPECT_THAT(rig.message(5, without_me(0, 5)), ElementsAre("sum r0 attempt 0 of 5: 0/9"));
  // The other neighbours' sums go on; when these are over too, the round ends with the own model.
  const Lines last = rig.deadline(10s);
  EXPECT_EQ(count(last, "sum r0"), 7U);
  EXPECT_THAT(last, Contains("completed 1"));
  EXPECT_THAT(last, Contains(::testing::HasSubstr("1*1 train r1")));
}

TEST(SecureNeighbourhood, SilentNeighboursAreMissedAndThenNotWaitedFor) {
  const RunOptions run = bench_run(6);
  Rig rig(with_keys, run);
  rig.start();
  for (Round round = 0; round < run.suspect_after; ++round) {
    const Time now = round * 10s;
    enter_sums(rig, run, 1, now);
    EXPECT_THAT(rig.deadline(now + 9s), IsEmpty());
    const Lines lines = rig.deadline(now + 10s);
    EXPECT_EQ(count(lines, "missing r"), 8U) << round;
    EXPECT_THAT(lines, Contains("missing r" + std::to_string(round) + " 7 deadline"));
    EXPECT_THAT(lines, Contains("completed " + std::to_string(round + 1)));
  }
  const Lines lines = rig.computed(*rig.asked(), result_of(1, 5), 60s);
  EXPECT_EQ(count(lines, "missing r3"), 8U);
  EXPECT_THAT(lines, Contains("missing r3 7 suspected"));
  EXPECT_THAT(lines, Contains("completed 4")) << "at once";
  // One word, and it is waited for again.
  const ComputeId training = rig.asked().value();
  rig.message(7, relayed(4, 7, 1));
  const Lines next = rig.computed(training, result_of(1, 5), 61s);
  EXPECT_THAT(next, Not(Contains("missing r4 7 suspected")));
  EXPECT_EQ(count(next, "compute"), 1U) << "its model is encoded for that neighbour alone";
  EXPECT_THAT(next, Not(Contains("completed 5")));
}

TEST(SecureNeighbourhood, ANeighbourThatIsDownIsNotWaitedFor) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  enter_sums(rig, run, 1);
  EXPECT_THAT(rig.down(kStranger), IsEmpty());
  const Lines lines = rig.down(2);
  EXPECT_THAT(lines, Contains("missing r0 2 down"));
  EXPECT_THAT(lines, Contains("sum r0 attempt 0 of 2: 0/9"));
  EXPECT_THAT(lines, Contains("sum r0 attempt 0 of 0: 0/8"));
}

TEST(SecureNeighbourhood, ANeighbourInALaterRoundHasLeftThisOne) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  enter_sums(rig, run, 1);
  const Lines lines = rig.message(2, relayed(1, 2, 1));
  EXPECT_THAT(lines, Contains("sum r0 attempt 0 of 2: 0/9"));
  EXPECT_THAT(lines, Contains("sum r0 attempt 0 of 0: 0/8"));
  EXPECT_EQ(count(lines, "send 2: relayed r0 of 2"), 0U) << "it knows";
}

TEST(SecureNeighbourhood, JoinsNeighboursThatAreAheadIfThereAreEnough) {
  for (const std::uint32_t ahead : {2U, 3U}) {
    Rig rig(with_keys, bench_run(9));
    rig.start();
    for (std::uint32_t from = 1; from <= ahead; ++from) rig.message(from, relayed(5 + from, from, 1));
    const Lines lines = rig.computed(1, result_of(1, 5));
    EXPECT_EQ(lines.front(), ahead == 2 ? "persist r0 x=1" : "skipped 0->6") << ahead << " of 8";
  }
}

TEST(SecureNeighbourhood, SitsOutTheRoundInWhichItCrashed) {
  Record record;
  record.round = 2;
  record.model = constant_model(5, 7);
  Rig rig(with_keys, bench_run(6), 0, record);
  Lines expected;
  for (std::uint32_t i = 1; i <= 8; ++i) {
    expected.push_back("send " + std::to_string(i) + ": relayed r2 of " + std::to_string(i) + ": without me");
  }
  for (const std::string& line : leaving_of(2)) expected.push_back(line);
  expected.push_back("completed 3");
  expected.push_back("compute 1: 1*7 train r3");
  EXPECT_EQ(rig.start(), expected);

  record.finished = true;
  Rig over(with_keys, bench_run(6), 0, record);
  EXPECT_THAT(over.start(), ElementsAre("finished x=7"));
  EXPECT_THAT(over.message(1, relayed(5, 1, 1)), ElementsAre("rejected 1 late"));
}

TEST(SecureNeighbourhood, AModelThatIsNotFiniteIsWithheld) {
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  rig.computed(1, result_of(1, 5));
  rig.computed(2, {.error = "parameter 0 of the model is not a number"});
  const Lines lines = rig.computed(3, {.error = "parameter 0 of the model is not a number"});
  EXPECT_EQ(count(lines, "refused r0"), 1U);
  EXPECT_THAT(lines, Contains("completed 1")) << "nothing is left to wait for";
}

TEST(SecureNeighbourhood, APartyThatIsRoundsBehindReceivesNothingTwice) {
  // What is late, stale or repeated has no effect: results of tasks of a round that is over among it.
  const RunOptions run = bench_run(3);
  Rig rig(with_keys, run);
  rig.start();
  rig.computed(1, result_of(1, 5));
  EXPECT_THAT(rig.computed(1, result_of(2, 5)), IsEmpty());
  EXPECT_THAT(rig.computed(77, encoded(run)), IsEmpty());
  for (const ComputeId id : {2, 3}) rig.computed(id, encoded(run));
  rig.deadline(10s);
  EXPECT_THAT(rig.computed(2, encoded(run)), IsEmpty());
  EXPECT_THAT(rig.message(1, relayed(0, 1, 1)), ElementsAre("rejected 1 late"));
}

/// Any message, mostly one that could be meant: of a round nearby, by a neighbour, bytes of the party's own.
Message any_message(Rng& rng, Round round, const std::vector<std::shared_ptr<const secure_sum::Bytes>>& own) {
  const auto receiver = P(static_cast<std::uint32_t>(rng.below(10)));
  const std::uint64_t to = rng.below(4) == 0 ? rng.next() : std::uint64_t{1} << rng.below(10);
  auto packet = std::make_shared<secure_sum::Bytes>();
  if (!own.empty() && rng.below(2) == 0) *packet = *own[rng.below(own.size())];
  if (rng.below(4) == 0) packet->resize(rng.below(300), static_cast<std::byte>(rng.below(256)));
  if (!packet->empty() && rng.below(2) == 0) (*packet)[rng.below(packet->size())] ^= std::byte{1};
  return RelayedPacketMessage{round + static_cast<Round>(rng.below(3)), receiver, packet->empty() ? 0 : to,
                              std::move(packet)};
}

TEST(SecureNeighbourhood, SurvivesAnythingThatNeighboursSayAndFinishes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed, Purpose::test);
    const RunOptions run = bench_run(5);
    Rig rig(with_keys, run);
    std::vector<std::shared_ptr<const secure_sum::Bytes>> own;  // packets that it has sent
    std::vector<std::pair<ComputeId, Task>> tasks;
    const auto note = [&] {
      for (Effect& effect : rig.out.items()) {
        if (auto* compute = std::get_if<Compute>(&effect)) tasks.emplace_back(compute->id, compute->task);
        const auto* send = std::get_if<Send>(&effect);
        if (send == nullptr) continue;
        EXPECT_TRUE(index(send->to) >= 1 && index(send->to) <= 8) << "only neighbours are spoken to";
        own.push_back(std::get<RelayedPacketMessage>(send->message).packet);
      }
    };
    Time now = 0s;
    rig.start();
    note();
    for (int step = 0; step < 3000 && !rig.machine->finished(); ++step) {
      now += std::chrono::milliseconds(rng.below(50));
      const auto from = static_cast<std::uint32_t>(rng.below(10));
      if (!tasks.empty() && rng.below(8) == 0) {
        const auto [id, task] = tasks[rng.below(tasks.size())];  // any number of times
        const bool trains = std::holds_alternative<MixAndTrain>(task);
        rig.computed(id, trains ? result_of(1, run.parameter_count) : encoded(run), now);
      } else if (rng.below(200) == 0) {
        rig.down(from, now);
      } else if (rng.below(4) == 0) {
        rig.deadline(now);
      } else {
        rig.message(from, any_message(rng, rig.machine->round(), own), now);
      }
      note();
    }
    for (int last = 0; last < 100 && !rig.machine->finished(); ++last) {  // silence, and every task is done
      for (const auto& [id, task] : std::exchange(tasks, {})) {
        const bool trains = std::holds_alternative<MixAndTrain>(task);
        rig.computed(id, trains ? result_of(1, run.parameter_count) : encoded(run), now);
        note();
      }
      rig.deadline(now += 50s);
      note();
    }
    EXPECT_TRUE(rig.machine->finished()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
