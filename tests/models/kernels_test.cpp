// Kernels against plain loops, and the two instruction-set variants against each other, bit for bit.
#include "src/learn/kernels/kernels.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include "src/learn/mix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

namespace hansa::learn {
namespace {

std::vector<float> random_floats(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  Rng rng(seed, Purpose::test);
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>((2.0 * rng.uniform() - 1.0) * scale);
  return values;
}

std::vector<Isa> available() {
  std::vector<Isa> isas{Isa::avx2};
  if (isa_available(Isa::avx512)) isas.push_back(Isa::avx512);
  return isas;
}

/// Runs `f(table)` (which returns a vector of floats) for every variant; all must agree in every bit.
template <class F>
std::vector<float> same_on_all(const F& f) {
  std::vector<float> first;
  for (const Isa isa : available()) {
    std::vector<float> result = f(kernels(isa));
    if (first.empty()) {
      first = result;
    } else {
      EXPECT_EQ(first.size(), result.size());
      EXPECT_EQ(std::memcmp(first.data(), result.data(), first.size() * sizeof(float)), 0)
          << "variants differ: " << kernels(isa).name;
    }
  }
  return first;
}

/// The promised arithmetic: one chain of fused multiply-adds per output, k ascending.
float chain(const GemmTask& t, std::size_t i, std::size_t j) {
  float sum = 0;
  if (t.start == GemmStart::bias) sum = t.bias[j];
  if (t.start == GemmStart::accumulate) sum = t.c[i * t.c_row + j];
  for (std::size_t k = 0; k < t.k; ++k) {
    sum = std::fma(t.a[i * t.a_row + k * t.a_column], t.b[k * t.b_row + j], sum);
  }
  switch (t.finish) {
    case GemmFinish::store:
      return sum;
    case GemmFinish::relu:
      return sum > 0 ? sum : 0;
    case GemmFinish::mask:
      return t.mask[i * t.c_row + j] > 0 ? sum : 0;
    case GemmFinish::sgd:
      break;
  }
  const float w = t.c[i * t.c_row + j];
  if (t.decay != 0) sum = std::fma(t.decay, w, sum);
  return std::fma(-t.rate, sum, w);
}

struct GemmShape {
  std::size_t m, n, k;
};
const GemmShape kShapes[] = {{1, 1, 1},   {2, 10, 3},    {32, 64, 50}, {7, 84, 9},
                             {13, 17, 5}, {9, 33, 31},   {6, 128, 8},  {25, 16, 7},
                             {5, 100, 1}, {130, 10, 32}, {1, 200, 40}, {12, 48, 20}};

TEST(Kernels, GemmIsOneChainPerOutput) {
  for (const GemmShape& s : kShapes) {
    for (const bool transposed : {false, true}) {
      const auto a = random_floats(s.m * s.k, 1);
      const auto b = random_floats(s.k * s.n, 2);
      const auto bias = random_floats(s.n, 3);
      const auto mask = random_floats(s.m * s.n, 4);
      const auto before = random_floats(s.m * s.n, 5);
      for (const auto start : {GemmStart::zero, GemmStart::bias, GemmStart::accumulate}) {
        for (const auto finish : {GemmFinish::store, GemmFinish::relu, GemmFinish::mask, GemmFinish::sgd}) {
          if (start == GemmStart::accumulate && finish == GemmFinish::sgd) continue;
          const float decay = s.k % 2 == 0 ? 0.0f : 0.01f;
          auto c = before;
          GemmTask t{
              s.m,      s.n, s.k,   a.data(), transposed ? 1 : s.k, transposed ? s.m : 1, b.data(), s.n,
              c.data(), s.n, start, finish,   bias.data(),          mask.data(),          0.1f,     decay};
          std::vector<float> expected;
          for (std::size_t i = 0; i < s.m; ++i) {
            for (std::size_t j = 0; j < s.n; ++j) expected.push_back(chain(t, i, j));
          }
          const auto result = same_on_all([&](const KernelTable& table) {
            c = before;
            table.gemm(t);
            return c;
          });
          ASSERT_EQ(result, expected)
              << s.m << "x" << s.n << "x" << s.k << " start " << static_cast<int>(start) << " finish "
              << static_cast<int>(finish) << " transposed " << transposed;
        }
      }
    }
  }
}

TEST(Kernels, GemmWritesNothingOutsideItsColumns) {
  const auto a = random_floats(8 * 5, 1);
  const auto b = random_floats(5 * 40, 2);
  for (const Isa isa : available()) {
    std::vector<float> c(8 * 40, 7.0f);
    GemmTask t;
    t.m = 8, t.n = 21, t.k = 5;
    t.a = a.data(), t.a_row = 5;
    t.b = b.data(), t.b_row = 40;
    t.c = c.data(), t.c_row = 40;
    kernels(isa).gemm(t);
    for (std::size_t i = 0; i < 8; ++i) {
      for (std::size_t j = 21; j < 40; ++j) ASSERT_EQ(c[i * 40 + j], 7.0f);
    }
  }
}

const std::size_t kLengths[] = {1, 2, 15, 16, 17, 31, 47, 48, 49, 57, 63, 64, 65, 100, 128, 1000, 50890};

TEST(Kernels, DotSumsSixteenLanesByAFixedTree) {
  for (const std::size_t n : kLengths) {
    const auto a = random_floats(n, 11);
    const auto b = random_floats(n, 12);
    float lanes[16] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i % 16] = std::fma(a[i], b[i], lanes[i % 16]);
    for (std::size_t width = 8; width > 0; width /= 2) {
      for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    }
    const auto result =
        same_on_all([&](const KernelTable& t) { return std::vector<float>{t.dot(a.data(), b.data(), n)}; });
    EXPECT_EQ(result[0], lanes[0]) << n;
  }
}

TEST(Kernels, DotRowsIsDotPlusBias) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{57}, std::size_t{64}}) {
    const auto data = random_floats(9 * n, 13);
    const auto w = random_floats(n, 14);
    const std::uint32_t rows[] = {8, 0, 3, 3, 1, 7, 2};
    const auto result = same_on_all([&](const KernelTable& t) {
      std::vector<float> out(7);
      t.dot_rows(data.data(), rows, 7, w.data(), n, 0.25f, out.data());
      return out;
    });
    for (std::size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(result[i], 0.25f + kernels().dot(data.data() + rows[i] * n, w.data(), n));
    }
  }
}

