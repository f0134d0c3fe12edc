// How likely it is that chance puts too many bad parties together. A cohort is a draw without replacement, so
// the number of bad members is hypergeometric: with N parties of which K are bad, P(X = k) in a cohort of n
// is C(K, k) C(N - K, n - k) / C(N, n). Tails are added up term by term, smallest first, so that 1e-16 comes
// out as such and not as 1 - 1.
#pragma once

#include <cstdint>

namespace hansa::sim::privacy {

/// P(more than `limit` bad) in a draw of `drawn` <= `parties` from `parties` of which `bad` are bad.
/// O(drawn^2).
double more_than(std::uint32_t limit, std::uint32_t drawn, std::uint32_t bad, std::uint32_t parties) noexcept;

/// P(exactly `count` bad) in the same draw. O(drawn).
double exactly(std::uint32_t count, std::uint32_t drawn, std::uint32_t bad, std::uint32_t parties) noexcept;

/// P(at least once in `times` independent tries) of something that happens with probability `once`.
double at_least_once(double once, std::uint32_t times) noexcept;

/// P(more than `limit` bad in the one draw or in the other), of two draws of `drawn` each that share nobody.
/// O(drawn^2 * limit).
double more_than_in_either(std::uint32_t limit, std::uint32_t drawn, std::uint32_t bad,
                           std::uint32_t parties) noexcept;

}  // namespace hansa::sim::privacy
