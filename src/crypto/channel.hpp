// A secret channel between two parties that know each other's public keys: X25519 key exchange (RFC 7748, in
// libsodium's crypto_kx form) and authenticated encryption with ChaCha20-Poly1305 (RFC 8439).
#pragma once

#include "src/crypto/secret.hpp"

#include <optional>
#include <span>
#include <vector>

namespace hansa::crypto {

/// One key for each direction.
struct ChannelKeys {
  Secret32 receive;
  Secret32 send;
};

/// A key pair for one session. Wipes itself.
class ExchangeKey {
 public:
  ExchangeKey() = default;
  explicit ExchangeKey(std::span<const std::byte, 32> secret) noexcept;

  [[nodiscard]] const Bytes32& public_key() const noexcept { return public_key_; }
  /// The keys of the channel to the owner of `theirs`. One side must call itself the client, the other the
  /// server. None if `theirs` is a point of small order.
  [[nodiscard]] std::optional<ChannelKeys> agree(const Bytes32& theirs, bool client) const noexcept;

 private:
  Secret32 secret_;
  Bytes32 public_key_{};
};

inline constexpr std::size_t kSealBytes = 16;  ///< what sealing adds
using Nonce = std::array<std::byte, 12>;

/// Encrypts `plain` and authenticates `context` with it: plain.size() + kSealBytes bytes. A (key, nonce) pair
/// may serve once.
[[nodiscard]] std::vector<std::byte> seal(const Secret32& key, const Nonce& nonce,
                                          std::span<const std::byte> context,
                                          std::span<const std::byte> plain);
/// Decrypts into `plain`, which has sealed.size() - kSealBytes bytes. False, and zeros, if anything was
/// changed.
[[nodiscard]] bool open(const Secret32& key, const Nonce& nonce, std::span<const std::byte> context,
                        std::span<const std::byte> sealed, std::span<std::byte> plain);

}  // namespace hansa::crypto
