// Any bytes under a passphrase: Argon2id (RFC 9106) stretches it, XChaCha20-Poly1305 seals. For the keys in a
// backup; one organisation's key alone has a file format of its own (key_file.hpp).
#pragma once

#include "src/crypto/key_file.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace hansa::crypto {

inline constexpr std::size_t kSealedBytesMax = 64 * 1024;  ///< of what is sealed

/// Magic "hansaseal" and version 1 (10 bytes), passes (4), memory in KiB (4), salt (16), nonce (24), then the
/// sealed bytes with their tag (16 more); everything before them is authenticated, too. Takes as long as
/// `cost` says.
[[nodiscard]] Result<std::vector<std::byte>> seal_bytes(std::span<const std::byte> bytes,
                                                        const SecretText& passphrase,
                                                        const StretchCost& cost = {});
/// WARNING: wipe what comes back. Errors: malformed; kind denied for a wrong passphrase or changed bytes,
/// which cannot be told apart.
[[nodiscard]] Result<std::vector<std::byte>> open_bytes(std::span<const std::byte> sealed,
                                                        const SecretText& passphrase, std::string_view label);

}  // namespace hansa::crypto
