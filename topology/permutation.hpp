// A pseudorandom permutation of [0, n) that is evaluated one element at a time, in both directions, without a
// table. A Feistel network over pairs (left, right) with left, right < ceil(sqrt n) permutes a slightly
// larger square; walking along the cycle until the value is below n again restricts it to [0, n) (Black and
// Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Everybody who knows the key sees the same
// permutation, which is what lets a hundred thousand parties agree on a random graph without talking.
#pragma once

#include <hansa/rng.hpp>

#include <cstdint>

namespace hansa::topology {

/// Pure and thread-safe; 16 bytes. Not a cipher: for simulation and peer choice only.
class Permutation {
 public:
  /// The permutation of [0, size) that belongs to `key`; size >= 1.
  Permutation(std::uint64_t key, std::uint32_t size) noexcept;

  /// Image of `x` < size; about (1 + 1/sqrt(size))^2 walks of 8 mixing steps.
  [[nodiscard]] std::uint32_t operator()(std::uint32_t x) const noexcept;
  /// The `x` whose image is `y` < size.
  [[nodiscard]] std::uint32_t inverse(std::uint32_t y) const noexcept;

 private:
  std::uint64_t key_;
  std::uint32_t size_;
  std::uint32_t side_;  ///< side * side >= size
};

}  // namespace hansa::topology
