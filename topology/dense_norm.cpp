// Householder reflections bring A (or A^T A, from which the largest singular value loses nothing, only small
// ones would) to tridiagonal form without changing its eigenvalues (Golub and Van Loan, Matrix
// Computations, 8.3.1).
#include "topology/dense_norm.hpp"

#include "topology/tridiagonal.hpp"

#include <cmath>
#include <utility>

namespace hansa::topology {
namespace {

using Matrix = std::vector<double>;  // by rows

/// A^T A.
Matrix squared(const Matrix& a, std::size_t n) {
  Matrix product(n * n, 0.0);
  for (std::size_t k = 0; k < n; ++k) {
    const double* const row = a.data() + k * n;
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = row[i];
      double* const to = product.data() + i * n;
      for (std::size_t j = 0; j < n; ++j) to[j] += factor * row[j];
    }
  }
  return product;
}

/// The tridiagonal matrix similar to the symmetric `a`.
Tridiagonal reduce(Matrix a, std::size_t n) {
  Tridiagonal reduced;
  std::vector<double> v(n);
  std::vector<double> w(n);
  for (std::size_t k = 0; k < n; ++k) {
    reduced.diagonal.push_back(a[k * n + k]);
    if (k + 1 == n) break;
    // v reflects row k (right of the diagonal) onto its first element.
    double length = 0;
    for (std::size_t i = k + 1; i < n; ++i) {
      v[i] = a[k * n + i];
      length += v[i] * v[i];
    }
    length = std::sqrt(length);
    const double side = v[k + 1] > 0 ? -length : length;
    reduced.side.push_back(side);
    const double scale = length * (length + std::fabs(v[k + 1]));  // v.v / 2 after the next line
    if (scale == 0) continue;
    v[k + 1] -= side;
    double overlap = 0;
    for (std::size_t i = k + 1; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = k + 1; j < n; ++j) sum += a[i * n + j] * v[j];
      w[i] = sum / scale;
      overlap += w[i] * v[i];
    }
    for (std::size_t i = k + 1; i < n; ++i) w[i] -= 0.5 * overlap / scale * v[i];
    for (std::size_t i = k + 1; i < n; ++i) {
      const double vi = v[i];
      const double wi = w[i];
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= vi * w[j] + wi * v[j];
    }
  }
  return reduced;
}

}  // namespace

double dense_norm(std::vector<double> rows, std::size_t size, bool symmetric) {
  if (symmetric) return largest_eigenvalue(reduce(std::move(rows), size));
  return std::sqrt(largest_eigenvalue(reduce(squared(rows, size), size)));
}

}  // namespace hansa::topology
