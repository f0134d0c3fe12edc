// Keepers that found, join, vote, expire and restart, through messages and disks.
#include "protocols/roster/keeper.hpp"

#include "tests/roster/mesh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

FoundingDraft draft_by(const Party& founder, UnixTime now) {
  return {.name = "delay-model",
          .founder = organisation_number(founder.number),
          .certificates = {certificate_of(founder.number, founder.number, 1, now)},
          .created_at = now};
}

/// Three organisations found a consortium with tickets, as operators would.
std::unique_ptr<Mesh> founded() {
  auto mesh = std::make_unique<Mesh>();
  for (std::uint8_t i = 0; i < 3; ++i) mesh->start(mesh->add(i));
  Party& alfa = (*mesh)[0];
  EXPECT_TRUE(
      mesh->run(alfa, [&](auto& out) { return alfa.keeper.found(draft_by(alfa, mesh->now), mesh->now, out); })
          .ok());
  for (std::uint8_t i = 1; i < 3; ++i) {
    const auto ticket = invite(*mesh, alfa, i);
    EXPECT_TRUE(ticket.ok());
    EXPECT_TRUE(join(*mesh, (*mesh)[i], *ticket).ok());
  }
  mesh->settle();
  return mesh;
}

TEST(Founding, AllFoundersSignVersionOne) {
  auto mesh = founded();
  Party& alfa = (*mesh)[0];
  ASSERT_EQ(alfa.keeper.requests().size(), 2u);
  EXPECT_FALSE(alfa.keeper.may_start_rounds(mesh->now));
  const auto genesis = mesh->run(alfa, [&](auto& out) {
    return alfa.keeper.approve_requests(request_ids(alfa.keeper), alfa.key, mesh->now, out);
  });
  ASSERT_TRUE(genesis.ok()) << genesis.error().message;
  mesh->settle();
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(alfa.keeper.hint().version, 0u) << "version 1 with " << i << " of 3 signatures";
    ASSERT_EQ((*mesh)[i].keeper.proposals().size(), 1u);
    ASSERT_TRUE(approve(*mesh, (*mesh)[i], *genesis).ok());
    mesh->settle();
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const RosterKeeper& keeper = (*mesh)[i].keeper;
    EXPECT_EQ(keeper.hint(), (RosterHint{1, *genesis}));
    EXPECT_EQ(keeper.allowed_nodes(mesh->now).size(), 3u) << i;
    EXPECT_EQ(keeper.may_start_rounds(mesh->now).text, "");
    EXPECT_TRUE(keeper.requests().empty());
    EXPECT_EQ((*mesh)[i].count(EventKind::admitted), 1u);
    EXPECT_EQ(keeper.own_request(), nullptr);
    EXPECT_FALSE(keeper.founding().has_value());
  }
}

TEST(Founding, AFounderIsNotMadeToSignSomethingElse) {
  auto mesh = founded();
  Party &alfa = (*mesh)[0], &bravo = (*mesh)[1];
  const auto refused = bravo.keeper.rejected()[static_cast<std::size_t>(KeeperReject::other_consortium)];
  Roster other = genesis_of({0, 1, 2}).roster;
  other.name = "another-model";
  other.issued_at = mesh->now;
  other.expires_at = mesh->now + kRosterLifetime;
  mesh->inject(alfa.node, bravo, encode(signed_by(unsigned_roster(other), {0}), Kind::proposal));
  Roster without_alfa = genesis_of({1, 2}).roster;
  mesh->inject(alfa.node, bravo, encode(signed_by(unsigned_roster(without_alfa), {2}), Kind::proposal));
  mesh->deliver();
  EXPECT_TRUE(bravo.keeper.proposals().empty());
  EXPECT_EQ(bravo.keeper.rejected()[static_cast<std::size_t>(KeeperReject::other_consortium)], refused + 2);
}

