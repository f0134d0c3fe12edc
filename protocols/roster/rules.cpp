// The rules in the order in which a reader of docs/governance.md meets them.
#include "protocols/roster/rules.hpp"

#include "protocols/roster/identity.hpp"

#include <algorithm>
#include <string>

namespace hansa::protocols::roster {
namespace {

Error refused(std::string message) { return {.kind = ErrorKind::bad_data, .message = std::move(message)}; }

Tally::Side side_of(const Roster& roster) {
  Tally::Side side;
  for (const Organisation& organisation : roster.organisations) side.electorate.insert(organisation.key);
  return side;
}

void count(Tally::Side& side, const std::set<PublicKey>& signers) {
  for (const PublicKey& key : side.electorate) side.have += signers.count(key);
}

std::string label(const Organisation& organisation) {
  return organisation.name + " (" + short_text(id_of(organisation.key)) + ")";
}

std::string_view policy_name(Policy policy) {
  return policy == Policy::majority        ? "majority"
         : policy == Policy::supermajority ? "supermajority"
                                           : "unanimous";
}

}  // namespace

std::size_t votes_needed(Policy policy, std::size_t organisations) noexcept {
  if (organisations == 0) return 0;
  switch (policy) {
    case Policy::majority:
      return organisations / 2 + 1;
    case Policy::supermajority:
      return 2 * organisations / 3 + 1;
    case Policy::unanimous:
      break;
  }
  return organisations;
}

std::size_t removal_votes_needed(Policy policy, RemovalPolicy removal, std::size_t others) noexcept {
  return removal == RemovalPolicy::all_others ? others : votes_needed(policy, others);
}

std::set<PublicKey> Branches::double_signers() const {
  std::set<PublicKey> once, twice;
  for (const SignedRoster* sibling : siblings) {
    for (const PublicKey& key : signers_of(*sibling)) {
      if (!once.insert(key).second) twice.insert(key);
    }
  }
  return twice;
}

std::set<PublicKey> signers_of(const SignedRoster& object) {
  std::set<PublicKey> keys;
  for (const RosterSignature& s : object.signatures) keys.insert(s.organisation);
  return keys;
}

Tally tally(const Roster* previous, const Roster& next, const std::set<PublicKey>& signers,
            const Branches* branches) {
  Tally out;
  out.after = side_of(next);
  if (previous == nullptr) {
    out.after.needed = out.after.electorate.size();
    out.added = out.after.electorate;
  } else {
    out.after.needed = votes_needed(next.policy, out.after.electorate.size());
    out.before = side_of(*previous);
    for (const Organisation& o : previous->organisations) {
      if (next.find(o.key) == nullptr) out.removed.insert(o.key);
    }
    for (const PublicKey& key : out.removed) out.before.electorate.erase(key);
    for (const Organisation& o : next.organisations) {
      if (previous->find(o.key) == nullptr) out.added.insert(o.key);
    }
    const std::size_t others = out.before.electorate.size();
    out.before.needed = out.removed.empty()
                            ? votes_needed(previous->policy, others)
                            : removal_votes_needed(previous->policy, previous->removal, others);
    // One of two could otherwise remove the other: there is no vote, only leaving.
    if (others < 2 && branches == nullptr) out.must_sign = out.removed;
  }
  out.must_sign.insert(out.added.begin(), out.added.end());
  if (branches != nullptr) {
    out.common = side_of(branches->common->roster);
    for (const PublicKey& key : branches->double_signers()) out.common.electorate.erase(key);
    out.common.needed = votes_needed(branches->common->roster.policy, out.common.electorate.size());
  }
  for (const PublicKey& key : signers) out.must_sign.erase(key);
  count(out.before, signers);
  count(out.after, signers);
  count(out.common, signers);
  return out;
}

Result<void> check_genesis(const SignedRoster& genesis) {
  const Roster& roster = genesis.roster;
  if (roster.version != 1 || roster.consortium != Hash256{} || roster.previous != Hash256{} ||
      !roster.settles.empty()) {
    return refused("version 1 must not name a consortium, a version before it or branches");
  }
  for (const PublicKey& key : roster.revoked) {
    if (roster.find(key) != nullptr) return refused("version 1 revokes one of its own founders");
  }
  if (signers_of(genesis) != side_of(roster).electorate) {
    return refused("version 1 needs the signatures of all founders, and of nobody else");
  }
  if (!check(genesis)) return refused("version 1 has a signature that is not its founder's");
  return {};
}

Result<void> check_step(const SignedRoster& previous, const SignedRoster& next, const Branches* branches) {
  const Roster &a = previous.roster, &b = next.roster;
  const auto fail = [&](std::string_view what) -> Result<void> {
    return refused("roster version " + std::to_string(b.version) + ": " + std::string(what));
  };
  if (a.version == UINT32_MAX || b.version != a.version + 1) {
    return fail("must be " + std::to_string(std::uint64_t{a.version} + 1) + ", no version is skipped");
  }
  if (b.consortium != consortium_of(previous)) return fail("belongs to another consortium");
  if (b.previous != previous.hash) return fail("does not name the hash of the version before");
  if (b.successor_of != Hash256{}) return fail("only version 1 can succeed another consortium");
  if (b.protocol_floor < a.protocol_floor) return fail("lowers the protocol floor");
  if (b.issued_at < a.issued_at) return fail("is dated before the version before");
  if (!std::includes(b.revoked.begin(), b.revoked.end(), a.revoked.begin(), a.revoked.end())) {
    return fail("takes back a revocation");
  }
  for (const PublicKey& key : b.revoked) {
    if (b.find(key) != nullptr) return fail("lists an organisation whose key is revoked");
  }
  if (b.settles.empty() != (branches == nullptr)) return fail("names branches of a fork that is not known");
  const Tally counted = tally(&a, b, {}, branches);
  std::size_t removed = counted.removed.size();
  if (branches != nullptr) {
    for (const PublicKey& key : branches->double_signers()) removed -= counted.removed.count(key);
  }
  // Two at once would let a minority remove the majority: n = 5, two organisations remove the other three.
  if (removed > 1) return fail("removes more than one organisation at once");
  return {};
}

Result<void> check_successor(const SignedRoster& previous, const SignedRoster& next,
                             const Branches* branches) {
  if (auto checked = check_step(previous, next, branches); !checked) return checked;
  const std::string name = "roster version " + std::to_string(next.roster.version) + ": ";
  for (const RosterSignature& s : next.signatures) {
    const bool member = previous.roster.find(s.organisation) != nullptr ||
                        next.roster.find(s.organisation) != nullptr ||
                        (branches != nullptr && branches->common->roster.find(s.organisation) != nullptr);
    if (!member) return refused(name + "is signed by a stranger");
  }
  if (!check(next)) return refused(name + "has a signature that is not its organisation's");
  const Tally counted = tally(&previous.roster, next.roster, signers_of(next), branches);
  const auto missing = [&](const Tally::Side& side, std::string_view who) -> Result<void> {
    return refused(name + "has " + std::to_string(side.have) + " of the " + std::to_string(side.needed) +
                   " signatures needed of " + std::string(who));
  };
  if (!counted.before.reached()) return missing(counted.before, "the organisations before it");
  if (!counted.after.reached()) return missing(counted.after, "its own organisations");
  if (!counted.common.reached()) return missing(counted.common, "the organisations before the fork");
  if (!counted.must_sign.empty()) return refused(name + "lacks the signature of who joins or leaves by it");
  return {};
}

std::vector<std::string> changes(const Roster& a, const Roster& b) {
  std::vector<std::string> out;
  for (const Organisation& o : b.organisations) {
    const Organisation* before = a.find(o.key);
    if (before == nullptr) {
      out.push_back("adds " + label(o));
    } else if (*before != o) {
      if (before->name != o.name) out.push_back("renames " + label(*before) + " to " + o.name);
      if (before->status != o.status) {
        out.push_back((o.status == OrganisationStatus::paused ? "pauses " : "resumes ") + label(o));
      }
      if (before->max_nodes != o.max_nodes) {
        out.push_back("allows " + label(o) + " " + std::to_string(o.max_nodes) + " nodes");
      }
      if (before->weight_cap != o.weight_cap) {
        out.push_back("caps the weight of " + label(o) + " at " + std::to_string(o.weight_cap) +
                      " millionths");
      }
    }
  }
  for (const Organisation& o : a.organisations) {
    if (b.find(o.key) == nullptr) out.push_back("removes " + label(o));
  }
  for (const PublicKey& key : b.revoked) {
    if (!std::binary_search(a.revoked.begin(), a.revoked.end(), key)) {
      out.push_back("revokes the key of " + short_text(id_of(key)));
    }
  }
  if (a.name != b.name) out.push_back("renames the consortium to " + b.name);
  if (a.policy != b.policy) {
    out.push_back("changes the policy from " + std::string(policy_name(a.policy)) + " to " +
                  std::string(policy_name(b.policy)));
  }
  if (a.removal != b.removal) {
    out.push_back(b.removal == RemovalPolicy::all_others ? "makes removals need all others"
                                                         : "makes removals follow the policy");
  }
  if (a.protocol_floor != b.protocol_floor) {
    out.push_back("raises the protocol floor to " + std::to_string(b.protocol_floor));
  }
  for (const std::string& feature : b.features) {
    if (!std::binary_search(a.features.begin(), a.features.end(), feature))
      out.push_back("turns on " + feature);
  }
  for (const std::string& feature : a.features) {
    if (!std::binary_search(b.features.begin(), b.features.end(), feature))
      out.push_back("turns off " + feature);
  }
  if (!b.settles.empty()) {
    out.push_back("settles a fork; gives up " + std::to_string(b.settles.size()) + " branch" +
                  (b.settles.size() == 1 ? "" : "es"));
  }
  if (b.expires_at > a.expires_at) {
    out.push_back("renews for " + std::to_string((b.expires_at - b.issued_at) / kDay) + " days");
  }
  return out;
}

}  // namespace hansa::protocols::roster
