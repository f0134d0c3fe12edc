// A further node of a member: who may be admitted, what the carried files are worth when somebody changes
// them, and that the new node's keeper comes to the same state as all others without a vote of its own.
#include "protocols/roster/admission.hpp"
#include "protocols/roster/identity.hpp"
#include "tests/roster/mesh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

constexpr std::uint8_t kNew = 9;  ///< number of the node that is added to organisation 0

NodeRequest request_to(std::uint8_t organisation, UnixTime now, std::uint8_t node = kNew) {
  NodeRequest out{.organisation = id_of(identity_number(organisation).public_key()).hash,
                  .node = identity_number(node, 1).public_key(),
                  .curve = curve_number(node).public_key(),
                  .endpoints = {.control = {"second.example:7717"}, .bulk = {"second.example:7718"}},
                  .created_at = now};
  sign(out, identity_number(node, 1));
  return out;
}

Result<NodeAdmission> admit(Mesh& mesh, const NodeRequest& request, std::size_t at = 0) {
  return mesh.run(mesh[at], [&](KeeperEffects& out) {
    return mesh[at].keeper.admit(request, mesh[at].key, mesh.now, out);
  });
}

Result<std::vector<Record>> accepted(const NodeAdmission& admission, UnixTime now) {
  return first_records(admission, id_of(identity_number(0).public_key()).hash,
                       identity_number(kNew, 1).public_key(), now);
}

std::size_t nodes_of(const RosterKeeper& keeper, const PublicKey& organisation, UnixTime now) {
  const auto allowed = keeper.allowed_nodes(now);
  return static_cast<std::size_t>(std::count_if(
      allowed.begin(), allowed.end(), [&](const AllowedNode& n) { return n.organisation == organisation; }));
}

TEST(Admission, ASecondNodeBeginsWithTheRosterAndAllKnowIt) {
  auto mesh = Mesh::established(3);
  const auto admission = admit(*mesh, request_to(0, mesh->now));
  ASSERT_TRUE(admission.ok()) << admission.error().message;
  mesh->settle();
  const PublicKey org = (*mesh)[0].org();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(nodes_of((*mesh)[i].keeper, org, mesh->now), 2U) << i;

  const auto read = decode_admission(encode(*admission));
  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto records = accepted(*read, mesh->now);
  ASSERT_TRUE(records.ok()) << records.error().message;
  Party& second = mesh->add(kNew);
  second.key = identity_number(0);
  for (const Record& record : *records) second.disk[{record.kind, record.key}] = record.value;
  mesh->restart(second);
  mesh->settle();
  EXPECT_TRUE(second.keeper.may_start_rounds(mesh->now)) << second.keeper.may_start_rounds(mesh->now).text;
  EXPECT_EQ(second.keeper.allowed_nodes(mesh->now).size(), 4U);

  // One organisation, one vote: what was signed at the first node is known at the second, and the same again
  // there is no second signature.
  const auto proposed = mesh->run((*mesh)[0], [&](KeeperEffects& out) {
    Roster next = (*mesh)[0].keeper.draft(mesh->now + 1);
    return (*mesh)[0].keeper.propose(std::move(next), (*mesh)[0].key, mesh->now, out);
  });
  ASSERT_TRUE(proposed.ok()) << proposed.error().message;
  mesh->settle();
  const auto views = second.keeper.proposals();
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].approvals.size(), 1U);
  EXPECT_EQ(views[0].tally.before.electorate.size(), 3U);
  EXPECT_EQ(views[0].tally.before.needed, 3U);
  const auto again = mesh->run(second, [&](KeeperEffects& out) {
    return second.keeper.approve(*proposed, second.key, mesh->now, out);
  });
  EXPECT_FALSE(again.ok());

  // Retired from the first node, it is out everywhere; its organisation stays.
  const auto retired = mesh->run((*mesh)[0], [&](KeeperEffects& out) {
    return (*mesh)[0].keeper.retire(second.node, (*mesh)[0].key, mesh->now, out);
  });
  ASSERT_TRUE(retired.ok()) << retired.error().message;
  mesh->settle();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(nodes_of((*mesh)[i].keeper, org, mesh->now), 1U) << i;
  const auto twice = mesh->run((*mesh)[0], [&](KeeperEffects& out) {
    return (*mesh)[0].keeper.retire(second.node, (*mesh)[0].key, mesh->now, out);
  });
  EXPECT_FALSE(twice.ok());
}

