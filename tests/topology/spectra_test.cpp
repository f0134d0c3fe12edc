// The solvers against each other and against a naive one.
#include "topology/circulant.hpp"
#include "topology/dense_norm.hpp"
#include "topology/file.hpp"
#include "topology/lanczos.hpp"
#include "topology/mixing.hpp"
#include "topology/tridiagonal.hpp"

#include <hansa/rng.hpp>

#include "tests/topology/make.hpp"

#include <cmath>
#include <numeric>

namespace hansa::topology {
namespace {

using testing::make;

/// ||A||_2 by plain power iteration on A^T A, long enough for the random matrices here.
double naive_norm(const std::vector<double>& a, std::size_t n) {
  std::vector<double> x(n, 1.0);
  double norm = 0;
  for (int step = 0; step < 20'000; ++step) {
    std::vector<double> y(n, 0.0);
    std::vector<double> z(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) y[i] += a[i * n + j] * x[j];
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) z[j] += a[i * n + j] * y[i];
    }
    const double length = std::sqrt(std::inner_product(z.begin(), z.end(), z.begin(), 0.0));
    norm = std::sqrt(length);
    for (std::size_t i = 0; i < n; ++i) x[i] = z[i] / length;
  }
  return norm;
}

TEST(DenseNorm, MatchesPowerIterationOnRandomMatrices) {
  for (const std::size_t n : {1U, 2U, 3U, 7U, 12U}) {
    Rng rng(n, Purpose::test);
    std::vector<double> a(n * n);
    for (double& entry : a) entry = rng.normal();
    EXPECT_NEAR(dense_norm(a, n, false), naive_norm(a, n), 1e-9 * naive_norm(a, n)) << n;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) a[i * n + j] = a[j * n + i];
    }
    EXPECT_NEAR(dense_norm(a, n, true), naive_norm(a, n), 1e-9 * naive_norm(a, n)) << n;
    EXPECT_NEAR(dense_norm(a, n, false), dense_norm(a, n, true), 1e-12 * n) << n;
  }
}

TEST(DenseNorm, OfNothingIsZero) {
  EXPECT_EQ(dense_norm(std::vector<double>(25, 0.0), 5, true), 0);
  EXPECT_EQ(dense_norm(std::vector<double>(25, 0.0), 5, false), 0);
}

TEST(Tridiagonal, KnownEigenvalues) {
  // The path's Laplacian: 2 - 2 cos(pi k / (n + 1)) for the Dirichlet ends.
  Tridiagonal matrix{std::vector<double>(50, 2.0), std::vector<double>(49, -1.0)};
  EXPECT_NEAR(largest_eigenvalue(matrix), 2 - 2 * std::cos(50 * std::numbers::pi / 51), 1e-14);
  for (double& d : matrix.diagonal) d = -2;
  EXPECT_NEAR(largest_eigenvalue(matrix), 2 - 2 * std::cos(50 * std::numbers::pi / 51), 1e-14);
  EXPECT_EQ(largest_eigenvalue(Tridiagonal{}), 0);
}

