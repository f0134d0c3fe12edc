// Row i of W lists what party i receives, column i what it sends: in-lists give W, out-lists its transpose.
#include "topology/mixing.hpp"

#include <hansa/assert.hpp>

namespace hansa::topology {
namespace {

void add_scaled(double weight, const double* from, double* to, std::size_t width) {
  for (std::size_t c = 0; c < width; ++c) to[c] += weight * from[c];
}

template <class NeighboursOf>
void apply(const Topology& topology, Round round, std::span<const double> x, std::span<double> y,
           std::size_t width, const NeighboursOf& neighbours_of) {
  HANSA_ASSERT(x.size() == topology.parties() * width && y.size() == x.size());
  for (std::size_t i = 0; i < topology.parties(); ++i) {
    double* const row = y.data() + i * width;
    const double own = topology.self_weight(round, party_at(i));
    for (std::size_t c = 0; c < width; ++c) row[c] = own * x[i * width + c];
    for (const Neighbour& neighbour : neighbours_of(party_at(i))) {
      add_scaled(neighbour.weight, x.data() + index(neighbour.party) * width, row, width);
    }
  }
}

}  // namespace

void mix(const Topology& topology, Round round, std::span<const double> x, std::span<double> y,
         std::size_t width) {
  apply(topology, round, x, y, width, [&](PartyId party) { return topology.in(round, party); });
}

void mix_transposed(const Topology& topology, Round round, std::span<const double> x, std::span<double> y,
                    std::size_t width) {
  apply(topology, round, x, y, width, [&](PartyId party) { return topology.out(round, party); });
}

}  // namespace hansa::topology
