// What a process has used never goes back, and what the machine can do is a plausible number.
#include "src/exec/usage.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hansa::exec {
namespace {

/// Some work that the compiler cannot drop; returns its result.
double spin() {
  volatile double x = 1;
  for (int i = 0; i < 3'000'000; ++i) x = x * 1.0000001 + 1e-9;
  return x;
}

TEST(Usage, ClocksGoForwardWithWork) {
  const double process = process_cpu_seconds();
  const double thread = thread_cpu_seconds();
  const double wall = wall_seconds();
  EXPECT_GT(spin(), 0);
  EXPECT_GT(process_cpu_seconds(), process);
  EXPECT_GT(thread_cpu_seconds(), thread);
  EXPECT_GT(wall_seconds(), wall);
  const double used = thread_cpu_seconds() - thread;
  EXPECT_LE(used, process_cpu_seconds() - process + 1e-3) << "this thread is part of this process";
  EXPECT_LE(used, wall_seconds() - wall + 1e-3) << "one thread cannot use more than the time that passed";
}

TEST(Usage, PeakMemoryNeverShrinks) {
  const std::uint64_t before = peak_rss_bytes();
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  {
    std::vector<char> block(kBytes, 1);
    EXPECT_GE(peak_rss_bytes(), kBytes);
    EXPECT_EQ(block[kBytes / 2], 1);
  }
  EXPECT_GE(peak_rss_bytes(), before);
}

TEST(Usage, ThePeakIsMeasuredOnceAndPlausible) {
  const MachinePeak first = measure_peak();
  EXPECT_GT(first.flops, 1e8);
  EXPECT_LT(first.flops, 1e13);
  EXPECT_GT(first.bandwidth, 1e8);
  EXPECT_LT(first.bandwidth, 1e13);
  const MachinePeak again = measure_peak();
  EXPECT_EQ(first.flops, again.flops);
  EXPECT_EQ(first.bandwidth, again.bandwidth);
}

}  // namespace
}  // namespace hansa::exec
