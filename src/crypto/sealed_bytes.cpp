#include "src/crypto/sealed_bytes.hpp"

#include "src/crypto/random.hpp"
#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#include <algorithm>
#include <string>

namespace hansa::crypto {
namespace {

constexpr std::string_view kMagic{"hansaseal\x01", 10};
constexpr std::size_t kSaltBytes = 16, kNonceBytes = 24, kTagBytes = 16;
constexpr std::size_t kHeadBytes = kMagic.size() + 4 + 4 + kSaltBytes + kNonceBytes;

std::uint32_t get_u32(std::span<const std::byte> in) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(in[i]);
  return value;
}

}  // namespace

Result<std::vector<std::byte>> seal_bytes(std::span<const std::byte> bytes, const SecretText& passphrase,
                                          const StretchCost& cost) {
  HANSA_ASSERT(bytes.size() <= kSealedBytesMax);
  if (passphrase.empty() || passphrase.size() > kPassphraseBytesMax) {
    return Error{ErrorKind::usage, "a passphrase has 1 to 1024 bytes", "choose one of several words"};
  }
  std::vector<std::byte> out;
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  for (const std::uint32_t number : {cost.passes, cost.memory_kib}) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(number >> (8 * i)));
  }
  std::array<std::byte, kSaltBytes + kNonceBytes> fresh{};
  random_bytes(fresh);
  out.insert(out.end(), fresh.begin(), fresh.end());
  const auto key = stretch(passphrase, std::span(fresh).first<kSaltBytes>(), cost, "the backup");
  if (!key) return key.error();
  out.resize(kHeadBytes + bytes.size() + kTagBytes);
  const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
      raw(std::span(out).subspan(kHeadBytes)), nullptr, raw(bytes), bytes.size(), raw(out), kHeadBytes,
      nullptr, raw(std::span(fresh).last<kNonceBytes>()), raw(key->bytes()));
  HANSA_ASSERT(failed == 0);
  return out;
}

Result<std::vector<std::byte>> open_bytes(std::span<const std::byte> sealed, const SecretText& passphrase,
                                          std::string_view label) {
  const bool begins = sealed.size() >= kHeadBytes + kTagBytes &&
                      std::equal(kMagic.begin(), kMagic.end(), sealed.begin(),
                                 [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
  if (!begins || sealed.size() > kHeadBytes + kSealedBytesMax + kTagBytes) {
    return Error{ErrorKind::bad_data, std::string(label) + ": the sealed keys are damaged", ""};
  }
  const StretchCost cost{get_u32(sealed.subspan(kMagic.size())), get_u32(sealed.subspan(kMagic.size() + 4))};
  // A hostile file must not make us use more memory or time than a real one.
  if (cost.passes < 1 || cost.passes > 16 || cost.memory_kib < 8 || cost.memory_kib > 1024u * 1024) {
    return Error{ErrorKind::bad_data, std::string(label) + ": the sealed keys are damaged", ""};
  }
  const auto salt = sealed.subspan(kMagic.size() + 8, kSaltBytes);
  const auto key = stretch(passphrase, salt, cost, label);
  if (!key) return key.error();
  const auto body = sealed.subspan(kHeadBytes);
  std::vector<std::byte> bytes(body.size() - kTagBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          raw(bytes), nullptr, nullptr, raw(body), body.size(), raw(sealed), kHeadBytes,
          raw(sealed.subspan(kHeadBytes - kNonceBytes, kNonceBytes)), raw(key->bytes())) != 0) {
    return Error{ErrorKind::denied,
                 std::string(label) + ": wrong passphrase for the keys, or they were changed", "try again"};
  }
  return bytes;
}

}  // namespace hansa::crypto
