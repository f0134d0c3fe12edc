// One layout for all kinds: header (52 bytes), then the secret or [salt, nonce, sealed secret], then the
// checksum. The header and the costs are authenticated together with the sealed secret.
#include "src/crypto/key_file.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace hansa::crypto {
namespace {

constexpr std::string_view kMagic = "hansakey";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8 + 1 + 1 + 1 + 1 + 4 + 32;  // ..., zero, epoch, public key
constexpr std::size_t kCostBytes = 4 + 4, kSaltBytes = 16, kNonceBytes = 24, kTagBytes = 16;
constexpr std::size_t kSealedAt = kHeaderBytes + kCostBytes + kSaltBytes + kNonceBytes;
constexpr std::size_t kChecksumBytes = 32;
constexpr std::size_t kPlainFileBytes = kHeaderBytes + 32 + kChecksumBytes;
constexpr std::size_t kSealedFileBytes = kSealedAt + 32 + kTagBytes + kChecksumBytes;
constexpr std::uint32_t kPassesMax = 16, kMemoryKibMin = 8, kMemoryKibMax = 1024u * 1024;

static_assert(crypto_pwhash_argon2id_SALTBYTES == kSaltBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == kNonceBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(kSealedFileBytes <= kKeyFileBytesMax);

void put_u32(KeyFileBytes& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}
std::uint32_t get_u32(std::span<const std::byte> in) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(in[i]);
  return value;
}

KeyFileBytes header(KeyKind kind, bool sealed, std::uint32_t epoch, const Bytes32& public_key) {
  KeyFileBytes out;
  out.reserve(kKeyFileBytesMax);  // so that no secret is left behind by a reallocation
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  out.push_back(std::byte{kVersion});
  out.push_back(static_cast<std::byte>(kind));
  out.push_back(std::byte{sealed});
  out.push_back(std::byte{0});
  put_u32(out, epoch);
  out.insert(out.end(), public_key.begin(), public_key.end());
  return out;
}

void append(KeyFileBytes& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void add_checksum(KeyFileBytes& out) { append(out, hash("hansa.keyfile.v1", out).bytes); }

KeyFileBytes encode_plain(KeyKind kind, std::uint32_t epoch, const Bytes32& public_key,
                          std::span<const std::byte, 32> secret) {
  KeyFileBytes out = header(kind, false, epoch, public_key);
  append(out, secret);
  add_checksum(out);
  return out;
}

Error damaged(std::string_view label, std::string_view how) {
  return {.kind = ErrorKind::bad_data,
          .message = std::string(label) + ": the key file is damaged: " + std::string(how),
          .hint = "restore it from a backup made with its keys; a key cannot be repaired"};
}

Result<KeyFileInfo> expect(std::span<const std::byte> file, KeyKind kind, std::string_view label) {
  Result<KeyFileInfo> info = read_key_file_info(file, label);
  if (!info || info->kind == kind) return info;
  return Error{.kind = ErrorKind::usage,
               .message = std::string(label) + ": holds a " + std::string(key_kind_name(info->kind)) +
                          " key, but the key needed here is: " + std::string(key_kind_name(kind)),
               .hint = "name the right file"};
}

Secret32 plain_secret(std::span<const std::byte> file) {
  return Secret32(std::span<const std::byte, 32>(file.subspan(kHeaderBytes).first<32>()));
}

}  // namespace

Result<Secret32> stretch(const SecretText& passphrase, std::span<const std::byte> salt,
                         const StretchCost& cost, std::string_view label) {
  Secret32 key;
  const std::string_view text = passphrase.reveal();
  if (crypto_pwhash_argon2id(raw(key.bytes()), 32, text.data(), text.size(), raw(salt), cost.passes,
                             std::size_t{cost.memory_kib} * 1024,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return Error{.kind = ErrorKind::failed,
                 .message = std::string(label) + ": deriving the key from the passphrase needs " +
                            std::to_string(cost.memory_kib / 1024) + " MiB of memory, which are not there",
                 .hint = "free memory, or raise the memory limit of this process"};
  }
  return key;
}

std::string_view key_kind_name(KeyKind kind) noexcept {
  switch (kind) {
    case KeyKind::organisation:
      return "organisation";
    case KeyKind::node:
      return "node";
    case KeyKind::curve:
      return "curve";
  }
  return "unknown";
}

Result<KeyFileInfo> read_key_file_info(std::span<const std::byte> file, std::string_view label) {
  if (file.size() < 8 || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) {
    return Error{.kind = ErrorKind::bad_data,
                 .message = std::string(label) + ": is not a key file of hansa",
                 .hint = "name a file that hansa init wrote"};
  }
  if (file.size() > 8 && file[8] != std::byte{kVersion}) {
    return Error{.kind = ErrorKind::bad_data,
                 .message = std::string(label) + ": has key file version " +
                            std::to_string(std::to_integer<int>(file[8])) + "; this program reads version 1",
                 .hint = "use the release of hansa that wrote it, or a newer one"};
  }
  if (file.size() != kPlainFileBytes && file.size() != kSealedFileBytes) {
    return damaged(label, "it has " + std::to_string(file.size()) + " bytes instead of " +
                              std::to_string(kPlainFileBytes) + " or " + std::to_string(kSealedFileBytes));
  }
  const auto content = file.first(file.size() - kChecksumBytes);
  const Hash256 sum = hash("hansa.keyfile.v1", content);
  if (!std::equal(sum.bytes.begin(), sum.bytes.end(), file.last(kChecksumBytes).begin())) {
    return damaged(label, "its checksum does not match its content");
  }
  const auto kind = std::to_integer<std::uint8_t>(file[9]),
             protection = std::to_integer<std::uint8_t>(file[10]);
  const bool sealed = protection == 1;
  if (kind < 1 || kind > 3) return damaged(label, "unknown kind of key");
  if (protection > 1 || file[11] != std::byte{0}) return damaged(label, "unknown kind of protection");
  if (file.size() != (sealed ? kSealedFileBytes : kPlainFileBytes)) return damaged(label, "wrong length");
  if (sealed != (kind == static_cast<std::uint8_t>(KeyKind::organisation))) {
    return damaged(label, "organisation keys are sealed, and no others");
  }
  KeyFileInfo info{.kind = static_cast<KeyKind>(kind), .sealed = sealed, .epoch = get_u32(file.subspan(12))};
  if (info.epoch != 0 && info.kind != KeyKind::curve) return damaged(label, "only curve keys have a number");
  std::copy_n(file.begin() + 16, 32, info.public_key.begin());
  if (sealed) {
    info.cost = {get_u32(file.subspan(kHeaderBytes)), get_u32(file.subspan(kHeaderBytes + 4))};
    if (info.cost.passes < 1 || info.cost.passes > kPassesMax || info.cost.memory_kib < kMemoryKibMin ||
        info.cost.memory_kib > kMemoryKibMax) {
      return damaged(label, "the costs of Argon2id are out of range");
    }
  }
  return info;
}

KeyFileBytes encode_node_key(const Identity& key) {
  const Secret32 seed = key.seed();
  return encode_plain(KeyKind::node, 0, key.public_key(), seed.bytes());
}

KeyFileBytes encode_curve_key(const CurveKey& key, std::uint32_t epoch) {
  return encode_plain(KeyKind::curve, epoch, key.public_key(), key.secret());
}

Result<KeyFileBytes> seal_organisation_key(const Identity& key, const SecretText& passphrase,
                                           const StretchCost& cost) {
  HANSA_ASSERT(cost.passes >= 1 && cost.passes <= kPassesMax);
  HANSA_ASSERT(cost.memory_kib >= kMemoryKibMin && cost.memory_kib <= kMemoryKibMax);
  if (passphrase.empty() || passphrase.size() > kPassphraseBytesMax) {
    return Error{.kind = ErrorKind::usage,
                 .message = passphrase.empty() ? "the passphrase of the organisation key is empty"
                                               : "the passphrase has more than 1024 bytes",
                 .hint = "choose a passphrase of several words"};
  }
  KeyFileBytes out = header(KeyKind::organisation, true, 0, key.public_key());
  put_u32(out, cost.passes);
  put_u32(out, cost.memory_kib);
  std::array<std::byte, kSaltBytes + kNonceBytes> fresh{};
  random_bytes(fresh);
  append(out, fresh);
  const auto stretched =
      stretch(passphrase, std::span(fresh).first<kSaltBytes>(), cost, "the organisation key");
  if (!stretched) return stretched.error();
  const Secret32 seed = key.seed();
  std::array<std::byte, 32 + kTagBytes> sealed{};
  const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
      raw(sealed), nullptr, raw(seed.bytes()), 32, raw(out), out.size(), nullptr,
      raw(std::span(fresh).last<kNonceBytes>()), raw(stretched->bytes()));
  HANSA_ASSERT(failed == 0);
  append(out, sealed);
  add_checksum(out);
  return out;
}

Result<Identity> decode_node_key(std::span<const std::byte> file, std::string_view label) {
  const auto info = expect(file, KeyKind::node, label);
  if (!info) return info.error();
  const Secret32 secret = plain_secret(file);
  Identity key = Identity::from_seed(secret.bytes());
  if (key.public_key() != info->public_key) return damaged(label, "its two halves do not belong together");
  return key;
}

Result<NumberedCurveKey> decode_curve_key(std::span<const std::byte> file, std::string_view label) {
  const auto info = expect(file, KeyKind::curve, label);
  if (!info) return info.error();
  const Secret32 secret = plain_secret(file);
  CurveKey key = CurveKey::from_secret(secret.bytes());
  if (key.public_key() != info->public_key) return damaged(label, "its two halves do not belong together");
  return NumberedCurveKey{std::move(key), info->epoch};
}

Result<Identity> open_organisation_key(std::span<const std::byte> file, const SecretText& passphrase,
                                       std::string_view label) {
  const auto info = expect(file, KeyKind::organisation, label);
  if (!info) return info.error();
  const auto salt = file.subspan(kHeaderBytes + kCostBytes, kSaltBytes);
  const auto nonce = file.subspan(kHeaderBytes + kCostBytes + kSaltBytes, kNonceBytes);
  const auto stretched = stretch(passphrase, salt, info->cost, label);
  if (!stretched) return stretched.error();
  Secret32 seed;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(raw(seed.bytes()), nullptr, nullptr,
                                                 raw(file.subspan(kSealedAt)), 32 + kTagBytes, raw(file),
                                                 kSealedAt, raw(nonce), raw(stretched->bytes())) != 0) {
    return Error{.kind = ErrorKind::denied,
                 .message = std::string(label) + ": wrong passphrase",
                 .hint = "the file itself is undamaged; try again"};
  }
  Identity key = Identity::from_seed(seed.bytes());
  if (key.public_key() != info->public_key) return damaged(label, "its two halves do not belong together");
  return key;
}

}  // namespace hansa::crypto
