// BLAKE2b-512 (RFC 7693) of eight pieces at once, one in each lane of vector registers: the pieces do not
// depend on each other, so the processor is never waiting for the previous step of one hash. The digests are
// those that every library gives. Private to src/crypto/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hansa::crypto::blake2b {

inline constexpr std::size_t kLanes = 8;
inline constexpr std::size_t kBlockBytes = 128;
using Pieces = std::array<const std::byte*, kLanes>;
using Digests = std::array<std::array<std::byte, 64>, kLanes>;

/// Digests of eight pieces of `size` bytes each, a positive multiple of kBlockBytes.
using HashLanes = void (*)(const Pieces& pieces, std::size_t size, Digests& out) noexcept;

struct Variant {
  std::string_view name;
  HashLanes hash = nullptr;
};
/// Those that this processor can run, the fastest first; none on processors without AVX2.
struct Variants {
  std::array<Variant, 2> all;
  std::size_t count = 0;
};
[[nodiscard]] const Variants& variants() noexcept;

}  // namespace hansa::crypto::blake2b
