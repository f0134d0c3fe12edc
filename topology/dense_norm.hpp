// Largest singular value of a small dense matrix, in plain loops: a few lines, and the same bits on every
// machine.
#pragma once

#include <cstddef>
#include <vector>

namespace hansa::topology {

/// ||A||_2 of a size x size matrix given by rows. `symmetric` promises A = A^T. O(size^3): 0.2 s for 512.
double dense_norm(std::vector<double> rows, std::size_t size, bool symmetric);

}  // namespace hansa::topology
