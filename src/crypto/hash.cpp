#include "src/crypto/hash.hpp"

#include "src/crypto/blake2b/lanes.hpp"
#include "src/crypto/kdf.hpp"
#include "src/crypto/random.hpp"
#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#ifdef HANSA_MASK_OPENSSL
#include <openssl/evp.h>
#endif

#include <algorithm>
#include <bit>

namespace hansa::crypto {
namespace {

using State = crypto_generichash_blake2b_state;
static_assert(sizeof(State) <= 384 && alignof(State) <= 64);
static_assert(crypto_generichash_blake2b_PERSONALBYTES == Hasher::kLabelBytesMax);
static_assert(std::endian::native == std::endian::little, "floats are hashed as they lie in memory");

State* state_in(std::array<std::byte, 384>& bytes) noexcept { return reinterpret_cast<State*>(bytes.data()); }

/// BLAKE2b-512, by whichever library is faster.
std::array<std::byte, 64> wide(std::span<const std::byte> bytes) noexcept {
  std::array<std::byte, 64> digest{};
#ifdef HANSA_MASK_OPENSSL
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), raw(digest), &size, EVP_blake2b512(), nullptr);
  if (done == 1 && size == digest.size()) return digest;  // a restricted provider may lack it
#endif
  const auto same = hash_wide(bytes);
  std::copy(same.bytes().begin(), same.bytes().end(), digest.begin());
  return digest;
}

}  // namespace

std::string Hash256::hex() const { return to_hex(bytes); }

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<std::size_t>(byte >> 4)]);
    text.push_back(kDigits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
  return text;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.empty())
    return std::vector<std::byte>();  // for which libsodium wants a place to write all the same
  std::vector<std::byte> bytes(text.size() / 2);
  std::size_t length = 0;
  const bool whole =
      text.size() % 2 == 0 && ::sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                               text.data(), text.size(), nullptr, &length, nullptr) == 0;
  if (!whole || length != bytes.size()) return std::nullopt;
  return bytes;
}

Hasher::Hasher(std::string_view label) noexcept : state_{} {
  HANSA_ASSERT(!label.empty() && label.size() <= kLabelBytesMax);
  std::array<unsigned char, kLabelBytesMax> personal{};
  std::copy(label.begin(), label.end(), personal.begin());
  const int failed = crypto_generichash_blake2b_init_salt_personal(state_in(state_), nullptr, 0,
                                                                   sizeof(Hash256), nullptr, personal.data());
  HANSA_ASSERT(failed == 0);
}

Hasher::~Hasher() { wipe(state_); }

Hasher& Hasher::update(std::span<const std::byte> bytes) noexcept {
  const int failed = crypto_generichash_blake2b_update(
      state_in(state_), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  HANSA_ASSERT(failed == 0);
  return *this;
}

Hasher& Hasher::update(std::span<const float> floats) noexcept { return update(std::as_bytes(floats)); }

Hasher& Hasher::update(std::string_view text) noexcept {
  return update(std::as_bytes(std::span(text.data(), text.size())));
}

Hasher& Hasher::update_u64(std::uint64_t value) noexcept {
  return update(std::as_bytes(std::span(&value, 1)));
}

Hash256 Hasher::finish() noexcept {
  Hash256 result;
  const int failed = crypto_generichash_blake2b_final(
      state_in(state_), reinterpret_cast<unsigned char*>(result.bytes.data()), result.bytes.size());
  HANSA_ASSERT(failed == 0);  // fails if finish() was called before
  return result;
}

Hash256 hash(std::string_view label, std::span<const std::byte> bytes) noexcept {
  return Hasher(label).update(bytes).finish();
}

Hash256 hash_long(std::string_view label, std::span<const std::byte> bytes) noexcept {
  return hash(label, wide(bytes));
}

Hash256 hash_strips(std::string_view label, std::span<const std::byte> bytes) noexcept {
  Hasher hasher(label);
  const blake2b::Variants& variants = blake2b::variants();
  while (variants.count > 0 && bytes.size() > kStripBytes) {
    // Lanes without a whole strip of their own repeat the first one; nobody looks at what they give.
    const std::size_t whole = std::min(bytes.size() / kStripBytes, blake2b::kLanes);
    blake2b::Pieces strips;
    for (std::size_t i = 0; i < strips.size(); ++i) {
      strips[i] = bytes.data() + (i < whole ? i * kStripBytes : 0);
    }
    blake2b::Digests digests;
    variants.all[0].hash(strips, kStripBytes, digests);
    for (std::size_t i = 0; i < whole; ++i) hasher.update(digests[i]);
    bytes = bytes.subspan(whole * kStripBytes);
  }
  while (!bytes.empty()) {
    const auto strip = bytes.first(std::min(bytes.size(), kStripBytes));
    hasher.update(wide(strip));
    bytes = bytes.subspan(strip.size());
  }
  return hasher.finish();
}

Hash256 sha256(std::initializer_list<std::span<const std::byte>> pieces) noexcept {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const std::span<const std::byte> piece : pieces)
    crypto_hash_sha256_update(&state, raw(piece), piece.size());
  Hash256 result;
  crypto_hash_sha256_final(&state, raw(result.bytes));
  return result;
}

}  // namespace hansa::crypto
