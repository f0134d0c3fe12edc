// The packets of a secure sum, byte by byte (docs/wire-format.md). Lengths follow from the plan, so a packet
// of any other length is refused before anything of it is used, and nothing is allocated for it.
#pragma once

#include "protocols/secure_sum/byte_order.hpp"
#include "protocols/secure_sum/plan.hpp"

#include <cstdint>
#include <string_view>
#include <variant>

namespace hansa::protocols::secure_sum {

using crypto::Signature;

enum class PacketType : std::uint8_t {
  advert = 1,  ///< keys and commitments of a member
  share,       ///< one member's shares of another's secrets, sealed
  ready,       ///< all shares are here and fit
  chunk,       ///< a masked piece of an input, to its owner
  receipt,     ///< which pieces an owner has
  propose,     ///< a leader: these inputs, these owners
  vote,        ///< agreed, with the proposal
  reveal,      ///< shares of one secret per member
  result,      ///< an owner's sum
  done,        ///< the hashes of the sums that a member has
  pull,        ///< please send these RESULTs again
  audit,       ///< please show what you have summed
  audited,     ///< the masked pieces that an owner has summed
};
inline constexpr std::size_t kPacketTypes = 14;  ///< one past the last

/// Why a packet was dropped.
enum class DropReason : std::uint8_t {
  too_short,       ///< shorter than the envelope
  unknown_type,    ///< no such type
  unknown_sender,  ///< not a member, or not one that sends this type
  wrong_length,    ///< the body has not the length that the plan gives it
  not_for_us,      ///< directed to another member
  bad_set,         ///< names members or chunks that do not exist
  other_session,   ///< belongs to another session, or to none that is known yet
  bad_signature,   ///< not signed by its sender
  duplicate,       ///< the same once more
  contradiction,   ///< signed by its sender, who had signed something else; that is reported as well
  bad_point,       ///< a key or commitment that is not a group element, or the identity
  bad_share,       ///< does not open, or does not fit the commitments
  bad_bundle,      ///< a CHUNK without the READY signatures of all
  bad_proposal,    ///< not by the leader of its view, too small, or not what this owner has
  other_decision,  ///< about another set of inputs than the one decided
  late,            ///< its step is over
  flood,           ///< more early packets, or pulls, than anyone needs
};
inline constexpr std::size_t kDropReasons = 17;
[[nodiscard]] std::string_view drop_reason_name(DropReason reason) noexcept;

struct AdvertBody {
  crypto::Bytes32 exchange_key;
  BytesView self, mask;  ///< t encoded points each, not checked yet
};
struct ShareBody {
  Member to = 0;
  BytesView sealed;
};
struct ReadyBody {};
struct ChunkBody {
  Member to = 0;
  BytesView ready;  ///< 64 bytes per input member
  BytesView lanes;
};
struct ReceiptBody {
  Set inputs = 0;
  BytesView hashes;  ///< 32 bytes per member of `inputs`, ascending
};
struct Decision {
  Set inputs = 0;  ///< "U": whose inputs are summed
  Set owners = 0;  ///< "A": whose chunks count
  friend bool operator==(const Decision&, const Decision&) = default;
};
struct ProposeBody {
  std::uint16_t view = 0;
  Decision decision;
};
struct VoteBody {
  Member proposer = 0;
  BytesView proposal;  ///< the body of its PROPOSE, as it was signed
  ProposeBody parsed;
  Signature signature{};
};
struct RevealBody {
  Hash256 decision;
  BytesView shares;  ///< 32 bytes per input member
};
struct ResultBody {
  Hash256 decision;
  BytesView lanes;
};
struct DoneBody {
  Hash256 decision;
  BytesView hashes;  ///< 32 bytes per chunk; zeros if missing
};
struct PullBody {
  Set chunks = 0;
};
struct AuditBody {};
struct AuditedBody {
  Set inputs = 0;
  BytesView lanes;  ///< the sender's chunk of each of `inputs`, ascending
};
using Body = std::variant<AdvertBody, ShareBody, ReadyBody, ChunkBody, ReceiptBody, ProposeBody, VoteBody,
                          RevealBody, ResultBody, DoneBody, PullBody, AuditBody, AuditedBody>;

/// A packet of the right shape. All views point into the bytes it was decoded from.
struct Packet {
  PacketType type{};
  Member from = 0;
  Hash256 session;
  Signature signature{};
  BytesView body;
  Body parsed;
};

inline constexpr std::size_t kEnvelopeBytes = 1 + 2 + 32 + 64;
inline constexpr std::size_t kSealedShareBytes = 2 * 32 + 16;

/// Checks everything that needs no key. Never fails in another way, whatever the bytes are.
[[nodiscard]] std::variant<Packet, DropReason> decode_packet(BytesView bytes, const SessionPlan& plan);
[[nodiscard]] Bytes encode_packet(PacketType type, Member from, const Hash256& session,
                                  const Signature& signature, BytesView body);

/// What the signature covers: "hansa1/msg" | type | from | session | body, with the body's hash in place of
/// the body where that is long (CHUNK, RESULT and AUDITED).
[[nodiscard]] Bytes signed_bytes(PacketType type, Member from, const Hash256& session, BytesView body);
/// The hash of lanes, of RESULT bodies and of long bodies in signatures.
[[nodiscard]] Hash256 bulk_hash(BytesView bytes);
[[nodiscard]] Hash256 decision_hash(const Decision& decision);

[[nodiscard]] Bytes encode_propose(const ProposeBody& body);
[[nodiscard]] ProposeBody parse_propose(BytesView body);

}  // namespace hansa::protocols::secure_sum
