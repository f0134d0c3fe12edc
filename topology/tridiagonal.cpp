// Sturm's theorem: the signs of the pivots of T - x I tell how many eigenvalues lie below x.
#include "topology/tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hansa::topology {
namespace {

/// True if all eigenvalues of `sign` * T are below `x`.
bool all_below(const Tridiagonal& matrix, double sign, double x) {
  double pivot = 1;
  for (std::size_t i = 0; i < matrix.diagonal.size(); ++i) {
    const double coupling = i == 0 ? 0.0 : matrix.side[i - 1] * matrix.side[i - 1] / pivot;
    pivot = sign * matrix.diagonal[i] - x - coupling;
    if (pivot >= 0) return false;
  }
  return true;
}

/// Largest eigenvalue of `sign` * T in [-reach, reach].
double largest_signed(const Tridiagonal& matrix, double sign, double reach) {
  double low = -reach;
  double high = reach;
  while (true) {
    const double middle = 0.5 * (low + high);
    if (!(low < middle && middle < high)) return high;
    (all_below(matrix, sign, middle) ? high : low) = middle;
    if (high < reach * 0x1p-60 && low > -reach * 0x1p-60) return 0;
  }
}

}  // namespace

double largest_eigenvalue(const Tridiagonal& matrix) {
  double reach = 0;  // Gershgorin's bound
  for (std::size_t i = 0; i < matrix.diagonal.size(); ++i) {
    const double left = i == 0 ? 0.0 : std::fabs(matrix.side[i - 1]);
    const double right = i + 1 == matrix.diagonal.size() ? 0.0 : std::fabs(matrix.side[i]);
    reach = std::max(reach, std::fabs(matrix.diagonal[i]) + left + right);
  }
  return std::max({0.0, largest_signed(matrix, 1, reach), largest_signed(matrix, -1, reach)});
}

}  // namespace hansa::topology
