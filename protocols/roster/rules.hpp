// When is a roster the next version? The two-sided rule is TUF's (Samuel et al., CCS 2010; the
// specification's root rotation): enough organisations of the old roster and enough of the new one must have
// signed. A newcomer signs its own entry; whoever is to be removed has no say. docs/governance.md explains
// the rules to operators, with the number of double-signers that each can stand.
//
// Pure functions of rosters: no clock, no state.
#pragma once

#include "protocols/roster/layout.hpp"
#include "protocols/roster/objects.hpp"

#include <hansa/result.hpp>

#include <set>
#include <vector>

namespace hansa::protocols::roster {

/// How many of `organisations` must agree: 0 for 0.
[[nodiscard]] std::size_t votes_needed(Policy policy, std::size_t organisations) noexcept;
/// How many of the `others` must agree to remove one more organisation.
[[nodiscard]] std::size_t removal_votes_needed(Policy policy, RemovalPolicy removal,
                                               std::size_t others) noexcept;

/// A fork that a roster settles: rosters of one version that follow the same one. Pointers into the chain.
struct Branches {
  const SignedRoster* common = nullptr;       ///< the last version before the fork
  std::vector<const SignedRoster*> siblings;  ///< at least two, the chosen branch's first
  /// Organisations that signed two of them; they have no vote on the settlement of what they did.
  [[nodiscard]] std::set<PublicKey> double_signers() const;
};

/// Where a proposal stands, for people and for the rule.
struct Tally {
  struct Side {
    std::set<PublicKey> electorate;
    std::size_t needed = 0, have = 0;
    [[nodiscard]] bool reached() const noexcept { return have >= needed; }
  };
  Side before;                    ///< organisations of the old roster, without those to be removed
  Side after;                     ///< organisations of the new roster
  Side common;                    ///< settling a fork: of the last common roster, without double-signers
  std::set<PublicKey> removed;    ///< in the old roster only
  std::set<PublicKey> added;      ///< in the new roster only
  std::set<PublicKey> must_sign;  ///< newcomers (and leavers where nobody else could decide) not here yet
  [[nodiscard]] bool complete() const noexcept {
    return before.reached() && after.reached() && common.reached() && must_sign.empty();
  }
};
/// Counts `signers`, each once. `branches` if `next` settles a fork, else null. For version 1 `previous` is
/// null and everyone must sign.
[[nodiscard]] Tally tally(const Roster* previous, const Roster& next, const std::set<PublicKey>& signers,
                          const Branches* branches = nullptr);
[[nodiscard]] std::set<PublicKey> signers_of(const SignedRoster& object);

/// Version 1: all founders have signed, and nobody else.
[[nodiscard]] Result<void> check_genesis(const SignedRoster& genesis);
/// Whether `next` may follow `previous` once it has signatures: version, hash, what may change.
[[nodiscard]] Result<void> check_step(const SignedRoster& previous, const SignedRoster& next,
                                      const Branches* branches = nullptr);
/// check_step, valid signatures of those who may sign, and enough of them.
[[nodiscard]] Result<void> check_successor(const SignedRoster& previous, const SignedRoster& next,
                                           const Branches* branches = nullptr);

/// What `next` changes, in short sentences for people: "adds Bravo Jet", "renews until ...".
[[nodiscard]] std::vector<std::string> changes(const Roster& previous, const Roster& next);

}  // namespace hansa::protocols::roster
