#include "protocols/secure_sum/shamir.hpp"

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

/// place * point, for public places. An addition takes 10 us and a multiplication, by whatever number, 37,
/// since each call decodes and encodes; so small numbers are cheaper by doubling and adding.
Point multiple(std::uint64_t place, const Scalar& x, const Point& point) {
  constexpr int kAdditionsMax = 3;
  const int bits = static_cast<int>(std::bit_width(place));
  if (bits - 1 + std::popcount(place) - 1 > kAdditionsMax) return x * point;
  Point sum = point;
  for (int bit = bits - 2; bit >= 0; --bit) {
    sum = sum + sum;
    if (((place >> bit) & 1) != 0) sum = sum + point;
  }
  return sum;
}

}  // namespace

Scalar Polynomial::share(std::size_t member) const {
  const Scalar x = Scalar::from(share_place(member));
  Scalar value;
  for (std::size_t k = coefficients_.size(); k-- > 0;) value = value * x + coefficients_[k];
  return value;
}

std::vector<Point> Polynomial::commitments() const {
  std::vector<Point> points;
  points.reserve(coefficients_.size());
  for (const Scalar& coefficient : coefficients_) points.push_back(Point::of(coefficient));
  return points;
}

bool share_fits(std::span<const Point> commitments, std::size_t member, const Scalar& share) {
  const Scalar x = Scalar::from(share_place(member));
  Point expected = commitments.back();
  for (std::size_t k = commitments.size() - 1; k-- > 0;) {
    expected = multiple(share_place(member), x, expected) + commitments[k];
  }
  return Point::of(share) == expected;
}

Scalar rebuild_secret(std::span<const Share> shares) {
  std::vector<std::size_t> members;
  for (const Share& share : shares) members.push_back(share.member);
  const std::vector<Scalar> weights = share_weights(members);
  Scalar secret;
  for (std::size_t i = 0; i < shares.size(); ++i) secret = secret + weights[i] * shares[i].value;
  return secret;
}

std::vector<Scalar> share_weights(std::span<const std::size_t> members) {
  std::vector<Scalar> weights;
  weights.reserve(members.size());
  for (const std::size_t mine : members) {  // Lagrange at 0
    Scalar numerator = Scalar::from(1), denominator = Scalar::from(1);
    const Scalar x = Scalar::from(share_place(mine));
    for (const std::size_t other : members) {
      if (other == mine) continue;
      const Scalar place = Scalar::from(share_place(other));
      numerator = numerator * place;
      denominator = denominator * (place - x);
    }
    weights.push_back(numerator * denominator.inverse());
  }
  return weights;
}

}  // namespace hansa::protocols::secure_sum
