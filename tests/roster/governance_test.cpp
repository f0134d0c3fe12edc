// Members that lie: forks as evidence and their settlement, suspensions, contradicting statements; and what
// an organisation may do alone.
#include "protocols/roster/admission.hpp"
#include "protocols/roster/identity.hpp"
#include "tests/roster/mesh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

bool all_forked(Mesh& mesh, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    if (mesh[i].keeper.may_start_rounds(mesh.now).verdict != RoundsVerdict::forked) return false;
    if (mesh[i].count(EventKind::forked) != 1) return false;
    if (mesh[i].keeper.chain().evidence().empty()) return false;
  }
  return true;
}

// Organisation 0 signs the removal of the last with one half and of the one before with the other half.
TEST(Forks, RivalRemovalsStopRoundsEverywhereUntilSettled) {
  for (const std::size_t n : {3, 5}) {
    auto mesh = Mesh::established(n);
    const Members all = first_members(n);
    const auto b = static_cast<std::uint8_t>(n - 2), c = static_cast<std::uint8_t>(n - 1);
    const SignedRoster& genesis = (*mesh)[0].keeper.chain().head();
    const Members sign_one = n == 3 ? Members{0, 1} : Members{0, 1, 3},
                  sign_two = n == 3 ? Members{0, 2} : Members{0, 2, 4};
    const SignedRoster no_c = signed_by(next_of(genesis, without(all, c), 1), sign_one);
    const SignedRoster no_b = signed_by(next_of(genesis, without(all, b), 1), sign_two);
    Party& liar = (*mesh)[0];
    liar.online = false;  // it talks through our hands
    for (std::uint8_t i = 1; i < n; ++i)
      mesh->inject(liar.node, (*mesh)[i], encode(i % 2 == 1 ? no_c : no_b));
    mesh->settle(8);
    ASSERT_TRUE(all_forked(*mesh, 1, n)) << n;
    for (std::size_t i = 1; i < n; ++i) {
      const auto fork = (*mesh)[i].keeper.chain().fork();
      ASSERT_TRUE(fork.has_value());
      const Branches branches{fork->common, fork->branches};
      EXPECT_EQ(branches.double_signers(), std::set<PublicKey>{liar.org()})
          << "the evidence names who did it";
      EXPECT_EQ((*mesh)[i].keeper.allowed_nodes(mesh->now).size(), n) << "all can still talk about it";
      // The evidence survives a restart.
      mesh->restart((*mesh)[i]);
      EXPECT_EQ((*mesh)[i].keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::forked);
    }
    // The others settle it: without the liar, with both of its victims.
    Party& proposer = (*mesh)[1];
    Roster next = proposer.keeper.draft(mesh->now);
    ASSERT_EQ(next.settles.size(), 1u);
    next.organisations = organisations_of(without(all, 0));
    const auto hash = propose(*mesh, proposer, next);
    ASSERT_TRUE(hash.ok()) << hash.error().message;
    mesh->settle();
    for (std::size_t i = 2; i < n; ++i) {
      const auto done = approve(*mesh, (*mesh)[i], *hash);
      ASSERT_TRUE(done.ok() || (*mesh)[i].keeper.hint().version == 3) << done.error().message;
      mesh->settle();
    }
    mesh->settle(6);
    for (std::size_t i = 1; i < n; ++i) {
      EXPECT_EQ((*mesh)[i].keeper.hint(), (RosterHint{3, *hash})) << n << " " << i;
      EXPECT_EQ((*mesh)[i].keeper.may_start_rounds(mesh->now).text, "");
      EXPECT_EQ((*mesh)[i].keeper.allowed_nodes(mesh->now).size(), n - 1);
      mesh->restart((*mesh)[i]);
      EXPECT_EQ((*mesh)[i].keeper.hint(), (RosterHint{3, *hash}));
    }
    // A further node begins with all of that.
    const crypto::Identity node = identity_number(9, 1);
    NodeRequest request{.organisation = id_of(proposer.org()).hash,
                        .node = node.public_key(),
                        .curve = curve_number(9).public_key(),
                        .created_at = mesh->now};
    sign(request, node);
    const auto admission = mesh->run(proposer, [&](KeeperEffects& out) {
      return proposer.keeper.admit(request, proposer.key, mesh->now, out);
    });
    ASSERT_TRUE(admission.ok()) << admission.error().message;
    EXPECT_EQ(admission->versions.size(), 4U) << "three and the branch that was given up";
    const auto records = first_records(*admission, request.organisation, node.public_key(), mesh->now);
    EXPECT_TRUE(records.ok()) << records.error().message;
  }
}

