// Everything but the roster itself. Each object is its kind, its body, and a signature of (prefix, body).
#include "protocols/roster/layout.hpp"

#include "protocols/roster/source.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

// What stands before the signed bytes, by kind.
constexpr std::string_view kCertificatePrefix = "hansa-node-cert-v1:";
constexpr std::string_view kRotationPrefix = "hansa-curve-rotation-v1:";
constexpr std::string_view kRejectPrefix = "hansa-reject-v1:";
constexpr std::string_view kSuspensionPrefix = "hansa-suspension-v1:";
constexpr std::string_view kDeparturePrefix = "hansa-departure-v1:";
constexpr std::string_view kTicketPrefix = "hansa-ticket-v1:";
constexpr std::string_view kRequestPrefix = "hansa-request-v1:";
constexpr std::string_view kRejectionPrefix = "hansa-request-rejection-v1:";

constexpr std::size_t kTicketBytesMax = 2048;
constexpr std::size_t kCertificateBytesMax = 2048;

void put_time(Writer& out, UnixTime time) { out.u64(static_cast<std::uint64_t>(time)); }

Bytes body_of(const NodeCertificate& object) {
  Writer out;
  out.raw(object.organisation).raw(object.node).raw(object.curve).u32(object.curve_epoch);
  out.raw(object.previous_curve);
  put_endpoints(out, object.endpoints);
  out.u64(object.serial);
  put_time(out, object.issued_at);
  put_time(out, object.not_after);
  out.u8(object.retired ? 1 : 0);
  return std::move(out).bytes();
}
Bytes body_of(const CurveRotation& object) {
  Writer out;
  out.raw(object.node).raw(object.curve).u32(object.curve_epoch).raw(object.previous_curve);
  put_time(out, object.issued_at);
  return std::move(out).bytes();
}
Bytes body_of(const Suspension& object) {
  Writer out;
  out.raw(object.consortium.bytes).raw(object.subject).raw(object.accuser).u8(object.renewal ? 1 : 0);
  put_time(out, object.issued_at);
  put_text(out, object.reason);
  return std::move(out).bytes();
}
Bytes body_of(const Departure& object) {
  Writer out;
  out.raw(object.consortium.bytes).raw(object.organisation);
  put_time(out, object.issued_at);
  return std::move(out).bytes();
}
Bytes body_of(const Ticket& object) {
  HANSA_ASSERT(object.bootstrap.size() <= kEndpointsMax);
  Writer out;
  out.raw(object.consortium.bytes).u8(object.founding ? 1 : 0).u32(object.version).raw(object.roster.bytes);
  put_text(out, object.name);
  out.raw(object.inviter);
  put_text(out, object.inviter_name);
  out.u16(static_cast<std::uint16_t>(object.bootstrap.size()));
  for (const Bootstrap& bootstrap : object.bootstrap) {
    out.raw(bootstrap.node).raw(bootstrap.curve);
    put_text(out, bootstrap.endpoint);
  }
  out.raw(object.token);
  put_time(out, object.issued_at);
  put_time(out, object.expires_at);
  return std::move(out).bytes();
}
void put_inner(Writer& out, const Bytes& bytes) {
  out.u16(static_cast<std::uint16_t>(bytes.size())).raw(bytes);
}
Bytes body_of(const JoinRequest& object) {
  HANSA_ASSERT(object.certificates.size() <= kRequestCertificatesMax);
  Writer out;
  put_inner(out, encode(object.ticket));
  out.raw(object.organisation);
  put_text(out, object.name);
  out.u16(object.max_nodes).u16(static_cast<std::uint16_t>(object.certificates.size()));
  for (const NodeCertificate& certificate : object.certificates) put_inner(out, encode(certificate));
  put_time(out, object.created_at);
  return std::move(out).bytes();
}
Bytes body_of(const RequestRejection& object) {
  Writer out;
  out.raw(object.consortium.bytes).raw(object.request.bytes).raw(object.organisation);
  return std::move(out).bytes();
}

Bytes with_prefix(std::string_view prefix, BytesView body) { return Writer().text(prefix).raw(body).bytes(); }

Bytes signed_object(std::uint8_t kind, BytesView body, const Signature& signature) {
  return Writer(1 + body.size() + 64).u8(kind).raw(body).raw(signature).bytes();
}

/// What a vote signs: an approval is a roster's signature, a rejection something of its own.
Bytes vote_bytes(const Vote& vote) {
  if (vote.approve) return approval_bytes(vote.consortium, vote.roster);
  return Writer().text(kRejectPrefix).raw(vote.consortium.bytes).raw(vote.roster.bytes).bytes();
}

template <class Object>
void sign_body(Object& object, const PublicKey& signer, std::string_view prefix,
               const crypto::Identity& key) {
  HANSA_ASSERT(key.public_key() == signer);
  object.signature = key.sign(with_prefix(prefix, body_of(object)));
}

Source open(BytesView bytes, Kind kind, std::string_view what, std::size_t bytes_max) {
  Source in(bytes, what);
  in.require(bytes.size() <= bytes_max, "length");
  in.require(in.u8("kind") == static_cast<std::uint8_t>(kind), "kind");
  return in;
}

