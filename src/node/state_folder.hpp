// A node's folder: its keys, its memory, its models. Everything that must survive is below one folder that
// only its owner can read; which file is which stands here.
#pragma once

#include "protocols/roster/identity.hpp"
#include "src/crypto/curve_key.hpp"
#include "src/crypto/identity.hpp"
#include "src/crypto/key_file.hpp"
#include "src/crypto/secret_text.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace hansa::node {

struct StateFolder {
  std::filesystem::path root;

  [[nodiscard]] std::filesystem::path organisation_key() const { return root / "org.key"; }
  /// In place of the key in the folder of a further node: the ID of its organisation, which the operator
  /// named, and the public key with that ID, once the organisation has admitted the node.
  [[nodiscard]] std::filesystem::path organisation_id() const { return root / "org.id"; }
  [[nodiscard]] std::filesystem::path organisation_public() const { return root / "org.pub"; }
  [[nodiscard]] std::filesystem::path node_key() const { return root / "node.key"; }
  [[nodiscard]] std::filesystem::path curve_key() const { return root / "curve.key"; }
  /// Announced, and taken in a moment; and the one before, for peers that have not heard of the rotation.
  [[nodiscard]] std::filesystem::path next_curve_key() const { return root / "curve.next.key"; }
  [[nodiscard]] std::filesystem::path previous_curve_key() const { return root / "curve.previous.key"; }
  [[nodiscard]] std::filesystem::path database() const { return root / "state.db"; }
  [[nodiscard]] std::filesystem::path audit() const { return root / "audit"; }
  [[nodiscard]] std::filesystem::path boot_counter() const { return root / "boot"; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  [[nodiscard]] std::filesystem::path models() const { return root / "models"; }
  /// What the rounds of runs were like (run_history.hpp).
  [[nodiscard]] std::filesystem::path histories() const { return root / "histories"; }
  [[nodiscard]] std::filesystem::path invites() const { return root / "invites.json"; }
  [[nodiscard]] std::filesystem::path settings() const { return root / "hansa.toml"; }
  [[nodiscard]] std::filesystem::path http_port() const { return root / "http.port"; }
  [[nodiscard]] std::filesystem::path api_token() const { return root / "api.token"; }
  [[nodiscard]] std::filesystem::path process_id() const { return root / "node.pid"; }
};

/// What a new organisation has.
struct NewNode {
  crypto::PublicKey organisation{}, node{};
  crypto::CurvePublicKey curve{};
};
/// Makes the folder and its keys. The organisation's key is sealed with `passphrase`. An error if there are
/// keys already: losing one is final.
Result<NewNode> make_state_folder(const StateFolder& folder, const crypto::SecretText& passphrase,
                                  const crypto::StretchCost& cost = {});

/// The same for a further node of the organisation with this ID, whose key stays where it is. `organisation`
/// in the result stays zeros.
Result<NewNode> make_further_folder(const StateFolder& folder, const protocols::roster::Id& organisation);

/// Of a further node: the ID that it was made for. An error in a folder that has an organisation's key.
Result<protocols::roster::Id> organisation_id(const StateFolder& folder);
/// From the sealed key file, or, at a further node, from the file that stands for it.
Result<crypto::PublicKey> organisation_of(const StateFolder& folder);

/// The keys that a running node holds: not the organisation's.
struct NodeKeys {
  std::shared_ptr<const crypto::Identity> node;
  crypto::NumberedCurveKey curve;
  crypto::PublicKey organisation{};
  std::optional<crypto::CurveKey> previous_curve = {};
};
Result<NodeKeys> load_node_keys(const StateFolder& folder);

/// Makes the next connection key, if there is one, the key in use, and keeps the one before beside it. Can be
/// repeated after a crash at any point. For the node alone, not for tools beside it.
Result<void> take_next_curve_key(const StateFolder& folder);

/// Counts the node's starts, in a file of its own: the database alone may be lost or damaged. Returns the
/// counter that this start has, above every one before.
Result<std::uint64_t> last_boot(const StateFolder& folder);
Result<void> save_boot(const StateFolder& folder, std::uint64_t boot);

}  // namespace hansa::node