TEST(Joining, IsPendingEverywhereAndNeedsVotesAndProofOfPossession) {
  auto mesh = Mesh::established(4);
  Party& joiner = mesh->add(9);
  mesh->start(joiner);
  const auto ticket = invite(*mesh, (*mesh)[1], 1);
  ASSERT_TRUE(join(*mesh, joiner, *ticket).ok());
  mesh->settle();
  for (std::size_t i = 0; i < 4; ++i) ASSERT_EQ((*mesh)[i].keeper.requests().size(), 1u) << i;
  EXPECT_EQ(joiner.keeper.hint(), (*mesh)[0].keeper.hint()) << "a joiner checks the chain it joins";
  EXPECT_FALSE(joiner.keeper.may_start_rounds(mesh->now));
  EXPECT_EQ((*mesh)[0].keeper.allowed_nodes(mesh->now).size(), 4u) << "a ticket grants no membership";

  std::optional<Hash256> proposal;
  for (std::size_t i = 0; i < 3; ++i) {  // m(4) = 3 before, m(5) = 4 after with the joiner's own
    Party& party = (*mesh)[i];
    const auto done = mesh->run(party, [&](auto& out) {
      return party.keeper.approve_requests(request_ids(party.keeper), party.key, mesh->now, out);
    });
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_TRUE(!proposal || *proposal == *done) << "the second approval joins the first proposal";
    proposal = *done;
    mesh->settle();
    EXPECT_EQ(mesh->size(), 5u);
    EXPECT_EQ((*mesh)[0].keeper.hint().version, 1u) << "the joiner has not signed its entry";
  }
  ASSERT_EQ(joiner.keeper.proposals().size(), 1u);
  EXPECT_EQ(joiner.keeper.proposals()[0].tally.before.have, 3u);
  ASSERT_TRUE(approve(*mesh, joiner, *proposal).ok());
  mesh->settle();
  EXPECT_TRUE(mesh->agree());
  EXPECT_EQ(joiner.keeper.hint(), (RosterHint{2, *proposal}));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ((*mesh)[i].keeper.allowed_nodes(mesh->now).size(), 5u) << i;
    EXPECT_EQ((*mesh)[i].keeper.may_start_rounds(mesh->now).text, "") << i;
  }
}

TEST(Ticket, ServesOneOrganisationOnce) {
  auto mesh = Mesh::established(3);
  Party &first = mesh->add(9), &thief = mesh->add(10);
  mesh->start(first);
  mesh->start(thief);
  const Ticket ticket = invite(*mesh, (*mesh)[0], 1).value();
  ASSERT_TRUE(join(*mesh, first, ticket).ok());
  mesh->settle();
  ASSERT_TRUE(join(*mesh, thief, ticket).ok()) << "it cannot know";
  mesh->settle();
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ((*mesh)[i].keeper.requests().size(), 1u);
    EXPECT_EQ((*mesh)[i].keeper.requests()[0].request.organisation, first.org());
  }
  EXPECT_GT((*mesh)[0].keeper.rejected()[static_cast<std::size_t>(KeeperReject::ticket)], 0u);
  // Not after a restart either, nor when the request has been dealt with.
  mesh->restart((*mesh)[0]);
  mesh->settle();
  EXPECT_EQ((*mesh)[0].keeper.requests().size(), 1u);
}

TEST(Ticket, ExpiredOnesAreRefused) {
  auto mesh = Mesh::established(3);
  Party& joiner = mesh->add(9);
  mesh->start(joiner);
  const Ticket ticket = invite(*mesh, (*mesh)[0], 1, kHour).value();
  const JoinRequest in_time = request_of(joiner, ticket, mesh->now);
  mesh->now += kHour + 1;
  mesh->inject(joiner.node, (*mesh)[0], encode(in_time));
  mesh->inject(joiner.node, (*mesh)[0], encode(request_of(joiner, ticket, mesh->now)));
  mesh->deliver();
  EXPECT_TRUE((*mesh)[0].keeper.requests().empty());
  EXPECT_EQ((*mesh)[0].keeper.rejected()[static_cast<std::size_t>(KeeperReject::ticket)], 2u);
  EXPECT_FALSE(join(*mesh, joiner, ticket).ok());
  EXPECT_FALSE(invite(*mesh, (*mesh)[0], 1, kTicketLifetimeMax + 1).ok());
}

TEST(Ticket, OfAStrangerOrForAnotherConsortiumIsWorthNothing) {
  auto mesh = Mesh::established(3);
  auto other = Mesh::established(4);
  Party& joiner = mesh->add(9);
  const Ticket foreign = invite(*other, (*other)[0], 1).value();
  mesh->inject(joiner.node, (*mesh)[0], encode(request_of(joiner, foreign, mesh->now)));
  Ticket forged = invite(*mesh, (*mesh)[0], 1).value();
  forged.inviter = joiner.org();
  sign(forged, joiner.key);
  mesh->inject(joiner.node, (*mesh)[0], encode(request_of(joiner, forged, mesh->now)));
  mesh->deliver();
  EXPECT_TRUE((*mesh)[0].keeper.requests().empty());
}

