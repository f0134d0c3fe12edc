// A ceremony by itself: what is said when nothing goes wrong, who goes on without whom, who is caught, and
// that everybody ends with the same, whatever the network and up to f members do.
#include "tests/beacon/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace hansa::protocols::beacon {
namespace {

using testing::Network;
using testing::test_plan;
using testing::Weather;
using namespace std::chrono_literals;

void expect_all_drawn(const Network& network, const MemberSet& members, const std::string& what) {
  for (const Member i : members_of(members)) {
    ASSERT_TRUE(network.drawn(i)) << what << ": member " << i;
    EXPECT_EQ(network.ceremony(i).outcome().members, members) << what << ": member " << i;
  }
  EXPECT_TRUE(network.check_agreement()) << what;
}

TEST(Ceremony, ThreeMessagesToEachAndEverybodyHasTheBeacon) {
  for (const std::size_t n : {3U, 4U, 5U, 8U, 16U}) {
    Network network(test_plan(n));
    network.run();
    expect_all_drawn(network, first_members(n), std::to_string(n) + " members");
    EXPECT_EQ(network.last_delivery(), Time(3ms)) << "commit, reveal, vote";
    EXPECT_EQ(network.count(PacketType::commit), n * (n - 1));
    EXPECT_EQ(network.count(PacketType::reveal), n * (n - 1));
    EXPECT_EQ(network.trace().size(), 3 * n * (n - 1));
  }
}

TEST(Ceremony, TheBeaconDependsOnEveryonesRandomnessAndOnTheManifest) {
  std::vector<Revealed> all(4);
  for (Member i = 0; i < 4; ++i) all[i].member = i;
  const Hash256 manifest;
  const Hash256 beacon = beacon_of(manifest, all);
  for (std::size_t i = 0; i < 4; ++i) {
    auto changed = all;
    changed[i].randomness[31] = std::byte{1};
    EXPECT_NE(beacon_of(manifest, changed), beacon);
  }
  EXPECT_NE(beacon_of(crypto::hash("test", {}), all), beacon);
  EXPECT_NE(beacon_of(manifest, std::span(all).first(3)), beacon);
}

TEST(Ceremony, RefusesRostersThatCannotAgree) {
  EXPECT_TRUE(check_plan(test_plan(3)).ok());
  EXPECT_FALSE(check_plan(test_plan(2)).ok());
  EXPECT_TRUE(check_plan(test_plan(256)).ok());
  EXPECT_FALSE(check_plan(test_plan(257)).ok());
  CeremonyPlan twice = test_plan(4);
  twice.roster[3] = twice.roster[0];
  EXPECT_FALSE(check_plan(twice).ok());
  CeremonyPlan many = test_plan(4);
  many.colluders = 4;
  EXPECT_FALSE(check_plan(many).ok());
  for (std::size_t n = 4; n <= 256; ++n) {
    const std::size_t f = default_colluders(n);
    EXPECT_LE(quorum_of(n, f), n - f) << n << ": f silent members must not stop the others";
    EXPECT_GT(2 * quorum_of(n, f), n + f) << n << ": two quorums share an honest member";
  }
}

TEST(Ceremony, OtherManifestOtherRosterNothingIsUnderstood) {
  CeremonyPlan other = test_plan(4);
  other.manifest.bytes[0] ^= std::byte{1};
  EXPECT_NE(ceremony_id(other), ceremony_id(test_plan(4)));
  CeremonyPlan swapped = test_plan(4);
  std::swap(swapped.roster[1], swapped.roster[2]);
  EXPECT_NE(ceremony_id(swapped), ceremony_id(test_plan(4)));
}

TEST(Ceremony, AMemberThatIsDownAtTheStartIsLeftOut) {
  for (const std::size_t n : {4U, 5U, 9U}) {
    Network network(test_plan(n));
    network.crash(1, 0);
    network.run();
    MemberSet others = first_members(n);
    others.reset(1);
    expect_all_drawn(network, others, std::to_string(n) + " members");
    EXPECT_EQ(network.ceremony(0).outcome().attempt, 1U);
  }
}

TEST(Ceremony, AMemberThatComesBackTooLateHearsThatItWasLeftOut) {
  Network network(test_plan(5));
  network.crash(3, 2, 60s);  // two others have its commitment
  network.run();
  MemberSet others = first_members(5);
  others.reset(3);
  expect_all_drawn(network, others, "late");
  EXPECT_EQ(network.ceremony(3).phase(), CeremonyPhase::left_out);
}

TEST(Ceremony, AMemberThatCrashedAfterItsRevealIsStillIn) {
  for (std::size_t sends = 8; sends <= 12; ++sends) {
    Network network(test_plan(5));
    network.crash(3, sends, 60s);
    network.run();
    expect_all_drawn(network, first_members(5), std::to_string(sends) + " sends");
    EXPECT_EQ(network.ceremony(3).outcome().attempt, 0U);
  }
}

TEST(Ceremony, CrashBeforeEverySendOfEveryMember) {
  for (const std::size_t n : {4U, 5U}) {
    const std::size_t healthy = 3 * (n - 1);
    for (Member who = 0; who < n; ++who) {
      for (std::size_t sends = 0; sends <= healthy; ++sends) {
        for (const auto down : {std::optional<Duration>(), std::optional<Duration>(5ms),
                                std::optional<Duration>(15s), std::optional<Duration>(600s)}) {
          const std::string what = std::to_string(n) + " members, " + std::to_string(who) + " after " +
                                   std::to_string(sends) + " sends";
          Network network(test_plan(n), 7, {.delay_min = 1ms, .delay_max = 3ms});
          network.crash(who, sends, down);
          network.run();
          EXPECT_TRUE(network.check_agreement()) << what;
          for (Member i = 0; i < n; ++i) {
            EXPECT_TRUE(i == who || network.drawn(i)) << what << ": member " << i;
          }
          if (!down) continue;
          EXPECT_TRUE(network.alive(who) && network.ceremony(who).over()) << what;
          EXPECT_NE(network.ceremony(who).phase(), CeremonyPhase::failed) << what;
        }
      }
    }
  }
}

TEST(Ceremony, TooManyMissingMembersMeansNoBeacon) {
  Network network(test_plan(5));
  network.crash(0, 0);
  network.crash(1, 0);
  network.run();
  EXPECT_FALSE(network.check_agreement());
  for (Member i = 2; i < 5; ++i) EXPECT_EQ(network.ceremony(i).phase(), CeremonyPhase::failed);
}

TEST(Ceremony, MembersVanishOneAfterTheOther) {
  Network network(test_plan(9));
  network.crash(2, 0);   // in attempt 0
  network.crash(4, 25);  // in attempt 1 or later
  network.crash(6, 40);
  network.run();
  ASSERT_TRUE(network.check_agreement());
  for (const Member i : {0, 1, 3, 5, 7, 8}) EXPECT_TRUE(network.drawn(i)) << i;
}

/// Makes `who` dishonest: `change` sees each of its own packets on its way to `to`.
template <class Change>
void corrupt(Network& network, Member who, Change change) {
  network.dishonest(who);
  network.hook = [&network, who, change](Member from, Member to, std::shared_ptr<const Bytes>& packet) {
    if (from != who) return true;
    const Packet parts = network.decoded(*packet);
    return parts.from != who || change(parts.type, to, packet);
  };
}

TEST(Ceremony, TwoCommitmentsAreEvidence) {
  for (const std::size_t n : {4U, 5U, 8U}) {
    for (Member deceived = 1; deceived < n; ++deceived) {
      Network network(test_plan(n));
      corrupt(network, 0, [&](PacketType type, Member to, auto& packet) {
        if (type == PacketType::commit && to >= deceived) {
          packet = network.resigned(*packet, [](Bytes& body) { body.back() ^= std::byte{1}; });
        }
        return true;
      });
      network.run();
      MemberSet honest = first_members(n);
      honest.reset(0);
      if (deceived > 1) {  // else all saw the same
        EXPECT_GT(network.times_caught(0), 0U);
      }
      expect_all_drawn(network, honest, std::to_string(n) + " members, from " + std::to_string(deceived));
    }
  }
}

TEST(Ceremony, ARevealThatDoesNotFitIsEvidence) {
  Network network(test_plan(5));
  corrupt(network, 4, [&](PacketType type, Member to, auto& packet) {
    if (type == PacketType::reveal && to == 1) {
      packet = network.resigned(*packet, [](Bytes& body) { body.back() ^= std::byte{1}; });
    }
    return true;
  });
  network.run();
  EXPECT_GT(network.times_caught(4), 0U);
  EXPECT_TRUE(network.check_agreement());
  for (Member i = 0; i < 4; ++i) EXPECT_TRUE(network.drawn(i)) << i;
}

TEST(Ceremony, ARevealOfOtherCommitmentsHoldsNobodyUpForEver) {
  Network network(test_plan(5));
  corrupt(network, 2, [&](PacketType type, Member, auto& packet) {
    if (type == PacketType::reveal) {
      packet = network.resigned(*packet, [](Bytes& body) { body[body.size() - 33] ^= std::byte{1}; });
    }
    return true;
  });
  network.run();
  MemberSet honest = first_members(5);
  honest.reset(2);
  expect_all_drawn(network, honest, "other session");
}

TEST(Ceremony, TheLastRevealerCanAbortOnceAndIsLeftOut) {
  Network network(test_plan(7));
  corrupt(network, 6, [](PacketType type, Member, auto&) { return type == PacketType::commit; });
  network.run();
  MemberSet honest = first_members(7);
  honest.reset(6);
  expect_all_drawn(network, honest, "withheld");
  EXPECT_EQ(network.ceremony(0).outcome().attempt, 1U);
}

TEST(Ceremony, ARevealShownToOneMemberReachesAll) {
  Network network(test_plan(5));
  corrupt(network, 4,
          [](PacketType type, Member to, auto&) { return type != PacketType::reveal || to == 0; });
  network.run();
  ASSERT_TRUE(network.check_agreement());
  for (Member i = 0; i < 4; ++i) EXPECT_TRUE(network.drawn(i)) << i;
}

TEST(Ceremony, TwoVotesAreEvidence) {
  Network network(test_plan(4));
  corrupt(network, 3, [&](PacketType type, Member to, auto& packet) {
    if (type == PacketType::vote && to == 1) {
      packet = network.resigned(*packet, [](Bytes& body) { body.back() ^= std::byte{1}; });
    }
    return true;
  });
  network.run();
  expect_all_drawn(network, first_members(3) | first_members(4), "two votes");
}

TEST(Ceremony, DropsWhatIsNotFromTheRosterOrNotSigned) {
  Network network(test_plan(4));
  std::size_t forged = 0;
  network.hook = [&](Member, Member, std::shared_ptr<const Bytes>& packet) {
    for (const std::size_t at : {0UL, 1UL, 5UL, 40UL, packet->size() - 1}) {
      Bytes bad = *packet;
      bad[at] ^= std::byte{0x55};
      network.inject(0, std::move(bad), network.now());
      ++forged;
    }
    network.inject(1, Bytes(packet->begin(), packet->end() - 1), network.now());
    network.inject(2, Bytes(5), network.now());
    return true;
  };
  network.run();
  expect_all_drawn(network, first_members(4), "forged");
  EXPECT_GT(network.ceremony(0).dropped(DropReason::bad_signature), 0U);
  EXPECT_GT(network.ceremony(0).dropped(DropReason::other_ceremony), 0U);
  EXPECT_GT(network.ceremony(0).dropped(DropReason::unknown_type), 0U);
  EXPECT_GT(network.ceremony(1).dropped(DropReason::wrong_length), 0U);
  EXPECT_GT(network.ceremony(2).dropped(DropReason::too_short), 0U);
}

/// One dishonest member's way to split the others, drawn from `rng`.
bool misbehave(const Network& network, Rng& rng, PacketType type, std::shared_ptr<const Bytes>& packet) {
  const std::uint64_t choice = rng.below(6);
  if (choice == 0) return false;  // withholds it from this one
  if (choice > 2) return true;    // says what an honest member would
  packet = network.resigned(*packet, [&](Bytes& body) {
    if (type != PacketType::vote || rng.below(2) == 0) {
      body.back() ^= static_cast<std::byte>(1U << rng.below(3));
      return;
    }
    const std::size_t roster = network.plan().roster.size();
    Ballot ballot{.view = static_cast<std::uint16_t>(rng.below(3)),
                  .step = static_cast<Step>(rng.below(2)),
                  .complete = false,
                  .beacon = {},
                  .without = {}};
    ballot.without.set(rng.below(roster));
    const Packet parts = network.decoded(*packet);
    body = encode_vote({roster, parts.attempt, parts.members}, ballot);
  });
  return true;
}

TEST(Ceremony, AgreementInRandomScenarios) {
  std::size_t drawn = 0, failed = 0, restarted = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Rng rng(seed, Purpose::test, 1);
    const std::size_t n = 4 + rng.below(rng.below(4) == 0 ? 4 : 2);
    Weather weather{.delay_min = 1ms, .delay_max = 500ms};
    if (rng.below(2) == 0) weather.slow = 0.2 * rng.uniform();  // far beyond the deadlines
    if (rng.below(3) == 0) weather.loss = 0.1 * rng.uniform();
    if (rng.below(3) == 0) weather.duplication = 0.3;
    Network network(test_plan(n), seed, weather);
    MemberSet bad;
    while (bad.count() < default_colluders(n)) bad.set(rng.below(n));
    const bool malice = rng.below(2) == 0;
    if (malice) {
      for (const Member member : members_of(bad)) network.dishonest(member);
      network.hook = [&](Member from, Member, std::shared_ptr<const Bytes>& packet) {
        if (!bad.test(from)) return true;
        const auto parts = decode_packet(*packet, n);
        const auto* mine = std::get_if<Packet>(&parts);
        if (mine == nullptr || mine->from != from) return true;
        return misbehave(network, rng, mine->type, packet);
      };
    }
    bool calm = weather.slow == 0 && weather.loss == 0;
    for (Member i = 0; i < n; ++i) {
      if ((malice && bad.test(i)) || rng.below(8) != 0) continue;
      calm = false;
      const auto down =
          rng.below(2) == 0 ? std::optional<Duration>(Duration(rng.below(60) * 1s)) : std::nullopt;
      network.crash(i, rng.below(5 * n), down);
    }
    network.run();
    const bool agreed = network.check_agreement();
    ++(agreed ? drawn : failed);
    for (Member i = 0; calm && i < n; ++i) {
      if (malice && bad.test(i)) continue;
      ASSERT_TRUE(network.drawn(i)) << "seed " << seed << ": f members stopped honest member " << i;
    }
    for (Member i = 0; agreed && i < n; ++i) {
      if (!network.drawn(i) || bad.test(i)) continue;
      restarted += network.ceremony(i).outcome().attempt > 0 ? 1 : 0;
      break;
    }
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(drawn, 700U);
  EXPECT_GT(failed, 10U) << "the scenarios are too easy";
  EXPECT_GT(restarted, 50U);
}

TEST(Ceremony, BadWeatherAloneLeavesNobodyOut) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Network network(test_plan(5), seed, {.delay_min = 1ms, .delay_max = 3s, .duplication = 0.5});
    network.run();
    expect_all_drawn(network, first_members(5), "seed " + std::to_string(seed));
    EXPECT_EQ(network.ceremony(0).outcome().attempt, 0U);
  }
}

}  // namespace
}  // namespace hansa::protocols::beacon
