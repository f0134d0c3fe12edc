// Numbers that can be masked: fixed point in the ring Z_2^w. A member scales each value by its weight and
// rounds it once; from then on every sum is exact, so that it does not depend on who adds what first and can
// be compared bit by bit. The weight travels in one more element behind the values, which keeps it as hidden
// as they are.
#pragma once

#include "src/crypto/mask.hpp"

#include <hansa/result.hpp>
#include <hansa/rng.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hansa::protocols::secure_sum {

using crypto::Lane;
using crypto::lane_bytes;

/// How many bits stand behind the binary point. Made by fixed_point_format.
struct FixedPointFormat {
  Lane lane = Lane::bits32;
  double clip = 8;          ///< values are clipped to [-clip, clip]
  std::size_t members = 0;  ///< the most inputs that a sum can have
  int value_bits = 0;       ///< fraction bits of a value
  int weight_bits = 0;      ///< fraction bits of the weight

  /// The largest magnitude of one encoded value: clip * 2^value_bits, rounded up.
  [[nodiscard]] std::uint64_t value_max() const noexcept;
};

/// The finest format in which `members` values never overflow: members * (clip * 2^f + 1) <= 2^(w-1) - 1.
/// An error if the clip is not a positive number or leaves no fraction bits at all.
Result<FixedPointFormat> fixed_point_format(Lane lane, double clip, std::size_t members);

/// `weight` as it comes out of an encoding: rounded to the format's grid.
[[nodiscard]] double rounded_weight(const FixedPointFormat& format, double weight) noexcept;

/// Writes weight * clip(value) for each value and then the weight: (values.size() + 1) elements. `weight` is
/// in [0, 1]. Rounds half to even, or with `dither` up or down at random so that the mean is right
/// (stochastic rounding, for the 16-bit ring). A value that is not finite is an error that names its place;
/// then `lanes` must not be used.
Result<void> encode(const FixedPointFormat& format, std::span<const float> values, double weight,
                    std::span<std::byte> lanes, Rng* dither = nullptr);

/// The sum of the weights in a sum of `contributors` encodings. A sum that honest inputs cannot have is an
/// error: somebody cheated.
Result<double> check_sum(const FixedPointFormat& format, std::span<const std::byte> lanes,
                         std::size_t contributors);

/// The weighted mean from the sum of `contributors` encodings, and as return value the sum of their weights.
/// Errors are those of check_sum; then `values` is as it was.
Result<double> decode_mean(const FixedPointFormat& format, std::span<const std::byte> lanes,
                           std::size_t contributors, std::span<float> values);

}  // namespace hansa::protocols::secure_sum
