#include "src/crypto/kdf.hpp"

#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

namespace hansa::crypto {

Secret32 derive_key(std::span<const std::byte, 32> key, std::string_view label,
                    std::span<const std::byte> context) noexcept {
  HANSA_ASSERT(!label.empty() && label.size() <= crypto_generichash_blake2b_PERSONALBYTES);
  std::array<unsigned char, crypto_generichash_blake2b_PERSONALBYTES> personal{};
  std::copy(label.begin(), label.end(), personal.begin());
  Secret32 out;
  const int failed = crypto_generichash_blake2b_salt_personal(raw(out.bytes()), out.bytes().size(),
                                                              raw(context), context.size(), raw(key),
                                                              key.size(), nullptr, personal.data());
  HANSA_ASSERT(failed == 0);
  return out;
}

Secret<64> hash_wide(std::span<const std::byte> bytes) noexcept {
  Secret<64> out;
  const int failed =
      crypto_generichash_blake2b(raw(out.bytes()), out.bytes().size(), raw(bytes), bytes.size(), nullptr, 0);
  HANSA_ASSERT(failed == 0);
  return out;
}

}  // namespace hansa::crypto
