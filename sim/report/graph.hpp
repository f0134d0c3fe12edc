// The topology as a picture: where the parties stand, the links between them, and how well each party's final
// model does. Positions are a pure function of the graph.
#pragma once

#include "sim/run_result.hpp"

#include <string>
#include <vector>

namespace hansa::sim {

/// A place in the unit square.
struct Place {
  double x = 0.5, y = 0.5;
};

/// Up to 60 parties on a circle; graphs whose links all run along the rows and columns of a rectangle on that
/// rectangle; others by force-directed placement (Fruchterman and Reingold, "Graph drawing by force-directed
/// placement", 1991) from a circular start; above 1,500 parties on a square in id order.
std::vector<Place> layout_graph(std::uint32_t parties, const std::vector<topology::Edge>& edges,
                                bool prefer_rectangle);

/// The drawing with its caption and colour key.
std::string graph_html(const RunResult& result);

}  // namespace hansa::sim
