// What the members of a consortium sign. Each object carries all that is needed to check it, so it does not
// matter through whom it came; its fixed bytes are in layout.hpp and docs/wire-format.md. Organisations vote
// and vouch for their nodes; nodes only talk. What the rules make of these objects is in rules.hpp.
#pragma once

#include "src/crypto/curve_key.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::protocols::roster {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;
using crypto::CurvePublicKey;
using crypto::Hash256;
using crypto::PublicKey;
using crypto::Signature;
/// Wall-clock time in seconds since 1970-01-01 UTC.
using UnixTime = std::int64_t;

inline constexpr UnixTime kHour = 3600, kDay = 24 * kHour;

// Every limit, and why.
inline constexpr std::size_t kOrganisationsMax = 64;  ///< votes are counted by people
inline constexpr std::size_t kNodesMax = 512;         ///< of all organisations together
inline constexpr std::size_t kNodesPerOrganisationMax = 64;
inline constexpr std::size_t kRosterBytesMax = 256 * 1024;  ///< with its signatures
inline constexpr std::size_t kNameBytesMax = 64;
inline constexpr std::size_t kRevokedMax = 1024;
inline constexpr std::size_t kFeaturesMax = 64, kFeatureBytesMax = 32;
inline constexpr std::size_t kBranchesMax = 8;  ///< of one fork
inline constexpr std::size_t kEndpointsMax = 4, kEndpointBytesMax = 128;
inline constexpr std::size_t kReasonBytesMax = 256;
inline constexpr std::size_t kRequestCertificatesMax = 8;
inline constexpr std::uint32_t kWeightCapWhole = 1'000'000;
inline constexpr UnixTime kRosterLifetime = 90 * kDay;  ///< after that, no new rounds until renewed
inline constexpr UnixTime kCertificateLifetime = 366 * kDay;
inline constexpr UnixTime kCurveLifetime = 30 * kDay;        ///< replaced at half of it
inline constexpr UnixTime kCurveOverlap = kDay;              ///< old and new key both pass
inline constexpr UnixTime kSuspensionLifetime = 72 * kHour;  ///< renewable once
inline constexpr UnixTime kSuspensionPause = 30 * kDay;  ///< before the same subject can be suspended again
inline constexpr UnixTime kTicketLifetime = 72 * kHour, kTicketLifetimeMax = 30 * kDay;
inline constexpr UnixTime kClockSkew = 5 * 60;  ///< what another clock may be ahead

/// How many of n organisations must agree.
enum class Policy : std::uint8_t {
  majority = 1,       ///< floor(n/2) + 1; one double-signer can fork it at n = 3 or 5
  supermajority = 2,  ///< floor(2n/3) + 1
  unanimous = 3,      ///< n
};
/// How many of the others must agree to a removal.
enum class RemovalPolicy : std::uint8_t {
  policy = 1,      ///< as the policy says for the others
  all_others = 2,  ///< every one of them: no rival removals, but one friend protects a member
};

enum class OrganisationStatus : std::uint8_t {
  active = 1,
  paused = 2,  ///< votes, but its nodes take no part in rounds
};

struct Organisation {
  PublicKey key{};
  std::string name;
  std::uint16_t max_nodes = 4;                 ///< 1 to 64
  std::uint32_t weight_cap = kWeightCapWhole;  ///< its largest share of a mean, in millionths
  OrganisationStatus status = OrganisationStatus::active;

  friend bool operator==(const Organisation&, const Organisation&) = default;
};

/// One version of the consortium's constitution and its members.
struct Roster {
  Hash256 consortium;  ///< hash of version 1; zeros in version 1 itself
  std::uint32_t version = 1;
  Hash256 previous;      ///< hash of the version before; zeros in version 1
  Hash256 successor_of;  ///< version 1 only: the consortium that this one replaces, or zeros
  std::string name;
  Policy policy = Policy::supermajority;
  RemovalPolicy removal = RemovalPolicy::policy;
  std::vector<Organisation> organisations;  ///< ascending by key
  std::vector<PublicKey> revoked;           ///< organisations and nodes that never come back, ascending
  std::uint32_t protocol_floor = 1;
  std::vector<std::string> features;  ///< ascending
  std::vector<Hash256> settles;       ///< settling a fork: the branches given up, ascending
  UnixTime issued_at = 0, expires_at = 0;

  [[nodiscard]] const Organisation* find(const PublicKey& key) const noexcept;
  friend bool operator==(const Roster&, const Roster&) = default;
};

