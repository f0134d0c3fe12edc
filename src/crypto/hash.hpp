// BLAKE2b with 256 bits of output (RFC 7693), always with a label of what is being hashed, so that a value
// made for one purpose can never be passed off as one made for another.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::crypto {

/// Two lower-case hexadecimal digits per byte.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
/// The bytes of such text, in either case; none for anything else.
[[nodiscard]] std::optional<std::vector<std::byte>> from_hex(std::string_view text);

/// 32 bytes of hash; a plain value.
struct Hash256 {
  std::array<std::byte, 32> bytes{};

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;
  friend auto operator<=>(const Hash256&, const Hash256&) = default;
};

/// Hashes a stream of bytes. Where two fields of variable length follow each other, put their lengths in as
/// well (update_u64), or different inputs share a hash. Copying forks the stream. Not thread-safe; wipes
/// itself.
class Hasher {
 public:
  static constexpr std::size_t kLabelBytesMax = 16;  // BLAKE2b's personalisation field

  /// `label` names the purpose, e.g. "hansa.models.v1": 1 to 16 bytes, padded with zeros.
  explicit Hasher(std::string_view label) noexcept;
  Hasher(const Hasher&) = default;
  Hasher& operator=(const Hasher&) = default;
  ~Hasher();

  Hasher& update(std::span<const std::byte> bytes) noexcept;
  /// Hashes the bytes of the floats, little-endian, without a copy.
  Hasher& update(std::span<const float> floats) noexcept;
  Hasher& update(std::string_view text) noexcept;
  /// Eight bytes, little-endian.
  Hasher& update_u64(std::uint64_t value) noexcept;

  /// The hash of everything so far. Call it once; the stream is over afterwards.
  [[nodiscard]] Hash256 finish() noexcept;

 private:
  alignas(64) std::array<std::byte, 384> state_;  // libsodium's state, sized in hash.cpp
};

/// The hash of one piece.
[[nodiscard]] Hash256 hash(std::string_view label, std::span<const std::byte> bytes) noexcept;

/// For pieces of megabytes: hash(label, BLAKE2b-512 of `bytes`). The inner hash has neither label nor
/// length, so OpenSSL has it as well, where the build has OpenSSL; twice as fast, and the same bytes.
[[nodiscard]] Hash256 hash_long(std::string_view label, std::span<const std::byte> bytes) noexcept;

/// For megabytes that must not cost more than sending them: hash(label, the BLAKE2b-512 of each strip of
/// kStripBytes, in order; the last strip may be shorter). Eight strips are hashed at once where the processor
/// has vectors for it, five times as fast as hash_long(), and the same bytes everywhere.
[[nodiscard]] Hash256 hash_strips(std::string_view label, std::span<const std::byte> bytes) noexcept;
inline constexpr std::size_t kStripBytes = std::size_t{32} << 10;

/// SHA-256 (FIPS 180-4) of the pieces, one after the other. Only for what others fixed to it, as RFC 6962
/// does for its trees: it has no label, so its caller must keep purposes apart.
[[nodiscard]] Hash256 sha256(std::initializer_list<std::span<const std::byte>> pieces) noexcept;

}  // namespace hansa::crypto
