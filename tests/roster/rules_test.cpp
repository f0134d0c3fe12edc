// The rules of succession: tables of steps, the thresholds of docs/governance.md, and forks with their
// settlement.
#include "protocols/roster/chain.hpp"
#include "tests/roster/support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

std::string verdict(const SignedRoster& previous, const SignedRoster& next) {
  const auto checked = check_successor(previous, next);
  return checked.ok() ? "" : checked.error().message;
}

/// `count` of `members`.
Members some(const Members& members, std::size_t count) { return {members.begin(), members.begin() + count}; }

// The table of the specification: n, m, m of the others for a removal.
TEST(Rules, ThresholdsAreThoseOfTheTable) {
  const std::size_t table[][3] = {{2, 2, 1}, {3, 3, 2}, {4, 3, 3}, {5, 4, 3}, {7, 5, 5}, {10, 7, 7}};
  for (const auto& [n, m, others] : table) {
    EXPECT_EQ(votes_needed(Policy::supermajority, n), m) << n;
    EXPECT_EQ(removal_votes_needed(Policy::supermajority, RemovalPolicy::policy, n - 1), others) << n;
    EXPECT_EQ(removal_votes_needed(Policy::supermajority, RemovalPolicy::all_others, n - 1), n - 1);
    EXPECT_EQ(votes_needed(Policy::majority, n), n / 2 + 1);
    EXPECT_EQ(votes_needed(Policy::unanimous, n), n);
  }
}

TEST(Rules, ExactlyEnoughSignaturesAreEnough) {
  for (std::size_t n = 1; n <= 13; ++n) {
    for (const Policy policy : {Policy::majority, Policy::supermajority, Policy::unanimous}) {
      const Members all = first_members(n);
      const SignedRoster genesis = genesis_of(all, policy);
      ASSERT_TRUE(check_genesis(genesis).ok());
      const SignedRoster renewal = next_of(genesis, all);
      const std::size_t m = votes_needed(policy, n);
      EXPECT_EQ(verdict(genesis, signed_by(renewal, some(all, m))), "") << n;
      EXPECT_THAT(verdict(genesis, signed_by(renewal, some(all, m - 1))), HasSubstr("signatures needed"))
          << n;
    }
  }
}

TEST(Rules, BothOldAndNewOrganisationsMustBeEnough) {
  // Adding the 6th of 6: m(5) = 4 of the old, m(6) = 5 of the new, the newcomer among the signers.
  const Members old = first_members(5), grown = first_members(6);
  const SignedRoster genesis = genesis_of(old), next = next_of(genesis, grown);
  EXPECT_EQ(verdict(genesis, signed_by(next, {0, 1, 2, 3, 5})), "");
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 2, 5})), HasSubstr("of the organisations before it"));
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 2, 3})), HasSubstr("of its own organisations"));
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 2, 3, 4})), HasSubstr("joins"));
}

TEST(Rules, ASubjectOfARemovalHasNoSay) {
  const Members all = first_members(5);
  const SignedRoster genesis = genesis_of(all);
  const SignedRoster next = next_of(genesis, without(all, 4));
  EXPECT_EQ(verdict(genesis, signed_by(next, {0, 1, 2})), "");
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 4})), HasSubstr("has 2 of the 3"));
  const SignedRoster strict = genesis_of(all, Policy::supermajority, RemovalPolicy::all_others);
  const SignedRoster removal = next_of(strict, without(all, 4));
  EXPECT_THAT(verdict(strict, signed_by(removal, {0, 1, 2})), HasSubstr("has 3 of the 4"));
  EXPECT_EQ(verdict(strict, signed_by(removal, {0, 1, 2, 3})), "");
}

TEST(Rules, OfTwoNobodyCanRemoveTheOther) {
  const SignedRoster genesis = genesis_of({0, 1});
  const SignedRoster next = next_of(genesis, {0});
  EXPECT_THAT(verdict(genesis, signed_by(next, {0})), HasSubstr("leaves"));
  EXPECT_EQ(verdict(genesis, signed_by(next, {0, 1})), "");
}

TEST(Rules, AMinorityCannotRemoveTheRestAtOnce) {
  const SignedRoster genesis = genesis_of(first_members(5));
  EXPECT_THAT(verdict(genesis, signed_by(next_of(genesis, {0, 1}), {0, 1})), HasSubstr("more than one"));
}

TEST(Rules, AKeyIsReplacedByRemovalAndAdditionInOneStep) {
  const SignedRoster genesis = genesis_of({0, 1, 2, 3});
  const SignedRoster next = next_of(genesis, {0, 1, 2, 9});
  EXPECT_EQ(verdict(genesis, signed_by(next, {0, 1, 2, 9})), "");
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 2, 3})), HasSubstr("joins"));
}

