// Text for people; see the header.
#include "sim/report/format.hpp"

#include <hansa/math.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace hansa::sim {
namespace {

constexpr const char* kNone = "–";

std::string with_minus(std::string text) {
  if (text.empty() || text[0] != '-') return text;
  // "-0.000" is zero to a reader.
  if (text.find_first_of("123456789") == std::string::npos) return text.substr(1);
  return "\u2212" + text.substr(1);
}

/// Largest integer power p with 10^p <= value, immune to rounding at exact powers.
int decade_of(double value) {
  int power = static_cast<int>(std::floor(log10_of(value)));
  if (std::pow(10.0, power + 1) <= value * (1 + 1e-12)) ++power;
  if (std::pow(10.0, power) > value * (1 + 1e-12)) --power;
  return power;
}

std::string superscript(int value) {
  static constexpr std::array<const char*, 10> kDigits = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                                          "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string out = value < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(value))) out += kDigits[static_cast<std::size_t>(c - '0')];
  return out;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? ' ' : c;
    }
  }
  return out;
}

std::string fixed(double value, int digits) {
  if (!std::isfinite(value)) return kNone;
  return with_minus(fmt::format("{:.{}f}", value, std::max(digits, 0)));
}

std::string signed_fixed(double value, int digits) {
  const std::string text = fixed(value, digits);
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  return std::isfinite(value) && value > 0 && !zero ? "+" + text : text;
}

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string compact(double value) {
  if (!std::isfinite(value)) return kNone;
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 1e12 || size < 1e-4) return with_minus(fmt::format("{:.2e}", value));
  if (size >= 999.5) return (value < 0 ? "\u2212" : "") + grouped(static_cast<std::uint64_t>(size + 0.5));
  return fixed(value, 2 - decade_of(size));
}

std::string si_text(double value, std::string_view unit) {
  if (!std::isfinite(value)) return kNone;
  static constexpr std::array<const char*, 7> kPrefixes = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  while (std::abs(value) >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const std::string text = prefix == 0 && value == std::floor(value) ? fixed(value, 0) : compact(value);
  return fmt::format("{} {}{}", text, kPrefixes[prefix], unit);
}

std::string bytes_text(double bytes) { return si_text(bytes, "B"); }

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return kNone;
  if (seconds < 1e-3 && seconds > 0) return compact(seconds * 1e6) + " µs";
  if (seconds < 1 && seconds > 0) return compact(seconds * 1e3) + " ms";
  if (seconds < 119.5) return compact(seconds) + " s";
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 7200) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", grouped(whole / 3600), whole % 3600 / 60);
}

std::string count_of(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(count), count == 1 ? one : many);
}

Ticks linear_ticks(double low, double high, int target) {
  const double rough = (high - low) / std::max(target, 1);
  const int power = decade_of(rough);
  const double decade = std::pow(10.0, power);
  struct Step {
    double factor;
    int extra_digits;
  };
  Step step{10, -1};
  for (const Step candidate : {Step{1, 0}, Step{2, 0}, Step{2.5, 1}, Step{5, 0}}) {
    if (candidate.factor * decade >= rough * 0.999) {
      step = candidate;
      break;
    }
  }
  Ticks ticks;
  ticks.digits = std::max(0, step.extra_digits - power);
  const double width = step.factor * decade;
  const auto first = static_cast<std::int64_t>(std::ceil(low / width - 1e-9));
  const auto last = static_cast<std::int64_t>(std::floor(high / width + 1e-9));
  for (std::int64_t i = first; i <= last; ++i) ticks.values.push_back(static_cast<double>(i) * width);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  const int first = decade_of(low);
  const int last = decade_of(high) + 1;
  const int decades = last - first;
  const int stride = decades > 14 ? 4 : decades > 7 ? 2 : 1;
  const bool with_2_and_5 = log10_of(high / low) < 2.6;
  std::vector<double> ticks;
  for (int power = first; power <= last; ++power) {
    if (power % stride != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor != 1 && !with_2_and_5) continue;
      const double value = factor * std::pow(10.0, power);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push_back(value);
    }
  }
  return ticks;
}

std::string log_label(double value) {
  if (value >= 0.00999 && value <= 1000.1) return fmt::format("{:g}", value);
  const int power = decade_of(value);
  const double factor = value / std::pow(10.0, power);
  const std::string tens = "10" + superscript(power);
  return std::abs(factor - 1) < 1e-6 ? tens : fmt::format("{:g}·{}", std::round(factor), tens);
}

double log10_of(double value) {
  constexpr double kLn10 = 2.302585092994045684;
  return log_exact(value) / kLn10;
}

std::string metric_label(std::string_view key) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLabels = {
      {{"auc", "AUC"},
       {"accuracy", "accuracy"},
       {"ks", "KS statistic"},
       {"lift5", "lift in the top 5 %"},
       {"lift10", "lift in the top 10 %"},
       {"log_loss", "log loss"},
       {"rmse", "RMSE"}}};
  for (const auto& [name, label] : kLabels) {
    if (name == key) return std::string(label);
  }
  return std::string(key);
}

}  // namespace hansa::sim
