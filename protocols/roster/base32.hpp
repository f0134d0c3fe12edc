// Base32 (RFC 4648, section 6, without padding): five bits per letter, A to Z and 2 to 7. Neither case nor
// the look-alikes 0, 1 and 8 matter to a reader, so people can type it and QR codes stay small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::protocols::roster {

inline constexpr std::string_view kBase32Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The letter's value, 0 to 31; reads small letters and takes 0 for O, 1 for I, 8 for B.
[[nodiscard]] std::optional<std::uint8_t> base32_value(char letter) noexcept;

/// ceil(8 n / 5) letters; the last one is filled up with zero bits.
[[nodiscard]] std::string to_base32(std::span<const std::byte> bytes);
/// None if a character is not a letter of the alphabet, if the length cannot be, or if the bits that fill up
/// the last letter are not zero: each byte string has one text.
[[nodiscard]] std::optional<std::vector<std::byte>> from_base32(std::string_view text);

}  // namespace hansa::protocols::roster
