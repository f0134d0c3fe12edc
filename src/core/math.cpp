// exp by argument reduction and a Taylor sum, log by the atanh series: short enough to be checked by eye.
// Only +, -, *, / and exponent bit moves: all exact or correctly rounded by IEEE 754, so the result does not
// depend on the C library or the processor. fma and contraction are off for this file (-ffp-contract=off).
#include <hansa/math.hpp>

#include <bit>
#include <cstdint>
#include <limits>

namespace hansa {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

double scale_by_power_of_two(double x, int k) noexcept {
  // Two steps so that subnormal results are reached without overflow of the factor.
  const int half = k / 2;
  const auto factor = [](int e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); };
  return x * factor(half) * factor(k - half);
}

}  // namespace

double exp_exact(double x) noexcept {
  if (x != x) return x;
  if (x > 709.782712893384) return std::numeric_limits<double>::infinity();
  if (x < -745.2) return 0.0;
  // x = k ln2 + r with |r| <= ln2/2, then a degree-13 Taylor sum of e^r (error below 1 ulp there).
  const double scaled = x * 1.44269504088896338700e+00;
  const int k = static_cast<int>(scaled + (scaled >= 0 ? 0.5 : -0.5));
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 1.0 / 6227020800.0;
  constexpr double kInverseFactorials[] = {1.0 / 479001600.0,
                                           1.0 / 39916800.0,
                                           1.0 / 3628800.0,
                                           1.0 / 362880.0,
                                           1.0 / 40320.0,
                                           1.0 / 5040.0,
                                           1.0 / 720.0,
                                           1.0 / 120.0,
                                           1.0 / 24.0,
                                           1.0 / 6.0,
                                           0.5,
                                           1.0,
                                           1.0};
  for (const double c : kInverseFactorials) sum = sum * r + c;
  return scale_by_power_of_two(sum, k);
}

double log_exact(double x) noexcept {
  if (x != x || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x == std::numeric_limits<double>::infinity()) return x;
  int exponent = 0;
  if (x < std::numeric_limits<double>::min()) {  // subnormal: lift into the normal range first
    x *= 0x1.0p54;
    exponent -= 54;
  }
  auto bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000FFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL;
  double m = std::bit_cast<double>(bits);
  if (m > 1.41421356237309514547) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 atanh(s), s = (m-1)/(m+1), |s| < 0.172: odd series up to s^21.
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = 0.0;
  for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * s2;
  return exponent * kLn2High + (2.0 * s + (2.0 * s * sum + exponent * kLn2Low));
}

float exp_fast(float x) noexcept {
  if (x > 88.7228f) return std::numeric_limits<float>::infinity();
  if (x < -87.3365f) return 0.0f;
  const float scaled = x * 1.44269504f;
  const int k = static_cast<int>(scaled + (scaled >= 0 ? 0.5f : -0.5f));
  const float kf = static_cast<float>(k);
  const float r = (x - kf * 0.693359375f) - kf * -2.12194440e-4f;
  float p = 1.9875691500e-4f;  // Cephes expf minimax polynomial
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float y = p * r * r + r + 1.0f;
  const int e = k > 127 ? 127 : k;
  const float factor = std::bit_cast<float>(static_cast<std::uint32_t>(e + 127) << 23);
  return k > 127 ? y * factor * 2.0f : y * factor;
}

float sigmoid(float x) noexcept {
  if (x >= 0) return 1.0f / (1.0f + exp_fast(-x));
  const float e = exp_fast(x);
  return e / (1.0f + e);
}

double softplus(double x) noexcept {
  if (x > 36.0) return x;
  if (x < -36.0) return exp_exact(x);
  return x > 0 ? x + log_exact(1.0 + exp_exact(-x)) : log_exact(1.0 + exp_exact(x));
}

}  // namespace hansa