TEST(Requests, RejectionsAreTold) {
  auto mesh = Mesh::established(3);
  Party& joiner = mesh->add(9);
  mesh->start(joiner);
  ASSERT_TRUE(join(*mesh, joiner, invite(*mesh, (*mesh)[0], 1).value()).ok());
  mesh->settle();
  Party& party = (*mesh)[2];
  const Hash256 id = party.keeper.requests().at(0).id;
  ASSERT_TRUE(
      mesh->run(party, [&](auto& out) { return party.keeper.reject_request(id, party.key, mesh->now, out); })
          .ok());
  mesh->settle();
  EXPECT_EQ((*mesh)[0].keeper.requests().at(0).rejections, std::set<PublicKey>{party.org()});
}

TEST(Voting, MMinusOneSignaturesChangeNothing) {
  for (const std::size_t n : {3, 4, 5, 7}) {
    auto mesh = Mesh::established(n);
    const auto hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now));
    ASSERT_TRUE(hash.ok()) << hash.error().message;
    mesh->settle();
    const std::size_t m = votes_needed(Policy::supermajority, n);
    for (std::size_t i = 1; i < m; ++i) {
      EXPECT_EQ((*mesh)[0].keeper.hint().version, 1u) << i << " of " << m;
      ASSERT_TRUE(approve(*mesh, (*mesh)[i], *hash).ok());
      EXPECT_FALSE(approve(*mesh, (*mesh)[i], *hash).ok()) << "a key counts once";
      mesh->settle();
    }
    EXPECT_TRUE(mesh->agree());
    EXPECT_EQ((*mesh)[n - 1].keeper.hint(), (RosterHint{2, *hash})) << n;
    EXPECT_TRUE((*mesh)[0].keeper.proposals().empty());
  }
}

TEST(Voting, OneLiarCannotAddAFriendOrForgeVotes) {
  auto mesh = Mesh::established(5);
  Party &liar = (*mesh)[0], &honest = (*mesh)[1];
  Roster next = liar.keeper.draft(mesh->now);
  next.organisations = organisations_of({0, 1, 2, 3, 4, 9});
  SignedRoster alone = signed_by(unsigned_roster(next), {0, 9});
  mesh->inject(liar.node, honest, encode(alone));
  for (int i = 0; i < 3; ++i) alone.signatures.push_back(alone.signatures[0]);
  mesh->inject(liar.node, honest, encode(alone));
  SignedRoster skipping = next_of(honest.keeper.chain().head(), first_members(5));
  Roster third = skipping.roster;
  third.version = 3;
  mesh->inject(liar.node, honest, encode(signed_by(unsigned_roster(third), first_members(5))));
  const SignedRoster proposal = signed_by(unsigned_roster(next), {0});
  mesh->inject(liar.node, honest, encode(proposal, Kind::proposal));
  for (std::uint8_t i = 1; i < 5; ++i) {
    Vote vote{consortium_of(proposal), proposal.hash, identity_number(i).public_key(), true, {}};
    vote.signature = proposal.signatures[0].signature;
    mesh->inject(liar.node, honest, encode(vote));
  }
  mesh->settle();
  EXPECT_EQ(honest.keeper.hint().version, 1u);
  EXPECT_GE(honest.keeper.rejected()[static_cast<std::size_t>(KeeperReject::bad_signature)], 4u);
  EXPECT_GE(honest.keeper.rejected()[static_cast<std::size_t>(KeeperReject::rule)], 2u);
}

TEST(Voting, OneVersionIsSignedOnceUntilTheFirstProposalIsDead) {
  auto mesh = Mesh::established(5);
  const Roster renewal = (*mesh)[0].keeper.draft(mesh->now);
  Roster other = (*mesh)[1].keeper.draft(mesh->now);
  other.features = {"robust"};
  const Hash256 first = propose(*mesh, (*mesh)[0], renewal).value();
  const Hash256 second = propose(*mesh, (*mesh)[1], other).value();
  mesh->settle();
  const auto refused = approve(*mesh, (*mesh)[0], second);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("approved another proposal"));
  EXPECT_THAT(refused.error().hint, HasSubstr("2 more organisations must reject"));
  for (const std::size_t i : {1, 2}) ASSERT_TRUE(reject(*mesh, (*mesh)[i], first).ok());
  mesh->settle();
  // Of five, three are left for a proposal that needs four.
  EXPECT_TRUE(approve(*mesh, (*mesh)[0], second).ok());
  EXPECT_FALSE(approve(*mesh, (*mesh)[1], first).ok()) << "it has promised";
  for (const std::size_t i : {2, 3}) ASSERT_TRUE(approve(*mesh, (*mesh)[i], second).ok());
  mesh->settle();
  EXPECT_TRUE(mesh->agree());
  EXPECT_EQ((*mesh)[4].keeper.hint(), (RosterHint{2, second}));
}

