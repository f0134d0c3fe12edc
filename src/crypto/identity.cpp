#include "src/crypto/identity.hpp"

#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

namespace hansa::crypto {

static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_SEEDBYTES == 32);
static_assert(crypto_sign_PUBLICKEYBYTES == sizeof(PublicKey) && crypto_sign_BYTES == sizeof(Signature));

Identity Identity::generate() {
  Secret32 seed;
  random_bytes(seed.bytes());
  return from_seed(seed.bytes());
}

Identity Identity::from_seed(std::span<const std::byte, 32> seed) noexcept {
  Identity identity;
  const int failed =
      crypto_sign_seed_keypair(raw(identity.public_key_), raw(identity.secret_key_.bytes()), raw(seed));
  HANSA_ASSERT(failed == 0);
  return identity;
}

Secret32 Identity::seed() const noexcept {
  Secret32 seed;
  const int failed = crypto_sign_ed25519_sk_to_seed(raw(seed.bytes()), raw(secret_key_.bytes()));
  HANSA_ASSERT(failed == 0);
  return seed;
}

Signature Identity::sign(std::span<const std::byte> message) const noexcept {
  Signature signature{};
  const int failed =
      crypto_sign_detached(raw(signature), nullptr, raw(message), message.size(), raw(secret_key_.bytes()));
  HANSA_ASSERT(failed == 0);
  return signature;
}

bool verify(const PublicKey& signer, std::span<const std::byte> message,
            const Signature& signature) noexcept {
  return crypto_sign_verify_detached(raw(signature), raw(message), message.size(), raw(signer)) == 0;
}

}  // namespace hansa::crypto