TEST(Forks, AMemberThatWasAwayLearnsOfAForkThatIsSettled) {
  auto mesh = Mesh::established(4);
  const Members all = first_members(4);
  const SignedRoster genesis = (*mesh)[0].keeper.chain().head();
  const SignedRoster one = signed_by(next_of(genesis, all, 1), {0, 1, 2});
  const SignedRoster two = signed_by(next_of(genesis, all, 2), {0, 1, 3});
  (*mesh)[2].online = false;
  mesh->inject((*mesh)[3].node, (*mesh)[0], encode(one));
  mesh->inject((*mesh)[3].node, (*mesh)[0], encode(two));
  mesh->settle();
  // 2 is away; 0 and 1 signed both, so of the last common roster 2 and 3 must settle it.
  EXPECT_FALSE((*mesh)[3].keeper.may_start_rounds(mesh->now));
  Roster next = (*mesh)[3].keeper.draft(mesh->now);
  const Hash256 hash = propose(*mesh, (*mesh)[3], next).value();
  mesh->settle();
  ASSERT_TRUE(approve(*mesh, (*mesh)[0], hash).ok());
  ASSERT_TRUE(approve(*mesh, (*mesh)[1], hash).ok());
  mesh->settle();
  EXPECT_EQ((*mesh)[3].keeper.hint().version, 2u) << "those who signed twice cannot settle it";
  (*mesh)[2].online = true;
  mesh->settle(8);
  ASSERT_TRUE(approve(*mesh, (*mesh)[2], hash).ok());
  mesh->settle(8);
  EXPECT_TRUE(mesh->agree());
  EXPECT_EQ((*mesh)[2].keeper.hint(), (RosterHint{3, hash}));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE((*mesh)[i].keeper.may_start_rounds(mesh->now)) << i;
}

/// One branch has gone on; its version 3 must not keep those who signed it from settling on the other one.
TEST(Forks, WhoSignedOnABranchThatIsGivenUpCanSettleOnTheOther) {
  auto mesh = Mesh::established(4);
  const SignedRoster genesis = (*mesh)[0].keeper.chain().head();
  const SignedRoster b2 = signed_by(next_of(genesis, first_members(4), 2), {0, 1, 3});
  Party &two = (*mesh)[2], &three = (*mesh)[3];
  three.online = false;
  for (int i = 0; i < 2; ++i) {
    const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
    mesh->settle(1);
    for (const std::size_t j : {1, 2}) ASSERT_TRUE(approve(*mesh, (*mesh)[j], hash).ok());
    mesh->settle(1);
  }
  ASSERT_EQ(two.keeper.hint().version, 3u);
  three.online = true;
  mesh->inject((*mesh)[0].node, three, encode(b2));
  mesh->settle(8);
  ASSERT_EQ(three.keeper.hint(), (RosterHint{2, b2.hash}));
  ASSERT_TRUE(two.keeper.chain().fork().has_value());
  const Hash256 settlement = propose(*mesh, three, three.keeper.draft(mesh->now)).value();
  mesh->settle();
  // Its own rival on the other branch would settle the same fork: one of the two is enough.
  ASSERT_TRUE(approve(*mesh, two, settlement).ok());
  const auto rival = propose(*mesh, two, two.keeper.draft(mesh->now));
  ASSERT_FALSE(rival.ok());
  EXPECT_THAT(rival.error().message, HasSubstr("approved another proposal"));
  ASSERT_TRUE(approve(*mesh, (*mesh)[0], settlement).ok());
  mesh->settle(8);
  EXPECT_TRUE(mesh->agree());
  EXPECT_EQ(two.keeper.hint(), (RosterHint{3, settlement}));
  EXPECT_TRUE(two.keeper.may_start_rounds(mesh->now));
  mesh->restart(two);
  EXPECT_EQ(two.keeper.hint(), (RosterHint{3, settlement}));
}

