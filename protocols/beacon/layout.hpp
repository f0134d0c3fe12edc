// The packets of a beacon ceremony, byte by byte (docs/wire-format.md). All are signed by the member they are
// from, whoever delivers them, so anyone may pass them on. Their length follows from the size of the roster
// and from a few bytes inside, and is checked before anything is used.
#pragma once

#include "protocols/beacon/draw.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <cstdint>
#include <variant>

namespace hansa::protocols::beacon {

using crypto::Signature;
using secure_sum::Bytes;
using secure_sum::BytesView;
using secure_sum::Reader;
using secure_sum::Writer;

enum class PacketType : std::uint8_t {
  commit = 1,   ///< the hash of a member's randomness
  reveal,       ///< the randomness
  vote,         ///< how this attempt should end
  certificate,  ///< the same vote of t members
  ask,          ///< please tell me how it ended
};

/// Why a packet was dropped.
enum class DropReason : std::uint8_t {
  too_short,        ///< shorter than its envelope
  unknown_type,     ///< no such type
  unknown_sender,   ///< not in the roster, or no longer a member
  wrong_length,     ///< not of the length that its content asks for
  bad_set,          ///< names members that do not exist, or a set that cannot be
  bad_ballot,       ///< a view, step or kind that does not exist
  other_ceremony,   ///< another manifest or another roster
  bad_signature,    ///< not signed by its sender
  duplicate,        ///< known already
  contradiction,    ///< signed by its sender, who had signed something else; that is reported as well
  bad_certificate,  ///< too few votes, or a wrong signature among them
  late,             ///< its attempt is over
  flood,            ///< more than anyone needs
};
inline constexpr std::size_t kDropReasons = 13;

/// A vote comes in two steps, as in PBFT (Castro and Liskov 1999): nobody takes the second before t members
/// took the first for the same.
enum class Step : std::uint8_t { prepare = 0, commit = 1 };
inline constexpr std::uint16_t kViewsMax = 8;  ///< tries to agree in one attempt, each longer than the last

/// How an attempt should end: with this beacon, or again without these members.
struct Ballot {
  std::uint16_t view = 0;
  Step step = Step::prepare;
  bool complete = false;
  Hash256 beacon;     ///< if complete
  MemberSet without;  ///< otherwise: not empty, and not all

  [[nodiscard]] bool same_value(const Ballot& other) const noexcept {
    return complete == other.complete && (complete ? beacon == other.beacon : without == other.without);
  }
  friend bool operator==(const Ballot&, const Ballot&) = default;
};

struct CommitBody {
  Hash256 commitment;
};
struct RevealBody {
  Hash256 session;  ///< hash of all commitments
  Bytes32 randomness{};
};
struct VoteBody {
  Ballot ballot;
};
struct CertificateBody {
  Ballot ballot;
  MemberSet voters;
  BytesView vote;        ///< the body that each of them signed
  BytesView signatures;  ///< 64 bytes each, ascending
};
struct AskBody {};
using Body = std::variant<CommitBody, RevealBody, VoteBody, CertificateBody, AskBody>;

/// A packet of the right shape. All views point into the bytes it was decoded from.
struct Packet {
  PacketType type{};
  Member from = 0;
  Hash256 ceremony;
  Signature signature{};
  BytesView body;
  std::uint32_t attempt = 0;
  MemberSet members;  ///< of that attempt
  Body parsed;
};

inline constexpr std::size_t kEnvelopeBytes = 1 + 2 + 32 + 64;

/// Bytes of a set over a roster of `roster` members.
[[nodiscard]] constexpr std::size_t set_bytes(std::size_t roster) noexcept { return (roster + 7) / 8; }

/// Checks everything that needs no key. Never fails in another way, whatever the bytes are.
[[nodiscard]] std::variant<Packet, DropReason> decode_packet(BytesView bytes, std::size_t roster);
[[nodiscard]] Bytes encode_packet(PacketType type, Member from, const Hash256& ceremony,
                                  const Signature& signature, BytesView body);

/// What the signature covers: "hansa1/beacon" | type | from | ceremony | body.
[[nodiscard]] Bytes signed_bytes(PacketType type, Member from, const Hash256& ceremony, BytesView body);

/// Where and among whom: every body begins with it.
struct Place {
  std::size_t roster = 0;
  std::uint32_t attempt = 0;
  MemberSet members;
};
[[nodiscard]] Bytes encode_commit(const Place& place, const Hash256& commitment);
[[nodiscard]] Bytes encode_reveal(const Place& place, const Hash256& session, const Bytes32& randomness);
[[nodiscard]] Bytes encode_vote(const Place& place, const Ballot& ballot);
[[nodiscard]] Bytes encode_ask(const Place& place);
/// `signatures` are those of `voters`, ascending, under encode_vote(place, ballot).
[[nodiscard]] Bytes encode_certificate(const Place& place, const Ballot& ballot, const MemberSet& voters,
                                       std::span<const Signature> signatures);

}  // namespace hansa::protocols::beacon
