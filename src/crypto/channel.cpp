#include "src/crypto/channel.hpp"

#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

namespace hansa::crypto {

static_assert(crypto_kx_SECRETKEYBYTES == 32 && crypto_kx_SESSIONKEYBYTES == 32);
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == kSealBytes);
static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == sizeof(Nonce));

ExchangeKey::ExchangeKey(std::span<const std::byte, 32> secret) noexcept : secret_(secret) {
  const int failed = crypto_scalarmult_base(raw(public_key_), raw(secret));
  HANSA_ASSERT(failed == 0);
}

std::optional<ChannelKeys> ExchangeKey::agree(const Bytes32& theirs, bool client) const noexcept {
  ChannelKeys keys;
  auto* const exchange = client ? crypto_kx_client_session_keys : crypto_kx_server_session_keys;
  if (exchange(raw(keys.receive.bytes()), raw(keys.send.bytes()), raw(public_key_), raw(secret_.bytes()),
               raw(theirs)) != 0) {
    return std::nullopt;
  }
  return keys;
}

std::vector<std::byte> seal(const Secret32& key, const Nonce& nonce, std::span<const std::byte> context,
                            std::span<const std::byte> plain) {
  std::vector<std::byte> sealed(plain.size() + kSealBytes);
  const int failed = crypto_aead_chacha20poly1305_ietf_encrypt(raw(std::span(sealed)), nullptr, raw(plain),
                                                               plain.size(), raw(context), context.size(),
                                                               nullptr, raw(nonce), raw(key.bytes()));
  HANSA_ASSERT(failed == 0);
  return sealed;
}

bool open(const Secret32& key, const Nonce& nonce, std::span<const std::byte> context,
          std::span<const std::byte> sealed, std::span<std::byte> plain) {
  if (sealed.size() < kSealBytes) return false;
  HANSA_ASSERT(plain.size() == sealed.size() - kSealBytes);
  const bool authentic = crypto_aead_chacha20poly1305_ietf_decrypt(
                             raw(plain), nullptr, nullptr, raw(sealed), sealed.size(), raw(context),
                             context.size(), raw(nonce), raw(key.bytes())) == 0;
  if (!authentic) wipe(plain);
  return authentic;
}

}  // namespace hansa::crypto