TEST(Contradictions, ApprovingAndRejectingTheSameIsReported) {
  auto mesh = Mesh::established(4);
  const Hash256 hash = propose(*mesh, (*mesh)[0], (*mesh)[0].keeper.draft(mesh->now)).value();
  mesh->settle();
  Vote yes{(*mesh)[0].keeper.chain().consortium(), hash, (*mesh)[3].org(), true, {}}, no = yes;
  no.approve = false;
  sign(yes, (*mesh)[3].key);
  sign(no, (*mesh)[3].key);
  mesh->inject((*mesh)[3].node, (*mesh)[1], encode(yes));
  mesh->inject((*mesh)[3].node, (*mesh)[2], encode(no));
  mesh->settle();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ((*mesh)[i].count(EventKind::contradiction), 1u) << i;
}

TEST(Suspension, TakesTwoOrganisationsAndEndsByItself) {
  auto mesh = Mesh::established(5);
  Party &subject = (*mesh)[4], &one = (*mesh)[0], &two = (*mesh)[1];
  const UnixTime begin = mesh->now;
  ASSERT_TRUE(suspend(*mesh, one, subject).ok());
  mesh->settle();
  EXPECT_TRUE(subject.keeper.may_start_rounds(mesh->now)) << "one accuser alone has no power";
  EXPECT_EQ(two.keeper.allowed_nodes(mesh->now).size(), 5u);
  ASSERT_TRUE(suspend(*mesh, two, subject).ok());
  mesh->settle();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ((*mesh)[i].keeper.allowed_nodes(mesh->now).size(), 4u) << i;
  EXPECT_EQ(subject.keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::suspended);
  const auto active = (*mesh)[2].keeper.suspensions(mesh->now);
  ASSERT_EQ(active.size(), 1u);
  EXPECT_EQ(active[0].demands.size(), 2u);
  EXPECT_LE(active[0].until, begin + kSuspensionLifetime + kHour);
  // It still has its vote.
  const Hash256 hash = propose(*mesh, subject, subject.keeper.draft(mesh->now)).value();
  mesh->settle();
  EXPECT_EQ(two.keeper.proposals().at(0).hash, hash);

  mesh->now = active[0].until;
  mesh->settle(1);
  EXPECT_TRUE(subject.keeper.may_start_rounds(mesh->now));
  EXPECT_EQ(two.keeper.allowed_nodes(mesh->now).size(), 5u);
  EXPECT_EQ(two.count(EventKind::suspended), 1u);
  EXPECT_EQ(two.count(EventKind::suspension_over), 1u);
}

TEST(Suspension, CanBeRenewedOnceThenThereIsAPause) {
  auto mesh = Mesh::established(5);
  Party& subject = (*mesh)[4];
  const auto demand = [&](std::initializer_list<std::size_t> accusers) {
    bool all = true;
    for (const std::size_t i : accusers) all = suspend(*mesh, (*mesh)[i], subject).ok() && all;
    mesh->settle(2);
    return all;
  };
  const UnixTime begin = mesh->now;
  EXPECT_TRUE(demand({0, 1}));
  mesh->now = begin + 60 * kHour;
  EXPECT_TRUE(demand({0, 1}));
  mesh->now = begin + 100 * kHour;
  EXPECT_EQ((*mesh)[2].keeper.suspensions(mesh->now).size(), 1u);
  EXPECT_FALSE(demand({0})) << "a second renewal";
  EXPECT_TRUE(demand({2, 3})) << "two others may demand it, but it does not get longer";
  mesh->now = begin + 2 * kSuspensionLifetime + kHour;
  EXPECT_TRUE((*mesh)[2].keeper.suspensions(mesh->now).empty());
  mesh->now = begin + 10 * kDay;
  EXPECT_FALSE(demand({0}));
  EXPECT_FALSE(demand({1}));
  EXPECT_TRUE((*mesh)[2].keeper.suspensions(mesh->now).empty());
  mesh->now = begin + kSuspensionPause + 4 * kDay;
  EXPECT_TRUE(demand({0, 1}));
  EXPECT_EQ((*mesh)[2].keeper.suspensions(mesh->now).size(), 1u);
}