TEST(Lanczos, FindsTheLargestOfADiagonal) {
  const std::size_t n = 2000;
  const auto apply = [&](std::span<const double> x, std::span<double> y) {
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = x[i] * (i == 1234 ? -0.99995 : 0.9999 * std::sin(static_cast<double>(i)));
    }
  };
  EXPECT_NEAR(largest_eigenvalue(n, 20'000, apply), 0.99995, 1e-10);
}

TEST(Mixing, MatchesTheDenseMatrixBothWays) {
  for (const char* name : {"scale-free", "exponential", "base-k"}) {
    TopologyOptions options;
    options.parties = 21;
    options.weights = "push-sum";
    const auto topology = make(name, options);
    const auto w = testing::dense(*topology, 1);
    Rng rng(3, Purpose::test);
    const std::size_t width = 3;
    std::vector<double> x(21 * width);
    for (double& value : x) value = rng.normal();
    std::vector<double> y(x.size());
    std::vector<double> z(x.size());
    mix(*topology, 1, x, y, width);
    mix_transposed(*topology, 1, x, z, width);
    for (std::size_t i = 0; i < 21; ++i) {
      for (std::size_t c = 0; c < width; ++c) {
        double forward = 0;
        double backward = 0;
        for (std::size_t j = 0; j < 21; ++j) {
          forward += w[i][j] * x[j * width + c];
          backward += w[j][i] * x[j * width + c];
        }
        EXPECT_NEAR(y[i * width + c], forward, 1e-14);
        EXPECT_NEAR(z[i * width + c], backward, 1e-14);
      }
    }
  }
}

/// The same graph with its parties renamed: it has the same spectrum, but no solver can see its shifts.
std::unique_ptr<const Topology> renamed_ring(std::uint32_t n) {
  std::vector<std::uint32_t> names(n);
  std::iota(names.begin(), names.end(), 0U);
  Rng rng(1, Purpose::test);
  rng.shuffle(names);
  std::string text;
  for (std::uint32_t i = 0; i < n; ++i) {
    text += std::to_string(names[i]) + " " + std::to_string(names[(i + 1) % n]) + "\n";
  }
  auto made = make_from_text("ring.txt", text, {});
  return std::move(made).value();
}

TEST(Spectra, TheThreeSolversAgree) {
  // 500: dense. 600: Fourier for the ring, Lanczos for its renamed copy.
  for (const std::uint32_t n : {100U, 500U, 600U, 2000U}) {
    const auto renamed = renamed_ring(n);
    EXPECT_EQ(circulant_rounds(*renamed), std::nullopt);
    const double expected = 2.0 / 3 * (1 - std::cos(2 * std::numbers::pi / n));
    EXPECT_NEAR(spectral_gap(*renamed), expected, 1e-5 * expected) << n;
    EXPECT_NEAR(spectral_gap(*make("ring", n)), expected, 1e-9 * expected + 1e-14) << n;
  }
}

TEST(Spectra, SequencesAgreeAcrossTheDenseBorder) {
  // base-k with push-sum weights is neither symmetric nor circulant nor exact: Lanczos above 256 parties.
  for (const char* weights : {"uniform", "push-sum"}) {
    TopologyOptions options;
    options.parties = 260;
    options.weights = weights;
    for (const char* name : {"scale-free", "k-regular", "one-peer-exponential"}) {
      const auto topology = make(name, options);
      std::vector<double> product(260UL * 260, 0.0);
      std::vector<double> next(product.size());
      for (std::size_t i = 0; i < 260; ++i) product[i * 261] = 1;
      const auto errors = consensus_errors(*topology, 3);
      for (Round round = 0; round < 3; ++round) {
        mix(*topology, round, product, next, 260);
        product.swap(next);
        std::vector<double> rest = product;
        for (double& entry : rest) entry -= 1.0 / 260;
        EXPECT_NEAR(errors[round], dense_norm(rest, 260, false), 1e-7)
            << name << " " << weights << " " << round;
      }
    }
  }
}

TEST(Spectra, StaticSequencesArePowers) {
  const auto ring = make("ring", 12);
  const auto errors = consensus_errors(*ring, 5);
  ASSERT_EQ(errors.size(), 5U);
  for (std::size_t r = 0; r < 5; ++r) {
    EXPECT_NEAR(errors[r], std::pow(1 - spectral_gap(*ring), static_cast<double>(r + 1)), 1e-14);
  }
  EXPECT_TRUE(consensus_errors(*ring, 0).empty());
}

TEST(Spectra, TimeVaryingGapIsTheGeometricMean) {
  const auto topology = make("one-peer-exponential", 25);
  const double after = consensus_errors(*topology, 5).back();
  EXPECT_NEAR(spectral_gap(*topology), 1 - std::pow(after, 0.2), 1e-12);
  EXPECT_EQ(spectral_gap(*make("one-peer-exponential", 32)), 1);
  EXPECT_EQ(spectral_gap(*make("one-peer-exponential", 1024)), 1);
  EXPECT_EQ(spectral_gap(*testing::base_k(600, 2)), 1);
}

TEST(Spectra, ExactConsensusIsFoundOnlyWhereItIs) {
  EXPECT_EQ(rounds_to_exact_consensus(*make("complete", 40), 5), 1U);
  EXPECT_EQ(rounds_to_exact_consensus(*make("ring", 40), 60), std::nullopt);
  EXPECT_EQ(rounds_to_exact_consensus(*make("torus", 16), 200), std::nullopt) << "geometric is not exact";
  EXPECT_EQ(rounds_to_exact_consensus(*make("ring", 4), 200), std::nullopt);
  EXPECT_EQ(rounds_to_exact_consensus(*testing::base_k(1000, 1), 15), std::nullopt);
  EXPECT_EQ(rounds_to_exact_consensus(*testing::base_k(1000, 1), 0), std::nullopt);
}

}  // namespace
}  // namespace hansa::topology
