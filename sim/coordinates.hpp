// Latencies from measured network coordinates (Vivaldi: a position in the plane plus a height for the access
// link): latency(i, j) = distance(i, j) + height(i) + height(j), in milliseconds, one way.
#pragma once

#include <hansa/result.hpp>

#include <string>
#include <vector>

namespace hansa::sim {

struct Coordinate {
  double x_ms = 0, y_ms = 0, height_ms = 0;
};

/// One way, milliseconds.
double latency_ms(const Coordinate& a, const Coordinate& b) noexcept;

/// Reads lines `index x y h height` ('#' starts a comment). Errors name file and line.
Result<std::vector<Coordinate>> read_coordinates(const std::string& path);

}  // namespace hansa::sim
