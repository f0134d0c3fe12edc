// How the page writes things down: escaped text, numbers with a sensible number of digits and their units,
// and the positions of axis ticks (steps of 1, 2, 2.5 or 5 times a power of ten).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::sim {

/// Text made safe for HTML content and quoted attributes; control characters become spaces.
std::string escape_html(std::string_view text);

/// "0.771", with U+2212 as minus; "–" if not finite.
std::string fixed(double value, int digits);
/// The same with a sign in any case: "+0.046".
std::string signed_fixed(double value, int digits);
/// About three significant digits: "0.0123", "4.56", "78.9", "1,230".
std::string compact(double value);
/// "12,345".
std::string grouped(std::uint64_t value);
/// "512 B", "1.20 MB" (powers of 1000).
std::string bytes_text(double bytes);
/// "0.42 s", "3 min 5 s", "2 h 10 min".
std::string seconds_text(double seconds);
/// `value` with an SI prefix: si_text(4.8e10, "FLOP/s") = "48.0 GFLOP/s".
std::string si_text(double value, std::string_view unit);
/// "1 party", "12 parties".
std::string count_of(std::uint64_t count, std::string_view one, std::string_view many);

/// Tick positions inside [low, high] and the digits after the point that tell them apart.
struct Ticks {
  std::vector<double> values;
  int digits = 0;
};
/// About `target` ticks. Precondition: low < high, both finite.
Ticks linear_ticks(double low, double high, int target);
/// Powers of ten (and 2 and 5 times them if the range is short). Precondition: 0 < low < high.
std::vector<double> log_ticks(double low, double high);
/// A label for a log tick: "10⁻³", "2·10⁻³", or plain between 0.01 and 1000.
std::string log_label(double value);
/// Decimal logarithm.
double log10_of(double value);

/// What people call a metric: "auc" is "AUC".
std::string metric_label(std::string_view key);

}  // namespace hansa::sim
