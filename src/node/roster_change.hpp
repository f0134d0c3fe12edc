// What people want changed, as the next version of a roster: organisations are named as people name them, and
// the rules of docs/governance.md then decide whether it may be proposed. Also the check of a whole chain of
// versions from its bytes alone, for whoever does not want to believe the node that shows it.
#pragma once

#include "protocols/roster/keeper.hpp"
#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::node {

/// Empty fields change nothing; all empty renews the roster's expiry and nothing else.
struct RosterChange {
  std::string name;                                ///< of the consortium
  std::string policy;                              ///< majority, supermajority or unanimous
  std::string removal;                             ///< policy or all-others
  std::string remove;                              ///< an organisation
  bool revoke = false;                             ///< the removed organisation's key never comes back
  std::vector<std::string> pause, resume;          ///< organisations
  std::vector<std::string> max_nodes, weight_cap;  ///< "ORGANISATION=NUMBER"; a cap is a share from 0 to 1
};

/// The organisation that `text` means: its name (ASCII case ignored), its ID, or the first letters of either.
/// Errors: none, with the names there are; more than one.
[[nodiscard]] Result<protocols::roster::PublicKey> find_organisation(const protocols::roster::Roster& roster,
                                                                     std::string_view text);

/// `draft` (RosterKeeper::draft) with `change` made.
[[nodiscard]] Result<protocols::roster::Roster> apply(const RosterChange& change,
                                                      protocols::roster::Roster draft);

/// One version as a check from its bytes found it.
struct CheckedVersion {
  std::uint32_t version = 0;
  protocols::roster::Hash256 hash;
  std::vector<std::string> signers;  ///< names; every signature was checked
  std::size_t needed = 0;            ///< signatures of its own organisations
  std::vector<std::string> changes;  ///< against the version before
};
struct RosterCheck {
  std::string consortium;  ///< ID in letters; empty if there is no version yet
  std::vector<CheckedVersion> versions;
  bool forked = false;
  std::string problem;  ///< empty: everything fits
};
/// Checks every version in a keeper's records against the rules, from version 1 on, without a keeper.
[[nodiscard]] RosterCheck check_roster(const http::NodeApi::KeeperState& state);

}  // namespace hansa::node
