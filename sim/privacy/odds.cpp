#include "sim/privacy/odds.hpp"

#include <algorithm>
#include <cmath>

namespace hansa::sim::privacy {

double exactly(std::uint32_t count, std::uint32_t drawn, std::uint32_t bad, std::uint32_t parties) noexcept {
  if (count > drawn || count > bad || drawn - count > parties - bad) return 0;
  double p = 1;  // C(drawn, count) orders of a draw that begins with `count` bad ones
  for (std::uint32_t i = 0; i < count; ++i) {
    p *= static_cast<double>(bad - i) / (parties - i) * (drawn - i) / (i + 1);
  }
  for (std::uint32_t i = 0; i < drawn - count; ++i) {
    p *= static_cast<double>(parties - bad - i) / (parties - count - i);
  }
  return p;
}

double more_than(std::uint32_t limit, std::uint32_t drawn, std::uint32_t bad,
                 std::uint32_t parties) noexcept {
  double sum = 0;
  for (std::uint32_t k = std::min(drawn, bad); k > limit; --k) sum += exactly(k, drawn, bad, parties);
  return std::min(sum, 1.0);
}

double at_least_once(double once, std::uint32_t times) noexcept {
  if (once >= 1) return times > 0 ? 1 : 0;
  return -std::expm1(static_cast<double>(times) * std::log1p(-once));
}

double more_than_in_either(std::uint32_t limit, std::uint32_t drawn, std::uint32_t bad,
                           std::uint32_t parties) noexcept {
  double sum = more_than(limit, drawn, bad, parties);
  for (std::uint32_t first = 0; first <= std::min({limit, drawn, bad}); ++first) {
    sum += exactly(first, drawn, bad, parties) * more_than(limit, drawn, bad - first, parties - drawn);
  }
  return std::min(sum, 1.0);
}

}  // namespace hansa::sim::privacy
