// The objects as bytes, and back. Every byte string has at most one meaning and every object one byte string:
// lists are ascending, lengths are checked before anything is allocated, nothing may follow the end. A
// decoder says nothing about signatures; check() does, with a prefix that keeps a signature for one kind of
// object from passing for another (and for another consortium).
#pragma once

#include "protocols/roster/objects.hpp"

#include <hansa/result.hpp>

#include <string_view>

namespace hansa::protocols::roster {

[[nodiscard]] Bytes encode(const NodeCertificate& object);
[[nodiscard]] Bytes encode(const CurveRotation& object);
[[nodiscard]] Bytes encode(const Vote& object);
[[nodiscard]] Bytes encode(const Suspension& object);
[[nodiscard]] Bytes encode(const Departure& object);
[[nodiscard]] Bytes encode(const Ticket& object);
[[nodiscard]] Bytes encode(const JoinRequest& object);
[[nodiscard]] Bytes encode(const RequestRejection& object);
/// `kind` is Kind::roster or Kind::proposal.
[[nodiscard]] Bytes encode(const SignedRoster& object, Kind kind = Kind::roster);
/// The body that is hashed and signed. Asserts that the lists are ascending and within the limits.
[[nodiscard]] Bytes encode_body(const Roster& roster);
/// Body and hash of `roster`, without signatures.
[[nodiscard]] SignedRoster unsigned_roster(Roster roster);

// Errors (bad_data) name the field. Never fail in another way, whatever the bytes are.
[[nodiscard]] Result<Roster> decode_body(BytesView bytes);
[[nodiscard]] Result<SignedRoster> decode_signed_roster(BytesView bytes, Kind kind = Kind::roster);
[[nodiscard]] Result<NodeCertificate> decode_certificate(BytesView bytes);
[[nodiscard]] Result<CurveRotation> decode_rotation(BytesView bytes);
[[nodiscard]] Result<Vote> decode_vote(BytesView bytes);
[[nodiscard]] Result<Suspension> decode_suspension(BytesView bytes);
[[nodiscard]] Result<Departure> decode_departure(BytesView bytes);
[[nodiscard]] Result<Ticket> decode_ticket(BytesView bytes);
[[nodiscard]] Result<JoinRequest> decode_request(BytesView bytes);
[[nodiscard]] Result<RequestRejection> decode_rejection(BytesView bytes);

/// Names an object by its bytes, signatures included.
[[nodiscard]] Hash256 object_id(BytesView object);

/// The bytes that an organisation signs to approve the roster with this hash; made apart from the mesh where
/// the organisation's key lives on another machine. `consortium` is the roster's own hash for version 1.
[[nodiscard]] Bytes approval_bytes(const Hash256& consortium, const Hash256& roster);
/// The consortium that approvals of `object` name.
[[nodiscard]] const Hash256& consortium_of(const SignedRoster& object) noexcept;

// Signing: fills in `signature`. The key must be the object's own signer; asserts otherwise.
void sign(NodeCertificate& object, const crypto::Identity& organisation);
void sign(CurveRotation& object, const crypto::Identity& node);
void sign(Vote& object, const crypto::Identity& organisation);
void sign(Suspension& object, const crypto::Identity& accuser);
void sign(Departure& object, const crypto::Identity& organisation);
void sign(Ticket& object, const crypto::Identity& inviter);
void sign(JoinRequest& object, const crypto::Identity& organisation);
void sign(RequestRejection& object, const crypto::Identity& organisation);
/// Adds or replaces the signature of `organisation`.
void sign(SignedRoster& object, const crypto::Identity& organisation);

// Whether the signature is the signer's. A request's ticket and certificates are checked with it, and that
// the certificates are of the requesting organisation.
[[nodiscard]] bool check(const NodeCertificate& object) noexcept;
[[nodiscard]] bool check(const CurveRotation& object) noexcept;
[[nodiscard]] bool check(const Vote& object) noexcept;
[[nodiscard]] bool check(const Suspension& object) noexcept;
[[nodiscard]] bool check(const Departure& object) noexcept;
[[nodiscard]] bool check(const Ticket& object) noexcept;
[[nodiscard]] bool check(const JoinRequest& object) noexcept;
[[nodiscard]] bool check(const RequestRejection& object) noexcept;
/// Every signature that is there.
[[nodiscard]] bool check(const SignedRoster& object) noexcept;

/// "host:port" with a host name, an IPv4 address or an IPv6 address in brackets, and a port from 1 to 65535.
[[nodiscard]] bool is_endpoint(std::string_view text) noexcept;
/// Valid UTF-8 without control characters or marks that turn the direction of text, neither empty nor blank
/// at its ends.
[[nodiscard]] bool is_name(std::string_view text) noexcept;

}  // namespace hansa::protocols::roster
