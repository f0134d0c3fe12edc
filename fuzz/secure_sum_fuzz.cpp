// Any bytes at a secure sum. An even first byte: the rest is a packet for the decoder. An odd one: the rest
// is a conversation of dishonest members, who sign properly whatever they like to say, with a session at the
// moment that the second byte picks. What is not expected must be dropped; no assertion may fire.
#include "fuzz/require.hpp"
#include "protocols/secure_sum/session.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

using hansa::fuzzing::require;

namespace {

using namespace hansa;
using namespace hansa::protocols::secure_sum;

constexpr std::size_t kMembers = 4;

crypto::Identity identity_of(Member member) {
  crypto::Bytes32 seed;
  seed.fill(static_cast<std::byte>(member + 1));
  return crypto::Identity::from_seed(seed);
}

/// Member 0 of a session among four honest ones, as it was before each packet it received.
class Moments {
 public:
  Moments() {
    for (Member i = 0; i < kMembers; ++i) {
      identities_.push_back(identity_of(i));
      plan_.members.push_back(identities_.back().public_key());
      plan_.chunks.push_back({i, 2});
    }
    plan_.inputs = kMembers;
    plan_.colluders = 1;
    plan_.threshold = vote_threshold(kMembers, 1);
    std::vector<SecAggSession> sessions;
    for (Member i = 0; i < kMembers; ++i) {
      LabelledEntropy entropy("fuzz", static_cast<std::uint16_t>(i));
      auto input = std::make_shared<SecureInput>(Bytes(plan_.lanes() * crypto::lane_bytes(plan_.lane)));
      sessions.push_back(SecAggSession::make(plan_, i, identities_[i], input, entropy).value());
    }
    run(sessions);
  }

  [[nodiscard]] const SessionPlan& plan() const { return plan_; }
  [[nodiscard]] const crypto::Identity& identity(Member member) const { return identities_[member]; }
  [[nodiscard]] const SecAggSession& at(std::size_t i) const { return snapshots_[i % snapshots_.size()]; }
  [[nodiscard]] const Hash256& session() const { return session_; }

 private:
  void run(std::vector<SecAggSession>& sessions) {
    std::deque<SendPacket> network;
    for (Member i = 0; i < kMembers; ++i) {
      SessionEffects effects;
      sessions[i].start(Time{0}, effects);
      deliver(sessions[i], effects, network);
    }
    while (!network.empty()) {
      const SendPacket next = network.front();
      network.pop_front();
      if (next.to == 0) snapshots_.push_back(sessions[0]);
      if ((*next.packet)[0] == static_cast<std::byte>(PacketType::ready)) {
        session_ = std::get<Packet>(decode_packet(*next.packet, plan_)).session;
      }
      SessionEffects effects;
      sessions[next.to].on_packet(*next.packet, Time{0}, effects);
      deliver(sessions[next.to], effects, network);
    }
    for (const SecAggSession& session : sessions) require(session.phase() == Phase::complete);
    snapshots_.push_back(sessions[0]);
  }
  static void deliver(SecAggSession& session, SessionEffects& effects, std::deque<SendPacket>& network) {
    while (!effects.empty()) {
      SessionEffects more;
      for (SessionEffect& effect : effects) {
        if (auto* send = std::get_if<SendPacket>(&effect)) network.push_back(*send);
        if (auto* task = std::get_if<RunMask>(&effect)) {
          session.on_masked(task->job, perform(std::move(task->task)), Time{0}, more);
        }
      }
      effects = std::move(more);
    }
  }

  SessionPlan plan_;
  std::vector<crypto::Identity> identities_;
  std::vector<SecAggSession> snapshots_;
  Hash256 session_;
};

const Moments& moments() {
  static const Moments instance;
  return instance;
}

void decode(BytesView bytes) {
  const auto result = decode_packet(bytes, moments().plan());
  if (const auto* reason = std::get_if<DropReason>(&result))
    return require(!drop_reason_name(*reason).empty());
  const Packet& packet = std::get<Packet>(result);
  const Bytes again = encode_packet(packet.type, packet.from, packet.session, packet.signature, packet.body);
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

/// Repeated: type, sender, length of the body (2 bytes), body. Type 0 lets time pass instead.
void converse(SecAggSession session, BytesView script) {
  SessionEffects effects;
  Time now{0};
  while (script.size() >= 4) {
    Reader in(script);
    const std::uint8_t type = in.u8() % kPacketTypes;
    const Member from = 1 + in.u8() % (kMembers - 1);
    const std::size_t announced = in.u16(), size = std::min(announced, in.rest().size());
    const BytesView body = in.take(size);
    script = in.rest();
    if (type == 0) {
      if (const auto due = session.next_deadline()) session.on_deadline(now = std::max(now, *due), effects);
    } else {
      const auto kind = static_cast<PacketType>(type);
      const Hash256 id = kind == PacketType::advert ? first_session_id(session.plan()) : moments().session();
      const auto signature = moments().identity(from).sign(signed_bytes(kind, from, id, body));
      session.on_packet(encode_packet(kind, from, id, signature, body), now, effects);
    }
    SessionEffects answered = std::move(effects);
    effects = {};
    for (SessionEffect& effect : answered) {  // snapshots share their input, so it must stay unspent
      auto* task = std::get_if<RunMask>(&effect);
      if (task == nullptr || task->job == MaskJob::input) continue;
      session.on_masked(task->job, perform(std::move(task->task)), now, effects);
    }
  }
  require(session.over() != session.holds_secrets());
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