TEST(Kernels, AxpyAndSquaredDistance) {
  for (const std::size_t n : kLengths) {
    const auto x = random_floats(n, 15);
    const auto y = random_floats(n, 16);
    const auto result = same_on_all([&](const KernelTable& t) {
      auto out = y;
      t.axpy(0.3f, x.data(), out.data(), n);
      return out;
    });
    double naive = 0;
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(result[i], std::fma(0.3f, x[i], y[i]));
      const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
      naive += d * d;
    }
    EXPECT_NEAR(squared_distance(x, y), naive, 1e-12 * naive);
    for (const Isa isa : available()) {
      EXPECT_EQ(kernels(isa).squared_distance(x.data(), y.data(), n), squared_distance(x, y));
    }
  }
}

TEST(Mix, IsTheOrderedChain) {
  for (const std::size_t n : kLengths) {
    if (n > 1000) continue;
    for (const std::size_t inputs : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{600}}) {
      std::vector<std::vector<float>> models;
      std::vector<const float*> pointers;
      std::vector<double> weights;
      for (std::size_t j = 0; j < inputs; ++j) {
        models.push_back(random_floats(n, 100 + j));
        weights.push_back(1.0 / static_cast<double>(inputs + j));
      }
      for (const auto& m : models) pointers.push_back(m.data());
      std::vector<float> expected(n);
      for (std::size_t i = 0; i < n; ++i) {
        float sum = static_cast<float>(weights[0]) * models[0][i];
        for (std::size_t j = 1; j < inputs; ++j) {
          sum = std::fma(static_cast<float>(weights[j]), models[j][i], sum);
        }
        expected[i] = sum;
      }
      std::vector<float> out(n);
      mix(out, pointers, weights);
      EXPECT_EQ(out, expected) << n << " floats, " << inputs << " inputs";
      if (inputs <= 256) {
        pointers.back() = pointers.front();  // in place, and the same model twice
        mix(models[0], pointers, weights);
        EXPECT_TRUE(std::isfinite(models[0][n - 1]));
      }
    }
  }
}

TEST(Mix, InPlaceGivesTheSameBits) {
  const auto a = random_floats(1001, 1);
  auto b = random_floats(1001, 2);
  const auto c = random_floats(1001, 3);
  const double weights[] = {0.2, 0.3, 0.5};
  std::vector<float> out(1001);
  const float* inputs[] = {a.data(), b.data(), c.data()};
  mix(out, inputs, weights);
  mix(b, inputs, weights);
  EXPECT_EQ(b, out);
}

TEST(Kernels, VariantsOfMixAgree) {
  const auto data = random_floats(6 * 1003, 1);
  const auto weights = random_floats(6, 2);
  const auto w = random_floats(1003, 3);
  const std::uint32_t rows[] = {5, 0, 1, 4, 2, 3};
  std::vector<const float*> pointers;
  for (const std::uint32_t r : rows) pointers.push_back(data.data() + r * 1003);
  std::vector<float> sum = same_on_all([&](const KernelTable& t) {
    std::vector<float> out(1003);
    t.mix(out.data(), pointers.data(), weights.data(), 6, 1003);
    return out;
  });
  EXPECT_EQ(sum, same_on_all([&](const KernelTable& t) {
              std::vector<float> out(1003);
              t.mix_rows(out.data(), data.data(), rows, weights.data(), 6, 1003);
              return out;
            }));
  const auto stepped = same_on_all([&](const KernelTable& t) {
    auto out = w;
    t.mix_rows_sgd(out.data(), data.data(), rows, weights.data(), 6, 1003, 0.1f, 0.5f);
    return out;
  });
  for (std::size_t i = 0; i < 1003; ++i) {
    ASSERT_EQ(stepped[i], std::fma(-0.1f, std::fma(0.5f, w[i], sum[i]), w[i]));
  }
}

