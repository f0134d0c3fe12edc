// How fast a topology mixes: distances between products of mixing matrices and J, the matrix with 1/n
// everywhere that replaces every value by the mean. Small cases are solved densely; large ones by Fourier
// transform where every party does the same, else by Lanczos on M^T M with M = W_{r-1} ... W_0 - J, which is
// only ever applied.
#include "topology/circulant.hpp"
#include "topology/dense_norm.hpp"
#include "topology/lanczos.hpp"
#include "topology/mixing.hpp"
#include "topology/topology.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace hansa::topology {
namespace {

constexpr std::uint32_t kDenseMax = 512;          // spectral_gap
constexpr std::uint32_t kDenseSequenceMax = 256;  // consensus_errors: one decomposition per round
constexpr double kNothing = 1e-12;                // below this a distance is rounding

/// The product of mixing matrices, kept dense (by rows) and multiplied from the left by one round after the
/// other.
class DenseProduct {
 public:
  explicit DenseProduct(const Topology& topology)
      : topology_(topology), size_(topology.parties()), product_(size_ * size_, 0.0), next_(size_ * size_) {
    for (std::size_t i = 0; i < size_; ++i) product_[i * size_ + i] = 1.0;
  }

  void advance() {
    mix(topology_, round_++, product_, next_, size_);
    std::swap(product_, next_);
  }

  /// ||product - J||_2
  [[nodiscard]] double distance() const {
    std::vector<double> rest = product_;
    for (double& entry : rest) entry -= 1.0 / static_cast<double>(size_);
    return dense_norm(rest, size_,
                      round_ == 1 && topology_.promise() == Promise::symmetric_doubly_stochastic);
  }

