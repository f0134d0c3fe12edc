// Reads front to back; the number of bytes that are still there is compared before each take.
#include "protocols/beacon/layout.hpp"

#include <optional>

namespace hansa::protocols::beacon {
namespace {

constexpr std::size_t kPlaceBytes = 4;  // besides the set
constexpr std::size_t kBallotBytes = 2 + 1 + 1;
constexpr std::size_t kSignatureBytes = 64;

Writer& put_set(Writer& out, const MemberSet& set, std::size_t roster) {
  for (std::size_t at = 0; at < set_bytes(roster); ++at) {
    std::uint8_t byte = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) {
      if (set.test(8 * at + bit)) byte = static_cast<std::uint8_t>(byte | 1U << bit);
    }
    out.u8(byte);
  }
  return out;
}

/// None if it names members beyond the roster.
std::optional<MemberSet> take_set(Reader& in, std::size_t roster) {
  MemberSet set;
  for (std::size_t at = 0; at < set_bytes(roster); ++at) {
    const std::uint8_t byte = in.u8();
    for (std::size_t bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) == 0) continue;
      if (8 * at + bit >= roster) return std::nullopt;
      set.set(8 * at + bit);
    }
  }
  return set;
}

Writer place_writer(const Place& place) {
  Writer out;
  out.u32(place.attempt);
  put_set(out, place.members, place.roster);
  return out;
}

std::optional<DropReason> take_ballot(Reader& in, std::size_t roster, const MemberSet& members,
                                      Ballot& ballot) {
  if (in.rest().size() < kBallotBytes) return DropReason::wrong_length;
  ballot.view = in.u16();
  const std::uint8_t step = in.u8(), kind = in.u8();
  if (ballot.view >= kViewsMax || step > 1 || kind > 1) return DropReason::bad_ballot;
  ballot.step = static_cast<Step>(step);
  ballot.complete = kind == 0;
  if (in.rest().size() < (ballot.complete ? sizeof(Bytes32) : set_bytes(roster))) {
    return DropReason::wrong_length;
  }
  if (ballot.complete) {
    ballot.beacon.bytes = in.array<32>();
    return std::nullopt;
  }
  const auto without = take_set(in, roster);
  if (!without || without->none() || (*without & ~members).any() || *without == members) {
    return DropReason::bad_set;
  }
  ballot.without = *without;
  return std::nullopt;
}

/// The body behind its place.
std::optional<DropReason> parse(Reader& in, std::size_t roster, Packet& packet) {
  switch (packet.type) {
    case PacketType::commit: {
      if (in.rest().size() != sizeof(Hash256)) return DropReason::wrong_length;
      packet.parsed = CommitBody{{in.array<32>()}};
      return std::nullopt;
    }
    case PacketType::reveal: {
      if (in.rest().size() != sizeof(Hash256) + sizeof(Bytes32)) return DropReason::wrong_length;
      RevealBody body;
      body.session.bytes = in.array<32>();
      body.randomness = in.array<32>();
      packet.parsed = body;
      return std::nullopt;
    }
    case PacketType::vote: {
      VoteBody body;
      if (const auto wrong = take_ballot(in, roster, packet.members, body.ballot)) return wrong;
      if (!in.rest().empty()) return DropReason::wrong_length;
      packet.parsed = body;
      return std::nullopt;
    }
    case PacketType::certificate: {
      CertificateBody body;
      if (const auto wrong = take_ballot(in, roster, packet.members, body.ballot)) return wrong;
      body.vote = packet.body.first(packet.body.size() - in.rest().size());
      if (in.rest().size() < set_bytes(roster)) return DropReason::wrong_length;
      const auto voters = take_set(in, roster);
      if (!voters || (*voters & ~packet.members).any()) return DropReason::bad_set;
      body.voters = *voters;
      if (in.rest().size() != kSignatureBytes * voters->count()) return DropReason::wrong_length;
      body.signatures = in.rest();
      packet.parsed = body;
      return std::nullopt;
    }
    case PacketType::ask:
      if (!in.rest().empty()) return DropReason::wrong_length;
      packet.parsed = AskBody{};
      return std::nullopt;
  }
  return DropReason::unknown_type;
}

}  // namespace

std::variant<Packet, DropReason> decode_packet(BytesView bytes, std::size_t roster) {
  if (bytes.size() < kEnvelopeBytes) return DropReason::too_short;
  Reader in(bytes);
  Packet packet;
  const std::uint8_t type = in.u8();
  if (type < 1 || type > static_cast<std::uint8_t>(PacketType::ask)) return DropReason::unknown_type;
  packet.type = static_cast<PacketType>(type);
  packet.from = in.u16();
  if (packet.from >= roster) return DropReason::unknown_sender;
  packet.ceremony.bytes = in.array<32>();
  packet.signature = in.array<64>();
  packet.body = in.rest();
  if (packet.body.size() < kPlaceBytes + set_bytes(roster)) return DropReason::wrong_length;
  packet.attempt = in.u16();
  packet.attempt |= std::uint32_t{in.u16()} << 16;
  const auto members = take_set(in, roster);
  if (!members || members->none()) return DropReason::bad_set;
  packet.members = *members;
  if (const auto wrong = parse(in, roster, packet)) return *wrong;
  return packet;
}

Bytes encode_packet(PacketType type, Member from, const Hash256& ceremony, const Signature& signature,
                    BytesView body) {
  return Writer(kEnvelopeBytes + body.size())
      .u8(static_cast<std::uint8_t>(type))
      .u16(from)
      .raw(ceremony.bytes)
      .raw(signature)
      .raw(body)
      .bytes();
}

Bytes signed_bytes(PacketType type, Member from, const Hash256& ceremony, BytesView body) {
  Writer out(13 + 3 + 32 + body.size());
  out.text("hansa1/beacon").u8(static_cast<std::uint8_t>(type)).u16(from).raw(ceremony.bytes).raw(body);
  return std::move(out).bytes();
}

Bytes encode_commit(const Place& place, const Hash256& commitment) {
  return std::move(place_writer(place).raw(commitment.bytes)).bytes();
}

Bytes encode_reveal(const Place& place, const Hash256& session, const Bytes32& randomness) {
  return std::move(place_writer(place).raw(session.bytes).raw(randomness)).bytes();
}

Bytes encode_ask(const Place& place) { return place_writer(place).bytes(); }

Bytes encode_vote(const Place& place, const Ballot& ballot) {
  Writer out = place_writer(place);
  out.u16(ballot.view).u8(static_cast<std::uint8_t>(ballot.step)).u8(ballot.complete ? 0 : 1);
  if (ballot.complete) {
    out.raw(ballot.beacon.bytes);
  } else {
    put_set(out, ballot.without, place.roster);
  }
  return std::move(out).bytes();
}

Bytes encode_certificate(const Place& place, const Ballot& ballot, const MemberSet& voters,
                         std::span<const Signature> signatures) {
  Writer out;
  out.raw(encode_vote(place, ballot));
  put_set(out, voters, place.roster);
  for (const Signature& signature : signatures) out.raw(signature);
  return std::move(out).bytes();
}

}  // namespace hansa::protocols::beacon