TEST(Voting, AskingTwiceForTheSameDoesNotForgetTheSignature) {
  auto mesh = Mesh::established(4);
  const Roster renewal = (*mesh)[0].keeper.draft(mesh->now);
  Roster other = renewal;
  other.features = {"robust"};
  ASSERT_TRUE(propose(*mesh, (*mesh)[0], renewal).ok());
  EXPECT_FALSE(propose(*mesh, (*mesh)[0], renewal).ok());
  EXPECT_FALSE(propose(*mesh, (*mesh)[0], other).ok());
}

TEST(Voting, AWrongClockIsNoticedBeforeSigning) {
  auto mesh = Mesh::established(3);
  Roster early = (*mesh)[0].keeper.draft(mesh->now + kDay);
  EXPECT_FALSE(propose(*mesh, (*mesh)[0], early).ok());
  mesh->inject((*mesh)[0].node, (*mesh)[1], encode(signed_by(unsigned_roster(early), {0}), Kind::proposal));
  mesh->deliver();
  EXPECT_TRUE((*mesh)[1].keeper.proposals().empty());
  EXPECT_EQ((*mesh)[1].keeper.rejected()[static_cast<std::size_t>(KeeperReject::clock)], 1u);
}

// Row 8 of the threat model, and 27: what an expired roster stops, and what it does not.
TEST(Expiry, AnOldRosterServedFor91DaysStopsRoundsButNotVotes) {
  auto mesh = Mesh::established(3);
  Party& frozen = (*mesh)[2];
  std::vector<std::string> warnings;
  for (int day = 0; day <= 91; ++day) {
    const auto may = frozen.keeper.may_start_rounds(mesh->now);
    EXPECT_EQ(static_cast<bool>(may), mesh->now < kNow + kRosterLifetime) << day << may.text;
    mesh->now = kNow + (day + 1) * kDay;
    KeeperEffects out;
    frozen.keeper.on_tick(mesh->now, out);
    mesh->perform(frozen, out);
    // All that reaches it is the old roster, again and again.
    mesh->inject((*mesh)[0].node, frozen, encode(genesis_of({0, 1, 2})));
    mesh->deliver();
  }
  for (const KeeperEvent& event : frozen.events) {
    if (event.kind == EventKind::expiry_warning && event.text.find("roster") != std::string::npos) {
      warnings.push_back(event.text);
    }
  }
  EXPECT_THAT(warnings,
              ::testing::ElementsAre("the roster expires in 30 days", "the roster expires in 14 days",
                                     "the roster expires in 7 days", "the roster expires in 1 days",
                                     "the roster has expired"));
  EXPECT_EQ(frozen.keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::roster_expired);
  EXPECT_EQ(frozen.keeper.allowed_nodes(mesh->now).size(), 3u) << "votes must still flow";
  const Hash256 renewal = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
  mesh->settle();
  ASSERT_TRUE(approve(*mesh, (*mesh)[1], renewal).ok());
  ASSERT_TRUE(approve(*mesh, frozen, renewal).ok());
  mesh->settle();
  EXPECT_EQ(frozen.keeper.may_start_rounds(mesh->now).text, "");
}

TEST(Rollback, TheHighestVersionIsDurable) {
  auto mesh = Mesh::established(3);
  for (int i = 0; i < 5; ++i) {
    const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
    mesh->settle(1);
    ASSERT_TRUE(approve(*mesh, (*mesh)[1], hash).ok());
    ASSERT_TRUE(approve(*mesh, (*mesh)[2], hash).ok());
    mesh->settle(1);
  }
  const RosterHint head = (*mesh)[2].keeper.hint();
  EXPECT_EQ(head.version, 6u);
  mesh->restart((*mesh)[2]);
  EXPECT_EQ((*mesh)[2].keeper.hint(), head);
  mesh->inject((*mesh)[0].node, (*mesh)[2], encode(genesis_of({0, 1, 2})));
  mesh->settle();
  EXPECT_EQ((*mesh)[2].keeper.hint(), head);
}

TEST(CatchUp, AMemberThatWasAwayFetchesWhatItMissed) {
  auto mesh = Mesh::established(4);
  (*mesh)[3].online = false;
  for (int i = 0; i < 30; ++i) {
    const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
    mesh->deliver();
    for (const std::size_t j : {1, 2}) ASSERT_TRUE(approve(*mesh, (*mesh)[j], hash).ok());
    mesh->deliver();
    mesh->now += kDay;
  }
  (*mesh)[3].online = true;
  EXPECT_EQ((*mesh)[3].keeper.hint().version, 1u);
  KeeperEffects out;
  (*mesh)[3].keeper.on_hint((*mesh)[1].node, (*mesh)[1].keeper.hint(), mesh->now, out);
  mesh->perform((*mesh)[3], out);
  mesh->deliver();
  EXPECT_EQ((*mesh)[3].keeper.hint(), (*mesh)[0].keeper.hint());
}

