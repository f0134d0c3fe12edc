// Our own exp and log. The C library chooses its variant by the processor it finds, so the last bit differs
// between machines; these use plain IEEE operations in a fixed order and give the same bits everywhere.
#pragma once

namespace hansa {

/// e^x in double precision, relative error below 2e-16 * 4; saturates to 0 and infinity.
double exp_exact(double x) noexcept;
/// Natural logarithm of x > 0; -infinity at 0, NaN below.
double log_exact(double x) noexcept;
/// e^x in single precision (relative error below 3e-7), for inner loops.
float exp_fast(float x) noexcept;
/// 1 / (1 + e^-x), stable for any finite x.
float sigmoid(float x) noexcept;
/// log(1 + e^x), stable for any finite x; double precision.
double softplus(double x) noexcept;

}  // namespace hansa
