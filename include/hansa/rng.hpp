// Counter-based randomness. A stream is a key made from (seed, party, purpose, counter); the k-th number of a
// stream is a mix of key and k. Nothing is shared between parties or threads, so the order in which work
// happens never changes a bit of the result, and any single draw can be replayed on its own.
//
// The mixing function is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
// OOPSLA 2014). It is for simulation and learning; secrets come from an EntropySource instead.
#pragma once

#include <hansa/types.hpp>

#include <cstdint>
#include <limits>

namespace hansa {

/// SplitMix64's finaliser: a bijection on 64-bit words with full avalanche.
constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// What a stream is for. Values are part of the determinism contract: never reuse or renumber.
enum class Purpose : std::uint32_t {
  initial_model = 1,
  batch_order = 2,
  partition = 3,
  topology = 4,
  peer_choice = 5,
  cohort = 6,
  link = 7,
  churn = 8,
  compute_speed = 9,
  timer_phase = 10,
  dataset = 11,
  evaluation = 12,
  dropout = 13,
  rounding = 14,
  observer = 20,
  test = 99,
};

/// One reproducible stream. Cheap to make (a few nanoseconds), 16 bytes, not thread-safe: make one per use.
class Rng {
 public:
  using result_type = std::uint64_t;

  /// The stream for `purpose` of `party` (or of the whole run, if `party` is left out) at `counter`.
  constexpr Rng(std::uint64_t seed, Purpose purpose, std::uint64_t party = ~0ULL,
                std::uint64_t counter = 0) noexcept
      : key_(mix64(mix64(mix64(mix64(seed) ^ static_cast<std::uint64_t>(purpose)) ^ party) ^ counter)) {}

  /// Next 64 uniform bits.
  constexpr std::uint64_t next() noexcept { return mix64(key_ + 0xD1B54A32D192ED03ULL * ++count_); }
  constexpr std::uint64_t operator()() noexcept { return next(); }
  static constexpr std::uint64_t min() noexcept { return 0; }
  static constexpr std::uint64_t max() noexcept { return std::numeric_limits<std::uint64_t>::max(); }

  /// Uniform integer in [0, bound), bound > 0 (Lemire's multiply-and-reject, exactly uniform).
  std::uint64_t below(std::uint64_t bound) noexcept;

  /// Uniform in [0, 1) with 53 random bits.
  constexpr double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// Standard normal by inversion (Wichura 1988, algorithm AS 241): one draw, one uniform.
  double normal() noexcept;

  /// Gamma(shape, 1), shape > 0 (Marsaglia and Tsang 2000).
  double gamma(double shape) noexcept;

  /// Fisher-Yates shuffle of a random-access range.
  template <class Range>
  void shuffle(Range& range) noexcept {
    for (std::size_t i = range.size(); i > 1; --i) {
      const std::size_t j = below(i);
      auto tmp = range[i - 1];
      range[i - 1] = range[j];
      range[j] = tmp;
    }
  }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace hansa
