// One behaviour at a time: states and how they spread, what liars can do, and what old or forged messages do.
#include "tests/membership/network.hpp"

#include <gtest/gtest.h>

namespace hansa::protocols::membership::testing {
namespace {

Accusation accuse(const Network& net, std::size_t accuser, std::size_t about, Incarnation incarnation) {
  Accusation a{net.node(about), incarnation, net.node(accuser), {}};
  sign(a, net.identity(accuser));
  return a;
}

std::size_t times(const Network& net, std::size_t about, State state) {
  return static_cast<std::size_t>(std::count_if(net.changes.begin(), net.changes.end(), [&](const auto& c) {
    return c.about == about && c.state == state;
  }));
}

TEST(Membership, NodesFindEachOtherFromTheRosterAlone) {
  for (const std::size_t nodes : {2u, 3u, 5u, 10u}) {
    Network net(1, nodes);
    EXPECT_EQ(net.state(0, 1), State::unreachable) << "not heard of yet";
    net.run_until(seconds(15));
    for (std::size_t i = 0; i < nodes; ++i) EXPECT_TRUE(net.all_see(i, State::alive)) << i << " of " << nodes;
    for (const PeerStatus& peer : net[0].peers()) {
      EXPECT_TRUE(peer.last_seen);
      EXPECT_LT(peer.rtt, milliseconds(45));
    }
    EXPECT_TRUE(net.accusations.empty());
  }
}

TEST(Membership, CrashedNodeComesBackWithItsNextBoot) {
  Network net(2, 5);
  net.run_until(seconds(20));
  net.crash(3);
  net.run_for(seconds(20));
  EXPECT_TRUE(net.all_see(3, State::unreachable));
  EXPECT_GE(times(net, 3, State::suspect), 4u) << "suspected first";
  net.boot(3, net.now);
  net.run_for(seconds(12));
  EXPECT_TRUE(net.all_see(3, State::alive));
  EXPECT_EQ(boot_of(net[3].incarnation()), 2u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(net[i].peers().size(), 4u) << "nobody is ever removed";
}

TEST(Membership, NodeWithALostBootCounterGoesOnAboveItsOldWord) {
  Network net(2, 3);
  net.run_until(seconds(10));
  Presence old{Standing::alive, net.node(1), incarnation_at(9, 4), {}};
  sign(old, net.identity(1));  // from before it was restored
  net.inject(2, 1, encode(News{{{old}, {}}}));
  net.run_for(seconds(1));
  EXPECT_GT(net[1].incarnation(), incarnation_at(9, 4));
  net.run_for(seconds(5));
  EXPECT_TRUE(net.all_see(1, State::alive));
}

TEST(Membership, DrainResumeAndLeaveAreSeenByAll) {
  Network net(3, 5);
  net.run_until(seconds(15));
  net.with(2, [](Membership& m, Time now, Effects& out) { m.drain(true, now, out); });
  net.run_for(seconds(1));
  EXPECT_TRUE(net.all_see(2, State::draining));
  net.with(2, [](Membership& m, Time now, Effects& out) { m.drain(false, now, out); });
  net.run_for(seconds(1));
  EXPECT_TRUE(net.all_see(2, State::alive));
  net.with(2, [](Membership& m, Time now, Effects& out) { m.leave(now, out); });
  EXPECT_FALSE(net[2].next_deadline());
  net.run_for(seconds(60));
  EXPECT_TRUE(net.all_see(2, State::left)) << "not unreachable: it said so";
  EXPECT_EQ(times(net, 2, State::suspect), 0u);
  net.boot(2, net.now);
  net.run_for(seconds(15));
  EXPECT_TRUE(net.all_see(2, State::alive));
}

TEST(Membership, PartitionHeals) {
  Network net(4, 6);
  net.run_until(seconds(20));
  net.connected = [](std::size_t a, std::size_t b) { return (a < 3) == (b < 3); };
  net.run_for(seconds(60));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 3; j < 6; ++j) EXPECT_EQ(net.state(i, j), State::unreachable);
    for (std::size_t j = 0; j < 3; ++j) {
      if (i == j) continue;
      EXPECT_EQ(net.state(i, j), State::alive);
    }
  }
  net.connected = nullptr;
  net.run_for(seconds(30));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_TRUE(net.all_see(i, State::alive)) << i;
}

TEST(Membership, OneBrokenLinkIsNoReasonToSuspect) {
  Network net(5, 5);
  net.connected = [](std::size_t a, std::size_t b) { return !((a == 0 && b == 1) || (a == 1 && b == 0)); };
  net.run_until(std::chrono::minutes(10));
  EXPECT_EQ(net.state(0, 1), State::alive);
  EXPECT_EQ(net.state(1, 0), State::alive);
  EXPECT_EQ(times(net, 0, State::unreachable) + times(net, 1, State::unreachable), 0u);
}

TEST(Membership, PausedNodeObjectsWhenItWakes) {
  Network net(6, 5);
  net.run_until(seconds(20));
  const Incarnation before = net[1].incarnation();
  net.changes.clear();
  net.pause(1, seconds(6));
  net.run_for(seconds(20));
  EXPECT_GT(times(net, 1, State::suspect), 0u);
  EXPECT_EQ(times(net, 1, State::unreachable), 0u);
  EXPECT_GT(net[1].incarnation(), before);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(net.all_see(i, State::alive)) << "nor does it blame others";
}

TEST(Membership, HintsRideOnPingsAndAcks) {
  Network net(7, 3);
  net.run_until(seconds(10));
  EXPECT_TRUE(net.hints.empty()) << "all have the same";
  RosterHint hint{4, {}};
  hint.hash.bytes[0] = std::byte{1};
  net[0].set_hint(hint);
  net.run_for(seconds(4));
  std::set<std::size_t> told;
  for (const auto& [by, seen] : net.hints) {
    if (seen.node == net.node(0) && seen.hint == hint) told.insert(by);
  }
  EXPECT_EQ(told, (std::set<std::size_t>{1, 2}));
}

TEST(Membership, RemovedFromTheRosterIsRemovedHere) {
  Network net(8, 4);
  net.run_until(seconds(10));
  auto rest = net.members();
  rest.pop_back();
  for (std::size_t i = 0; i < 3; ++i)
    net.with(i, [&](Membership& m, Time now, Effects& out) { m.set_members(rest, now, out); });
  net.changes.clear();
  net.accusations.clear();
  net.run_for(seconds(30));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(net[i].peers().size(), 2u);
  for (const Accusation& a : net.accusations) EXPECT_NE(a.accuser, net.node(0)) << "nobody left is accused";
}

TEST(Malice, OneLiarOfFiveExcludesNobody) {
  // It accuses everybody of everything, with signatures, in each incarnation that it hears of, speeds up what
  // others suspect, never helps, and forges deaths.
  Network net(9, 5, {.loss = 0.02});
  net.run_until(seconds(20));
  net.changes.clear();
  net.tamper = [&](std::size_t from, std::size_t, Bytes& bytes) {
    const auto message = decode(bytes);
    return from != 4 ||
           !(std::holds_alternative<RelayedAck>(*message) || std::holds_alternative<Nack>(*message));
  };
  for (int second = 0; second < 1200; ++second) {
    net.run_for(seconds(1));
    Statements lies;
    for (std::size_t i = 0; i < 4; ++i) lies.accusations.push_back(accuse(net, 4, i, net[i].incarnation()));
    for (std::size_t to = 0; to < 4; ++to) net.inject(4, to, encode(News{lies}));
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(times(net, i, State::unreachable), 0u) << i;
  net.run_for(seconds(30));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(net.all_see(i, State::alive)) << i;
    EXPECT_LE(count_of(net[i].incarnation()), 1300u) << "at most one objection a second";
  }
  // And the honest ones are still able to see a crash.
  net.crash(2);
  net.run_for(seconds(40));
  for (const std::size_t i : {0u, 1u, 3u}) EXPECT_EQ(net.state(i, 2), State::unreachable);
}

TEST(Malice, AccusersOfOneOrganisationAreOneVoice) {
  // Nodes 0 to 3 are of organisations 0 and 1, two each. Those of 1 accuse a node that cannot object.
  for (const bool second_organisation : {false, true}) {
    Network net(10, 6, {}, 2);
    net.run_until(seconds(20));
    const Incarnation known = net[0].incarnation();
    net.changes.clear();
    net.tamper = [&](std::size_t from, std::size_t, Bytes& bytes) {
      auto message = decode(bytes);
      if (from != 0) return true;
      // What node 0 says of itself is kept at the old incarnation: the accusation stands.
      if (auto* const ack = std::get_if<Ack>(&*message)) ack->statements = {};
      if (auto* const ping = std::get_if<Ping>(&*message)) ping->statements = {};
      bytes = encode(*message);
      return !std::holds_alternative<News>(*message) && !std::holds_alternative<PushPull>(*message);
    };
    Statements lies;
    for (const std::size_t accuser : {2u, 3u}) lies.accusations.push_back(accuse(net, accuser, 0, known));
    if (second_organisation) lies.accusations.push_back(accuse(net, 4, 0, known));
    net.inject(2, 5, encode(News{lies}));
    net.run_for(seconds(40));
    EXPECT_EQ(net.state(5, 0), second_organisation ? State::unreachable : State::suspect);
  }
}

TEST(Malice, ThreeNodesTrustTheirOwnProbesOnly) {
  Network net(11, 3);
  net.run_until(seconds(20));
  net.changes.clear();
  for (int second = 0; second < 120; ++second) {
    net.inject(2, 1, encode(News{{{}, {accuse(net, 2, 0, net[0].incarnation())}}}));
    net.run_for(seconds(1));
  }
  EXPECT_EQ(times(net, 0, State::unreachable), 0u);
}

TEST(Malice, ForgedReplayedAndJumpingWordsChangeNothing) {
  Network net(12, 4);
  net.run_until(seconds(20));
  const Incarnation current = net[0].incarnation();
  const auto about_0 = [&](Standing standing, Incarnation incarnation, std::size_t signer) {
    Presence p{standing, net.node(signer), incarnation, {}};
    sign(p, net.identity(signer));
    p.subject = net.node(0);
    return p;
  };
  Accusation forged = accuse(net, 2, 0, current);
  forged.accuser = net.node(1);
  struct Case {
    const char* what;
    Statements statements;
    bool offence;
  };
  const Case cases[] = {
      {"a death forged by another", {{about_0(Standing::left, current + 1, 2)}, {}}, true},
      {"an accusation in another's name", {{}, {forged}}, true},
      {"its own word from an old boot", {{about_0(Standing::left, current - 1, 0)}, {}}, false},
      {"two words in one incarnation", {{about_0(Standing::left, current, 0)}, {}}, false},
      {"a jump within a boot", {{about_0(Standing::left, current + (1U << 24) + 1, 0)}, {}}, false},
      {"a jump of boots", {{about_0(Standing::left, incarnation_at(1U << 25, 1), 0)}, {}}, false},
      {"an accusation of the past", {{}, {accuse(net, 2, 0, current - 1)}}, false},
      {"an accusation of the future", {{}, {accuse(net, 2, 0, current + 1)}}, false},
      {"an accusation of oneself", {{}, {accuse(net, 0, 0, current)}}, false},
  };
  for (const Case& c : cases) {
    net.misbehaved.clear();
    net.changes.clear();
    net.inject(2, 3, encode(News{c.statements}));
    net.run_for(milliseconds(5));
    EXPECT_EQ(net.state(3, 0), State::alive) << c.what;
    EXPECT_TRUE(net.changes.empty()) << c.what;
    EXPECT_EQ(net.misbehaved.count(2) == 1, c.offence) << c.what;
  }
}

TEST(Malice, OldAccusationsDieWithTheObjection) {
  Network net(13, 5);
  net.run_until(seconds(20));
  const Bytes lie = encode(News{{{}, {accuse(net, 4, 0, net[0].incarnation())}}});
  for (std::size_t to = 0; to < 4; ++to) net.inject(4, to, lie);
  net.run_for(seconds(10));
  EXPECT_TRUE(net.all_see(0, State::alive));
  net.changes.clear();
  for (int i = 0; i < 50; ++i) {
    for (std::size_t to = 0; to < 4; ++to) net.inject(4, to, lie);
    net.run_for(milliseconds(100));
  }
  EXPECT_EQ(times(net, 0, State::suspect), 0u) << "a replay";
}

TEST(Malice, RelayCannotInventAnAnswer) {
  // Node 1 is gone; node 2 answers for it with a signature of its own, and with node 1's to another question.
  Network net(14, 3);
  net.run_until(seconds(20));
  const auto old_proof = net.identity(1).sign(proof_bytes(net.node(1), net.node(0), 12345));
  net.crash(1);
  net.tamper = [&](std::size_t from, std::size_t to, Bytes& bytes) {
    const auto message = decode(bytes);
    if (from == 0 && to == 2) {
      if (const auto* const ask = std::get_if<PingRequest>(&*message)) {
        net.inject(2, 0, encode(RelayedAck{ask->nonce, net.node(1), old_proof}));
        const auto own = net.identity(2).sign(proof_bytes(net.node(1), net.node(0), ask->nonce));
        net.inject(2, 0, encode(RelayedAck{ask->nonce, net.node(1), own}));
      }
    }
    return true;
  };
  net.run_for(seconds(30));
  EXPECT_EQ(net.state(0, 1), State::unreachable);
  EXPECT_GT(net.misbehaved[2], 0u);
}

TEST(Malice, LargeAnswersAndHelpAreRationed) {
  Network net(15, 4);
  net.run_until(seconds(20));
  std::size_t replies = 0, pings = 0;
  net.tamper = [&](std::size_t from, std::size_t, Bytes& bytes) {
    const auto message = decode(bytes);
    if (const auto* const reply = std::get_if<PushPull>(&*message)) replies += from == 0 && reply->reply;
    if (const auto* const ping = std::get_if<Ping>(&*message)) pings += from == 0 && ping->origin;
    return true;
  };
  net.crash(3);
  for (std::uint64_t i = 0; i < 100; ++i) {
    net.inject(1, 0, encode(PushPull{}));
    net.inject(1, 0, encode(PingRequest{i, net.node(3), {}, {}}));
    net.run_for(milliseconds(5));
  }
  EXPECT_EQ(replies, 1u);
  EXPECT_LE(pings, 9u);
  net.inject(1, 0, Bytes{std::byte{99}});
  net.run_for(milliseconds(5));
  EXPECT_EQ(net.misbehaved[1], 1u);
}

}  // namespace
}  // namespace hansa::protocols::membership::testing
