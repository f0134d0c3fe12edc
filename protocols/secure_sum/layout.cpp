// Decoding in one pass over checked lengths; each type has one parser, and the plan says which sender may use
// it.
#include "protocols/secure_sum/layout.hpp"

#include <bit>
#include <optional>

namespace hansa::protocols::secure_sum {
namespace {

constexpr std::size_t kProposeBytes = 2 + 8 + 8;
constexpr std::size_t kVoteBytes = 2 + kProposeBytes + 64;

using Parsed = std::variant<Body, DropReason>;

std::size_t chunk_bytes(const SessionPlan& plan, std::size_t chunk) {
  return plan.chunks[chunk].lanes * crypto::lane_bytes(plan.lane);
}

bool within(Set set, Set allowed) noexcept { return (set & ~allowed) == 0; }

Parsed parse_advert(BytesView body, const SessionPlan& plan) {
  if (body.size() != 32 + 64 * plan.threshold) return DropReason::wrong_length;
  Reader in(body);
  AdvertBody out;
  out.exchange_key = in.array<32>();
  out.self = in.take(32 * plan.threshold);
  out.mask = in.rest();
  return out;
}

Parsed parse_share(BytesView body, const SessionPlan&) {
  if (body.size() != 2 + kSealedShareBytes) return DropReason::wrong_length;
  Reader in(body);
  const Member to = in.u16();
  return ShareBody{to, in.rest()};
}

Parsed parse_ready(BytesView body, const SessionPlan&) {
  if (!body.empty()) return DropReason::wrong_length;
  return ReadyBody{};
}

Parsed parse_chunk(BytesView body, const SessionPlan& plan) {
  if (body.size() < 2) return DropReason::wrong_length;
  Reader in(body);
  const Member to = in.u16();
  const std::size_t chunk = plan.chunk_of(to);
  if (chunk == plan.chunks.size()) return DropReason::not_for_us;
  if (body.size() != 2 + 64 * plan.inputs + chunk_bytes(plan, chunk)) return DropReason::wrong_length;
  const BytesView ready = in.take(64 * plan.inputs);
  return ChunkBody{to, ready, in.rest()};
}

Parsed parse_receipt(BytesView body, const SessionPlan& plan) {
  if (body.size() < 8) return DropReason::wrong_length;
  Reader in(body);
  const Set inputs = in.u64();
  if (!within(inputs, first_of(plan.inputs))) return DropReason::bad_set;
  if (in.rest().size() != 32 * static_cast<std::size_t>(std::popcount(inputs)))
    return DropReason::wrong_length;
  return ReceiptBody{inputs, in.rest()};
}

std::optional<DropReason> check(const ProposeBody& body, const SessionPlan& plan) {
  const bool exists =
      within(body.decision.inputs, first_of(plan.inputs)) && within(body.decision.owners, plan.owners());
  return exists ? std::nullopt : std::optional(DropReason::bad_set);
}

Parsed parse_propose_strictly(BytesView body, const SessionPlan& plan) {
  if (body.size() != kProposeBytes) return DropReason::wrong_length;
  const ProposeBody out = parse_propose(body);
  if (const auto reason = check(out, plan)) return *reason;
  return out;
}

Parsed parse_vote(BytesView body, const SessionPlan& plan) {
  if (body.size() != kVoteBytes) return DropReason::wrong_length;
  Reader in(body);
  VoteBody out;
  out.proposer = in.u16();
  if (out.proposer >= plan.members.size()) return DropReason::bad_set;
  out.proposal = in.take(kProposeBytes);
  out.parsed = parse_propose(out.proposal);
  if (const auto reason = check(out.parsed, plan)) return *reason;
  out.signature = in.array<64>();
  return out;
}

Parsed parse_reveal(BytesView body, const SessionPlan& plan) {
  if (body.size() != 32 + 32 * plan.inputs) return DropReason::wrong_length;
  Reader in(body);
  const Hash256 decision{in.array<32>()};
  return RevealBody{decision, in.rest()};
}

Parsed parse_result(BytesView body, const SessionPlan& plan, std::size_t chunk) {
  if (body.size() != 32 + chunk_bytes(plan, chunk)) return DropReason::wrong_length;
  Reader in(body);
  const Hash256 decision{in.array<32>()};
  return ResultBody{decision, in.rest()};
}

Parsed parse_done(BytesView body, const SessionPlan& plan) {
  if (body.size() != 32 + 32 * plan.chunks.size()) return DropReason::wrong_length;
  Reader in(body);
  const Hash256 decision{in.array<32>()};
  return DoneBody{decision, in.rest()};
}

Parsed parse_pull(BytesView body, const SessionPlan& plan) {
  if (body.size() != 8) return DropReason::wrong_length;
  const Set chunks = Reader(body).u64();
  if (chunks == 0 || !within(chunks, first_of(plan.chunks.size()))) return DropReason::bad_set;
  return PullBody{chunks};
}

Parsed parse_audited(BytesView body, const SessionPlan& plan, std::size_t chunk) {
  if (body.size() < 8) return DropReason::wrong_length;
  Reader in(body);
  const Set inputs = in.u64();
  if (!within(inputs, first_of(plan.inputs))) return DropReason::bad_set;
  const auto pieces = static_cast<std::size_t>(std::popcount(inputs));
  if (in.rest().size() != pieces * chunk_bytes(plan, chunk)) return DropReason::wrong_length;
  return AuditedBody{inputs, in.rest()};
}

Parsed parse_body(PacketType type, Member from, BytesView body, const SessionPlan& plan) {
  const std::size_t chunk = plan.chunk_of(from);
  const bool owner = chunk < plan.chunks.size(), input = plan.is_input(from);
  switch (type) {
    case PacketType::receipt:
      return owner ? parse_receipt(body, plan) : Parsed(DropReason::unknown_sender);
    case PacketType::result:
      return owner ? parse_result(body, plan, chunk) : Parsed(DropReason::unknown_sender);
    case PacketType::propose:
      return parse_propose_strictly(body, plan);
    case PacketType::pull:
      return parse_pull(body, plan);
    case PacketType::audit:
      return body.empty() ? Parsed(AuditBody{}) : Parsed(DropReason::wrong_length);
    case PacketType::audited:
      return owner ? parse_audited(body, plan, chunk) : Parsed(DropReason::unknown_sender);
    default:
      break;
  }
  if (!input) return DropReason::unknown_sender;
  switch (type) {
    case PacketType::advert:
      return parse_advert(body, plan);
    case PacketType::share:
      return parse_share(body, plan);
    case PacketType::ready:
      return parse_ready(body, plan);
    case PacketType::chunk:
      return parse_chunk(body, plan);
    case PacketType::vote:
      return parse_vote(body, plan);
    case PacketType::reveal:
      return parse_reveal(body, plan);
    case PacketType::done:
      return parse_done(body, plan);
    default:
      return DropReason::unknown_type;
  }
}

}  // namespace

std::string_view drop_reason_name(DropReason reason) noexcept {
  constexpr std::string_view kNames[kDropReasons] = {
      "too_short",     "unknown_type",  "unknown_sender", "wrong_length",  "not_for_us", "bad_set",
      "other_session", "bad_signature", "duplicate",      "contradiction", "bad_point",  "bad_share",
      "bad_bundle",    "bad_proposal",  "other_decision", "late",          "flood"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::variant<Packet, DropReason> decode_packet(BytesView bytes, const SessionPlan& plan) {
  if (bytes.size() < kEnvelopeBytes) return DropReason::too_short;
  Reader in(bytes);
  Packet packet;
  const std::uint8_t type = in.u8();
  if (type == 0 || type >= kPacketTypes) return DropReason::unknown_type;
  packet.type = static_cast<PacketType>(type);
  packet.from = in.u16();
  if (packet.from >= plan.members.size()) return DropReason::unknown_sender;
  packet.session.bytes = in.array<32>();
  packet.signature = in.array<64>();
  packet.body = in.rest();
  Parsed parsed = parse_body(packet.type, packet.from, packet.body, plan);
  if (const auto* reason = std::get_if<DropReason>(&parsed)) return *reason;
  packet.parsed = std::get<Body>(std::move(parsed));
  return packet;
}

Bytes encode_packet(PacketType type, Member from, const Hash256& session, const Signature& signature,
                    BytesView body) {
  Writer out(kEnvelopeBytes + body.size());
  out.u8(static_cast<std::uint8_t>(type)).u16(static_cast<std::uint16_t>(from));
  out.raw(session.bytes).raw(signature).raw(body);
  return std::move(out).bytes();
}

Bytes signed_bytes(PacketType type, Member from, const Hash256& session, BytesView body) {
  Writer out;
  out.text("hansa1/msg").u8(static_cast<std::uint8_t>(type)).u16(static_cast<std::uint16_t>(from));
  out.raw(session.bytes);
  const bool bulk = type == PacketType::chunk || type == PacketType::result || type == PacketType::audited;
  bulk ? out.raw(bulk_hash(body).bytes) : out.raw(body);
  return std::move(out).bytes();
}

Hash256 bulk_hash(BytesView bytes) { return crypto::hash_long("hansa1/body", bytes); }

Hash256 decision_hash(const Decision& decision) {
  return crypto::hash("hansa1/set", Writer().u64(decision.inputs).u64(decision.owners).bytes());
}

Bytes encode_propose(const ProposeBody& body) {
  Writer out;
  out.u16(body.view).u64(body.decision.inputs).u64(body.decision.owners);
  return std::move(out).bytes();
}

ProposeBody parse_propose(BytesView body) {
  Reader in(body);
  ProposeBody out;
  out.view = in.u16();
  out.decision.inputs = in.u64();
  out.decision.owners = in.u64();
  return out;
}

}  // namespace hansa::protocols::secure_sum