TEST(Suspension, OnlyMembersCanDemandItAndNotOfThemselves) {
  auto mesh = Mesh::established(3);
  EXPECT_FALSE(suspend(*mesh, (*mesh)[0], (*mesh)[0]).ok());
  for (const std::uint8_t stranger : {8, 9}) {
    Suspension demand{.consortium = (*mesh)[0].keeper.chain().consortium(),
                      .subject = (*mesh)[1].org(),
                      .accuser = identity_number(stranger).public_key(),
                      .issued_at = mesh->now,
                      .reason = "envy"};
    sign(demand, identity_number(stranger));
    mesh->inject((*mesh)[2].node, (*mesh)[0], encode(demand));
  }
  mesh->settle();
  EXPECT_TRUE((*mesh)[0].keeper.suspensions(mesh->now).empty());
  EXPECT_GE((*mesh)[0].keeper.rejected()[static_cast<std::size_t>(KeeperReject::unlisted)], 2u);
}

TEST(Leaving, CountsAtOnceAndIsNotReplayedAfterAReturn) {
  auto mesh = Mesh::established(4);
  Party& leaver = (*mesh)[3];
  ASSERT_TRUE(
      mesh->run(leaver, [&](auto& out) { return leaver.keeper.leave(leaver.key, mesh->now, out); }).ok());
  mesh->settle();
  const Departure departure = (*mesh)[0].keeper.departures().at(0);
  EXPECT_EQ((*mesh)[0].keeper.allowed_nodes(mesh->now).size(), 3u);
  EXPECT_EQ(leaver.keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::left);
  const auto vote_through = [&](Roster next, std::initializer_list<std::size_t> voters) {
    const Hash256 hash = propose(*mesh, (*mesh)[0], std::move(next)).value();
    mesh->settle();
    for (const std::size_t i : voters) static_cast<void>(approve(*mesh, (*mesh)[i], hash));
    mesh->settle();
  };
  vote_through(removal_of((*mesh)[0].keeper, leaver.org(), mesh->now), {1, 2});
  EXPECT_EQ((*mesh)[0].keeper.hint().version, 2u);
  EXPECT_TRUE((*mesh)[0].keeper.departures().empty());
  mesh->now += kDay;
  Roster back = (*mesh)[0].keeper.draft(mesh->now);
  back.organisations = organisations_of(first_members(4));
  SignedRoster again = signed_by(unsigned_roster(back), first_members(4));
  for (std::size_t i = 0; i < 3; ++i) mesh->inject((*mesh)[1].node, (*mesh)[i], encode(again));
  mesh->deliver();
  ASSERT_EQ((*mesh)[0].keeper.hint().version, 3u);
  mesh->inject((*mesh)[1].node, (*mesh)[0], encode(departure));
  mesh->deliver();
  EXPECT_TRUE((*mesh)[0].keeper.departures().empty()) << "an old departure was replayed";
}

