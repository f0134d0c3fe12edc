// How the rows of one data set are dealt to parties. Each partitioner is one line in a table; all are pure
// functions of (rows, labels, groups, seed).
#pragma once

#include "src/learn/dataset.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hansa::learn {

struct PartitionOptions {
  std::uint32_t parties = 0;
  std::uint64_t seed = 0;
  double alpha = 0.5;                  ///< dirichlet, quantity-skew: concentration, > 0
  std::uint32_t shards_per_party = 2;  ///< shards: label-sorted pieces per party
  std::uint32_t rows_min = 1;          ///< every party gets at least this many rows, or it is an error
};

/// One line of the partitioner registry. Result: per party, ascending row numbers out of `rows`.
struct PartitionerEntry {
  std::string_view name;
  std::string_view summary;
  Result<std::vector<std::vector<std::uint32_t>>> (*partition)(const Dataset& dataset,
                                                               std::span<const std::uint32_t> rows,
                                                               const PartitionOptions& options);
};

/// iid, dirichlet, shards, quantity-skew, by-column. Each row goes to exactly one party.
/// by-column uses Dataset::group; it needs exactly `parties` groups among `rows`.
std::span<const PartitionerEntry> partitioner_registry() noexcept;

/// The partition called `name`; errors name the known ones, or say what does not fit ("more parties than
/// rows").
Result<std::vector<std::vector<std::uint32_t>>> partition(std::string_view name, const Dataset& dataset,
                                                          std::span<const std::uint32_t> rows,
                                                          const PartitionOptions& options);

}  // namespace hansa::learn