// A lobby takes 15 KiB a message and a control connection 64 KiB; forty versions are fetched in pieces.
TEST(CatchUp, MessagesStaySmall) {
  auto mesh = Mesh::established(4);
  for (int i = 0; i < 40; ++i) {
    const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
    mesh->deliver();
    for (const std::size_t j : {1, 2}) ASSERT_TRUE(approve(*mesh, (*mesh)[j], hash).ok());
    mesh->deliver();
    mesh->now += kHour;
  }
  Party& joiner = mesh->add(9);
  mesh->start(joiner);
  const auto ticket = invite(*mesh, (*mesh)[1], 1);
  mesh->largest = 0;
  ASSERT_TRUE(join(*mesh, joiner, *ticket).ok());
  mesh->settle();
  EXPECT_EQ(joiner.keeper.hint(), (*mesh)[1].keeper.hint());
  EXPECT_GT(mesh->largest, 10'000u) << "nothing large was sent, so nothing was tested";
  EXPECT_LE(mesh->largest, 14u * 1024);
}

TEST(Restart, LosesNothing) {
  auto mesh = Mesh::established(4);
  Party& joiner = mesh->add(9);
  mesh->start(joiner);
  ASSERT_TRUE(join(*mesh, joiner, invite(*mesh, (*mesh)[1], 1).value()).ok());
  mesh->settle();
  const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
  mesh->settle();
  ASSERT_TRUE(reject(*mesh, (*mesh)[2], hash).ok());
  ASSERT_TRUE(suspend(*mesh, (*mesh)[1], (*mesh)[3]).ok());
  mesh->settle();
  for (std::size_t i = 0; i < mesh->size(); ++i) {
    Party& party = (*mesh)[i];
    const RosterHint hint = party.keeper.hint();
    const std::size_t nodes = party.keeper.allowed_nodes(mesh->now).size(),
                      requests = party.keeper.requests().size();
    const auto before = party.disk;
    mesh->restart(party);
    EXPECT_EQ(party.keeper.hint(), hint);
    EXPECT_EQ(party.keeper.allowed_nodes(mesh->now).size(), nodes) << i;
    EXPECT_EQ(party.keeper.requests().size(), requests);
    if (party.keeper.member()) {
      ASSERT_EQ(party.keeper.proposals().size(), 1u);
      EXPECT_EQ(party.keeper.proposals()[0].rejections.size(), 1u);
    }
    EXPECT_EQ(party.disk, before) << "a restart writes nothing new";
  }
  EXPECT_FALSE(propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now + 1)).ok()) << "signed already";
  (*mesh)[0].disk[{RecordKind::version, Bytes(3)}] = Bytes(20);
  Party& party = (*mesh)[0];
  RosterKeeper fresh({.node = party.node, .organisation = party.org()});
  KeeperEffects out;
  EXPECT_THAT(fresh.start(party.records(), mesh->now, out).error().message, HasSubstr("cannot be used"));
}

// Rows 22 and 23: a backup has no keys, and an old one does not make an organisation sign twice.
TEST(Restore, WithoutKeysOrTooEarlyCannotSign) {
  auto mesh = Mesh::established(4);
  const auto backup = (*mesh)[0].disk;
  const Hash256 first = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
  mesh->settle();
  Party& restored = (*mesh)[0];
  restored.disk = backup;
  restored.online = false;
  mesh->restart(restored, true);
  EXPECT_TRUE(restored.keeper.recovering());
  Roster other = restored.keeper.draft(mesh->now);
  other.features = {"robust"};
  EXPECT_THAT(propose(*mesh, restored, other).error().message, HasSubstr("restored"));
  const auto stranger = crypto::Identity::generate();
  EXPECT_THAT(
      mesh->run(restored, [&](auto& out) { return restored.keeper.propose(other, stranger, mesh->now, out); })
          .error()
          .message,
      HasSubstr("not this organisation's"));
  restored.online = true;
  mesh->settle(12);
  EXPECT_FALSE(restored.keeper.recovering());
  const auto twice = propose(*mesh, restored, other);
  ASSERT_FALSE(twice.ok()) << "it has learned from the others what it signed";
  EXPECT_THAT(twice.error().message, HasSubstr("approved another proposal"));
  EXPECT_EQ(restored.keeper.proposals().at(0).hash, first);
}

}  // namespace
}  // namespace hansa::protocols::roster
