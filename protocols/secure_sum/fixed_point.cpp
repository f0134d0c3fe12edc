#include "protocols/secure_sum/fixed_point.hpp"

#include <hansa/assert.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>

namespace hansa::protocols::secure_sum {
namespace {

std::uint64_t ring_max(Lane lane) noexcept { return (std::uint64_t{1} << (8 * lane_bytes(lane) - 1)) - 1; }

/// Calls `action` with a zero of the lane's signed type.
template <class Action>
auto with_lane(Lane lane, Action action) {
  switch (lane) {
    case Lane::bits16:
      return action(std::int16_t{});
    case Lane::bits32:
      return action(std::int32_t{});
    case Lane::bits64:
      break;
  }
  return action(std::int64_t{});
}

template <class T>
void put(std::span<std::byte> lanes, std::size_t i, T value) noexcept {
  std::memcpy(lanes.data() + i * sizeof(T), &value, sizeof(T));
}
template <class T>
T get(std::span<const std::byte> lanes, std::size_t i) noexcept {
  T value;
  std::memcpy(&value, lanes.data() + i * sizeof(T), sizeof(T));
  return value;
}

Error not_finite(std::size_t i, float value) {
  return {.kind = ErrorKind::bad_data,
          .message = "parameter " + std::to_string(i) + " of the model is " +
                     (std::isnan(value) ? "not a number" : "infinite") + " and cannot be summed",
          .hint = "training has diverged: lower optimiser.learning_rate"};
}

Error impossible(const std::string& what) {
  return {.kind = ErrorKind::bad_data,
          .message = what,
          .hint = "a member sent an input outside the agreed range, or an owner lied; the sum is dropped"};
}

std::uint64_t magnitude(std::int64_t value) noexcept {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

}  // namespace

std::uint64_t FixedPointFormat::value_max() const noexcept {
  return static_cast<std::uint64_t>(std::ceil(std::ldexp(clip, value_bits)));
}

Result<FixedPointFormat> fixed_point_format(Lane lane, double clip, std::size_t members) {
  HANSA_ASSERT(members > 0);
  if (!std::isfinite(clip) || clip <= 0) {
    return Error{ErrorKind::usage, "the clipping bound must be a positive number", ""};
  }
  const std::uint64_t per_member = ring_max(lane) / members;
  const int weight_bits =
      static_cast<int>(8 * lane_bytes(lane)) - 2 - static_cast<int>(std::bit_width(members - 1));
  for (int bits = 62; bits >= 0 && weight_bits > 0; --bits) {
    const double scaled = std::ceil(std::ldexp(clip, bits));
    if (scaled >= 0x1.0p63 || per_member == 0) continue;
    if (static_cast<std::uint64_t>(scaled) > per_member - 1) continue;
    return FixedPointFormat{lane, clip, members, bits, weight_bits};
  }
  return Error{ErrorKind::usage,
               "a sum of " + std::to_string(members) + " values up to " + std::to_string(clip) +
                   " does not fit in " + std::to_string(8 * lane_bytes(lane)) + " bits",
               "use a wider ring, a smaller clipping bound, or fewer members"};
}

double rounded_weight(const FixedPointFormat& format, double weight) noexcept {
  return std::ldexp(std::nearbyint(std::ldexp(weight, format.weight_bits)), -format.weight_bits);
}

Result<void> encode(const FixedPointFormat& format, std::span<const float> values, double weight,
                    std::span<std::byte> lanes, Rng* dither) {
  HANSA_ASSERT(lanes.size() == (values.size() + 1) * lane_bytes(format.lane));
  if (!(weight >= 0 && weight <= 1)) {
    return Error{ErrorKind::usage, "the weight of an input must lie in [0, 1]",
                 "divide the sample count by the agreed maximum"};
  }
  const double scale = std::ldexp(1.0, format.value_bits);
  return with_lane(format.lane, [&](auto zero) -> Result<void> {
    using T = decltype(zero);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) return not_finite(i, values[i]);
      const double clipped = std::fmin(std::fmax(static_cast<double>(values[i]), -format.clip), format.clip);
      const double exact = (weight * clipped) * scale;
      const double rounded =
          dither == nullptr ? std::nearbyint(exact) : std::floor(exact + dither->uniform());
      put(lanes, i, static_cast<T>(rounded));
    }
    put(lanes, values.size(), static_cast<T>(std::nearbyint(std::ldexp(weight, format.weight_bits))));
    return {};
  });
}

Result<double> decode_mean(const FixedPointFormat& format, std::span<const std::byte> lanes,
                           std::size_t contributors, std::span<float> values) {
  HANSA_ASSERT(lanes.size() == (values.size() + 1) * lane_bytes(format.lane));
  HANSA_ASSERT(contributors <= format.members);
  return with_lane(format.lane, [&](auto zero) -> Result<double> {
    using T = decltype(zero);
    const std::int64_t weights = get<T>(lanes, values.size());
    if (weights <= 0 || magnitude(weights) > contributors * (std::uint64_t{1} << format.weight_bits)) {
      return impossible("the weights of a secure sum add up to an impossible number");
    }
    const double weight = std::ldexp(static_cast<double>(weights), -format.weight_bits);
    const std::uint64_t bound = contributors * format.value_max();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t sum = get<T>(lanes, i);
      if (magnitude(sum) > bound) {
        return impossible("element " + std::to_string(i) + " of a secure sum is outside its range");
      }
      values[i] = static_cast<float>(std::ldexp(static_cast<double>(sum), -format.value_bits) / weight);
    }
    return weight;
  });
}

}  // namespace hansa::protocols::secure_sum
