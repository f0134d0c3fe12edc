// Shorthands shared by the tests of topologies.
#pragma once

#include "topology/topology.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::topology::testing {

/// The topology, or a failed test and a crash.
inline std::unique_ptr<const Topology> make(std::string_view name, const TopologyOptions& options) {
  auto made = make_topology(name, options);
  if (!made) ADD_FAILURE() << name << " with " << options.parties << " parties: " << made.error().message;
  return std::move(made).value();
}

inline std::unique_ptr<const Topology> make(std::string_view name, std::uint32_t parties) {
  TopologyOptions options;
  options.parties = parties;
  return make(name, options);
}

inline std::unique_ptr<const Topology> base_k(std::uint32_t parties, std::uint32_t degree) {
  TopologyOptions options;
  options.parties = parties;
  options.degree = degree;
  return make("base-k", options);
}

/// The message and hint of the error, or an empty string if there is none.
inline std::string complaint(std::string_view name, const TopologyOptions& options) {
  const auto made = make_topology(name, options);
  return made ? std::string() : made.error().message + " | " + made.error().hint;
}

/// W of one round as a dense matrix, rows by receiver, from in-lists and self weights.
inline std::vector<std::vector<double>> dense(const Topology& topology, Round round) {
  const std::size_t n = topology.parties();
  std::vector<std::vector<double>> w(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    w[i][i] = topology.self_weight(round, party_at(i));
    for (const Neighbour& from : topology.in(round, party_at(i))) w[i][index(from.party)] = from.weight;
  }
  return w;
}

}  // namespace hansa::topology::testing
