// The bytes of each message. A decoder takes exactly what the encoder makes: counts are held against what is
// left before anything is allocated for them, and nothing may follow the end.
#include "protocols/membership/layout.hpp"

#include "protocols/checked_reader.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <hansa/assert.hpp>

#include <utility>

namespace hansa::protocols::membership {
namespace {

using secure_sum::Writer;

enum class Kind : std::uint8_t {
  ping = 1,
  ack = 2,
  ping_request = 3,
  relayed_ack = 4,
  nack = 5,
  push_pull = 6,
  news = 7,
};

// What fits into a message at most; the count's own bound, so that nothing large is allocated for a lie.
constexpr std::size_t kPresencesMax = kMessageBytesMax / kPresenceBytes;
constexpr std::size_t kAccusationsMax = kMessageBytesMax / kAccusationBytes;

void put_unsigned(Writer& out, const Presence& p) {
  out.u8(static_cast<std::uint8_t>(p.standing)).raw(p.subject).u64(p.incarnation);
}
void put_unsigned(Writer& out, const Accusation& a) { out.raw(a.subject).u64(a.incarnation).raw(a.accuser); }
void put(Writer& out, const RosterHint& hint) { out.u32(hint.version).raw(hint.hash.bytes); }
void put(Writer& out, const Statements& s) {
  out.u16(static_cast<std::uint16_t>(s.presences.size()));
  for (const Presence& p : s.presences) {
    put_unsigned(out, p);
    out.raw(p.signature);
  }
  out.u16(static_cast<std::uint16_t>(s.accusations.size()));
  for (const Accusation& a : s.accusations) {
    put_unsigned(out, a);
    out.raw(a.signature);
  }
}

template <class Object>
Bytes signed_bytes(std::string_view label, const Object& object) {
  Writer out(128);
  out.text(label);
  put_unsigned(out, object);
  return std::move(out).bytes();
}
constexpr std::string_view kPresenceLabel = "hansa-presence-v1:", kAccusationLabel = "hansa-suspect-v1:",
                           kProofLabel = "hansa-reached-v1:";

struct Encoder {
  Writer out{512};
  Writer& kind(Kind k) { return out.u8(static_cast<std::uint8_t>(k)); }

  void operator()(const Ping& m) {
    kind(Kind::ping).u64(m.nonce);
    put(out, m.hint);
    out.u8(m.origin ? 1 : 0);
    if (m.origin) out.raw(*m.origin);
    put(out, m.statements);
  }
  void operator()(const Ack& m) {
    kind(Kind::ack).u64(m.nonce);
    put(out, m.hint);
    out.u8(m.proof ? 1 : 0);
    if (m.proof) out.raw(*m.proof);
    put(out, m.statements);
  }
  void operator()(const PingRequest& m) {
    kind(Kind::ping_request).u64(m.nonce).raw(m.target);
    put(out, m.hint);
    put(out, m.statements);
  }
  void operator()(const RelayedAck& m) { kind(Kind::relayed_ack).u64(m.nonce).raw(m.target).raw(m.proof); }
  void operator()(const Nack& m) { kind(Kind::nack).u64(m.nonce).raw(m.target); }
  void operator()(const PushPull& m) {
    kind(Kind::push_pull).u8(m.reply ? 1 : 0);
    put(out, m.hint);
    put(out, m.statements);
  }
  void operator()(const News& m) {
    kind(Kind::news);
    put(out, m.statements);
  }
};

RosterHint hint(CheckedReader& in) {
  RosterHint h;
  h.version = in.u32();
  h.hash.bytes = in.array<32>();
  return h;
}
bool flag(CheckedReader& in) {
  const std::uint8_t value = in.u8();
  if (value > 1) in.fail();
  return value == 1;
}
Statements statements(CheckedReader& in) {
  Statements s;
  const std::size_t presences = in.count(kPresencesMax);
  if (presences * kPresenceBytes > in.left()) in.fail();
  for (std::size_t i = 0; i < presences && !in.failed(); ++i) {
    Presence p;
    const std::uint8_t standing = in.u8();
    if (standing < 1 || standing > 3) in.fail();
    p.standing = static_cast<Standing>(standing);
    p.subject = in.array<32>();
    p.incarnation = in.u64();
    p.signature = in.array<64>();
    s.presences.push_back(p);
  }
  const std::size_t accusations = in.count(kAccusationsMax);
  if (accusations * kAccusationBytes > in.left()) in.fail();
  for (std::size_t i = 0; i < accusations && !in.failed(); ++i) {
    Accusation a;
    a.subject = in.array<32>();
    a.incarnation = in.u64();
    a.accuser = in.array<32>();
    a.signature = in.array<64>();
    s.accusations.push_back(a);
  }
  return s;
}

std::optional<Message> body(Kind kind, CheckedReader& in) {
  switch (kind) {
    case Kind::ping: {
      Ping m{in.u64(), hint(in), {}, {}};
      if (flag(in)) m.origin = in.array<32>();
      m.statements = statements(in);
      return m;
    }
    case Kind::ack: {
      Ack m{in.u64(), hint(in), {}, {}};
      if (flag(in)) m.proof = in.array<64>();
      m.statements = statements(in);
      return m;
    }
    case Kind::ping_request:
      return PingRequest{in.u64(), in.array<32>(), hint(in), statements(in)};
    case Kind::relayed_ack:
      return RelayedAck{in.u64(), in.array<32>(), in.array<64>()};
    case Kind::nack:
      return Nack{in.u64(), in.array<32>()};
    case Kind::push_pull:
      return PushPull{flag(in), hint(in), statements(in)};
    case Kind::news:
      return News{statements(in)};
  }
  return std::nullopt;
}

}  // namespace

Bytes encode(const Message& message) {
  Encoder encoder;
  std::visit(encoder, message);
  HANSA_ASSERT(encoder.out.bytes().size() <= kMessageBytesMax);
  return std::move(encoder.out).bytes();
}

std::optional<Message> decode(BytesView bytes) {
  if (bytes.size() > kMessageBytesMax) return std::nullopt;
  CheckedReader in(bytes);
  const auto kind = static_cast<Kind>(in.u8());
  std::optional<Message> message = body(kind, in);
  if (!in.done()) return std::nullopt;
  return message;
}

void sign(Presence& presence, const crypto::Identity& subject) {
  HANSA_ASSERT(subject.public_key() == presence.subject);
  presence.signature = subject.sign(signed_bytes(kPresenceLabel, presence));
}
void sign(Accusation& accusation, const crypto::Identity& accuser) {
  HANSA_ASSERT(accuser.public_key() == accusation.accuser);
  accusation.signature = accuser.sign(signed_bytes(kAccusationLabel, accusation));
}
bool check(const Presence& p) noexcept {
  return crypto::verify(p.subject, signed_bytes(kPresenceLabel, p), p.signature);
}
bool check(const Accusation& a) noexcept {
  return crypto::verify(a.accuser, signed_bytes(kAccusationLabel, a), a.signature);
}

Bytes proof_bytes(const NodeKey& target, const NodeKey& origin, std::uint64_t nonce) {
  Writer out(96);
  out.text(kProofLabel).raw(target).raw(origin).u64(nonce);
  return std::move(out).bytes();
}

}  // namespace hansa::protocols::membership
