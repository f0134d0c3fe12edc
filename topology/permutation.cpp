// Eight rounds, far beyond the four of Luby and Rackoff, because the halves of small squares are only a few
// values wide and a round function of that width is weak.
#include "topology/permutation.hpp"

#include <hansa/assert.hpp>

namespace hansa::topology {
namespace {

constexpr std::uint32_t kRounds = 8;

/// Round function: uniform in [0, side).
std::uint32_t scramble(std::uint64_t key, std::uint32_t round, std::uint32_t half,
                       std::uint32_t side) noexcept {
  const std::uint64_t bits = mix64(key ^ (std::uint64_t{round} << 32 | half)) >> 32;
  return static_cast<std::uint32_t>(bits * side >> 32);
}

/// Where `side` is odd every round is an even permutation. Half of the keys swap the first two values, so
/// that both parities are equally likely, which the smallest sizes would show. Its own inverse.
std::uint32_t swap_first_two(std::uint64_t key, std::uint32_t size, std::uint32_t value) noexcept {
  const bool swaps = size > 1 && mix64(~key) % 2 == 1;
  return swaps && value < 2 ? value ^ 1U : value;
}

}  // namespace

Permutation::Permutation(std::uint64_t key, std::uint32_t size) noexcept : key_(key), size_(size), side_(1) {
  HANSA_ASSERT(size >= 1);
  // Integer square root, rounded up, bit by bit.
  std::uint32_t root = 0;
  for (std::uint32_t bit = 1U << 15; bit != 0; bit >>= 1) {
    const std::uint64_t tried = root | bit;
    if (tried * tried <= size) root |= bit;
  }
  side_ = std::uint64_t{root} * root < size ? root + 1 : root;
}

std::uint32_t Permutation::operator()(std::uint32_t x) const noexcept {
  HANSA_ASSERT(x < size_);
  std::uint64_t value = x;
  do {
    auto left = static_cast<std::uint32_t>(value / side_);
    auto right = static_cast<std::uint32_t>(value % side_);
    for (std::uint32_t round = 0; round < kRounds; round += 2) {
      left += scramble(key_, round, right, side_);
      if (left >= side_) left -= side_;
      right += scramble(key_, round + 1, left, side_);
      if (right >= side_) right -= side_;
    }
    value = std::uint64_t{left} * side_ + right;
  } while (value >= size_);
  return swap_first_two(key_, size_, static_cast<std::uint32_t>(value));
}

std::uint32_t Permutation::inverse(std::uint32_t y) const noexcept {
  HANSA_ASSERT(y < size_);
  std::uint64_t value = swap_first_two(key_, size_, y);
  do {
    auto left = static_cast<std::uint32_t>(value / side_);
    auto right = static_cast<std::uint32_t>(value % side_);
    for (std::uint32_t round = kRounds; round > 0; round -= 2) {
      const std::uint32_t from_left = scramble(key_, round - 1, left, side_);
      right = right >= from_left ? right - from_left : right + side_ - from_left;
      const std::uint32_t from_right = scramble(key_, round - 2, right, side_);
      left = left >= from_right ? left - from_right : left + side_ - from_right;
    }
    value = std::uint64_t{left} * side_ + right;
  } while (value >= size_);
  return static_cast<std::uint32_t>(value);
}

}  // namespace hansa::topology
