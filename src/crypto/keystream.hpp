// An endless stream of pseudorandom bytes from a 32-byte key: ChaCha20 (Bernstein 2008) with nonce 0, so a
// key must serve one stream only. With the same key it gives the same bytes everywhere, which is what a
// replayable simulation of secrets needs.
#pragma once

#include "src/crypto/hash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hansa::crypto {

/// Not thread-safe. Wipes its key.
class Keystream {
 public:
  explicit Keystream(const Hash256& key) noexcept : key_(key) {}
  ~Keystream();
  Keystream(const Keystream&) = delete;  // a copy would give out the same bytes again
  Keystream& operator=(const Keystream&) = delete;

  /// The next bytes.size() bytes. The stream does not depend on how it is cut into calls.
  void fill(std::span<std::byte> bytes) noexcept;

 private:
  static constexpr std::size_t kBlockBytes = 64;

  Hash256 key_;
  std::uint64_t next_block_ = 0;
  std::array<std::byte, kBlockBytes> rest_{};  // the current block; its last rest_count_ bytes are unused
  std::size_t rest_count_ = 0;
};

}  // namespace hansa::crypto