 private:
  const Topology& topology_;
  std::size_t size_;
  Round round_ = 0;
  std::vector<double> product_;
  std::vector<double> next_;
};

void subtract(double value, std::span<double> from) {
  for (double& x : from) x -= value;
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Lanczos steps that cost about two seconds: a line of 100,000 parties gets some 4,000.
std::size_t steps_within_reach(const Topology& topology, std::uint32_t rounds) {
  std::size_t entries = topology.parties();
  for (Round round = 0; round < std::min(rounds, topology.period()); ++round) {
    for (std::uint32_t i = 0; i < topology.parties(); ++i)
      entries += topology.in(round, PartyId{i}).size() + 4;
  }
  return std::clamp<std::size_t>(2'000'000'000 / entries, 64, 20'000);
}

/// ||W_{rounds-1} ... W_0 - J||_2 without forming the product.
double sparse_distance(const Topology& topology, std::uint32_t rounds) {
  const std::size_t n = topology.parties();
  const std::size_t steps = steps_within_reach(topology, rounds);
  if (rounds == 1 && topology.promise() == Promise::symmetric_doubly_stochastic) {
    return largest_eigenvalue(n, steps, [&](std::span<const double> x, std::span<double> y) {
      mix(topology, 0, x, y, 1);
      subtract(mean(x), y);
    });
  }
  std::vector<double> there(n);
  std::vector<double> back(n);
  const double squared = largest_eigenvalue(n, steps, [&](std::span<const double> x, std::span<double> y) {
    there.assign(x.begin(), x.end());
    for (Round round = 0; round < rounds; ++round) {
      mix(topology, round, there, back, 1);
      std::swap(there, back);
    }
    subtract(mean(x), there);
    const double level = mean(there);
    for (Round round = rounds; round-- > 0;) {
      mix_transposed(topology, round, there, back, 1);
      std::swap(there, back);
    }
    subtract(level, there);
    std::copy(there.begin(), there.end(), y.begin());
  });
  return std::sqrt(std::max(0.0, squared));
}

/// The distances after 1 .. rounds, from the eigenvalues of circulant rounds.
std::vector<double> circulant_errors(const std::vector<CirculantRound>& schedule, std::uint32_t parties,
                                     std::uint32_t rounds) {
  std::vector<double> product(parties, 1.0);
  product[0] = 0;  // the mean; J takes it out
  std::vector<double> errors;
  for (Round round = 0; round < rounds; ++round) {
    const CirculantRound& links = schedule[round % schedule.size()];
    for (std::uint32_t k = 1; k < parties; ++k) product[k] *= circulant_eigenvalue(links, parties, k);
    errors.push_back(*std::max_element(product.begin(), product.end()));
  }
  return errors;
}

/// Rows and columns both sum to 1, so that the circulant eigenvector of the mean has eigenvalue 1.
bool keeps_mean(const Topology& topology) {
  return topology.promise() == Promise::symmetric_doubly_stochastic ||
         topology.promise() == Promise::doubly_stochastic;
}

double distance_after(const Topology& topology, std::uint32_t rounds) {
  if (topology.parties() <= kDenseMax) {
    DenseProduct product(topology);
    for (std::uint32_t r = 0; r < rounds; ++r) product.advance();
    return product.distance();
  }
  if (const auto schedule = circulant_rounds(topology); schedule && keeps_mean(topology)) {
    return circulant_errors(*schedule, topology.parties(), rounds).back();
  }
  return sparse_distance(topology, rounds);
}

}  // namespace

double spectral_gap(const Topology& topology) {
  const std::uint32_t period = topology.period();
  const double distance = distance_after(topology, period);
  if (distance < kNothing) return 1.0;
  // tidy: allow(libm) a diagnostic, no trained bit sees it
  return period == 1 ? 1.0 - distance : 1.0 - std::pow(distance, 1.0 / period);
}

std::vector<double> consensus_errors(const Topology& topology, std::uint32_t rounds) {
  std::vector<double> errors;
  if (rounds == 0) return errors;
  if (topology.period() == 1 && topology.promise() == Promise::symmetric_doubly_stochastic) {
    // (W - J)^r = W^r - J, and the norm of a symmetric matrix's power is the power of its norm.
    const double once = distance_after(topology, 1);
    for (double error = once; errors.size() < rounds; error *= once) errors.push_back(error);
    return errors;
  }
  if (topology.parties() <= kDenseSequenceMax) {
    DenseProduct product(topology);
    while (errors.size() < rounds) {
      product.advance();
      errors.push_back(product.distance());
    }
    return errors;
  }
  if (const auto schedule = circulant_rounds(topology); schedule && keeps_mean(topology)) {
    return circulant_errors(*schedule, topology.parties(), rounds);
  }
  for (std::uint32_t r = 1; r <= rounds; ++r) errors.push_back(sparse_distance(topology, r));
  return errors;
}

std::optional<std::uint32_t> rounds_to_exact_consensus(const Topology& topology, std::uint32_t rounds_max) {
  const std::size_t n = topology.parties();
  const double target = 1.0 / static_cast<double>(n);
  // Relative to 1/n. A schedule that ends exactly falls from "far" to "exact" in its last round; mixing that
  // only shrinks the error by a factor per round passes through what lies between, and is never exact.
  const double exact = 1e-7 * target;
  const double far = 1e-3 * target;
  // Columns of the product, a block at a time: what follows from a unit of mass at one party each. A round
  // count stays a candidate while every column so far has become flat after it.
  std::vector<bool> candidate(rounds_max, true);
  std::uint32_t rounds = rounds_max;  // none is left above
  std::vector<double> current;
  std::vector<double> next;
  for (std::size_t first = 0; first < n;) {
    const std::size_t width =
        std::min<std::size_t>(first == 0 ? 8 : 64, n - first);  // most fail on the first few
    current.assign(n * width, 0.0);
    next.resize(n * width);
    for (std::size_t c = 0; c < width; ++c) current[(first + c) * width + c] = 1.0;
    std::uint32_t last = 0;
    double previous = 1.0;
    bool finished = false;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      mix(topology, round, current, next, width);
      std::swap(current, next);
      double worst = 0;
      for (const double value : current) worst = std::max(worst, std::fabs(value - target));
      finished = worst <= exact && (finished || previous > far);
      previous = worst;
      candidate[round] = candidate[round] && finished;
      if (candidate[round]) last = round + 1;
    }
    rounds = last;
    if (rounds == 0) return std::nullopt;
    first += width;
  }
  const auto found = std::find(candidate.begin(), candidate.end(), true);
  return static_cast<std::uint32_t>(found - candidate.begin()) + 1;
}

}  // namespace hansa::topology
