// Looks for secrets in what a program leaves behind. Any eight bytes in a row of a secret count, as they are,
// in hexadecimal or in base64 (also the one for URLs), so that a shortened or cut print is found as well.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::crypto::testing {

class SecretScan {
 public:
  void add(std::span<const std::byte> secret) {
    for (std::size_t at = 0; at + kWindow <= secret.size(); ++at) windows_.insert(word(secret.data() + at));
  }
  [[nodiscard]] std::size_t size() const noexcept { return windows_.size(); }

  /// "hexadecimal at 17", or nothing if `text` holds no secret.
  [[nodiscard]] std::string find(std::string_view text) const {
    if (const auto at = in_bytes(text)) return "bytes at " + std::to_string(*at);
    if (const auto at = in_digits(text, 16, hex_digit)) return "hexadecimal at " + std::to_string(*at);
    if (const auto at = in_digits(text, 64, base64_digit)) return "base64 at " + std::to_string(*at);
    return "";
  }

 private:
  static constexpr std::size_t kWindow = 8;

  static std::uint64_t word(const void* bytes) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  [[nodiscard]] std::optional<std::size_t> in_bytes(std::string_view text) const {
    for (std::size_t at = 0; at + kWindow <= text.size(); ++at) {
      if (windows_.contains(word(text.data() + at))) return at;
    }
    return std::nullopt;
  }

  static int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  static int base64_digit(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
  }
  /// Reads every run of digits from each place in it where a byte could begin.
  [[nodiscard]] std::optional<std::size_t> in_digits(std::string_view text, unsigned base,
                                                     int (*digit)(char)) const {
    const unsigned bits = base == 16 ? 4 : 6;
    const std::size_t phases = base == 16 ? 2 : 4;
    for (std::size_t phase = 0; phase < phases; ++phase) {
      std::uint64_t last = 0;  // the last eight bytes, newest in the low end
      std::uint32_t waiting = 0;
      unsigned waiting_bits = 0, bytes = 0;
      std::size_t skip = phase;
      for (std::size_t at = 0; at < text.size(); ++at) {
        const int value = digit(text[at]);
        if (value < 0) {
          waiting = waiting_bits = bytes = 0;
          skip = phase;
          continue;
        }
        if (skip > 0) {
          --skip;
          continue;
        }
        waiting = waiting << bits | static_cast<std::uint32_t>(value);
        waiting_bits += bits;
        if (waiting_bits < 8) continue;
        waiting_bits -= 8;
        last = last << 8 | (waiting >> waiting_bits & 0xff);
        if (++bytes >= kWindow && windows_.contains(__builtin_bswap64(last))) return at;
      }
    }
    return std::nullopt;
  }

  std::set<std::uint64_t> windows_;
};

}  // namespace hansa::crypto::testing