TEST(Revocation, ARemovedMemberIsOutOnAllNodesWhenTheVersionIsIn) {
  auto mesh = Mesh::established(5);
  Roster next = removal_of((*mesh)[0].keeper, (*mesh)[4].org(), mesh->now);
  next.revoked = {(*mesh)[4].org()};
  const Hash256 hash = propose(*mesh, (*mesh)[0], next).value();
  mesh->deliver();
  for (const std::size_t i : {1, 2}) ASSERT_TRUE(approve(*mesh, (*mesh)[i], hash).ok());
  mesh->deliver();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto allowed = (*mesh)[i].keeper.allowed_nodes(mesh->now);
    EXPECT_TRUE(std::none_of(allowed.begin(), allowed.end(),
                             [&](const auto& n) { return n.node == (*mesh)[4].node; }));
    // Row 10: neither a new certificate nor a re-encoded old one helps; bans go by public key.
    mesh->inject((*mesh)[4].node, (*mesh)[i], encode(certificate_of(4, 4, 9, mesh->now)));
    mesh->inject((*mesh)[0].node, (*mesh)[i], encode(certificate_of(4, 4, 10, mesh->now)));
  }
  mesh->deliver();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ((*mesh)[i].keeper.allowed_nodes(mesh->now).size(), 4u);
  EXPECT_EQ((*mesh)[4].keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::not_member);
}

TEST(OwnNodes, AreManagedAloneInsideMaxNodes) {
  auto mesh = Mesh::established(3);
  Party& party = (*mesh)[0];
  const auto publish = [&](const NodeCertificate& certificate) {
    return mesh->run(party, [&](auto& out) { return party.keeper.publish(certificate, mesh->now, out); });
  };
  for (std::uint8_t i = 0; i < 3; ++i) ASSERT_TRUE(publish(certificate_of(0, 20 + i, 2 + i)).ok());
  mesh->settle();
  EXPECT_EQ((*mesh)[1].keeper.allowed_nodes(mesh->now).size(), 6u);
  EXPECT_THAT(publish(certificate_of(0, 30, 9)).error().message, HasSubstr("may have 4 nodes"));
  EXPECT_THAT(publish(certificate_of(0, 20, 2)).error().message, HasSubstr("serial"));
  EXPECT_FALSE(publish(certificate_of(1, 20, 9)).ok()) << "another organisation's";
  // Pushed past the own keeper, only the newest four count, the same ones everywhere.
  mesh->reorder = true;
  for (std::uint8_t i = 0; i < 6; ++i) {
    for (std::size_t j = 1; j < 3; ++j)
      mesh->inject(party.node, (*mesh)[j], encode(certificate_of(0, 30 + i, 10 + i)));
  }
  mesh->settle(8);
  const auto allowed = (*mesh)[1].keeper.allowed_nodes(mesh->now);
  EXPECT_EQ(allowed.size(), 6u);
  for (std::uint8_t i = 2; i < 6; ++i) {
    EXPECT_TRUE(std::any_of(allowed.begin(), allowed.end(), [&](const AllowedNode& node) {
      return node.node == identity_number(30 + i, 1).public_key();
    }));
  }
  // Retiring and replaying.
  NodeCertificate retired = certificate_of(0, 35, 40, mesh->now);
  retired.retired = true;
  sign(retired, party.key);
  mesh->inject(party.node, (*mesh)[1], encode(retired));
  mesh->inject(party.node, (*mesh)[1], encode(certificate_of(0, 35, 15)));
  mesh->settle();
  const auto after = (*mesh)[2].keeper.allowed_nodes(mesh->now);
  EXPECT_TRUE(std::none_of(after.begin(), after.end(), [&](const AllowedNode& node) {
    return node.node == identity_number(35, 1).public_key();
  }));
}

TEST(OwnNodes, TwoCertificatesWithOneSerialComeToTheSameEverywhere) {
  auto mesh = Mesh::established(3);
  NodeCertificate one = certificate_of(0, 0, 7), two = one;
  two.endpoints.control = {"elsewhere.example:7717"};
  sign(two, (*mesh)[0].key);
  mesh->inject((*mesh)[0].node, (*mesh)[1], encode(one));
  mesh->inject((*mesh)[0].node, (*mesh)[2], encode(two));
  mesh->settle(8);
  const auto endpoint = [&](std::size_t i) {
    for (const AllowedNode& node : (*mesh)[i].keeper.allowed_nodes(mesh->now)) {
      if (node.node == (*mesh)[0].node) return node.endpoints.control.at(0);
    }
    return std::string();
  };
  EXPECT_EQ(endpoint(1), endpoint(2));
  EXPECT_EQ(endpoint(0), endpoint(2));
  EXPECT_GE((*mesh)[1].count(EventKind::contradiction) + (*mesh)[2].count(EventKind::contradiction), 1u);
}

