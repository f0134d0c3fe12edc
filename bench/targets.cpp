// The table of promises that the benchmark program ends with.
#include "bench/targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <utility>

namespace hansa::bench {
namespace {

std::vector<Target>& recorded() {
  static std::vector<Target> targets;
  return targets;
}

std::string number(double value) {
  return std::abs(value) < 100 ? fmt::format("{:.3f}", value) : fmt::format("{:.0f}", value);
}

}  // namespace

double quantile(std::vector<double> samples, double part) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(samples.begin(), samples.end());
  const double at = part * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, samples.size() - 1);
  return samples[below] + (at - static_cast<double>(below)) * (samples[above] - samples[below]);
}

double median(std::vector<double> samples) { return quantile(std::move(samples), 0.5); }

void record(Target target) {
  std::vector<Target>& targets = recorded();
  const auto same = std::find_if(targets.begin(), targets.end(),
                                 [&](const Target& other) { return other.name == target.name; });
  if (same != targets.end()) {
    *same = std::move(target);
  } else {
    targets.push_back(std::move(target));
  }
}

bool report(std::ostream& out) {
  if (recorded().empty()) return true;
  bool all_met = true;
  out << fmt::format("\n{:<52} {:>13} {:>10} {:>21}  {}\n", "target", "wanted", "median", "quartiles",
                     "verdict");
  for (const Target& target : recorded()) {
    const double middle = median(target.samples);
    const double kinder = quantile(target.samples, target.at_least ? 0.75 : 0.25);
    const auto meets = [&](double value) {
      return target.at_least ? value >= target.wanted : value <= target.wanted;
    };
    const bool missed = !meets(kinder);
    all_met = all_met && !missed;
    out << fmt::format("{:<52} {:>2} {:>10} {:>10} {:>10} {:>10}  {}\n", target.name,
                       target.at_least ? ">=" : "<=", number(target.wanted), number(middle),
                       number(quantile(target.samples, 0.25)), number(quantile(target.samples, 0.75)),
                       meets(middle) ? "met"
                       : missed      ? "MISSED"
                                     : "within noise");
  }
  return all_met;
}

}  // namespace hansa::bench
