// A party that stalls on purpose: silent, or always a little too late, or as late as it can be without being
// left out. Nobody's round takes longer than the deadline and five seconds, whatever the strategy.
#include "tests/protocols/support/fleet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace hansa::protocols::testing {
namespace {

constexpr Duration kCeiling = 20s, kSlack = 5s;
constexpr std::uint32_t kParties = 9;
constexpr PartyId kStraggler = PartyId{4};

RunOptions run_of(const StrategyEntry& entry, Aggregation aggregation) {
  RunOptions run = run_options(kParties, 8, 5);
  run.topology = entry.uses_topology ? complete_graph(kParties) : nullptr;
  run.deadline = {.floor = 2s, .ceiling = kCeiling, .factor = 4};
  run.cohort = {.parties = kParties, .size = kParties, .grid = false, .seed = 3};
  run.epidemic_fanout = 3;
  run.aggregation = aggregation;
  for (std::uint32_t i = 0; aggregation == Aggregation::secure && i < kParties; ++i) {
    run.secure.roster.push_back(test_identity(i).public_key());
  }
  return run;
}

/// The longest time between two completed rounds of an honest party.
Duration longest_round(const Fleet& fleet) {
  std::map<PartyId, Time> last;
  Duration longest{};
  for (const Fleet::Seen& seen : fleet.events()) {
    if (!std::holds_alternative<RoundCompleted>(seen.event) || seen.party == kStraggler) continue;
    longest = std::max<Duration>(longest, seen.time - last[seen.party]);
    last[seen.party] = seen.time;
  }
  return longest;
}

/// How long a message of the straggler is under way.
struct Stall {
  const char* name;
  Duration delay;
};
constexpr Stall kStalls[] = {{"silent", 10h},
                             {"a little too late", kCeiling + 1s},
                             {"as late as it may be", kCeiling - 10ms},
                             {"a byte a second", 64s}};

TEST(Straggler, NoRoundTakesLongerThanTheDeadlineAndFiveSeconds) {
  for (const StrategyEntry& entry : strategy_registry()) {
    if (!entry.round_based) continue;
    for (const Aggregation aggregation : {Aggregation::plain, Aggregation::secure}) {
      if (aggregation == Aggregation::secure && entry.name != "cohort") continue;
      for (const Stall& stall : kStalls) {
        if (aggregation == Aggregation::secure && stall.delay == 64s) continue;  // sums take long to simulate
        SCOPED_TRACE(std::string(entry.name) + (aggregation == Aggregation::secure ? " secure, " : ", ") +
                     stall.name);
        Fleet fleet(entry.make, run_of(entry, aggregation), {}, 1);
        fleet.held_back = [&](PartyId from) { return from == kStraggler ? stall.delay : Duration{}; };
        ASSERT_TRUE(fleet.run(48h));
        EXPECT_LE(longest_round(fleet), kCeiling + kSlack)
            << std::chrono::duration<double>(longest_round(fleet)).count() << " s";
        for (std::uint32_t i = 0; i < kParties; ++i) {
          if (party_at(i) == kStraggler) continue;
          EXPECT_EQ(fleet.nodes()[i].completed, 8U) << i;
        }
        EXPECT_GT(fleet.count<PeerMissing>(), 0U) << "it must be said who was waited for";
      }
    }
  }
}

TEST(Straggler, IsNotWaitedForAfterAFewRounds) {
  for (const StrategyEntry& entry : strategy_registry()) {
    if (!entry.round_based || !entry.uses_topology) continue;
    SCOPED_TRACE(entry.name);
    Fleet fleet(entry.make, run_of(entry, Aggregation::plain), {}, 1);
    fleet.held_back = [&](PartyId from) { return from == kStraggler ? Duration(10h) : Duration{}; };
    ASSERT_TRUE(fleet.run(48h));
    std::vector<Time> ends;
    for (const Fleet::Seen& seen : fleet.events()) {
      if (std::holds_alternative<RoundCompleted>(seen.event) && seen.party == PartyId{0}) {
        ends.push_back(seen.time);
      }
    }
    ASSERT_EQ(ends.size(), 8U);
    EXPECT_LT(ends[7] - ends[4], 1s) << "three misses, then it is suspected";
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
