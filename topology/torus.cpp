// A side of two would give the same link twice (right and left are the same party); it is kept once.
#include "topology/torus.hpp"

#include "topology/grid.hpp"

namespace hansa::topology {

TopologyResult make_torus(const TopologyOptions& options) {
  if (auto checked = check_options("torus", options, 4ULL * options.parties); !checked)
    return checked.error();
  const Result<GridShape> shape = grid_shape("torus", options.parties);
  if (!shape) return shape.error();
  const auto [rows, columns] = *shape;
  std::vector<Edge> edges;
  edges.reserve(2ULL * options.parties);
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      const std::uint32_t party = row * columns + column;
      const std::uint32_t right = row * columns + (column + 1) % columns;
      const std::uint32_t below = (row + 1) % rows * columns + column;
      if (columns > 2 || column == 0) edges.push_back({party, right});
      if (rows > 2 || row == 0) edges.push_back({party, below});
    }
  }
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