TEST(Rules, WrongStepsAreRefusedByName) {
  const Members all = first_members(4);
  const SignedRoster genesis = genesis_of(all);
  SignedRoster second = signed_by(next_of(genesis, all), all);
  const auto with = [&](auto change) {
    Roster roster = next_of(genesis, all).roster;
    change(roster);
    return verdict(genesis, signed_by(unsigned_roster(roster), all));
  };
  EXPECT_EQ(with([](Roster&) {}), "");
  EXPECT_THAT(with([](Roster& r) { r.version = 3; }), HasSubstr("no version is skipped"));
  EXPECT_THAT(with([](Roster& r) { r.version = 1; }), HasSubstr("no version is skipped"));
  EXPECT_THAT(with([](Roster& r) { r.previous.bytes[0] ^= std::byte{1}; }),
              HasSubstr("hash of the version before"));
  EXPECT_THAT(with([](Roster& r) { r.consortium.bytes[0] ^= std::byte{1}; }),
              HasSubstr("another consortium"));
  EXPECT_THAT(with([](Roster& r) { r.successor_of.bytes[0] = std::byte{1}; }), HasSubstr("succeed"));
  EXPECT_THAT(with([](Roster& r) { r.protocol_floor = 0; }), HasSubstr("protocol floor"));
  EXPECT_THAT(with([](Roster& r) {
                r.issued_at = kNow - 1;
                r.expires_at = kNow;
              }),
              HasSubstr("dated before"));
  EXPECT_THAT(with([](Roster& r) { r.revoked = {r.organisations[0].key}; }), HasSubstr("key is revoked"));
  EXPECT_THAT(with([](Roster& r) { r.settles = {Hash256{}}; }), HasSubstr("fork that is not known"));
  // A revocation stays.
  Roster revoking = next_of(genesis, all).roster;
  revoking.revoked = {identity_number(20).public_key()};
  const SignedRoster third = signed_by(unsigned_roster(revoking), all);
  ASSERT_EQ(verdict(genesis, third), "");
  Roster forgetting = next_of(third, all).roster;
  forgetting.revoked.clear();
  EXPECT_THAT(verdict(third, signed_by(unsigned_roster(forgetting), all)), HasSubstr("takes back"));
}

TEST(Rules, StrangersForgeriesAndDuplicatesDoNotCount) {
  const Members all = first_members(4);
  const SignedRoster genesis = genesis_of(all), next = next_of(genesis, all);
  EXPECT_THAT(verdict(genesis, signed_by(next, {0, 1, 2, 7})), HasSubstr("stranger"));
  SignedRoster forged = signed_by(next, {0, 1, 2});
  forged.signatures[1].signature = forged.signatures[0].signature;
  EXPECT_THAT(verdict(genesis, forged), HasSubstr("not its organisation's"));
  SignedRoster twice = signed_by(next, {0, 1});
  twice.signatures.push_back(twice.signatures[0]);  // decoders refuse it; the rule does not count it either
  EXPECT_THAT(verdict(genesis, twice), HasSubstr("has 2 of the 3"));
}

TEST(Rules, VersionOneNeedsAllFoundersAndNobodyElse) {
  SignedRoster genesis = genesis_of({0, 1, 2});
  EXPECT_TRUE(check_genesis(genesis).ok());
  EXPECT_FALSE(check_genesis(signed_by(genesis, {3})).ok());
  genesis.signatures.pop_back();
  EXPECT_FALSE(check_genesis(genesis).ok());
  Roster successor = genesis.roster;
  successor.successor_of = genesis.hash;
  EXPECT_TRUE(check_genesis(signed_by(unsigned_roster(successor), {0, 1, 2})).ok());
}

TEST(Chain, RefusesWhatIsNotItsConsortium) {
  RosterChain chain(genesis_of({0, 1, 2}).hash);
  EXPECT_FALSE(chain.add(genesis_of({0, 1})).ok());
  EXPECT_EQ(chain.add(genesis_of({0, 1, 2})).value(), Added::extended);
  EXPECT_EQ(chain.add(genesis_of({0, 1, 2})).value(), Added::known);
  EXPECT_FALSE(chain.add(genesis_of({0, 1})).ok());
}

struct ForkedChain {
  explicit ForkedChain(const Members& all, const SignedRoster& one, const SignedRoster& two) {
    EXPECT_EQ(chain.add(genesis_of(all)).value(), Added::extended);
    EXPECT_EQ(chain.add(one).value(), Added::extended);
    EXPECT_EQ(chain.add(two).value(), Added::branched);
  }
  RosterChain chain;
};

SignedRoster settlement(const SignedRoster& chosen, const Members& members,
                        const std::vector<Hash256>& given_up, const Members& signers) {
  Roster roster = next_of(chosen, members).roster;
  roster.settles = given_up;
  std::sort(roster.settles.begin(), roster.settles.end());
  return signed_by(unsigned_roster(roster), signers);
}

