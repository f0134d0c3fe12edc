// Masks: a 32-byte seed stretched to a vector of ring elements and added to another. The stream is ChaCha20
// (RFC 8439) with the chunk number as nonce and the counter from 0, so that whoever needs one chunk generates
// only that. Which library computes it is chosen at build time and changes no byte.
#pragma once

#include "src/crypto/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace hansa::crypto {

/// Elements of Z_2^16, Z_2^32 or Z_2^64, as little-endian bytes; the value is the bytes per element.
enum class Lane : std::uint8_t { bits16 = 2, bits32 = 4, bits64 = 8 };
[[nodiscard]] constexpr std::size_t lane_bytes(Lane lane) noexcept { return static_cast<std::size_t>(lane); }

/// A library that generates ChaCha20. A fresh generator stands at the beginning of block `counter`.
struct MaskBackend {
  class Generator {
   public:
    virtual ~Generator() = default;
    /// The next out.size() bytes; every call but the last asks for a multiple of 64.
    virtual void next(std::span<std::byte> out) noexcept = 0;
  };
  std::string_view name;
  std::unique_ptr<Generator> (*start)(const Secret32& seed, std::uint32_t chunk, std::uint32_t counter);
};
/// Those that this build has; the first one is used.
[[nodiscard]] std::span<const MaskBackend> mask_backends() noexcept;

/// Writes bytes [first, first + out.size()) of the stream of (seed, chunk).
void mask_bytes(const Secret32& seed, std::uint32_t chunk, std::uint64_t first, std::span<std::byte> out,
                const MaskBackend& backend = mask_backends().front());

/// One mask to add or to take away.
struct MaskTerm {
  Secret32 seed;
  bool subtract = false;
};

/// lanes += sum of the terms' masks, of `chunk` from its beginning. lanes.size() is a multiple of the lane
/// width. Works through one block of the first-level cache after the other, over all terms.
void add_masks(std::span<std::byte> lanes, Lane lane, std::span<const MaskTerm> terms, std::uint32_t chunk,
               const MaskBackend& backend = mask_backends().front());

/// into += lanes, or into -= lanes, element by element; both of the same size.
void add_lanes(std::span<std::byte> into, std::span<const std::byte> lanes, Lane lane,
               bool subtract = false) noexcept;

}  // namespace hansa::crypto
