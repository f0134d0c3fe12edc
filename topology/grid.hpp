// The two-dimensional grid without wrap-around, as near to a square as the number of parties allows. Party
// row * columns + column sits at (row, column).
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Sides of a grid: rows <= columns.
struct GridShape {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

/// The factorisation of `parties` nearest to a square, with both sides at least 2. `name` opens the message.
/// Errors: 2, 3 and primes; the hint names the nearest sizes that fit.
Result<GridShape> grid_shape(const char* name, std::uint32_t parties);

/// Errors: as grid_shape.
TopologyResult make_grid(const TopologyOptions& options);

}  // namespace hansa::topology
