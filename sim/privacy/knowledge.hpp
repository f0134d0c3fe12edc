// What follows from sums. Every sum that somebody learns is one linear equation over the parties' models; a
// model is known for certain if its unit vector lies in the space that the equations span. The equations are
// kept fully reduced over a large prime field, where a known model shows as a row with a single entry. Over
// the rationals the answer could only differ if a determinant happened to be a multiple of 2^61 - 1.
// (El Mrini, Cyffers, Bellet, "Privacy attacks in decentralized learning", ICML 2024, attack by solving such
// systems.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hansa::sim::privacy {

/// Numbers modulo 2^61 - 1.
class Residue {
 public:
  constexpr Residue() = default;
  explicit constexpr Residue(std::uint64_t value) : value_(value % kPrime) {}
  [[nodiscard]] constexpr bool is_zero() const noexcept { return value_ == 0; }
  [[nodiscard]] Residue inverse() const noexcept;  ///< of anything but zero
  friend Residue operator+(Residue a, Residue b) noexcept;
  friend Residue operator-(Residue a, Residue b) noexcept;
  friend Residue operator*(Residue a, Residue b) noexcept;
  friend constexpr bool operator==(Residue, Residue) = default;

 private:
  static constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
  std::uint64_t value_ = 0;
};

using Equation = std::vector<Residue>;  ///< one coefficient per unknown

/// The equations of one coalition.
class Knowledge {
 public:
  explicit Knowledge(std::size_t unknowns) : unknowns_(unknowns) {}

  /// O(unknowns * rank). `equation` has `unknowns` coefficients.
  void learn(Equation equation);
  /// An unknown by itself.
  void learn_unknown(std::size_t i);
  [[nodiscard]] bool knows(std::size_t i) const noexcept;
  [[nodiscard]] std::size_t known() const noexcept;  ///< how many unknowns are determined
  [[nodiscard]] std::size_t rank() const noexcept { return rows_.size(); }

 private:
  struct Row {
    std::size_t pivot = 0;
    std::size_t entries = 0;  ///< that are not zero
    Equation values;
  };
  std::size_t unknowns_;
  std::vector<Row> rows_;
};

}  // namespace hansa::sim::privacy