TEST(Kernels, GatherBytesScales) {
  for (const std::size_t features : {std::size_t{1}, std::size_t{15}, std::size_t{784}}) {
    std::vector<std::uint8_t> bytes(5 * features);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37);
    const std::uint32_t rows[] = {4, 0, 4};
    const auto out = same_on_all([&](const KernelTable& t) {
      std::vector<float> result(3 * features);
      t.gather_bytes(bytes.data(), features, 1.0f / 255.0f, rows, 3, result.data());
      return result;
    });
    for (std::size_t i = 0; i < out.size(); ++i) {
      const float expected = static_cast<float>(bytes[rows[i / features] * features + i % features]);
      ASSERT_EQ(out[i], expected * (1.0f / 255.0f));
    }
  }
}

TEST(Kernels, LogisticGradientAndLoss) {
  std::vector<float> z{0.0f, -0.0f, 1.0f, -1.0f, 20.0f, -20.0f, 87.0f, -88.0f, 300.0f, -300.0f, 1e30f, 1e-6f};
  for (const float extra : random_floats(41, 21, 12.0)) z.push_back(extra);
  std::vector<float> label(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) label[i] = static_cast<float>(i % 3 == 0);
  const auto result = same_on_all([&](const KernelTable& t) {
    auto out = z;
    out.resize(2 * z.size());
    t.logistic_gradient(out.data(), z.size(), label.data(), 0.5f, out.data() + z.size());
    std::vector<float> loss(z.size());
    t.logistic_loss(z.data(), z.size(), label.data(), loss.data());
    EXPECT_EQ(std::vector<float>(out.begin() + static_cast<std::ptrdiff_t>(z.size()), out.end()), loss);
    return out;
  });
  for (std::size_t i = 0; i < z.size(); ++i) {
    EXPECT_EQ(result[i], (sigmoid(z[i]) - label[i]) * 0.5f) << z[i];  // same bits as the scalar function
    const double loss = softplus(static_cast<double>(z[i])) - static_cast<double>(label[i] * z[i]);
    EXPECT_NEAR(static_cast<double>(result[z.size() + i]), loss,
                3e-7 * std::fabs(loss) + 2e-7 * std::fabs(z[i]));
  }
}

TEST(Kernels, SoftmaxGradientAndLoss) {
  for (const std::size_t classes : {std::size_t{2}, std::size_t{10}, std::size_t{16}, std::size_t{62}}) {
    const std::size_t rows = 35;
    const auto z = random_floats(rows * classes, 22, 9.0);
    std::vector<float> label(rows);
    for (std::size_t i = 0; i < rows; ++i) label[i] = static_cast<float>(i % classes);
    const auto result = same_on_all([&](const KernelTable& t) {
      auto out = z;
      out.resize(rows * classes + rows);
      t.softmax_gradient(out.data(), rows, classes, label.data(), 0.25f, out.data() + rows * classes);
      return out;
    });
    for (std::size_t r = 0; r < rows; ++r) {
      double total = 0;
      for (std::size_t c = 0; c < classes; ++c) total += std::exp(static_cast<double>(z[r * classes + c]));
      for (std::size_t c = 0; c < classes; ++c) {
        const double p = std::exp(static_cast<double>(z[r * classes + c])) / total;
        const double expected = 0.25 * (p - (c == r % classes ? 1.0 : 0.0));
        ASSERT_NEAR(static_cast<double>(result[r * classes + c]), expected, 2e-7);
      }
      const double loss = std::log(total) - static_cast<double>(z[r * classes + r % classes]);
      ASSERT_NEAR(static_cast<double>(result[rows * classes + r]), loss, 4e-6);
    }
  }
}

TEST(Kernels, ProbesDoTheWorkTheyReport) {
  for (const Isa isa : available()) {
    float sink = 0;
    EXPECT_GT(kernels(isa).peak_flop_probe(1000, &sink), 1000.0 * 16 * 2);
    EXPECT_TRUE(std::isfinite(sink));
    const auto b = random_floats(1001, 1);
    const auto c = random_floats(1001, 2);
    std::vector<float> a(1001);
    EXPECT_EQ(kernels(isa).bandwidth_probe(a.data(), b.data(), c.data(), 1001), 1001.0 * 12);
    for (std::size_t i = 0; i < 1001; ++i) ASSERT_EQ(a[i], std::fma(3.0f, c[i], b[i]));
  }
}

}  // namespace
}  // namespace hansa::learn
