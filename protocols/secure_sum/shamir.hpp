// Sharing a secret so that any t members can rebuild it and t - 1 learn nothing (Shamir 1979): the value at 0
// of a random polynomial of degree t - 1 over the scalar field of ristretto255. The dealer also publishes its
// coefficients times the base point (Feldman 1987), so that a member sees at once whether its share is right.
#pragma once

#include "src/crypto/group.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace hansa::protocols::secure_sum {

using crypto::Point;
using crypto::Scalar;

/// Member i (from 0) holds the value at i + 1; at 0 stands the secret.
[[nodiscard]] constexpr std::uint64_t share_place(std::size_t member) noexcept { return member + 1; }

/// A secret and the coefficients that hide it; wipes itself.
class Polynomial {
 public:
  Polynomial() = default;
  /// coefficients[0] is the secret.
  explicit Polynomial(std::vector<Scalar> coefficients) : coefficients_(std::move(coefficients)) {}

  [[nodiscard]] const Scalar& secret() const { return coefficients_.front(); }
  [[nodiscard]] Scalar share(std::size_t member) const;
  /// One point per coefficient; the first is the public key of the secret.
  [[nodiscard]] std::vector<Point> commitments() const;

 private:
  std::vector<Scalar> coefficients_;
};

/// Whether `share` is what the dealer of `commitments` owes `member`. About 47 us per commitment, less for
/// the first members. Checking all dealers' shares at once by a random combination saves nothing here: each
/// commitment would still take one multiplication, and then nobody is named.
[[nodiscard]] bool share_fits(std::span<const Point> commitments, std::size_t member, const Scalar& share);

struct Share {
  std::size_t member = 0;
  Scalar value;
};
/// The secret behind the shares of t different members (with more or fewer, something else).
[[nodiscard]] Scalar rebuild_secret(std::span<const Share> shares);

/// By how much each of the shares of `members` counts: the secret is the sum of weight times share. Worth
/// keeping while many secrets are rebuilt from the same members, since it takes 20 us for each member.
[[nodiscard]] std::vector<Scalar> share_weights(std::span<const std::size_t> members);

}  // namespace hansa::protocols::secure_sum
