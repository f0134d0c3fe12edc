// What an organisation decides, apart from its node. The organisation's key is cold: the node never has it. A
// tool that has it works on a copy of the node's keeper, and brings back what came of it: rows to be kept and
// messages to be told. The node takes that only if its keeper has not moved on meanwhile, so that no vote is
// cast twice by two tools.
#pragma once

#include "protocols/roster/keeper.hpp"
#include "src/http/node_api.hpp"
#include "src/node/state_folder.hpp"

#include <hansa/result.hpp>

#include <memory>
#include <string>

namespace hansa::node {

class Governance {
 public:
  /// A copy of the keeper of the node with `keys`.
  static Result<Governance> open(const NodeKeys& keys, const http::NodeApi::KeeperState& state,
                                 std::int64_t now_s);

  [[nodiscard]] protocols::roster::RosterKeeper& keeper() noexcept { return *keeper_; }
  /// To be handed to the keeper's commands.
  [[nodiscard]] protocols::roster::KeeperEffects& effects() noexcept { return effects_; }
  /// All that came of the commands so far.
  [[nodiscard]] http::NodeApi::KeeperChange change() const;

 private:
  std::string base_;
  std::unique_ptr<protocols::roster::RosterKeeper> keeper_;
  protocols::roster::KeeperEffects effects_;
};

/// A certificate for the node with `keys` at these endpoints ("host:port"; empty: it only dials out), signed
/// by the organisation.
[[nodiscard]] protocols::roster::NodeCertificate make_certificate(const NodeKeys& keys,
                                                                  const crypto::Identity& organisation,
                                                                  const std::string& control,
                                                                  const std::string& bulk,
                                                                  std::uint64_t serial, std::int64_t now_s);

}  // namespace hansa::node
