// The three-term recurrence without reorthogonalisation: rounding makes copies of converged eigenvalues
// appear, but never outside the spectrum, so the extreme ones stay right (Paige 1980), and memory stays at
// three vectors.
#include "topology/lanczos.hpp"

#include <hansa/rng.hpp>

#include "topology/tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hansa::topology {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

double largest_eigenvalue(std::size_t size, std::size_t steps_max,
                          const std::function<void(std::span<const double> x, std::span<double> y)>& apply) {
  std::vector<double> previous(size, 0.0);
  std::vector<double> current(size);
  std::vector<double> next(size);
  Rng rng(0, Purpose::topology);
  for (double& value : current) value = 2 * rng.uniform() - 1;
  const double length = std::sqrt(dot(current, current));
  for (double& value : current) value /= length;
  Tridiagonal matrix;
  double estimate = 0;
  std::size_t check = 16;
  for (std::size_t step = 1; step <= steps_max; ++step) {
    apply(current, next);
    const double alpha = dot(current, next);
    const double beta = matrix.side.empty() ? 0.0 : matrix.side.back();
    for (std::size_t i = 0; i < size; ++i) next[i] -= alpha * current[i] + beta * previous[i];
    matrix.diagonal.push_back(alpha);
    const double rest = std::sqrt(dot(next, next));
    // The vectors span an invariant subspace: nothing is left to find.
    const bool exhausted = rest < 1e-14;
    if (step == check || exhausted || step == steps_max) {
      const double before = estimate;
      estimate = largest_eigenvalue(matrix);
      if (exhausted) break;
      if (step > 16 && std::fabs(estimate - before) <= 1e-7 * std::max(1 - estimate, 1e-9)) break;
      check += check / 2;
    }
    matrix.side.push_back(rest);
    for (double& value : next) value /= rest;
    std::swap(previous, current);
    std::swap(current, next);
  }
  return estimate;
}

}  // namespace hansa::topology
