// The k-th eigenvalue of a circulant matrix is the k-th Fourier coefficient of its first column.
#include "topology/circulant.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace hansa::topology {
namespace {

using Links = std::vector<std::pair<std::uint32_t, double>>;

Links shifted_links(const Topology& topology, Round round, std::uint32_t party) {
  const std::uint32_t n = topology.parties();
  Links links;
  links.emplace_back(0, topology.self_weight(round, PartyId{party}));
  for (const Neighbour& target : topology.out(round, PartyId{party})) {
    const auto to = static_cast<std::uint32_t>(target.party);
    links.emplace_back(to >= party ? to - party : n - party + to, target.weight);
  }
  std::sort(links.begin(), links.end());
  return links;
}

}  // namespace

std::optional<std::vector<CirculantRound>> circulant_rounds(const Topology& topology) {
  constexpr std::size_t kLinksMax = 64;
  std::vector<CirculantRound> rounds;
  for (Round round = 0; round < topology.period(); ++round) {
    if (topology.out(round, PartyId{0}).size() > kLinksMax) return std::nullopt;
    const Links first = shifted_links(topology, round, 0);
    for (std::uint32_t party = 1; party < topology.parties(); ++party) {
      if (topology.out(round, PartyId{party}).size() + 1 != first.size()) return std::nullopt;
      if (shifted_links(topology, round, party) != first) return std::nullopt;
    }
    CirculantRound& added = rounds.emplace_back();
    for (const auto& [offset, weight] : first) {
      added.offsets.push_back(offset);
      added.weights.push_back(weight);
    }
  }
  return rounds;
}

double circulant_eigenvalue(const CirculantRound& round, std::uint32_t parties, std::uint32_t k) {
  double real = 0;
  double imaginary = 0;
  for (std::size_t l = 0; l < round.offsets.size(); ++l) {
    const std::uint64_t turn = std::uint64_t{k} * round.offsets[l] % parties;
    const double angle = 2 * std::numbers::pi * static_cast<double>(turn) / parties;
    real += round.weights[l] * std::cos(angle);       // tidy: allow(libm) only a diagnostic
    imaginary += round.weights[l] * std::sin(angle);  // tidy: allow(libm) a diagnostic, as above
  }
  return std::hypot(real, imaginary);  // tidy: allow(libm) a diagnostic, as above
}

}  // namespace hansa::topology
