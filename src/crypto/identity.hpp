// Who a party is, for longer than one session: an Ed25519 key pair (RFC 8032). Other parties know the public
// half; whoever checks a signature needs no trust in how the message came to them.
#pragma once

#include "src/crypto/secret.hpp"

#include <span>

namespace hansa::crypto {

using PublicKey = Bytes32;
using Signature = Bytes64;

/// A signing key. Wipes itself; thread-safe to use.
class Identity {
 public:
  /// A fresh key from the operating system's randomness.
  [[nodiscard]] static Identity generate();
  /// WARNING: for tests and the simulator. Whoever knows the seed is this party; a live node uses generate().
  [[nodiscard]] static Identity from_seed(std::span<const std::byte, 32> seed) noexcept;

  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
  /// WARNING: the secret that this key is made from, for its key file.
  [[nodiscard]] Secret32 seed() const noexcept;
  [[nodiscard]] Signature sign(std::span<const std::byte> message) const noexcept;

 private:
  Identity() = default;
  Secret<64> secret_key_;
  PublicKey public_key_{};
};

/// Whether `signature` over exactly these bytes is `signer`'s. Keys of small order and signatures that are
/// not canonical are refused.
[[nodiscard]] bool verify(const PublicKey& signer, std::span<const std::byte> message,
                          const Signature& signature) noexcept;

}  // namespace hansa::crypto
