// Messages to bytes and back. A frame is a fixed preamble, a msgpack array of the message's few numbers, and
// the model as raw little-endian floats, or a packet of a secure sum as it is; docs/wire-format.md has every
// byte. Each message has exactly one
// frame, and decode accepts no other bytes for it, so frames can be compared and hashed.
//
// What comes in is hostile until decode has returned: nothing is allocated before all lengths add up, and
// nothing that a sender writes in a header can ask for memory that it did not itself send.
#pragma once

#include "protocols/messages.hpp"
#include "src/wire/limits.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hansa::wire {

/// Bytes that encode(message) would give, without looking at the payload. A few nanoseconds.
[[nodiscard]] std::size_t encoded_size(const protocols::Message& message) noexcept;

/// The frame of `message`. Precondition: the slice lies inside its block, a packet holds at least one byte,
/// and the payload is below 4 GiB. Thread-safe.
[[nodiscard]] std::vector<std::byte> encode(const protocols::Message& message);

/// Why a frame was refused, for counters. The numbers are for arrays, not for the wire.
enum class DecodeError : std::uint8_t {
  none,                ///< it was not refused
  frame_too_short,     ///< shorter than its preamble
  frame_too_long,      ///< above Limits::frame_bytes_max
  bad_magic,           ///< does not begin with "HN"
  bad_version,         ///< a version we do not speak
  unknown_type,        ///< a MessageType we do not know
  header_too_long,     ///< above Limits::header_bytes_max
  payload_too_long,    ///< above Limits::floats_max or Limits::packet_bytes_max
  payload_misfit,      ///< not a whole number of floats, a payload where the type has none, or none in a
                       ///< secure_packet
  length_mismatch,     ///< the three parts are not exactly the frame: truncated, or bytes behind the end
  malformed_header,    ///< not one msgpack value
  wrong_field_count,   ///< not an array, or not one of the right length
  wrong_field_type,    ///< a field is not of the type that the message has there
  out_of_range,        ///< a number above its limit
  weight_not_finite,   ///< the weight is a NaN or an infinity
  not_canonical,       ///< the same header can be written in fewer bytes
  payload_not_finite,  ///< the model holds a NaN or an infinity (if Limits::finite_only)
  out_of_memory,       ///< the payload does not fit into memory now
};
inline constexpr std::size_t kDecodeErrorCount = 18;

/// A few words for people, e.g. "does not begin with HN".
[[nodiscard]] std::string_view describe(DecodeError error) noexcept;

/// Decodes `frame` into `out` and returns `none`; or leaves `out` alone and says why not. The payload is
/// copied into a block of its own, so `frame` may be anywhere and need not be aligned. Never throws.
/// Thread-safe.
[[nodiscard]] DecodeError try_decode(std::span<const std::byte> frame, const Limits& limits,
                                     protocols::Message& out) noexcept;

/// The same as a Result, with a sentence for people.
[[nodiscard]] Result<protocols::Message> decode(std::span<const std::byte> frame, const Limits& limits = {});

/// The round that a frame says it is about, without looking at the rest; none if it says none or is no frame.
[[nodiscard]] std::optional<Round> round_of(std::span<const std::byte> frame) noexcept;

}  // namespace hansa::wire
