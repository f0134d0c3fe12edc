// Small words that all parts of a statement share.
#include "sim/privacy/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hansa::sim::privacy {

topology::CohortOptions cohort_options(const config::RunConfig& config) {
  return {config.parties, config.cohort.size, config.cohort.grid, config.seed};
}

std::uint32_t part_of(double share, std::uint32_t parties) {
  return std::max(1U, static_cast<std::uint32_t>(std::lround(share * parties)));
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string named(const std::vector<std::uint32_t>& parties) {
  constexpr std::size_t kNamedMax = 6;
  if (parties.size() == 1) return fmt::format("party {}", parties.front());
  const std::size_t shown = parties.size() <= kNamedMax ? parties.size() - 1 : kNamedMax - 1;
  std::string text = "parties ";
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", parties[i]);
  if (parties.size() <= kNamedMax) return text + fmt::format(" and {}", parties.back());
  return text + fmt::format(" and {} more", parties.size() - shown);
}

std::string range_text(std::uint64_t low, std::uint64_t high) {
  return low == high ? fmt::format("{}", low) : fmt::format("{} to {}", low, high);
}

std::string percent(double share) {
  return share < 0.1 ? fmt::format("{:.2g} %", 100 * share) : fmt::format("{:.0f} %", 100 * share);
}

std::string probability(double p) {
  if (p == 0 || p == 1) return p == 0 ? "0" : "1";
  if (p > 0.99) return "> 0.99";
  return p < 1e-3 ? fmt::format("{:.1e}", p) : fmt::format("{:.2g}", p);
}

}  // namespace hansa::sim::privacy
