// Encoding and decoding in loops that compilers turn into vector instructions: no call, no early exit and no
// division inside, except the one that the recipe for the mean asks for.
#include "protocols/secure_sum/fixed_point.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
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

/// Elements are worked on in blocks: each loop over one is simple enough for vector instructions, and the
/// block stays in the first-level cache between them.
constexpr std::size_t kBlock = 1024;

template <class T>
T get(std::span<const std::byte> lanes, std::size_t i) noexcept {
  T value;
  std::memcpy(&value, lanes.data() + i * sizeof(T), sizeof(T));
  return value;
}
template <class T>
void put(std::span<std::byte> lanes, std::size_t i, const T* values, std::size_t count) noexcept {
  std::memcpy(lanes.data() + i * sizeof(T), values, count * sizeof(T));
}

bool all_finite(std::span<const float> values) noexcept {
  constexpr std::uint32_t kExponent = 0x7f80'0000;
  std::uint32_t bad = 0;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    bad |= static_cast<std::uint32_t>((bits & kExponent) == kExponent);
  }
  return bad == 0;
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
  const double scale = std::ldexp(1.0, format.value_bits);  // a power of two: multiplying by it is exact
  const double clip = format.clip;
  return with_lane(format.lane, [&](auto zero) -> Result<void> {
    using T = decltype(zero);
    std::array<T, kBlock> block;
    for (std::size_t at = 0; at < values.size(); at += kBlock) {
      const auto some = values.subspan(at, std::min(kBlock, values.size() - at));
      if (!all_finite(some)) {
        const auto bad = std::find_if_not(some.begin(), some.end(), [](float v) { return std::isfinite(v); });
        return not_finite(at + static_cast<std::size_t>(bad - some.begin()), *bad);
      }
      for (std::size_t i = 0; i < some.size(); ++i) {
        const auto value = static_cast<double>(some[i]);
        const double above = value < -clip ? -clip : value;
        const double exact = (weight * (above > clip ? clip : above)) * scale;
        block[i] =
            static_cast<T>(dither == nullptr ? std::nearbyint(exact) : std::floor(exact + dither->uniform()));
      }
      put(lanes, at, block.data(), some.size());
    }
    const auto rounded = static_cast<T>(std::nearbyint(std::ldexp(weight, format.weight_bits)));
    put(lanes, values.size(), &rounded, 1);
    return {};
  });
}

Result<double> check_sum(const FixedPointFormat& format, std::span<const std::byte> lanes,
                         std::size_t contributors) {
  const std::size_t count = lanes.size() / lane_bytes(format.lane) - 1;
  HANSA_ASSERT(lanes.size() == (count + 1) * lane_bytes(format.lane));
  HANSA_ASSERT(contributors <= format.members);
  return with_lane(format.lane, [&](auto zero) -> Result<double> {
    using T = decltype(zero);
    const std::int64_t weights = get<T>(lanes, count);
    if (weights <= 0 || magnitude(weights) > contributors * (std::uint64_t{1} << format.weight_bits)) {
      return impossible("the weights of a secure sum add up to an impossible number");
    }
    const std::uint64_t bound = contributors * format.value_max();
    HANSA_ASSERT(bound <= ring_max(format.lane));  // what fixed_point_format promises
    const auto most = static_cast<T>(bound);
    std::array<T, kBlock> block;
    for (std::size_t at = 0; at < count; at += kBlock) {
      const std::size_t some = std::min(kBlock, count - at);
      std::memcpy(block.data(), lanes.data() + at * sizeof(T), some * sizeof(T));
      const auto outside = [most](T sum) { return sum > most || sum < -most; };
      T bad = 0;
      for (std::size_t i = 0; i < some; ++i) bad |= static_cast<T>(outside(block[i]));
      if (bad == 0) continue;
      const auto first = std::find_if(block.begin(), block.end(), outside);
      return impossible("element " + std::to_string(at + static_cast<std::size_t>(first - block.begin())) +
                        " of a secure sum is outside its range");
    }
    return std::ldexp(static_cast<double>(weights), -format.weight_bits);
  });
}

Result<double> decode_mean(const FixedPointFormat& format, std::span<const std::byte> lanes,
                           std::size_t contributors, std::span<float> values) {
  HANSA_ASSERT(lanes.size() == (values.size() + 1) * lane_bytes(format.lane));
  const Result<double> weight = check_sum(format, lanes, contributors);
  if (!weight) return weight;
  const double divisor = *weight;
  const double unit = std::ldexp(1.0, -format.value_bits);  // a power of two again
  with_lane(format.lane, [&](auto zero) {
    using T = decltype(zero);
    std::array<T, kBlock> block;
    for (std::size_t at = 0; at < values.size(); at += kBlock) {
      const auto some = values.subspan(at, std::min(kBlock, values.size() - at));
      std::memcpy(block.data(), lanes.data() + at * sizeof(T), some.size() * sizeof(T));
      for (std::size_t i = 0; i < some.size(); ++i) {
        some[i] = static_cast<float>((static_cast<double>(block[i]) * unit) / divisor);
      }
    }
  });
  return weight;
}

}  // namespace hansa::protocols::secure_sum
