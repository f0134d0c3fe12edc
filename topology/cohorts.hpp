// Cohorts: in every round the parties fall into small groups, and each group averages exactly among itself.
// Who is with whom follows from (options, round) alone, so every party works it out for itself. Two ways:
// random pieces, or rows and columns of a square in turn, where two rounds give the exact mean of all
// (Ryabinin et al., "Moshpit SGD: communication-efficient decentralized training on heterogeneous unreliable
// devices", NeurIPS 2021).
#pragma once

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hansa::topology {

/// Whom to draw from, and what decides, if that is not the run's seed.
struct CohortDraw {
  std::vector<PartyId> members;             ///< ascending; whoever is not among them stands alone
  std::function<std::uint64_t(Round)> key;  ///< of a round's permutation; never empty
};

struct CohortOptions {
  std::uint32_t parties = 0;
  std::uint32_t size = 8;  ///< members per random cohort: at least this, below twice this; unused by grid
  bool grid = false;       ///< parties = side^2: rows in even rounds, columns in odd ones
  std::uint64_t seed = 1;
  /// If set: its members only, in orders that follow from its keys. On a grid the key of round 2^32 - 1
  /// places the parties once; the places of those who are not members stay empty.
  std::shared_ptr<const CohortDraw> draw = nullptr;
};

/// Errors: no parties; a size below 1; a grid that is not a square (the hint names the nearest ones).
Result<void> check(const CohortOptions& options);

/// The members of `party`'s cohort in `round`, itself included, ascending by id. `options` must pass check().
/// Random cohorts differ in size by at most one; there are parties / size of them (at least one). O(size log
/// size).
std::vector<PartyId> cohort_of(const CohortOptions& options, Round round, PartyId party);

}  // namespace hansa::topology
