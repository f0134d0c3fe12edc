// Any text as a graph: an edge list or JSON. An error that names the file, or a topology that keeps what it
// promises: neighbours exist, nobody is their own, and weights of a round are finite.
#include "fuzz/require.hpp"
#include "topology/file.hpp"
#include "topology/topology.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

using hansa::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  topology::TopologyOptions options;
  // In pieces only with a number of parties to agree with, which is the run's: else a few bytes ask for
  // millions.
  options.allow_disconnected = data[0] % 4 == 1;
  options.parties = data[0] % 4 == 0 ? 0 : 1 + data[0] / 4;
  const auto made = topology::make_from_text("fuzz.graph", text, options);
  if (!made.ok()) return require(!made.error().message.empty()), 0;
  const topology::Topology& graph = **made;
  require(options.parties == 0 || graph.parties() == options.parties);
  for (std::uint32_t i = 0; i < std::min(graph.parties(), 64u); ++i) {
    const PartyId party{i};
    require(std::isfinite(graph.self_weight(0, party)));
    for (const auto& list : {graph.in(0, party), graph.out(0, party)}) {
      for (const topology::Neighbour& other : list) {
        require(other.party != party && static_cast<std::uint32_t>(other.party) < graph.parties());
        require(std::isfinite(other.weight) && other.weight > 0);
      }
    }
  }
  return 0;
}
