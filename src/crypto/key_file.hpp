// Key files as bytes: a header that says what the key is, the public half in the clear, and the secret half
// either plain (node keys, which must work without a person at the keyboard) or sealed under a passphrase
// (organisation keys). The passphrase is stretched by Argon2id (RFC 9106), which makes every guess cost
// memory as well as time; its costs and the salt stand in the file, so that files outlive changed defaults.
//
// A checksum over the whole file tells a damaged file from a wrong passphrase. Byte layout:
// docs/wire-format.md.
#pragma once

#include "src/crypto/curve_key.hpp"
#include "src/crypto/identity.hpp"
#include "src/crypto/secret.hpp"
#include "src/crypto/secret_text.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace hansa::crypto {

/// Bytes of a key file; wipe them after use where the key is plain.
using KeyFileBytes = std::vector<std::byte>;

enum class KeyKind : std::uint8_t {
  organisation = 1,  ///< Ed25519, signs votes and node certificates
  node = 2,          ///< Ed25519, signs messages
  curve = 3,         ///< X25519, encrypts connections
};
[[nodiscard]] std::string_view key_kind_name(KeyKind kind) noexcept;

/// What one guess of a passphrase costs. The defaults are libsodium's MODERATE: about 0.7 s of one core.
struct StretchCost {
  std::uint32_t passes = 3;                ///< over the memory: 1 to 16
  std::uint32_t memory_kib = 256u * 1024;  ///< 8 KiB to 1 GiB
};

/// The key that a passphrase gives with this salt of 16 bytes. An error if there is too little memory.
[[nodiscard]] Result<Secret32> stretch(const SecretText& passphrase, std::span<const std::byte> salt,
                                       const StretchCost& cost, std::string_view label);

inline constexpr std::size_t kKeyFileBytesMax = 256;  ///< no key file is longer
inline constexpr std::size_t kPassphraseBytesMax = 1024;

/// What a key file says to everyone who can read it. The public key of a sealed file is proven only by
/// opening it.
struct KeyFileInfo {
  KeyKind kind = KeyKind::node;
  bool sealed = false;
  std::uint32_t epoch = 0;  ///< curve keys: number of the key, growing; 0 elsewhere
  Bytes32 public_key{};
  StretchCost cost;  ///< of sealed files
};
/// Checks the checksum and every field. Errors name `label`, e.g. the path.
[[nodiscard]] Result<KeyFileInfo> read_key_file_info(std::span<const std::byte> file, std::string_view label);

// WARNING: the first two results hold secrets in the clear.
[[nodiscard]] KeyFileBytes encode_node_key(const Identity& key);
[[nodiscard]] KeyFileBytes encode_curve_key(const CurveKey& key, std::uint32_t epoch);
/// Takes as long as `cost` says. Errors: an empty or over-long passphrase; not enough memory.
[[nodiscard]] Result<KeyFileBytes> seal_organisation_key(const Identity& key, const SecretText& passphrase,
                                                         const StretchCost& cost = {});

/// Errors: damaged, of another kind, the halves do not belong together.
[[nodiscard]] Result<Identity> decode_node_key(std::span<const std::byte> file, std::string_view label);

struct NumberedCurveKey {
  CurveKey key;
  std::uint32_t epoch = 0;
};
[[nodiscard]] Result<NumberedCurveKey> decode_curve_key(std::span<const std::byte> file,
                                                        std::string_view label);

/// Takes as long as the file's cost says. A wrong passphrase, a damaged file and too little memory are
/// different errors.
[[nodiscard]] Result<Identity> open_organisation_key(std::span<const std::byte> file,
                                                     const SecretText& passphrase, std::string_view label);

}  // namespace hansa::crypto
