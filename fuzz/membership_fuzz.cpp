// Any bytes at the membership machine. First byte: 0 to 127: a message as it is; else a conversation in which
// nodes 1 to 3 sign whatever the bytes say and send it to node 0, and time passes. What is decoded must
// encode to the same bytes; no assertion may fire; what is sent fits a message; and node 0 never calls a node
// unreachable that it has not suspected.
#include "fuzz/require.hpp"
#include "protocols/membership/membership.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

using hansa::fuzzing::require;

namespace {

using namespace hansa;
using namespace hansa::protocols::membership;

const std::array<crypto::Identity, 4>& keys() {
  static const auto made = [] {
    const auto key = [](std::uint8_t n) {
      crypto::Bytes32 seed{};
      seed[0] = static_cast<std::byte>(n + 1);
      return crypto::Identity::from_seed(seed);
    };
    return std::array{key(0), key(1), key(2), key(3)};
  }();
  return made;
}

class Input {
 public:
  explicit Input(BytesView bytes) noexcept : rest_(bytes) {}
  std::uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    const auto b = std::to_integer<std::uint8_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return b;
  }
  BytesView take(std::size_t count) noexcept {
    const BytesView front = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return front;
  }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

 private:
  BytesView rest_;
};

struct Conversation {
  Membership machine{Config{std::make_shared<crypto::Identity>(keys()[0]), 1, {}}, Rng(1, Purpose::test)};
  Time now{};
  Effects effects;
  std::map<NodeKey, State> shown;
  std::uint64_t nonce = 0;  ///< of the last ping that was sent

  Conversation() {
    std::vector<Member> members;
    for (const auto& key : keys()) members.push_back({key.public_key(), key.public_key()});
    machine.start(now, effects);
    machine.set_members(members, now, effects);
    look();
  }
  void look() {
    for (const Effect& effect : effects) {
      if (const auto* const sent = std::get_if<Send>(&effect)) {
        const auto message = decode(sent->bytes);
        require(message.has_value());
        if (const auto* const ping = std::get_if<Ping>(&*message)) nonce = ping->nonce;
      } else if (const auto* const change = std::get_if<StateChanged>(&effect)) {
        if (change->state == State::unreachable) require(shown[change->node] == State::suspect);
        shown[change->node] = change->state;
      }
    }
    effects.clear();
    require(machine.peers().size() == 3);
    require(machine.local_health() >= 0 && machine.local_health() <= 8);
  }
  void deliver(std::size_t from, BytesView bytes) {
    machine.on_message(keys()[from].public_key(), bytes, now, effects);
    look();
  }
};

Statements statements(Input& in) {
  Statements s;
  for (int left = in.byte() % 3; left > 0; --left) {
    const crypto::Identity& who = keys()[in.byte() % 4];
    Presence p{static_cast<Standing>(1 + in.byte() % 3),
               who.public_key(),
               incarnation_at(1 + in.byte() % 3, in.byte()),
               {}};
    sign(p, who);
    s.presences.push_back(p);
  }
  for (int left = in.byte() % 4; left > 0; --left) {
    const crypto::Identity& who = keys()[1 + in.byte() % 3];
    Accusation a{keys()[in.byte() % 4].public_key(),
                 incarnation_at(1 + in.byte() % 3, in.byte()),
                 who.public_key(),
                 {}};
    sign(a, who);
    s.accusations.push_back(a);
  }
  return s;
}

void converse(Input& in) {
  Conversation c;
  const auto& target = [&]() -> const crypto::Identity& { return keys()[in.byte() % 4]; };
  while (!in.empty()) {
    const std::size_t from = 1 + in.byte() % 3;
    switch (in.byte() % 12) {
      case 0:
        c.deliver(from, in.take(in.byte()));
        break;
      case 1:
        c.deliver(from, encode(News{statements(in)}));
        break;
      case 2:
        c.deliver(from, encode(Ack{c.nonce, {in.byte(), {}}, {}, statements(in)}));
        break;
      case 3:
        c.deliver(from, encode(Ping{in.byte(), {in.byte(), {}}, target().public_key(), statements(in)}));
        break;
      case 4:
        c.deliver(from, encode(PingRequest{in.byte(), target().public_key(), {}, statements(in)}));
        break;
      case 5: {
        const crypto::Identity& who = target();
        const auto proof = who.sign(proof_bytes(who.public_key(), keys()[0].public_key(), c.nonce));
        c.deliver(from, encode(RelayedAck{c.nonce, who.public_key(), proof}));
        c.deliver(from, encode(Ack{in.byte(), {}, proof, {}}));
        break;
      }
      case 6:
        c.deliver(from, encode(Nack{c.nonce, target().public_key()}));
        break;
      case 7:
        c.deliver(from, encode(PushPull{in.byte() % 2 == 1, {}, statements(in)}));
        break;
      case 8:
        c.machine.drain(in.byte() % 2 == 1, c.now, c.effects);
        c.look();
        break;
      case 9:
        c.machine.on_connected(keys()[from].public_key(), c.now, c.effects);
        c.look();
        break;
      default:
        c.now = std::max(c.now, *c.machine.next_deadline()) + std::chrono::milliseconds(10 * in.byte());
        c.machine.on_deadline(c.now, c.effects);
        c.look();
        require(*c.machine.next_deadline() > c.now);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(reinterpret_cast<const std::byte*>(data), size);
  if (size == 0) return 0;
  Input in(bytes.subspan(1));
  if (data[0] >= 128) {
    converse(in);
    return 0;
  }
  const auto message = decode(bytes);
  if (message) {
    const Bytes again = encode(*message);
    require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  }
  return 0;
}
