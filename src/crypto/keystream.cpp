#include "src/crypto/keystream.hpp"

#include "src/crypto/random.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#include <algorithm>

namespace hansa::crypto {
namespace {

/// Writes the key stream from `block` on over `bytes`.
void generate(const Hash256& key, std::uint64_t block, std::span<std::byte> bytes) noexcept {
  constexpr std::array<unsigned char, crypto_stream_chacha20_NONCEBYTES> kNonce{};
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  auto* data = reinterpret_cast<unsigned char*>(bytes.data());
  const int failed = crypto_stream_chacha20_xor_ic(data, data, bytes.size(), kNonce.data(), block,
                                                   reinterpret_cast<const unsigned char*>(key.bytes.data()));
  HANSA_ASSERT(failed == 0);
}

}  // namespace

Keystream::~Keystream() {
  wipe(key_.bytes);
  wipe(rest_);
}

void Keystream::fill(std::span<std::byte> bytes) noexcept {
  static_assert(crypto_stream_chacha20_KEYBYTES == sizeof(Hash256));
  const std::size_t from_rest = std::min(rest_count_, bytes.size());
  std::copy_n(rest_.end() - static_cast<std::ptrdiff_t>(rest_count_), from_rest, bytes.begin());
  rest_count_ -= from_rest;
  bytes = bytes.subspan(from_rest);
  if (bytes.empty()) return;

  const std::size_t whole = bytes.size() / kBlockBytes;
  if (whole > 0) generate(key_, next_block_, bytes.first(whole * kBlockBytes));
  next_block_ += whole;
  bytes = bytes.subspan(whole * kBlockBytes);
  if (bytes.empty()) return;

  generate(key_, next_block_++, rest_);
  std::copy_n(rest_.begin(), bytes.size(), bytes.begin());
  rest_count_ = kBlockBytes - bytes.size();
}

}  // namespace hansa::crypto