Ticket take_ticket(Source& in) {
  Ticket out;
  out.consortium = in.hash("consortium");
  out.founding = in.flag("founding");
  out.version = in.u32("version");
  in.require(out.founding == (out.version == 0), "version");
  out.roster = in.hash("roster");
  out.name = in.text(kNameBytesMax, "name");
  in.require(is_name(out.name), "name");
  out.inviter = in.array<32>("inviter");
  out.inviter_name = in.text(kNameBytesMax, "inviter_name");
  in.require(is_name(out.inviter_name), "inviter_name");
  for (std::size_t n = in.count(kEndpointsMax, "bootstrap"); n > 0 && !in.failed(); --n) {
    Bootstrap one;
    one.node = in.array<32>("bootstrap");
    one.curve = in.array<32>("bootstrap");
    one.endpoint = in.text(kEndpointBytesMax, "bootstrap");
    in.require(is_endpoint(one.endpoint), "bootstrap");
    out.bootstrap.push_back(std::move(one));
  }
  in.require(!out.bootstrap.empty(), "bootstrap");
  out.token = in.array<16>("token");
  out.issued_at = in.time("issued_at");
  out.expires_at = in.time("expires_at");
  in.require(out.expires_at > out.issued_at && out.expires_at - out.issued_at <= kTicketLifetimeMax,
             "expires_at");
  out.signature = in.array<64>("signature");
  return out;
}

}  // namespace

void put_endpoints(Writer& out, const Endpoints& endpoints) {
  for (const auto* list : {&endpoints.control, &endpoints.bulk}) {
    HANSA_ASSERT(list->size() <= kEndpointsMax);
    out.u16(static_cast<std::uint16_t>(list->size()));
    for (const std::string& endpoint : *list) put_text(out, endpoint);
  }
}
Endpoints take_endpoints(Source& in) {
  Endpoints out;
  for (auto* list : {&out.control, &out.bulk}) {
    for (std::size_t n = in.count(kEndpointsMax, "endpoints"); n > 0 && !in.failed(); --n) {
      list->push_back(in.text(kEndpointBytesMax, "endpoint"));
      in.require(is_endpoint(list->back()), "endpoint");
    }
  }
  return out;
}

Hash256 object_id(BytesView object) { return crypto::hash("hansa.object.v1", object); }

Bytes encode(const NodeCertificate& object) { return signed_object(1, body_of(object), object.signature); }
Bytes encode(const CurveRotation& object) { return signed_object(2, body_of(object), object.signature); }
Bytes encode(const Suspension& object) { return signed_object(6, body_of(object), object.signature); }
Bytes encode(const Departure& object) { return signed_object(7, body_of(object), object.signature); }
Bytes encode(const JoinRequest& object) { return signed_object(8, body_of(object), object.signature); }
Bytes encode(const RequestRejection& object) { return signed_object(9, body_of(object), object.signature); }
Bytes encode(const Ticket& object) { return Writer().raw(body_of(object)).raw(object.signature).bytes(); }
Bytes encode(const Vote& object) {
  Writer out;
  out.u8(5).raw(object.consortium.bytes).raw(object.roster.bytes).raw(object.organisation);
  return out.u8(object.approve ? 1 : 0).raw(object.signature).bytes();
}

