// Any bytes at a beacon ceremony. An even first byte: the rest is a packet for the decoder. An odd one: the
// rest is a conversation of dishonest members, who sign properly whatever they like to say, with a member at
// the moment that the second byte picks. What is not expected must be dropped; no assertion may fire.
#include "fuzz/require.hpp"
#include "protocols/beacon/ceremony.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

using hansa::fuzzing::require;

namespace {

using namespace hansa;
using namespace hansa::protocols::beacon;

constexpr std::size_t kMembers = 5;

/// Member 0 among five honest ones, as it was before each packet it received, with and without member 4.
class Moments {
 public:
  Moments() {
    for (std::size_t i = 0; i < kMembers; ++i) {
      Bytes32 seed{};
      seed[0] = static_cast<std::byte>(i + 1);
      identities_.push_back(crypto::Identity::from_seed(seed));
      plan_.roster.push_back(identities_.back().public_key());
    }
    run(kMembers);
    run(kMembers - 1);
  }
  [[nodiscard]] const CeremonyPlan& plan() const { return plan_; }
  [[nodiscard]] const crypto::Identity& identity(Member member) const { return identities_[member]; }
  [[nodiscard]] const Ceremony& at(std::size_t i) const { return snapshots_[i % snapshots_.size()]; }

 private:
  void run(std::size_t present) {
    std::deque<SendPacket> network;
    std::vector<Ceremony> members;
    CeremonyEffects effects;
    const auto queue = [&] {
      for (const CeremonyEffect& effect : effects) {
        const auto* send = std::get_if<SendPacket>(&effect);
        if (send != nullptr && send->to < present) network.push_back(*send);
      }
      effects.clear();
    };
    for (Member i = 0; i < present; ++i) members.emplace_back(plan_, i, identities_[i], entropy_);
    for (Ceremony& member : members) member.start(Time{0}, effects);
    queue();
    for (Time now{0}; !members[0].over(); now = members[0].over() ? now : *members[0].next_deadline()) {
      for (Ceremony& member : members) member.on_deadline(now, effects);
      queue();
      while (!network.empty()) {
        const SendPacket next = network.front();
        network.pop_front();
        if (next.to == 0) snapshots_.push_back(members[0]);
        members[next.to].on_packet(*next.packet, now, effects);
        queue();
      }
    }
    snapshots_.push_back(members[0]);
    require(members[0].phase() == CeremonyPhase::drawn);
  }

  CeremonyPlan plan_;
  std::vector<crypto::Identity> identities_;
  protocols::secure_sum::LabelledEntropy entropy_{"fuzz", 0};
  std::vector<Ceremony> snapshots_;
};

const Moments& moments() {
  static const Moments instance;
  return instance;
}

/// The one way to write what was read.
Bytes body_again(const Packet& packet) {
  const Place place{kMembers, packet.attempt, packet.members};
  if (const auto* commit = std::get_if<CommitBody>(&packet.parsed)) {
    return encode_commit(place, commit->commitment);
  }
  if (const auto* reveal = std::get_if<RevealBody>(&packet.parsed)) {
    return encode_reveal(place, reveal->session, reveal->randomness);
  }
  if (const auto* vote = std::get_if<VoteBody>(&packet.parsed)) return encode_vote(place, vote->ballot);
  if (const auto* certificate = std::get_if<CertificateBody>(&packet.parsed)) {
    std::vector<Signature> signatures;
    for (Reader in(certificate->signatures); !in.rest().empty();) signatures.push_back(in.array<64>());
    return encode_certificate(place, certificate->ballot, certificate->voters, signatures);
  }
  return encode_ask(place);
}

void decode(BytesView bytes) {
  const auto result = decode_packet(bytes, kMembers);
  const auto* packet = std::get_if<Packet>(&result);
  if (packet == nullptr) return;
  const Bytes again =
      encode_packet(packet->type, packet->from, packet->ceremony, packet->signature, body_again(*packet));
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

/// Repeated: type, sender, length of the body (2 bytes), body. Type 0 lets time pass instead.
void converse(Ceremony ceremony, BytesView script) {
  const Hash256 id = ceremony_id(moments().plan());
  CeremonyEffects effects;
  Time now{0};
  while (script.size() >= 4) {
    Reader in(script);
    const std::uint8_t type = in.u8() % 6;
    const auto from = static_cast<Member>(1 + in.u8() % (kMembers - 1));
    const std::size_t announced = in.u16(), size = std::min(announced, in.rest().size());
    const BytesView body = in.take(size);
    script = in.rest();
    const bool was_over = ceremony.over();
    if (type == 0) {
      if (const auto due = ceremony.next_deadline()) ceremony.on_deadline(now = std::max(now, *due), effects);
    } else {
      const auto kind = static_cast<PacketType>(type);
      const auto signature = moments().identity(from).sign(signed_bytes(kind, from, id, body));
      ceremony.on_packet(encode_packet(kind, from, id, signature, body), now, effects);
    }
    for (const CeremonyEffect& effect : effects) {
      const auto* send = std::get_if<SendPacket>(&effect);
      require(send == nullptr || (send->to != 0 && send->to < kMembers && !send->packet->empty()));
      require(!was_over || !std::holds_alternative<CeremonyEnded>(effect));
    }
    effects.clear();
    require(ceremony.over() != ceremony.next_deadline().has_value());
    require((ceremony.phase() == CeremonyPhase::drawn) ==
            (ceremony.over() && ceremony.outcome().members.test(0)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (data[0] % 2 == 0) {
    decode(bytes.subspan(1));
  } else {
    converse(moments().at(data[1]), bytes.subspan(2));
  }
  return 0;
}
