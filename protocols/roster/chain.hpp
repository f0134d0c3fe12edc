// All versions of a roster that a node has seen with enough signatures. Normally that is a chain. Where two
// valid versions follow the same one, it is a fork: proof that organisations signed twice. Both stay, nothing
// is resolved silently; the consortium settles it by a version that continues one branch, names the others,
// and is signed by enough of the last common roster's organisations that did not sign twice.
#pragma once

#include "protocols/roster/rules.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace hansa::protocols::roster {

inline constexpr std::size_t kSideVersionsMax =
    256;  ///< off the own branch; each needed a quorum's signatures

/// What became of a version that was offered.
enum class Added : std::uint8_t {
  extended,  ///< the new head
  known,     ///< here already
  branched,  ///< valid, and on another branch: the chain is forked now, or was before
  switched,  ///< a settlement in favour of another branch: its branch is the chain now
  orphan,    ///< what it follows, or the fork it settles, is not here yet: fetch that first
};

/// A fork that is not settled.
struct Fork {
  std::uint32_t version = 0;
  const SignedRoster* common = nullptr;
  std::vector<const SignedRoster*> branches;  ///< the own one first, then ascending by hash
};

/// Not thread-safe. Pointers stay valid as long as the chain lives.
class RosterChain {
 public:
  /// An empty chain that takes only the consortium with this ID; any, if none is given.
  explicit RosterChain(std::optional<Hash256> consortium = std::nullopt) : expected_(consortium) {}
  RosterChain(RosterChain&&) = default;
  RosterChain& operator=(RosterChain&&) = default;

  /// Checks everything about `next`. Errors say which rule it breaks.
  Result<Added> add(SignedRoster next);

  [[nodiscard]] bool empty() const noexcept { return main_.empty(); }
  /// The newest version of the own branch. The chain must not be empty.
  [[nodiscard]] const SignedRoster& head() const;
  [[nodiscard]] Hash256 consortium() const;  ///< zeros if empty
  /// Of the own branch; null if there is none.
  [[nodiscard]] const SignedRoster* at(std::uint32_t version) const noexcept;
  /// On any branch.
  [[nodiscard]] const SignedRoster* find(const Hash256& hash) const noexcept;
  /// The oldest fork that is not settled.
  [[nodiscard]] std::optional<Fork> fork() const;
  /// Versions off the own branch that follow one on it: the evidence of all forks, settled or not.
  [[nodiscard]] std::vector<const SignedRoster*> evidence() const;
  /// The rosters whose organisations can still decide: the head's, and while a fork is open also those of
  /// its other branches and of the last common version.
  [[nodiscard]] std::vector<const SignedRoster*> current() const;
  /// The fork that `next` settles, if all that it names is here.
  [[nodiscard]] std::optional<Branches> branches_of(const SignedRoster& next) const;

 private:
  [[nodiscard]] const SignedRoster* ancestor(const SignedRoster* from, std::uint32_t version) const noexcept;
  [[nodiscard]] bool on_main(const SignedRoster& roster) const noexcept;
  [[nodiscard]] bool settled(const SignedRoster& side) const;
  void switch_to(const SignedRoster* head);

  std::optional<Hash256> expected_;
  std::map<Hash256, std::unique_ptr<const SignedRoster>> all_;
  std::vector<const SignedRoster*> main_;  ///< [v - 1] is version v
};

}  // namespace hansa::protocols::roster
