// The keys of connections: X25519 pairs that CurveZMQ (RFC 26) uses to encrypt and authenticate. They are
// made apart from the Ed25519 keys that sign, so that each kind rotates on its own.
#pragma once

#include "src/crypto/secret.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace hansa::net {

/// The public half: what the allow-list holds, and what frames are attributed to.
using CurvePublic = std::array<std::byte, 32>;

/// A CURVE key pair. Wipes itself.
struct CurveKeys {
  CurvePublic public_key{};
  crypto::Secret32 secret;

  /// A fresh pair from the operating system's randomness.
  [[nodiscard]] static CurveKeys generate();
  /// The pair of a stored secret.
  [[nodiscard]] static CurveKeys from_secret(std::span<const std::byte, 32> secret) noexcept;
};

}  // namespace hansa::net
