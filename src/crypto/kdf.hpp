// Keys from keys: keyed BLAKE2b-256 with the purpose as its personalisation (RFC 7693), so that two purposes
// never share a key. libsodium's own crypto_kdf has too little room for what our keys are bound to.
#pragma once

#include "src/crypto/secret.hpp"

#include <span>
#include <string_view>

namespace hansa::crypto {

/// 32 bytes from `key` for the purpose `label` (1 to 16 bytes, padded with zeros) and `context`.
[[nodiscard]] Secret32 derive_key(std::span<const std::byte, 32> key, std::string_view label,
                                  std::span<const std::byte> context) noexcept;

/// BLAKE2b with 512 bits of output, without key or label: the wide input of Scalar::reduce.
[[nodiscard]] Secret<64> hash_wide(std::span<const std::byte> bytes) noexcept;

}  // namespace hansa::crypto
