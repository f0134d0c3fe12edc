// Fixed layouts, little-endian: right to the byte or refused.
#include "protocols/audit/head.hpp"

#include "protocols/checked_reader.hpp"

#include <hansa/assert.hpp>

#include <string_view>
#include <type_traits>
#include <utility>

namespace hansa::protocols::audit {
namespace {

using envelope::Type;
using secure_sum::Writer;

constexpr std::string_view kHeadPrefix = "hansa-audit-head-v1:";
constexpr std::string_view kCosignaturePrefix = "hansa-audit-cosignature-v1:";

// What the body of an audit_head message begins with.
enum class Kind : std::uint8_t { head = 0, wanted = 1, given = 2, evidence = 3 };

void put(Writer& out, const Head& head) {
  out.raw(head.node).u64(head.size).raw(head.root.bytes);
  out.u64(static_cast<std::uint64_t>(head.time_ms)).u64(head.boot_id);
}
void put(Writer& out, const SignedHead& head) {
  put(out, head.head);
  out.raw(head.signature);
}
void put(Writer& out, const Proof& proof) {
  HANSA_ASSERT(proof.size() <= kProofHashesMax);
  out.u16(static_cast<std::uint16_t>(proof.size()));
  for (const Hash256& hash : proof) out.raw(hash.bytes);
}
void put(Writer& out, const Evidence& evidence) {
  put(out, evidence.earlier);
  put(out, evidence.later);
  put(out, evidence.proof);
}

SignedHead take_head(CheckedReader& in) {
  SignedHead out;
  out.head.node = in.array<32>();
  out.head.size = in.u64();
  out.head.root.bytes = in.array<32>();
  out.head.time_ms = in.i64();
  out.head.boot_id = in.u64();
  out.signature = in.array<64>();
  return out;
}
Proof take_proof(CheckedReader& in) {
  Proof proof(in.count(kProofHashesMax));
  for (Hash256& hash : proof) hash.bytes = in.array<32>();
  return proof;
}
Evidence take_evidence(CheckedReader& in) {
  Evidence out;
  out.earlier = take_head(in);
  out.later = take_head(in);
  out.proof = take_proof(in);
  return out;
}
template <class T>
std::optional<T> if_done(const CheckedReader& in, T value) {
  if (!in.done()) return std::nullopt;
  return value;
}

Bytes signed_bytes(const Head& head) {
  Writer out(kHeadPrefix.size() + kHeadBytes);
  out.text(kHeadPrefix);
  put(out, head);
  return std::move(out).bytes();
}
/// Covers the subject's signature too, so that a cosignature names exactly what was seen.
Bytes signed_bytes(const Cosignature& cosignature) {
  Writer out(kCosignaturePrefix.size() + kCosignatureBytes);
  out.text(kCosignaturePrefix);
  put(out, cosignature.subject);
  out.raw(cosignature.witness).u64(static_cast<std::uint64_t>(cosignature.time_ms));
  return std::move(out).bytes();
}

}  // namespace

SignedHead sign(const Head& head, const crypto::Identity& node) {
  HANSA_ASSERT(head.node == node.public_key());
  return {head, node.sign(signed_bytes(head))};
}
Cosignature cosign(const SignedHead& subject, UnixMillis time_ms, const crypto::Identity& witness) {
  HANSA_ASSERT(subject.head.node != witness.public_key());
  Cosignature out{subject, witness.public_key(), time_ms, {}};
  out.signature = witness.sign(signed_bytes(out));
  return out;
}
bool check(const SignedHead& head) noexcept {
  return crypto::verify(head.head.node, signed_bytes(head.head), head.signature);
}
bool check(const Cosignature& cosignature) noexcept {
  return cosignature.witness != cosignature.subject.head.node && check(cosignature.subject) &&
         crypto::verify(cosignature.witness, signed_bytes(cosignature), cosignature.signature);
}

bool check(const Evidence& evidence) noexcept {
  const Head& earlier = evidence.earlier.head;
  const Head& later = evidence.later.head;
  if (earlier.node != later.node || earlier.size > later.size) return false;
  if (!check(evidence.earlier) || !check(evidence.later)) return false;
  if (earlier.size == later.size) return evidence.proof.empty() && earlier.root != later.root;
  if (earlier.size == 0) return evidence.proof.empty() && earlier.root != empty_root();
  const auto roots = roots_of(evidence.proof, earlier.size, later.size, earlier.root);
  return roots && roots->after == later.root && roots->before != earlier.root;
}

Type type_of(const Message& message) noexcept {
  return std::holds_alternative<Cosignature>(message) ? Type::audit_cosignature : Type::audit_head;
}

Bytes encode(const SignedHead& head) {
  Writer out(kSignedHeadBytes);
  put(out, head);
  return std::move(out).bytes();
}
Bytes encode(const Cosignature& cosignature) {
  Writer out(kCosignatureBytes);
  put(out, cosignature.subject);
  out.raw(cosignature.witness).u64(static_cast<std::uint64_t>(cosignature.time_ms));
  out.raw(cosignature.signature);
  return std::move(out).bytes();
}
Bytes encode(const Evidence& evidence) {
  Writer out;
  put(out, evidence);
  return std::move(out).bytes();
}

Bytes encode(const Message& message) {
  Writer out;
  const auto kind = [&](Kind value) -> Writer& { return out.u8(static_cast<std::uint8_t>(value)); };
  if (const auto* const head = std::get_if<HeadAnnounced>(&message)) {
    kind(Kind::head);
    put(out, head->head);
  } else if (const auto* const wanted = std::get_if<ProofWanted>(&message)) {
    kind(Kind::wanted).u64(wanted->from).u64(wanted->size);
  } else if (const auto* const given = std::get_if<ProofGiven>(&message)) {
    kind(Kind::given).u64(given->from).u64(given->size);
    put(out, given->proof);
  } else if (const auto* const evidence = std::get_if<Evidence>(&message)) {
    kind(Kind::evidence);
    put(out, *evidence);
  } else {
    out.raw(encode(std::get<Cosignature>(message)));
  }
  return std::move(out).bytes();
}

std::optional<SignedHead> decode_head(BytesView bytes) {
  CheckedReader in(bytes);
  SignedHead head = take_head(in);
  return if_done(in, head);
}
std::optional<Cosignature> decode_cosignature(BytesView bytes) {
  CheckedReader in(bytes);
  Cosignature out;
  out.subject = take_head(in);
  out.witness = in.array<32>();
  out.time_ms = in.i64();
  out.signature = in.array<64>();
  return if_done(in, out);
}
std::optional<Evidence> decode_evidence(BytesView bytes) {
  CheckedReader in(bytes);
  Evidence evidence = take_evidence(in);
  return if_done(in, std::move(evidence));
}

std::optional<Message> decode(Type type, BytesView body) {
  if (type == Type::audit_cosignature) {
    if (const auto cosignature = decode_cosignature(body)) return Message(*cosignature);
    return std::nullopt;
  }
  if (type != Type::audit_head) return std::nullopt;
  CheckedReader in(body);
  Message message;
  switch (static_cast<Kind>(in.u8())) {
    case Kind::head:
      message = HeadAnnounced{take_head(in)};
      break;
    case Kind::wanted: {
      const std::uint64_t from = in.u64();
      message = ProofWanted{from, in.u64()};
      break;
    }
    case Kind::given: {
      ProofGiven given;
      given.from = in.u64();
      given.size = in.u64();
      given.proof = take_proof(in);
      message = std::move(given);
      break;
    }
    case Kind::evidence:
      message = take_evidence(in);
      break;
    default:
      return std::nullopt;
  }
  return if_done(in, std::move(message));
}

}  // namespace hansa::protocols::audit
