// A further node of an organisation that is a member already: two files that an operator carries. The new
// node asks with its public keys and addresses, signed with its node key; the organisation answers, where its
// key is, with a certificate and the roster that the new node begins with, signed as a whole. So the
// organisation's key need not come near the new machine, and neither file holds a secret.
//
// Each file is a line of text that says what it is, a body, and a signature over both.
#pragma once

#include "protocols/roster/keeper_types.hpp"
#include "protocols/roster/layout.hpp"

#include <hansa/result.hpp>

#include <vector>

namespace hansa::protocols::roster {

inline constexpr std::size_t kNodeRequestBytesMax = 4096;
inline constexpr std::size_t kAdmissionBytesMax = 64u << 20;  ///< some thousand versions of a large roster
/// Afterwards the files are refused: they name connection keys, which are replaced after fifteen days.
inline constexpr UnixTime kAdmissionLifetime = 7 * kDay;

/// A node's wish to be certified by its organisation, with the proof that the node key is its own.
struct NodeRequest {
  Hash256 organisation;  ///< whose ID has this number (identity.hpp); the node knows no more of it yet
  PublicKey node{};
  CurvePublicKey curve{};
  std::uint32_t curve_epoch = 1;
  Endpoints endpoints;
  UnixTime created_at = 0;
  Signature signature{};
};

/// An organisation's answer: all that the keeper of the new node begins with.
struct NodeAdmission {
  PublicKey organisation{};
  PublicKey node{};
  Hash256 head;  ///< of the own branch
  UnixTime issued_at = 0;
  std::vector<Bytes> versions;  ///< signed rosters, and branches that a version gave up
  std::vector<Bytes> objects;   ///< certificates and rotations of all members' nodes, this one's included
  Signature signature{};
};

[[nodiscard]] Bytes encode(const NodeRequest& object);
[[nodiscard]] Bytes encode(const NodeAdmission& object);
/// Errors (bad_data) name the field. They say nothing about signatures, and an admission's versions and
/// objects are only told apart here: first_records() reads them.
[[nodiscard]] Result<NodeRequest> decode_node_request(BytesView bytes);
[[nodiscard]] Result<NodeAdmission> decode_admission(BytesView bytes);

void sign(NodeRequest& object, const crypto::Identity& node);
void sign(NodeAdmission& object, const crypto::Identity& organisation);
[[nodiscard]] bool check(const NodeRequest& object) noexcept;
[[nodiscard]] bool check(const NodeAdmission& object) noexcept;

/// What the keeper of the admitted node, `node`, has on its disk to begin with. Its organisation must be the
/// one with the ID number `organisation`. All of it is checked as a keeper checks what peers send: the
/// admission's signature and date, every version, every certificate, and that the node may connect.
[[nodiscard]] Result<std::vector<Record>> first_records(const NodeAdmission& admission,
                                                        const Hash256& organisation, const PublicKey& node,
                                                        UnixTime now);

}  // namespace hansa::protocols::roster
