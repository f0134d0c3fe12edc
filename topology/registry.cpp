// The table of topologies. The name here is the name in the configuration file, in `hansa list` and in the
// docs.
#include "topology/base_k.hpp"
#include "topology/complete.hpp"
#include "topology/erdos_renyi.hpp"
#include "topology/exponential.hpp"
#include "topology/file.hpp"
#include "topology/grid.hpp"
#include "topology/hypercube.hpp"
#include "topology/k_regular.hpp"
#include "topology/line.hpp"
#include "topology/one_peer_exponential.hpp"
#include "topology/ring.hpp"
#include "topology/scale_free.hpp"
#include "topology/small_world.hpp"
#include "topology/star.hpp"
#include "topology/torus.hpp"
#include "topology/tree.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace hansa::topology {
namespace {

constexpr bool kDirected = true;
constexpr bool kUndirected = false;
constexpr bool kStatic = false;
constexpr bool kVarying = true;

constexpr std::array kRegistry = {
    TopologyEntry{"ring", "each party and its two neighbours on a circle", kUndirected, kStatic, make_ring},
    TopologyEntry{"line", "a ring with one link taken out", kUndirected, kStatic, make_line},
    TopologyEntry{"star", "party 0 in the middle, all others linked to it alone", kUndirected, kStatic,
                  make_star},
    TopologyEntry{"complete", "everybody with everybody; the exact average in one round", kUndirected,
                  kStatic, make_complete},
    TopologyEntry{"grid", "two-dimensional grid, as near to a square as the size allows", kUndirected,
                  kStatic, make_grid},
    TopologyEntry{"torus", "two-dimensional grid with wrap-around", kUndirected, kStatic, make_torus},
    TopologyEntry{"hypercube", "2^d parties, linked when their numbers differ in one bit", kUndirected,
                  kStatic, make_hypercube},
    TopologyEntry{"tree", "balanced tree with `degree` children per party", kUndirected, kStatic, make_tree},
    TopologyEntry{"k-regular", "random connected graph with `degree` neighbours each", kUndirected, kStatic,
                  make_k_regular},
    TopologyEntry{"erdos-renyi",
                  "every pair linked with `probability`; drawn again (at most 100 times) until connected",
                  kUndirected, kStatic, make_erdos_renyi},
    TopologyEntry{"small-world", "Watts-Strogatz: ring lattice of `degree`, links bent with `probability`",
                  kUndirected, kStatic, make_small_world},
    TopologyEntry{"scale-free", "Barabasi-Albert: new parties link to `attachments` well-linked ones",
                  kUndirected, kStatic, make_scale_free},
    TopologyEntry{"exponential", "party i sends to i + 1, i + 2, i + 4, ...", kDirected, kStatic,
                  make_exponential},
    TopologyEntry{"one-peer-exponential", "one link of the exponential graph per round, in turn", kDirected,
                  kVarying, make_one_peer_exponential},
    TopologyEntry{"base-k",
                  "Base-(k+1): exact average after few rounds, at most `degree` neighbours, any size",
                  kUndirected, kVarying, make_base_k},
};

/// Edit distance of Levenshtein.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

Error unknown_topology(std::string_view name) {
  name = name.substr(0, 64);
  const TopologyEntry* nearest = kRegistry.data();
  std::string known;
  for (const TopologyEntry& entry : kRegistry) {
    if (distance(name, entry.name) < distance(name, nearest->name)) nearest = &entry;
    known += std::string(entry.name) + ", ";
  }
  std::string hint = "known are " + known + "file:PATH";
  if (distance(name, nearest->name) <= 3) hint = "did you mean " + std::string(nearest->name) + "? " + hint;
  return usage_error("unknown topology '" + std::string(name) + "'", std::move(hint));
}

}  // namespace

std::span<const TopologyEntry> topology_registry() noexcept { return kRegistry; }

TopologyResult make_topology(std::string_view name, const TopologyOptions& options) {
  constexpr std::string_view kFile = "file:";
  if (name.starts_with(kFile)) return make_from_file(std::string(name.substr(kFile.size())), options);
  for (const TopologyEntry& entry : kRegistry) {
    if (entry.name == name) return entry.make(options);
  }
  return unknown_topology(name);
}

}  // namespace hansa::topology
