// Links to the right and downwards from every party; the other two directions are the same links seen from
// the other end.
#include "topology/grid.hpp"

#include <cmath>

namespace hansa::topology {
namespace {

/// Rows of the most square factorisation; 1 if there is none.
std::uint32_t most_square_rows(std::uint32_t parties) {
  auto rows = static_cast<std::uint32_t>(std::sqrt(static_cast<double>(parties)));
  while (rows > 1 && parties % rows != 0) --rows;
  return rows;
}

std::string described(std::uint32_t parties) {
  const std::uint32_t rows = most_square_rows(parties);
  return std::to_string(parties) + " (" + std::to_string(rows) + " x " + std::to_string(parties / rows) + ")";
}

}  // namespace

Result<GridShape> grid_shape(const char* name, std::uint32_t parties) {
  const std::uint32_t rows = most_square_rows(parties);
  if (rows >= 2) return GridShape{rows, parties / rows};
  // Both numbers next to a prime above 3 are even and at least 4, so they fit.
  const std::string sizes =
      parties <= 4 ? described(4) : described(parties - 1) + " or " + described(parties + 1);
  return usage_error(std::string(name) + " needs rows x columns with both at least 2, and " +
                         std::to_string(parties) + " has no such factors",
                     "nearest sizes that fit: " + sizes);
}

TopologyResult make_grid(const TopologyOptions& options) {
  if (auto checked = check_options("grid", options, 4ULL * options.parties); !checked) return checked.error();
  const Result<GridShape> shape = grid_shape("grid", options.parties);
  if (!shape) return shape.error();
  const auto [rows, columns] = *shape;
  std::vector<Edge> edges;
  edges.reserve(2ULL * options.parties);
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      const std::uint32_t party = row * columns + column;
      if (column + 1 < columns) edges.push_back({party, party + 1});
      if (row + 1 < rows) edges.push_back({party, party + columns});
    }
  }
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
