// Everything parties say to each other while they train. Plain structs; src/wire/ gives them bytes and checks
// what comes in. A payload is a slice of a shared block, so a model that goes to ten neighbours is one block
// held ten times.
#pragma once

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace hansa::protocols {

/// Floats [first, first + count) of a block that is shared and never changes.
struct Slice {
  ParametersRef block;
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  static Slice whole(ParametersRef block) {
    const auto count = static_cast<std::uint32_t>(block.size());
    return {std::move(block), 0, count};
  }
  [[nodiscard]] const float* data() const noexcept { return block.data() + first; }
};

/// Wire tags. Never reused, never renumbered (docs/wire-format.md).
enum class MessageType : std::uint8_t {
  model = 1,
  chunk = 2,
  mean_chunk = 3,
  share_ack = 4,
  secure_packet = 5,
  relayed_packet = 6,
  beacon_packet = 7
};

/// A whole model. D-PSGD and epidemic learning send it to every out-neighbour once local training of `round`
/// is done; the receiver keeps it until it mixes that round. Gossip learning sends it on its own timer.
/// Push-sum sends it as a share of mass that the receiver must acknowledge.
struct ModelMessage {
  Round round = 0;
  double weight = 1;           ///< push-sum: the mass that travels; else the sender's number of training rows
  std::uint64_t age = 0;       ///< gossip learning: local updates in this model's history
  std::uint64_t sequence = 0;  ///< push-sum: number of this share on this edge, from 1; else 0
  Slice model;
};

/// Cohort, first step: the piece of the sender's model that the receiver averages for everyone.
struct ChunkMessage {
  Round round = 0;
  std::uint32_t offset = 0;  ///< where the piece begins in the model
  double weight = 1;         ///< weight of the sender in the mean
  Slice piece;
};

/// Cohort, second step: the average of one piece, from its owner to every member.
struct MeanChunkMessage {
  Round round = 0;
  std::uint32_t offset = 0;
  double weight = 1;  ///< sum of the weights of the members that contributed
  Slice piece;
};

/// Push-sum: the receiver of share `sequence` has absorbed it and will remember so after a crash. The sender
/// forgets its copy.
struct ShareAck {
  std::uint64_t sequence = 0;
};

/// Secure cohort: one packet of a secure sum, word for word as its member signed it
/// (protocols/secure_sum/layout.hpp says what is inside; the session checks it). The receiver hands it to the
/// session of `round` and `attempt`.
struct SecurePacketMessage {
  Round round = 0;
  std::uint32_t attempt = 0;
  std::shared_ptr<const std::vector<std::byte>> packet;  ///< never null
};

/// Secure neighbourhood: one packet of the sum that `receiver` collects from its neighbours, word for word as
/// its member signed it. Members are numbered as in the session: the receiver's neighbours in ascending
/// order, then the receiver. Two neighbours of a receiver need not know each other's addresses, so everything
/// goes through the receiver: a neighbour sends to it, for any set of members, and it sends on to each of
/// them. It is not trusted with what it carries. Without a packet, the sender says that it takes no (further)
/// part in this sum: nobody needs to wait for it.
struct RelayedPacketMessage {
  Round round = 0;
  PartyId receiver{};    ///< whose sum it is
  std::uint64_t to = 0;  ///< set of members: bit i is member i; 0 without a packet
  std::shared_ptr<const std::vector<std::byte>> packet;  ///< never null; empty: see above
};

/// One packet of the ceremony that draws the cohorts' beacon, word for word as a member signed it
/// (protocols/beacon/layout.hpp). Whoever holds it may pass it on.
struct BeaconPacketMessage {
  std::uint32_t attempt = 0;  ///< in which it was sent; the packet says, signed, which one it is about
  std::shared_ptr<const std::vector<std::byte>> packet;  ///< never null
};

using Message = std::variant<ModelMessage, ChunkMessage, MeanChunkMessage, ShareAck, SecurePacketMessage,
                             RelayedPacketMessage, BeaconPacketMessage>;

/// The wire tag of a message.
[[nodiscard]] constexpr MessageType type_of(const Message& message) noexcept {
  return static_cast<MessageType>(message.index() + 1);
}
static_assert(std::variant_size_v<Message> == 7, "give a new message its own tag, and type_of a case");

}  // namespace hansa::protocols
