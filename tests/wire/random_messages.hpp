// Random messages for the codec's properties, and a comparison that looks at every bit.
#pragma once

#include "protocols/messages.hpp"

#include <hansa/rng.hpp>

#include <bit>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace hansa::wire::testing {

/// Small, large and boundary values, each often: one of msgpack's five integer widths, or the maximum.
inline std::uint64_t random_integer(Rng& rng, std::uint64_t max) {
  if (rng.below(8) == 0) return max;
  const std::uint64_t bits = 1 + rng.below(64);
  const std::uint64_t value = rng.next() >> (64 - bits);
  return value > max ? max : value;
}

/// Any finite double: integral, tiny, negative zero, arbitrary bits.
inline double random_weight(Rng& rng) {
  switch (rng.below(5)) {
    case 0:
      return static_cast<double>(rng.below(1000));
    case 1:
      return -0.0;
    case 2:
      return rng.uniform();
    case 3:
      return static_cast<double>(rng.next());
    default:
      break;
  }
  for (;;) {
    const auto value = std::bit_cast<double>(rng.next());
    if (value - value == 0) return value;
  }
}

/// A slice somewhere inside a block; empty ones too.
inline protocols::Slice random_slice(Rng& rng, std::uint32_t count_max = 40) {
  const auto block_size = static_cast<std::uint32_t>(rng.below(count_max + 1));
  Parameters block = Parameters::uninitialised(block_size);
  for (float& x : block.span()) x = static_cast<float>(rng.normal());
  if (block_size > 0) block.data()[0] = -0.0f;
  const auto first = static_cast<std::uint32_t>(rng.below(block_size + 1));
  const auto count = static_cast<std::uint32_t>(rng.below(block_size - first + 1));
  return {std::move(block).freeze(), first, count};
}

/// 1 to 100 bytes of any value; mostly no whole number of floats, and often a NaN if taken for some.
inline std::shared_ptr<const std::vector<std::byte>> random_packet(Rng& rng) {
  std::vector<std::byte> bytes(1 + rng.below(100));
  const bool all_ones = rng.below(4) == 0;
  for (std::byte& b : bytes) b = static_cast<std::byte>(all_ones ? 0xff : rng.below(256));
  return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
}

inline protocols::Message random_message(Rng& rng, std::uint64_t type) {
  constexpr std::uint64_t kCounterMax = std::uint64_t{1} << 53;
  const auto round = static_cast<Round>(random_integer(rng, 0xFFFFFFFE));
  const auto offset = static_cast<std::uint32_t>(random_integer(rng, (1u << 28) - 100));
  switch (type) {
    case 0:
      return protocols::ModelMessage{.round = round,
                                     .weight = random_weight(rng),
                                     .age = random_integer(rng, kCounterMax),
                                     .sequence = random_integer(rng, kCounterMax),
                                     .model = random_slice(rng)};
    case 1:
      return protocols::ChunkMessage{round, offset, random_weight(rng), random_slice(rng)};
    case 2:
      return protocols::MeanChunkMessage{round, offset, random_weight(rng), random_slice(rng)};
    case 3:
      return protocols::ShareAck{random_integer(rng, kCounterMax)};
    case 4:
      return protocols::SecurePacketMessage{
          round, static_cast<std::uint32_t>(random_integer(rng, 0xFFFFFFFF)), random_packet(rng)};
    case 5:
      return protocols::RelayedPacketMessage{
          round, party_at(random_integer(rng, 0xFFFFFFFF)), random_integer(rng, ~std::uint64_t{0}),
          rng.below(4) == 0 ? std::make_shared<const std::vector<std::byte>>() : random_packet(rng)};
    default:
      return protocols::BeaconPacketMessage{static_cast<std::uint32_t>(random_integer(rng, 0xFFFFFFFF)),
                                            random_packet(rng)};
  }
}

inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
inline bool same_bits(const protocols::Slice& a, const protocols::Slice& b) {
  return a.count == b.count &&
         (a.count == 0 || std::memcmp(a.data(), b.data(), a.count * sizeof(float)) == 0);
}
/// Same message, bit for bit; slices by content.
inline bool same_bits(const protocols::Message& a, const protocols::Message& b) {
  using namespace protocols;
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<ModelMessage>(&a)) {
    const auto& y = std::get<ModelMessage>(b);
    return x->round == y.round && same_bits(x->weight, y.weight) && x->age == y.age &&
           x->sequence == y.sequence && same_bits(x->model, y.model);
  }
  if (const auto* x = std::get_if<ChunkMessage>(&a)) {
    const auto& y = std::get<ChunkMessage>(b);
    return x->round == y.round && x->offset == y.offset && same_bits(x->weight, y.weight) &&
           same_bits(x->piece, y.piece);
  }
  if (const auto* x = std::get_if<MeanChunkMessage>(&a)) {
    const auto& y = std::get<MeanChunkMessage>(b);
    return x->round == y.round && x->offset == y.offset && same_bits(x->weight, y.weight) &&
           same_bits(x->piece, y.piece);
  }
  if (const auto* x = std::get_if<SecurePacketMessage>(&a)) {
    const auto& y = std::get<SecurePacketMessage>(b);
    return x->round == y.round && x->attempt == y.attempt && *x->packet == *y.packet;
  }
  if (const auto* x = std::get_if<RelayedPacketMessage>(&a)) {
    const auto& y = std::get<RelayedPacketMessage>(b);
    return x->round == y.round && x->receiver == y.receiver && x->to == y.to && *x->packet == *y.packet;
  }
  if (const auto* x = std::get_if<BeaconPacketMessage>(&a)) {
    const auto& y = std::get<BeaconPacketMessage>(b);
    return x->attempt == y.attempt && *x->packet == *y.packet;
  }
  return std::get<ShareAck>(a).sequence == std::get<ShareAck>(b).sequence;
}

}  // namespace hansa::wire::testing