TEST(Admission, RequestsThatMustNotBeGranted) {
  struct Case {
    const char* says;
    std::function<NodeRequest(UnixTime now)> request;
  };
  const auto changed = [](UnixTime now, auto change) {
    NodeRequest request = request_to(0, now);
    change(request);
    sign(request, identity_number(kNew, 1));
    return request;
  };
  const Case cases[] = {
      {"another organisation", [](UnixTime now) { return request_to(1, now); }},
      {"one of Org B", [](UnixTime now) { return request_to(0, now, 1); }},
      {"not signed",
       [](UnixTime now) {
         NodeRequest request = request_to(0, now);
         request.curve = curve_number(3).public_key();
         return request;
       }},
      {"ahead of this machine's clock",
       [&](UnixTime now) { return changed(now, [](NodeRequest& r) { r.created_at += kClockSkew + 1; }); }},
      {"older than a week",
       [&](UnixTime now) {
         return changed(now, [](NodeRequest& r) { r.created_at -= kAdmissionLifetime + 1; });
       }},
  };
  for (const Case& one : cases) {
    auto mesh = Mesh::established(3);
    const auto admission = admit(*mesh, one.request(mesh->now));
    ASSERT_FALSE(admission.ok()) << one.says;
    EXPECT_THAT(admission.error().message, HasSubstr(one.says));
    EXPECT_EQ((*mesh)[0].keeper.next_serial(), 2U) << "nothing has happened";
  }
  auto mesh = Mesh::established(3);
  const auto foreign = mesh->run((*mesh)[0], [&](KeeperEffects& out) {
    return (*mesh)[0].keeper.admit(request_to(0, mesh->now), identity_number(1), mesh->now, out);
  });
  EXPECT_FALSE(foreign.ok()) << "signed with the key of another organisation";
  mesh->restart((*mesh)[0], /*recovering=*/true);
  EXPECT_FALSE(admit(*mesh, request_to(0, mesh->now)).ok()) << "a restored node signs nothing yet";
}

TEST(Admission, OnlyMaxNodesOfAnOrganisation) {
  auto mesh = Mesh::established(3);
  const std::uint16_t most = organisation_number(0).max_nodes;
  for (std::uint8_t node = kNew; node < kNew + most - 1; ++node) {
    const auto admission = admit(*mesh, request_to(0, mesh->now, node));
    ASSERT_TRUE(admission.ok()) << admission.error().message;
  }
  const auto one_more = admit(*mesh, request_to(0, mesh->now, kNew + 10));
  ASSERT_FALSE(one_more.ok());
  EXPECT_THAT(one_more.error().hint, HasSubstr("hansa roster propose --max-nodes \"Org A=5\""));
  EXPECT_TRUE(admit(*mesh, request_to(0, mesh->now)).ok()) << "a renewal needs no place";
}

TEST(Admission, SuspendedOrganisationsAddNoNodes) {
  auto mesh = Mesh::established(4);
  for (const std::size_t accuser : {1, 2}) {
    Party& party = (*mesh)[accuser];
    ASSERT_TRUE(mesh->run(party,
                          [&](KeeperEffects& out) {
                            return party.keeper.suspend((*mesh)[0].org(), "test", party.key, mesh->now, out);
                          })
                    .ok());
  }
  mesh->settle();
  const auto admission = admit(*mesh, request_to(0, mesh->now));
  ASSERT_FALSE(admission.ok());
  EXPECT_THAT(admission.error().message, HasSubstr("suspended"));
}

