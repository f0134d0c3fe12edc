// Bytes that must not outlive their use: a fixed-size array that overwrites itself when it dies. Copies are
// secrets of their own and wipe themselves as well.
#pragma once

#include "src/crypto/random.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace hansa::crypto {

/// N secret bytes, zero at first. It has no comparison and no printing on purpose.
template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::byte, N> bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { wipe(bytes_); }

  [[nodiscard]] std::span<const std::byte, N> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::byte, N> bytes() noexcept { return bytes_; }

 private:
  std::array<std::byte, N> bytes_{};
};

using Secret32 = Secret<32>;
using Bytes32 = std::array<std::byte, 32>;
using Bytes64 = std::array<std::byte, 64>;

}  // namespace hansa::crypto
