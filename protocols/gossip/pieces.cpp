#include "protocols/gossip/pieces.hpp"

namespace hansa::protocols {

Piece piece_of(std::uint32_t size, std::size_t k, std::size_t n) noexcept {
  constexpr std::uint32_t kAlignmentFloats = 16;
  const std::uint32_t unit = size >= kAlignmentFloats * n ? kAlignmentFloats : 1;
  const std::uint64_t units = size / unit;
  const auto boundary = [&](std::size_t i) {
    return i == n ? size : static_cast<std::uint32_t>(units * i / n) * unit;
  };
  return {boundary(k), boundary(k + 1) - boundary(k)};
}

}  // namespace hansa::protocols
