#include "src/crypto/group.hpp"

#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#include <cstring>

namespace hansa::crypto {

static_assert(crypto_core_ristretto255_SCALARBYTES == 32 && crypto_core_ristretto255_BYTES == 32);
static_assert(crypto_core_ristretto255_NONREDUCEDSCALARBYTES == 64);

Scalar Scalar::from(std::uint64_t value) noexcept {
  Scalar out;
  for (std::size_t i = 0; i < 8; ++i) out.value_.bytes()[i] = static_cast<std::byte>(value >> (8 * i));
  return out;
}

Scalar Scalar::reduce(std::span<const std::byte, 64> bytes) noexcept {
  Scalar out;
  crypto_core_ristretto255_scalar_reduce(raw(out.value_.bytes()), raw(bytes));
  return out;
}

std::optional<Scalar> Scalar::decode(std::span<const std::byte, 32> bytes) noexcept {
  Secret<64> wide;
  std::copy(bytes.begin(), bytes.end(), wide.bytes().begin());
  const Scalar reduced = reduce(wide.bytes());
  if (sodium_memcmp(reduced.bytes().data(), bytes.data(), 32) != 0) return std::nullopt;
  return reduced;
}

bool Scalar::is_zero() const noexcept { return sodium_is_zero(raw(bytes()), 32) == 1; }

Scalar Scalar::inverse() const noexcept {
  Scalar out;
  const int failed = crypto_core_ristretto255_scalar_invert(raw(out.value_.bytes()), raw(bytes()));
  HANSA_ASSERT(failed == 0);
  return out;
}

Scalar operator+(const Scalar& a, const Scalar& b) noexcept {
  Scalar out;
  crypto_core_ristretto255_scalar_add(raw(out.value_.bytes()), raw(a.bytes()), raw(b.bytes()));
  return out;
}

Scalar operator-(const Scalar& a, const Scalar& b) noexcept {
  Scalar out;
  crypto_core_ristretto255_scalar_sub(raw(out.value_.bytes()), raw(a.bytes()), raw(b.bytes()));
  return out;
}

Scalar operator*(const Scalar& a, const Scalar& b) noexcept {
  Scalar out;
  crypto_core_ristretto255_scalar_mul(raw(out.value_.bytes()), raw(a.bytes()), raw(b.bytes()));
  return out;
}

bool operator==(const Scalar& a, const Scalar& b) noexcept {
  return sodium_memcmp(a.bytes().data(), b.bytes().data(), 32) == 0;
}

std::optional<Point> Point::decode(std::span<const std::byte, 32> bytes) noexcept {
  Point point;
  std::copy(bytes.begin(), bytes.end(), point.encoding_.begin());
  if (point.is_identity() || crypto_core_ristretto255_is_valid_point(raw(bytes)) != 1) return std::nullopt;
  return point;
}

// libsodium reports the identity as a failure of a multiplication; for sums of commitments it is a value
// like any other. Every Point holds a valid encoding, so nothing else can fail.
Point Point::of(const Scalar& scalar) noexcept {
  Point out;
  if (crypto_scalarmult_ristretto255_base(raw(out.encoding_), raw(scalar.bytes())) != 0) return {};
  return out;
}

Point operator+(const Point& a, const Point& b) noexcept {
  Point out;
  const int failed = crypto_core_ristretto255_add(raw(out.encoding_), raw(a.encoding_), raw(b.encoding_));
  HANSA_ASSERT(failed == 0);
  return out;
}

Point operator*(const Scalar& scalar, const Point& point) noexcept {
  Point out;
  if (crypto_scalarmult_ristretto255(raw(out.encoding_), raw(scalar.bytes()), raw(point.encoding_)) != 0) {
    return {};
  }
  return out;
}

Secret32 shared_secret(const Scalar& my_key, const Point& their_key) noexcept {
  Secret32 out;
  const int failed =
      crypto_scalarmult_ristretto255(raw(out.bytes()), raw(my_key.bytes()), raw(their_key.bytes()));
  HANSA_ASSERT(failed == 0 || my_key.is_zero() || their_key.is_identity());
  return out;
}

}  // namespace hansa::crypto