TEST(Admission, AKeyThatTheNodeHasReplacedDoesNotComeBack) {
  auto mesh = Mesh::established(3);
  ASSERT_TRUE(admit(*mesh, request_to(0, mesh->now)).ok());
  CurveRotation rotation{.node = identity_number(kNew, 1).public_key(),
                         .curve = curve_number(kNew, 2).public_key(),
                         .previous_curve = curve_number(kNew).public_key(),
                         .issued_at = mesh->now};
  sign(rotation, identity_number(kNew, 1));
  ASSERT_TRUE(
      mesh->run((*mesh)[0],
                [&](KeeperEffects& out) { return (*mesh)[0].keeper.publish(rotation, mesh->now, out); })
          .ok());
  const auto stale = admit(*mesh, request_to(0, mesh->now));
  ASSERT_FALSE(stale.ok());
  EXPECT_THAT(stale.error().message, HasSubstr("replaced its connection key"));
}

TEST(Admission, NothingInTheFilesCanBeChanged) {
  auto mesh = Mesh::established(3);
  const NodeRequest request = request_to(0, mesh->now);
  const auto admission = admit(*mesh, request);
  ASSERT_TRUE(admission.ok());
  const Bytes asked = encode(request), answer = encode(*admission);
  ASSERT_TRUE(decode_node_request(asked).ok() && check(*decode_node_request(asked)));
  for (std::size_t at = 0; at < asked.size(); ++at) {
    Bytes bytes = asked;
    bytes[at] ^= std::byte{1};
    const auto read = decode_node_request(bytes);
    EXPECT_FALSE(read.ok() && check(*read)) << at;
    EXPECT_FALSE(decode_node_request(BytesView(asked).first(at)).ok()) << at;
  }
  ASSERT_TRUE(accepted(*decode_admission(answer), mesh->now).ok());
  for (std::size_t at = 0; at < answer.size(); ++at) {
    Bytes bytes = answer;
    bytes[at] ^= std::byte{1};
    const auto read = decode_admission(bytes);
    EXPECT_FALSE(read.ok() && accepted(*read, mesh->now).ok()) << at;
    EXPECT_FALSE(decode_admission(BytesView(answer).first(at)).ok()) << at;
  }
}

// The organisation's key signs, but what it signs is not what the rules allow.
TEST(Admission, ASignatureDoesNotReplaceTheRules) {
  auto mesh = Mesh::established(3);
  const auto admission = admit(*mesh, request_to(0, mesh->now));
  ASSERT_TRUE(admission.ok());
  const UnixTime now = mesh->now;
  const SignedRoster& genesis = (*mesh)[0].keeper.chain().head();
  struct Case {
    const char* says;
    std::function<void(NodeAdmission&)> change;
    UnixTime later = 0;
  };
  const Case cases[] = {
      {"not for this one", [](NodeAdmission& a) { a.node = identity_number(8, 1).public_key(); }},
      {"ahead", [](NodeAdmission&) {}, -kClockSkew - 1},
      {"days old", [](NodeAdmission&) {}, kAdmissionLifetime + 1},
      {"does not list", [](NodeAdmission& a) { a.versions.clear(); }},
      {"does not list", [](NodeAdmission& a) { a.head.bytes[0] ^= std::byte{1}; }},
      {"may not connect", [](NodeAdmission& a) { a.objects.clear(); }},
      {"cannot be used",
       [&](NodeAdmission& a) {
         a.versions.push_back(encode(signed_by(next_of(genesis, first_members(2)), {0})));
       }},
      {"something that no admission has",
       [&](NodeAdmission& a) {
         Vote vote{genesis.hash, genesis.hash, identity_number(1).public_key(), true, {}};
         sign(vote, identity_number(1));
         a.objects.push_back(encode(vote));
       }},
  };
  for (const Case& one : cases) {
    NodeAdmission forged = *admission;
    one.change(forged);
    sign(forged, identity_number(0));
    const auto records = accepted(forged, now + one.later);
    ASSERT_FALSE(records.ok()) << one.says;
    EXPECT_THAT(records.error().message, HasSubstr(one.says));
  }
  NodeAdmission foreign = *admission;
  foreign.organisation = identity_number(1).public_key();
  sign(foreign, identity_number(1));
  EXPECT_THAT(accepted(foreign, now).error().message, HasSubstr("another organisation"));
}

}  // namespace
}  // namespace hansa::protocols::roster
