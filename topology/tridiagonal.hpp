// Symmetric tridiagonal matrices and their extreme eigenvalues, where both the dense and the sparse solver
// end.
#pragma once

#include <vector>

namespace hansa::topology {

struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> side;  ///< side[i] couples i and i + 1; what lies beyond is ignored
};

/// max |lambda|, by bisection to the last bit. 0 for an empty matrix.
double largest_eigenvalue(const Tridiagonal& matrix);

}  // namespace hansa::topology
