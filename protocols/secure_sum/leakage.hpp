// What members that work together can compute from the packets of a session. Masked pieces are linear in the
// inputs and the masks, a mask is known to whoever holds t shares of its secret, and a sum is known to
// whoever receives or unmasks it; so all that a coalition knows about the other members' inputs is a set of
// linear equations, and elimination says which inputs these determine. Tests hold every packet of a session
// against this, and the simulator's observer every packet of a run.
//
// It errs on the side of the coalition: it needs no keys, because a sealed share that was sent to a colluder
// counts as opened, and it trusts no one's word for which secret a revealed share belongs to.
#pragma once

#include "protocols/secure_sum/layout.hpp"
#include "protocols/secure_sum/shamir.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hansa::protocols::secure_sum {

/// Coefficients of one equation, modulo kEquationPrime. The right-hand side is known, so it is left out.
using Row = std::vector<std::uint64_t>;
inline constexpr std::uint64_t kEquationPrime = (std::uint64_t{1} << 61) - 1;

/// Of two coefficients.
[[nodiscard]] constexpr std::uint64_t product(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b % kEquationPrime);
}

/// The reduced row echelon form of `rows` (all of one length), without rows of zeros: two systems say the
/// same if and only if these are equal.
[[nodiscard]] std::vector<Row> reduced(std::vector<Row> rows);

/// The unknowns that `rows` say too much about: each that occurs in a row of the reduced form with fewer than
/// `fewest` unknowns. With fewest = 2: exactly those whose value follows. Ascending.
[[nodiscard]] std::vector<std::size_t> exposed_unknowns(std::vector<Row> rows, std::size_t fewest);

/// What some members of a session hold together. Keeps no masked piece, only who sent one; not thread-safe.
class CoalitionView {
 public:
  CoalitionView(SessionPlan plan, Set coalition);

  /// A packet that one of the coalition received or sent.
  void hold(const Packet& packet);

  /// What is held about one chunk: whose masked pieces, and over whose inputs the sums (ascending).
  struct ChunkFacts {
    Set pieces = 0;
    std::vector<Set> sums;
    friend auto operator<=>(const ChunkFacts&, const ChunkFacts&) = default;
  };
  [[nodiscard]] ChunkFacts facts(std::size_t chunk) const;

  /// The members whose secrets the coalition has or can rebuild from shares.
  struct Secrets {
    Set self = 0, mask = 0;
  };
  [[nodiscard]] Secrets secrets() const;

  /// All that follows about the inputs of members outside the coalition: reduced, one column per input, those
  /// of colluders zero.
  [[nodiscard]] std::vector<Row> equations(const ChunkFacts& facts, const Secrets& secrets) const;

  [[nodiscard]] const SessionPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] Set coalition() const noexcept { return coalition_; }

 private:
  /// What is held about the secrets of one member.
  struct Subject {
    Bytes self, mask;             ///< commitments
    Set dealt = 0;                ///< colluders to whom it sent a share of both secrets
    std::vector<Share> revealed;  ///< of either secret
  };
  struct Holders {
    Set self = 0, mask = 0;
  };
  [[nodiscard]] Holders holders(const Subject& subject) const;
  [[nodiscard]] bool opens(const Subject& subject, bool& self, bool& mask) const;

  SessionPlan plan_;
  Set coalition_;
  std::vector<Subject> subjects_;
  std::vector<Set> pieces_;                    ///< by chunk: whose
  std::vector<std::vector<Hash256>> results_;  ///< by chunk: the decisions of the sums received
  std::vector<Decision> decisions_;
};

}  // namespace hansa::protocols::secure_sum