TEST(Rotation, OldAndNewCurveKeyPassForADay) {
  auto mesh = Mesh::established(3);
  Party& party = (*mesh)[0];
  EXPECT_EQ(party.keeper.rotation_due(), kNow + 15 * kDay);
  mesh->now = kNow + 15 * kDay;
  const auto node_key = identity_number(0, 1);
  CurveRotation rotation{.node = party.node,
                         .curve = curve_number(0, 2).public_key(),
                         .curve_epoch = 2,
                         .previous_curve = curve_number(0).public_key(),
                         .issued_at = mesh->now};
  sign(rotation, node_key);
  ASSERT_TRUE(
      mesh->run(party, [&](auto& out) { return party.keeper.publish(rotation, mesh->now, out); }).ok());
  mesh->settle();
  const auto curves = [&](UnixTime now) {
    for (const AllowedNode& node : (*mesh)[2].keeper.allowed_nodes(now)) {
      if (node.node == party.node) return node.curves;
    }
    return std::vector<CurvePublicKey>();
  };
  EXPECT_EQ(curves(mesh->now), (std::vector{curve_number(0, 2).public_key(), curve_number(0).public_key()}));
  EXPECT_EQ(curves(rotation.issued_at + kDay), std::vector{curve_number(0, 2).public_key()});
  EXPECT_EQ(party.keeper.rotation_due(), rotation.issued_at + 15 * kDay);
  mesh->restart((*mesh)[2]);
  EXPECT_EQ(curves(mesh->now).size(), 2u);
  // Nobody rotates another's key.
  CurveRotation forged = rotation;
  forged.curve_epoch = 3;
  sign(rotation, node_key);
  mesh->inject((*mesh)[1].node, (*mesh)[2], encode(forged));
  mesh->deliver();
  EXPECT_EQ(curves(mesh->now).front(), curve_number(0, 2).public_key());
}

TEST(Expiry, AnExpiredCertificateKeepsTheVoteAndLosesTheRounds) {
  auto mesh = Mesh::established(3);
  NodeCertificate brief = certificate_of(0, 0, 2);
  brief.not_after = kNow + 10 * kDay;
  sign(brief, (*mesh)[0].key);
  ASSERT_TRUE(
      mesh->run((*mesh)[0], [&](auto& out) { return (*mesh)[0].keeper.publish(brief, mesh->now, out); })
          .ok());
  mesh->settle();
  mesh->now = kNow + 10 * kDay;
  EXPECT_EQ((*mesh)[0].keeper.may_start_rounds(mesh->now).verdict, RoundsVerdict::certificate_expired);
  const auto allowed = (*mesh)[1].keeper.allowed_nodes(mesh->now);
  ASSERT_EQ(allowed.size(), 3u);
  for (const AllowedNode& node : allowed) EXPECT_EQ(node.trains, node.node != (*mesh)[0].node);
}

TEST(Strangers, HaveNothingToSay) {
  auto mesh = Mesh::established(3);
  const PublicKey stranger = identity_number(50, 1).public_key();
  Party& party = (*mesh)[0];
  KeeperEffects out;
  party.keeper.on_message(stranger, encode(certificate_of(1, 40, 50)), mesh->now, out);
  party.keeper.on_message(stranger, encode(genesis_of({0, 1, 2})), mesh->now, out);
  party.keeper.on_message(stranger, Bytes{std::byte{32}}, mesh->now, out);
  EXPECT_EQ(party.keeper.rejected()[static_cast<std::size_t>(KeeperReject::unlisted)], 3u);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace hansa::protocols::roster
