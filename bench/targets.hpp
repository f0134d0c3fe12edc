// Figures with a promise attached. A benchmark records the samples of one; at the end the program prints all
// of them beside what was promised. One noisy repetition must not fail a build, and a slow one must not hide
// behind a lucky repetition: a target counts as missed only if three quarters of the samples miss it.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace hansa::bench {

struct Target {
  std::string name;  ///< "W2 N=64: node-rounds per CPU-second"
  bool at_least = true;
  double wanted = 0;
  std::vector<double> samples;
};

/// The middle of `samples` (mean of the middle two), NaN if there are none.
double median(std::vector<double> samples);
/// The sample below which `part` (0..1) of them lie.
double quantile(std::vector<double> samples, double part);

/// Remembers a target and how it was met; a second record of the same name replaces the first. Not
/// thread-safe.
void record(Target target);
/// Prints every recorded target. False if one was missed by more than noise.
bool report(std::ostream& out);

}  // namespace hansa::bench
