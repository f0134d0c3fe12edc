// What nodes say about who is there, as bytes: fixed layouts, little-endian, right to the byte or refused.
// Two kinds of statements are signed, because they are passed on: a node's word about itself (presence), and
// a node's word that it cannot reach another (accusation). So nobody can speak for anybody else.
//
// Das, Gupta, Motivala: "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol",
// DSN 2002.
#pragma once

#include "protocols/roster/keeper.hpp"
#include "src/crypto/identity.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace hansa::protocols::membership {

using NodeKey = crypto::PublicKey;
using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;
using roster::RosterHint;

/// Below the 64 KiB of the control channel, with room for the envelope.
inline constexpr std::size_t kMessageBytesMax = 60 * 1024;
inline constexpr std::size_t kPresenceBytes = 105, kAccusationBytes = 136;

/// What a node says of itself.
enum class Standing : std::uint8_t {
  alive = 1,
  draining = 2,  ///< finishes what it does, and takes nothing new
  left = 3,      ///< went away on purpose
};

/// The upper half is the node's boot counter, the lower half counts within a boot. A higher one replaces
/// whatever was said about a lower one.
using Incarnation = std::uint64_t;
[[nodiscard]] constexpr Incarnation incarnation_at(std::uint32_t boot, std::uint32_t count) noexcept {
  return Incarnation{boot} << 32 | count;
}
[[nodiscard]] constexpr std::uint32_t boot_of(Incarnation i) noexcept {
  return static_cast<std::uint32_t>(i >> 32);
}
[[nodiscard]] constexpr std::uint32_t count_of(Incarnation i) noexcept {
  return static_cast<std::uint32_t>(i);
}

/// A node's signed word about itself.
struct Presence {
  Standing standing = Standing::alive;
  NodeKey subject{};
  Incarnation incarnation = 0;
  crypto::Signature signature{};
  friend bool operator==(const Presence&, const Presence&) = default;
};

/// A node's signed word that it has tried to reach another in that incarnation, also through others, and got
/// no answer.
struct Accusation {
  NodeKey subject{};
  Incarnation incarnation = 0;
  NodeKey accuser{};
  crypto::Signature signature{};
  friend bool operator==(const Accusation&, const Accusation&) = default;
};

struct Statements {
  std::vector<Presence> presences;
  std::vector<Accusation> accusations;
};

/// "Are you there?" With `origin`: it asks through us, and the answer must be signed for it.
struct Ping {
  std::uint64_t nonce = 0;
  RosterHint hint;
  std::optional<NodeKey> origin;
  Statements statements;
};
/// "Yes." `proof` is there if the ping had an origin: the answer's signature, see proof_bytes().
struct Ack {
  std::uint64_t nonce = 0;
  RosterHint hint;
  std::optional<crypto::Signature> proof;
  Statements statements;
};
/// "Please ask `target` for me."
struct PingRequest {
  std::uint64_t nonce = 0;
  NodeKey target{};
  RosterHint hint;
  Statements statements;
};
/// "It answered; here is its signature."
struct RelayedAck {
  std::uint64_t nonce = 0;
  NodeKey target{};
  crypto::Signature proof{};
};
/// "I asked, and it has not answered": so the asker knows that its own connections work.
struct Nack {
  std::uint64_t nonce = 0;
  NodeKey target{};
};
/// All that the sender knows; wants the same back unless it is the reply.
struct PushPull {
  bool reply = false;
  RosterHint hint;
  Statements statements;
};
/// Statements that should not wait for the next ping.
struct News {
  Statements statements;
};
using Message = std::variant<Ping, Ack, PingRequest, RelayedAck, Nack, PushPull, News>;

/// docs/wire-format.md has the layouts.
[[nodiscard]] Bytes encode(const Message& message);
/// None if the bytes are not exactly one message. Says nothing about signatures.
[[nodiscard]] std::optional<Message> decode(BytesView bytes);

// Signing asserts that the key is the signer's.
void sign(Presence& presence, const crypto::Identity& subject);
void sign(Accusation& accusation, const crypto::Identity& accuser);
[[nodiscard]] bool check(const Presence& presence) noexcept;
[[nodiscard]] bool check(const Accusation& accusation) noexcept;

/// What `target` signs to prove to `origin` that it got the ping with this nonce, whoever carried it.
[[nodiscard]] Bytes proof_bytes(const NodeKey& target, const NodeKey& origin, std::uint64_t nonce);

}  // namespace hansa::protocols::membership