// A + B remove C while A + C remove B: one double-signer is enough at n = 3.
TEST(Chain, RivalRemovalsAtThreeAreAForkUntilTheOthersSettleIt) {
  const Members all = {0, 1, 2};
  const SignedRoster genesis = genesis_of(all);
  const SignedRoster no_c = signed_by(next_of(genesis, {0, 1}), {0, 1});
  const SignedRoster no_b = signed_by(next_of(genesis, {0, 2}), {0, 2});
  ForkedChain forked(all, no_c, no_b);
  const auto fork = forked.chain.fork();
  ASSERT_TRUE(fork.has_value());
  EXPECT_EQ(fork->version, 2u);
  ASSERT_EQ(fork->branches.size(), 2u);
  EXPECT_EQ(forked.chain.head().hash, no_c.hash) << "nothing is resolved silently";
  const Branches branches{genesis.hash == fork->common->hash ? fork->common : nullptr, fork->branches};
  EXPECT_EQ(branches.double_signers(), std::set<PublicKey>{identity_number(0).public_key()});

  // The double-signer and one friend cannot settle it in their favour.
  const auto unfair = forked.chain.add(settlement(no_c, {0, 1}, {no_b.hash}, {0, 1}));
  ASSERT_FALSE(unfair.ok());
  EXPECT_THAT(unfair.error().message, HasSubstr("before the fork"));
  // B and C expel it and go on together.
  const auto fair = forked.chain.add(settlement(no_c, {1, 2}, {no_b.hash}, {1, 2}));
  ASSERT_TRUE(fair.ok()) << fair.error().message;
  EXPECT_EQ(*fair, Added::extended);
  EXPECT_FALSE(forked.chain.fork().has_value());
  EXPECT_EQ(forked.chain.evidence().size(), 1u) << "the proof stays";
}

TEST(Chain, RivalRemovalsAtFiveAreSettledOnEitherSide) {
  const Members all = first_members(5);
  const SignedRoster genesis = genesis_of(all);
  const SignedRoster no_d = signed_by(next_of(genesis, without(all, 3)), {0, 1, 2});
  const SignedRoster no_e = signed_by(next_of(genesis, without(all, 4)), {0, 1, 3});
  const SignedRoster settled = settlement(no_d, {1, 2, 3, 4}, {no_e.hash}, {1, 2, 3, 4});
  for (const bool other_way : {false, true}) {
    ForkedChain forked(all, other_way ? no_e : no_d, other_way ? no_d : no_e);
    const auto added = forked.chain.add(settled);
    // 0 and 1 signed both: of the others 2, 3, 4, three are needed.
    ASSERT_TRUE(added.ok()) << added.error().message;
    EXPECT_EQ(*added, other_way ? Added::switched : Added::extended);
    EXPECT_EQ(forked.chain.head().hash, settled.hash);
    EXPECT_FALSE(forked.chain.fork().has_value());
    EXPECT_EQ(forked.chain.at(2)->hash, no_d.hash);
  }
}

TEST(Chain, BranchesThatGrewOnAreSettledAsWell) {
  const Members all = first_members(4);
  const SignedRoster genesis = genesis_of(all);
  const SignedRoster a2 = signed_by(next_of(genesis, all, 1), {0, 1, 2}),
                     a3 = signed_by(next_of(a2, all), {0, 1, 2});
  const SignedRoster b2 = signed_by(next_of(genesis, all, 2), {0, 1, 3}),
                     b3 = signed_by(next_of(b2, all), {0, 1, 3});
  RosterChain chain;
  for (const SignedRoster& roster : {genesis, a2, a3}) ASSERT_EQ(chain.add(roster).value(), Added::extended);
  EXPECT_EQ(chain.add(b3).value(), Added::orphan);
  EXPECT_EQ(chain.add(b2).value(), Added::branched);
  EXPECT_EQ(chain.add(b3).value(), Added::branched);
  EXPECT_EQ(chain.fork()->version, 2u);
  EXPECT_EQ(chain.current().size(), 4u) << "head, common, both versions of the other branch";
  const SignedRoster end = settlement(b3, all, {a2.hash}, all);
  EXPECT_EQ(chain.add(end).value(), Added::switched);
  EXPECT_EQ(chain.head().roster.version, 4u);
  EXPECT_EQ(chain.at(3)->hash, b3.hash);
  EXPECT_FALSE(chain.fork().has_value());
}

TEST(Rules, ChangesAreSaidInSentences) {
  const SignedRoster genesis = genesis_of({0, 1, 2});
  Roster next = next_of(genesis, {0, 1, 3}).roster;
  next.features = {"robust"};
  const auto said = changes(genesis.roster, next);
  EXPECT_THAT(said, ::testing::Contains(HasSubstr("adds Org D")));
  EXPECT_THAT(said, ::testing::Contains(HasSubstr("removes Org C")));
  EXPECT_THAT(said, ::testing::Contains("turns on robust"));
  EXPECT_THAT(said, ::testing::Contains("renews for 90 days"));
}

}  // namespace
}  // namespace hansa::protocols::roster
