// Everything that turns uniform bits into other distributions. Written out here, because the standard
// library's distributions give other numbers with every library, and a run must be the same everywhere.
#include <hansa/rng.hpp>

#include <hansa/assert.hpp>
#include <hansa/math.hpp>

#include <cmath>

namespace hansa {
namespace {

/// Rational function p(r) / q(r) with coefficients from degree 7 down to 0.
double ratio(const double (&p)[8], const double (&q)[8], double r) noexcept {
  double numerator = 0;
  double denominator = 0;
  for (int i = 0; i < 8; ++i) {
    numerator = numerator * r + p[i];
    denominator = denominator * r + q[i];
  }
  return numerator / denominator;
}

// Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
// (1988).
constexpr double kCentreP[8] = {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
                                4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
                                1.3314166789178437745e2, 3.3871328727963666080e0};
constexpr double kCentreQ[8] = {
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0};
constexpr double kMiddleP[8] = {7.74545014278341407640e-4, 2.27238449892691845833e-2,
                                2.41780725177450611770e-1, 1.27045825245236838258e0,
                                3.64784832476320460504e0,  5.76949722146069140550e0,
                                4.63033784615654529590e0,  1.42343711074968357734e0};
constexpr double kMiddleQ[8] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
                                1.51986665636164571966e-2, 1.48103976427480074590e-1,
                                6.89767334985100004550e-1, 1.67638483018380384940e0,
                                2.05319162663775882187e0,  1.0};
constexpr double kTailP[8] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                              2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
                              5.46378491116411436990e0,  6.65790464350110377720e0};
constexpr double kTailQ[8] = {2.04426310338993978564e-15, 1.42151175831644588870e-7,
                              1.84631831751005468180e-5,  7.86869131145613259100e-4,
                              1.48753612908506148525e-2,  1.36929880922735805310e-1,
                              5.99832206555887937690e-1,  1.0};

}  // namespace

std::uint64_t Rng::below(std::uint64_t bound) noexcept {
  HANSA_ASSERT(bound > 0);
  unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
  auto low = static_cast<std::uint64_t>(product);
  if (low < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (low < threshold) {
      product = static_cast<unsigned __int128>(next()) * bound;
      low = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Rng::normal() noexcept {
  const double u = (static_cast<double>(next() >> 12) + 0.5) * 0x1.0p-52;  // never 0 or 1
  const double q = u - 0.5;
  if (q >= -0.425 && q <= 0.425) return q * ratio(kCentreP, kCentreQ, 0.180625 - q * q);
  const double r = std::sqrt(-log_exact(q < 0 ? u : 1.0 - u));
  const double tail = r <= 5.0 ? ratio(kMiddleP, kMiddleQ, r - 1.6) : ratio(kTailP, kTailQ, r - 5.0);
  return q < 0 ? -tail : tail;
}

double Rng::gamma(double shape) noexcept {
  HANSA_ASSERT(shape > 0);
  if (shape < 1.0) {  // boost: Gamma(a) = Gamma(a+1) * U^(1/a)
    const double u = uniform();
    return u <= 0 ? 0.0 : gamma(shape + 1.0) * exp_exact(log_exact(u) / shape);
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal();
    const double v1 = 1.0 + c * x;
    if (v1 <= 0) continue;
    const double v = v1 * v1 * v1;
    const double u = uniform();
    if (u > 0 && log_exact(u) < 0.5 * x * x + d - d * v + d * log_exact(v)) return d * v;
  }
}

}  // namespace hansa