struct RosterSignature {
  PublicKey organisation{};
  Signature signature{};
  friend bool operator==(const RosterSignature&, const RosterSignature&) = default;
};

/// A roster with signatures, be they enough (a version of the chain) or not yet (a proposal).
struct SignedRoster {
  Roster roster;
  Bytes body;                               ///< exactly what `hash` is of
  Hash256 hash;                             ///< the name of this version, whatever signatures come with it
  std::vector<RosterSignature> signatures;  ///< ascending by key

  [[nodiscard]] bool signed_by(const PublicKey& organisation) const noexcept;
};

/// An organisation's word about one roster.
struct Vote {
  Hash256 consortium;  ///< in a vote about version 1, that version's hash
  Hash256 roster;
  PublicKey organisation{};
  bool approve = true;  ///< false: a promise never to approve it
  Signature signature{};
};

/// Which addresses a node listens at; none at all if it only dials out.
struct Endpoints {
  std::vector<std::string> control;  ///< "host:port"
  std::vector<std::string> bulk;
  friend bool operator==(const Endpoints&, const Endpoints&) = default;
};

/// An organisation's word that a node is its own, and with which keys and where it is reached.
struct NodeCertificate {
  PublicKey organisation{};
  PublicKey node{};
  CurvePublicKey curve{};
  std::uint32_t curve_epoch = 1;
  CurvePublicKey previous_curve{};  ///< of the epoch before, accepted for a day after issued_at; or zeros
  Endpoints endpoints;
  std::uint64_t serial = 1;  ///< grows with every certificate of the organisation
  UnixTime issued_at = 0, not_after = 0;
  bool retired = false;  ///< the node is no longer the organisation's
  Signature signature{};
};

/// A node's word that its CURVE key is now another: needs no organisation key, so it can be automatic.
struct CurveRotation {
  PublicKey node{};
  CurvePublicKey curve{};
  std::uint32_t curve_epoch = 2;
  CurvePublicKey previous_curve{};
  UnixTime issued_at = 0;
  Signature signature{};
};

/// An organisation's demand that another be kept out until a vote. Two of them are needed.
struct Suspension {
  Hash256 consortium;
  PublicKey subject{};
  PublicKey accuser{};
  bool renewal = false;
  UnixTime issued_at = 0;
  std::string reason;
  Signature signature{};
};

/// An organisation's word that it leaves: it counts at once, the removal from the roster follows.
struct Departure {
  Hash256 consortium;
  PublicKey organisation{};
  UnixTime issued_at = 0;
  Signature signature{};
};

/// Where a joiner dials first.
struct Bootstrap {
  PublicKey node{};
  CurvePublicKey curve{};
  std::string endpoint;  ///< "host:port"
  friend bool operator==(const Bootstrap&, const Bootstrap&) = default;
};

/// The right to file one request, and nothing else.
struct Ticket {
  Hash256 consortium;  ///< while founding: the draft's hash
  bool founding = false;
  std::uint32_t version =
      0;  ///< of the roster the inviter had, with its hash: the joiner's anchor; 0 founding
  Hash256 roster;
  std::string name;  ///< of the consortium
  PublicKey inviter{};
  std::string inviter_name;
  std::vector<Bootstrap> bootstrap;  ///< at least one
  std::array<std::byte, 16> token{};
  UnixTime issued_at = 0, expires_at = 0;
  Signature signature{};
};

/// An organisation's wish to become a member, with the proof that the key is its own.
struct JoinRequest {
  Ticket ticket;
  PublicKey organisation{};
  std::string name;
  std::uint16_t max_nodes = 4;
  std::vector<NodeCertificate> certificates;  ///< of its first nodes
  UnixTime created_at = 0;
  Signature signature{};
};

/// An organisation's word that it does not want a request approved. For people; it decides nothing.
struct RequestRejection {
  Hash256 consortium;
  Hash256 request;  ///< object id of the request
  PublicKey organisation{};
  Signature signature{};
};

/// The first byte of every object and message between keepers. Numbers are never reused.
enum class Kind : std::uint8_t {
  certificate = 1,
  rotation = 2,
  roster = 3,
  proposal = 4,
  vote = 5,
  suspension = 6,
  departure = 7,
  request = 8,
  rejection = 9,
  digest = 32,
  inventory = 33,
  want = 34,
  fetch = 35,
  rosters = 36,
};

}  // namespace hansa::protocols::roster
