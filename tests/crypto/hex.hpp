// Bytes written as hexadecimal digits, as the RFCs print them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace hansa::crypto {

inline std::vector<std::byte> hex_bytes(std::string_view digits) {
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(16 * value(digits[i]) + value(digits[i + 1])));
  }
  return bytes;
}

template <std::size_t N>
std::array<std::byte, N> array_from_hex(std::string_view digits) {
  std::array<std::byte, N> out{};
  const auto bytes = hex_bytes(digits);
  for (std::size_t i = 0; i < N && i < bytes.size(); ++i) out[i] = bytes[i];
  return out;
}

}  // namespace hansa::crypto
