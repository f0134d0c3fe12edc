#include "src/net/keys.hpp"

#include "src/crypto/channel.hpp"

namespace hansa::net {

CurveKeys CurveKeys::generate() {
  crypto::Secret32 secret;
  crypto::random_bytes(secret.bytes());
  return from_secret(secret.bytes());
}

CurveKeys CurveKeys::from_secret(std::span<const std::byte, 32> secret) noexcept {
  return CurveKeys{crypto::ExchangeKey(secret).public_key(), crypto::Secret32(secret)};
}

}  // namespace hansa::net
