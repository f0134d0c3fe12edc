#include "protocols/gossip/neighbourhood_check.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hansa::protocols {
namespace {

using topology::Neighbour;
using topology::Topology;

Error refuse(std::string message, std::string hint) {
  return {.kind = ErrorKind::usage,
          .message = "aggregation = \"secure\" with strategy = \"d-psgd\": " + std::move(message),
          .hint = std::move(hint)};
}

constexpr const char* kUseCohorts =
    "set strategy = \"cohort\", where each model enters one sum a round; or, for a graph, topology.name = "
    "\"k-regular\" with topology.degree = 8 or more, several times as many parties, and another seed";

bool same_parties(std::span<const Neighbour> a, std::span<const Neighbour> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Neighbour& x, const Neighbour& y) { return x.party == y.party; });
}

bool adjacent(const Topology& graph, PartyId a, PartyId b) {
  const auto neighbours = graph.in(0, a);
  return std::any_of(neighbours.begin(), neighbours.end(), [b](const Neighbour& n) { return n.party == b; });
}

/// Neighbours of one of `a` and `b` only, without the two themselves, if they share `common` neighbours.
std::size_t difference(const Topology& graph, PartyId a, PartyId b, std::size_t common) {
  const std::size_t linked = adjacent(graph, a, b) ? 2 : 0;  // each is in the other's neighbourhood
  return graph.in(0, a).size() + graph.in(0, b).size() - linked - 2 * common;
}

Result<void> check_degrees(const Topology& graph, std::size_t colluders) {
  for (std::uint32_t i = 0; i < graph.parties(); ++i) {
    const auto neighbours = graph.in(0, party_at(i));
    if (!same_parties(neighbours, graph.out(0, party_at(i)))) {
      return refuse("party " + std::to_string(i) +
                        " does not send to the same parties that it receives from, but the members of a sum "
                        "must answer each other",
                    "use an undirected graph, for example topology.name = \"k-regular\"");
    }
    if (neighbours.size() < kNeighboursMin) {
      return refuse("party " + std::to_string(i) + " has " + std::to_string(neighbours.size()) +
                        " neighbours, at least " + std::to_string(kNeighboursMin) +
                        " are needed: each model enters as many sums as its owner has neighbours, and with "
                        "few neighbours two receivers that work together can solve for it",
                    kUseCohorts);
    }
    if (neighbours.size() > kNeighboursMax) {
      return refuse("party " + std::to_string(i) + " has " + std::to_string(neighbours.size()) +
                        " neighbours, a sum has at most " + std::to_string(kNeighboursMax) + " inputs",
                    kUseCohorts);
    }
    if (colluders + 2 > neighbours.size()) {
      return refuse("secure.colluders = " + std::to_string(colluders) + " is too many for the " +
                        std::to_string(neighbours.size()) + " neighbours of party " + std::to_string(i) +
                        ": a sum must hold at least two models that are not the colluders'",
                    "leave secure.colluders out: any k - 2 of k neighbours are tolerated anyway");
    }
  }
  return {};
}

}  // namespace

Result<void> check_neighbourhoods(const Topology& graph, std::size_t colluders) {
  if (graph.period() != 1) {
    return refuse(
        "this graph changes from round to round, so that the same models, hardly changed, would "
        "enter ever new sums",
        kUseCohorts);
  }
  if (Result<void> degrees = check_degrees(graph, colluders); !degrees) return degrees;
  std::vector<std::size_t> common(graph.parties());
  for (std::uint32_t a = 0; a < graph.parties(); ++a) {
    std::vector<std::uint32_t> met;
    for (const Neighbour& via : graph.in(0, party_at(a))) {
      for (const Neighbour& end : graph.in(0, via.party)) {
        const auto b = static_cast<std::uint32_t>(end.party);
        if (b > a && common[b]++ == 0) met.push_back(b);
      }
    }
    std::sort(met.begin(), met.end());
    for (const std::uint32_t b : met) {
      const std::size_t differ = difference(graph, party_at(a), party_at(b), std::exchange(common[b], 0));
      if (differ >= kDifferenceMin) continue;
      return refuse("the neighbours of parties " + std::to_string(a) + " and " + std::to_string(b) +
                        " differ in " + std::to_string(differ) + " parties, at least " +
                        std::to_string(kDifferenceMin) +
                        " are needed: if both work together, the difference of their sums is a sum of so "
                        "few models",
                    kUseCohorts);
    }
  }
  return {};
}

}  // namespace hansa::protocols
