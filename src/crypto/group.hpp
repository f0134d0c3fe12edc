// ristretto255 (RFC 9496): a group of prime order L in which every element has exactly one encoding, so that
// there are no small subgroups to check for. Scalars are numbers modulo L and may be secret; points are
// public.
#pragma once

#include "src/crypto/secret.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace hansa::crypto {

/// A number modulo L, little-endian, below L. Wipes itself. Arithmetic takes constant time.
class Scalar {
 public:
  Scalar() = default;  // zero
  [[nodiscard]] static Scalar from(std::uint64_t value) noexcept;
  /// 64 uniform bytes modulo L: a uniform scalar.
  [[nodiscard]] static Scalar reduce(std::span<const std::byte, 64> bytes) noexcept;
  /// Refuses numbers that are not below L.
  [[nodiscard]] static std::optional<Scalar> decode(std::span<const std::byte, 32> bytes) noexcept;

  [[nodiscard]] std::span<const std::byte, 32> bytes() const noexcept { return value_.bytes(); }
  [[nodiscard]] bool is_zero() const noexcept;
  /// 1/x; asserts that x is not zero.
  [[nodiscard]] Scalar inverse() const noexcept;

  friend Scalar operator+(const Scalar& a, const Scalar& b) noexcept;
  friend Scalar operator-(const Scalar& a, const Scalar& b) noexcept;
  friend Scalar operator*(const Scalar& a, const Scalar& b) noexcept;
  /// Constant time.
  friend bool operator==(const Scalar& a, const Scalar& b) noexcept;

 private:
  Secret32 value_;
};

/// An element of the group by its encoding. A default one is the identity.
class Point {
 public:
  Point() = default;
  /// Refuses everything that is not the canonical encoding of an element other than the identity.
  [[nodiscard]] static std::optional<Point> decode(std::span<const std::byte, 32> bytes) noexcept;
  /// scalar * B.
  [[nodiscard]] static Point of(const Scalar& scalar) noexcept;

  [[nodiscard]] const Bytes32& bytes() const noexcept { return encoding_; }
  [[nodiscard]] bool is_identity() const noexcept { return encoding_ == Bytes32{}; }

  friend Point operator+(const Point& a, const Point& b) noexcept;
  friend Point operator*(const Scalar& scalar, const Point& point) noexcept;
  friend bool operator==(const Point&, const Point&) = default;

 private:
  Bytes32 encoding_{};
};

/// What Diffie and Hellman share: the encoding of my_key * their_key, kept as a secret.
[[nodiscard]] Secret32 shared_secret(const Scalar& my_key, const Point& their_key) noexcept;

}  // namespace hansa::crypto
