#include "src/crypto/curve_key.hpp"

#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#include <array>
#include <cstdint>

namespace hansa::crypto {
namespace {

static_assert(crypto_scalarmult_BYTES == 32 && crypto_scalarmult_SCALARBYTES == 32);

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
static_assert(kDigits.size() == 85);

std::array<char, kZ85KeyCharacters> encode(std::span<const std::byte, 32> key) noexcept {
  std::array<char, kZ85KeyCharacters> text{};
  for (std::size_t group = 0; group < 8; ++group) {  // four bytes, big-endian, are five digits
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(key[4 * group + i]);
    for (std::size_t i = 5; i-- > 0; value /= 85) text[5 * group + i] = kDigits[value % 85];
  }
  return text;
}

}  // namespace

CurveKey CurveKey::generate() {
  Secret32 secret;
  random_bytes(secret.bytes());
  return from_secret(secret.bytes());
}

CurveKey CurveKey::from_secret(std::span<const std::byte, 32> secret) noexcept {
  CurveKey key;
  key.secret_ = Secret32(secret);
  const int failed = crypto_scalarmult_base(raw(key.public_key_), raw(secret));
  HANSA_ASSERT(failed == 0);
  return key;
}

SecretText CurveKey::secret_z85() const {
  auto text = encode(secret_.bytes());
  SecretText result(std::string_view(text.data(), text.size()));
  wipe(std::as_writable_bytes(std::span(text)));
  return result;
}

std::string to_z85(std::span<const std::byte, 32> key) {
  const auto text = encode(key);
  return {text.data(), text.size()};
}

std::optional<Bytes32> from_z85(std::string_view text) noexcept {
  if (text.size() != kZ85KeyCharacters) return std::nullopt;
  Bytes32 key{};
  for (std::size_t group = 0; group < 8; ++group) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t digit = kDigits.find(text[5 * group + i]);
      if (digit == std::string_view::npos) return std::nullopt;
      value = 85 * value + digit;
    }
    if (value > 0xFFFFFFFFu) return std::nullopt;
    for (std::size_t i = 4; i-- > 0; value >>= 8) key[4 * group + i] = static_cast<std::byte>(value & 255u);
  }
  return key;
}

}  // namespace hansa::crypto
