#include "protocols/roster/base32.hpp"

namespace hansa::protocols::roster {

std::optional<std::uint8_t> base32_value(char letter) noexcept {
  if (letter >= 'A' && letter <= 'Z') return static_cast<std::uint8_t>(letter - 'A');
  if (letter >= 'a' && letter <= 'z') return static_cast<std::uint8_t>(letter - 'a');
  if (letter >= '2' && letter <= '7') return static_cast<std::uint8_t>(letter - '2' + 26);
  switch (letter) {
    case '0':
      return base32_value('O');
    case '1':
      return base32_value('I');
    case '8':
      return base32_value('B');
    default:
      return std::nullopt;
  }
}

std::string to_base32(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((8 * bytes.size() + 4) / 5);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | std::to_integer<std::uint32_t>(byte);
    count += 8;
    for (; count >= 5; count -= 5) text.push_back(kBase32Letters[bits >> (count - 5) & 31u]);
    bits &= (1u << count) - 1;
  }
  if (count > 0) text.push_back(kBase32Letters[bits << (5 - count) & 31u]);
  return text;
}

std::optional<std::vector<std::byte>> from_base32(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(5 * text.size() / 8);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const auto value = base32_value(letter);
    if (!value) return std::nullopt;
    bits = bits << 5 | *value;
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> count & 255u));
    }
    bits &= (1u << count) - 1;
  }
  if (count >= 5 || bits != 0) return std::nullopt;
  return bytes;
}

}  // namespace hansa::protocols::roster