Result<NodeCertificate> decode_certificate(BytesView bytes) {
  Source in = open(bytes, Kind::certificate, "node certificate", kCertificateBytesMax);
  NodeCertificate out;
  out.organisation = in.array<32>("organisation");
  out.node = in.array<32>("node");
  out.curve = in.array<32>("curve");
  out.curve_epoch = in.u32("curve_epoch");
  in.require(out.curve_epoch >= 1, "curve_epoch");
  out.previous_curve = in.array<32>("previous_curve");
  out.endpoints = take_endpoints(in);
  out.serial = in.u64("serial");
  in.require(out.serial >= 1 && out.serial <= 1ULL << 53, "serial");
  out.issued_at = in.time("issued_at");
  out.not_after = in.time("not_after");
  in.require(out.not_after > out.issued_at && out.not_after - out.issued_at <= kCertificateLifetime,
             "not_after");
  out.retired = in.flag("retired");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<CurveRotation> decode_rotation(BytesView bytes) {
  Source in = open(bytes, Kind::rotation, "key rotation", 256);
  CurveRotation out;
  out.node = in.array<32>("node");
  out.curve = in.array<32>("curve");
  out.curve_epoch = in.u32("curve_epoch");
  in.require(out.curve_epoch >= 2, "curve_epoch");
  out.previous_curve = in.array<32>("previous_curve");
  out.issued_at = in.time("issued_at");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<Vote> decode_vote(BytesView bytes) {
  Source in = open(bytes, Kind::vote, "vote", 256);
  Vote out;
  out.consortium = in.hash("consortium");
  out.roster = in.hash("roster");
  out.organisation = in.array<32>("organisation");
  out.approve = in.flag("approve");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<Suspension> decode_suspension(BytesView bytes) {
  Source in = open(bytes, Kind::suspension, "suspension", 1024);
  Suspension out;
  out.consortium = in.hash("consortium");
  out.subject = in.array<32>("subject");
  out.accuser = in.array<32>("accuser");
  in.require(out.subject != out.accuser, "accuser");
  out.renewal = in.flag("renewal");
  out.issued_at = in.time("issued_at");
  out.reason = in.text(kReasonBytesMax, "reason");
  in.require(is_name(out.reason), "reason");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<Departure> decode_departure(BytesView bytes) {
  Source in = open(bytes, Kind::departure, "departure", 256);
  Departure out;
  out.consortium = in.hash("consortium");
  out.organisation = in.array<32>("organisation");
  out.issued_at = in.time("issued_at");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<Ticket> decode_ticket(BytesView bytes) {
  Source in(bytes, "ticket");
  in.require(bytes.size() <= kTicketBytesMax, "length");
  Ticket out = take_ticket(in);
  return in.finish(std::move(out));
}

Result<JoinRequest> decode_request(BytesView bytes) {
  Source in = open(bytes, Kind::request, "request",
                   kTicketBytesMax + kRequestCertificatesMax * kCertificateBytesMax + 512);
  JoinRequest out;
  const BytesView ticket = in.take(in.u16("ticket"), "ticket");
  if (in.failed()) return in.finish(std::move(out));
  Result<Ticket> inner = decode_ticket(ticket);
  if (!inner) return inner.error();
  out.ticket = std::move(*inner);
  out.organisation = in.array<32>("organisation");
  out.name = in.text(kNameBytesMax, "name");
  in.require(is_name(out.name), "name");
  out.max_nodes = in.u16("max_nodes");
  in.require(out.max_nodes >= 1 && out.max_nodes <= kNodesPerOrganisationMax, "max_nodes");
  const std::size_t certificates = in.count(kRequestCertificatesMax, "certificates");
  in.require(certificates <= out.max_nodes, "certificates");
  for (std::size_t i = 0; i < certificates && !in.failed(); ++i) {
    Result<NodeCertificate> one = decode_certificate(in.take(in.u16("certificate"), "certificate"));
    if (!one) return one.error();
    out.certificates.push_back(std::move(*one));
  }
  out.created_at = in.time("created_at");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<RequestRejection> decode_rejection(BytesView bytes) {
  Source in = open(bytes, Kind::rejection, "rejection", 256);
  RequestRejection out;
  out.consortium = in.hash("consortium");
  out.request = in.hash("request");
  out.organisation = in.array<32>("organisation");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

void sign(NodeCertificate& object, const crypto::Identity& key) {
  sign_body(object, object.organisation, kCertificatePrefix, key);
}
void sign(CurveRotation& object, const crypto::Identity& key) {
  sign_body(object, object.node, kRotationPrefix, key);
}
void sign(Vote& object, const crypto::Identity& key) {
  HANSA_ASSERT(key.public_key() == object.organisation);
  object.signature = key.sign(vote_bytes(object));
}
void sign(Suspension& object, const crypto::Identity& key) {
  sign_body(object, object.accuser, kSuspensionPrefix, key);
}
void sign(Departure& object, const crypto::Identity& key) {
  sign_body(object, object.organisation, kDeparturePrefix, key);
}
void sign(Ticket& object, const crypto::Identity& key) {
  sign_body(object, object.inviter, kTicketPrefix, key);
}
void sign(JoinRequest& object, const crypto::Identity& key) {
  sign_body(object, object.organisation, kRequestPrefix, key);
}
void sign(RequestRejection& object, const crypto::Identity& key) {
  sign_body(object, object.organisation, kRejectionPrefix, key);
}

bool check(const NodeCertificate& object) noexcept {
  return crypto::verify(object.organisation, with_prefix(kCertificatePrefix, body_of(object)),
                        object.signature);
}
bool check(const CurveRotation& object) noexcept {
  return crypto::verify(object.node, with_prefix(kRotationPrefix, body_of(object)), object.signature);
}
bool check(const Vote& object) noexcept {
  return crypto::verify(object.organisation, vote_bytes(object), object.signature);
}
bool check(const Suspension& object) noexcept {
  return crypto::verify(object.accuser, with_prefix(kSuspensionPrefix, body_of(object)), object.signature);
}
bool check(const Departure& object) noexcept {
  return crypto::verify(object.organisation, with_prefix(kDeparturePrefix, body_of(object)),
                        object.signature);
}
bool check(const Ticket& object) noexcept {
  return crypto::verify(object.inviter, with_prefix(kTicketPrefix, body_of(object)), object.signature);
}
bool check(const JoinRequest& object) noexcept {
  return check(object.ticket) &&
         std::all_of(object.certificates.begin(), object.certificates.end(),
                     [&](const NodeCertificate& certificate) {
                       return certificate.organisation == object.organisation && check(certificate);
                     }) &&
         crypto::verify(object.organisation, with_prefix(kRequestPrefix, body_of(object)), object.signature);
}
bool check(const RequestRejection& object) noexcept {
  return crypto::verify(object.organisation, with_prefix(kRejectionPrefix, body_of(object)),
                        object.signature);
}

}  // namespace hansa::protocols::roster
