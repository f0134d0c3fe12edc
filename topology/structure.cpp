// What can be said about a topology without its weights: its links and whether they connect everybody.
#include "topology/topology.hpp"

#include <algorithm>

namespace hansa::topology {
namespace {

/// How many parties a search from party 0 finds, following out-links of any round (or in-links, if
/// `backwards`).
std::uint32_t reached(const Topology& topology, bool backwards) {
  const std::uint32_t n = topology.parties();
  std::vector<bool> seen(n, false);
  std::vector<PartyId> queue = {PartyId{0}};
  seen[0] = true;
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (Round round = 0; round < topology.period(); ++round) {
      for (const Neighbour& next :
           backwards ? topology.in(round, queue[at]) : topology.out(round, queue[at])) {
        if (seen[index(next.party)]) continue;
        seen[index(next.party)] = true;
        queue.push_back(next.party);
      }
    }
  }
  return static_cast<std::uint32_t>(queue.size());
}

}  // namespace

std::vector<Edge> edges(const Topology& topology, Round round, bool undirected) {
  std::vector<Edge> list;
  for (std::uint32_t i = 0; i < topology.parties(); ++i) {
    for (const Neighbour& target : topology.out(round, PartyId{i})) {
      const auto j = static_cast<std::uint32_t>(target.party);
      list.push_back(undirected ? Edge{std::min(i, j), std::max(i, j)} : Edge{i, j});
    }
  }
  if (undirected) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return list;
}

bool is_connected(const Topology& topology) {
  const std::uint32_t n = topology.parties();
  if (n <= 1) return true;
  // Everybody reaches everybody if party 0 reaches all and all reach party 0.
  return reached(topology, false) == n && reached(topology, true) == n;
}

}  // namespace hansa::topology
