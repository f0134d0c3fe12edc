// Everything a frame from outside may at most be, in one place, each number with its reason.
#pragma once

#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>

namespace hansa::wire {

/// Bytes before the header: "HN", version, type, header length (2), payload length (4).
inline constexpr std::size_t kPreambleBytes = 10;
/// The only version there is.
inline constexpr std::uint8_t kVersion = 1;

/// What `decode` accepts. The defaults suit a node with a few GiB of memory.
struct Limits {
  /// 1 GiB of model. A party holds its own, one per neighbour and the mix, so more would not fit beside them.
  std::uint32_t floats_max = std::uint32_t{1} << 28;
  /// 1 GiB: the longest packet carries a chunk of the largest model. A secure sum has at least three owners,
  /// so that is a third of 2^28 parameters, 683 MiB where each takes 64 bits; keys and signatures are a few
  /// KiB. A neighbourhood sum has one owner: there a model of 1 GiB in the ring is refused at set-up.
  std::uint32_t packet_bytes_max = std::uint32_t{1} << 30;
  /// 64 KiB: the longest packet of a beacon ceremony is a certificate, below 17 KiB for 256 members.
  std::uint32_t beacon_bytes_max = std::uint32_t{1} << 16;
  /// The longest header there is takes 33 bytes; the rest is room for one more field.
  std::size_t header_bytes_max = 64;
  /// The three parts together. Lower it where a transport has already promised less.
  std::size_t frame_bytes_max = kPreambleBytes + 64 + (std::size_t{4} << 28);
  /// 2^32 - 1 means "no round" inside a party.
  Round round_max = 0xFFFFFFFE;
  /// Ages and sequence numbers: ages are used as weights, and doubles count exactly up to 2^53. Nobody gets
  /// there by counting, so more is a lie that would overflow someone's sum.
  std::uint64_t counter_max = std::uint64_t{1} << 53;
  /// Refuse models that hold a NaN or an infinity: one such number, averaged, ruins every party within a
  /// diameter.
  bool finite_only = true;
};

}  // namespace hansa::wire
