// What this process has used so far, and what this machine can do at best: the two sides of the efficiency
// figure.
#pragma once

#include <cstdint>

namespace hansa::exec {

/// User + system time of all threads of this process, seconds.
double process_cpu_seconds() noexcept;
/// User + system time of the calling thread, seconds.
double thread_cpu_seconds() noexcept;
/// Seconds on a steady clock with an arbitrary beginning.
double wall_seconds() noexcept;
/// Largest resident set so far, bytes.
std::uint64_t peak_rss_bytes() noexcept;

/// Single-core peaks, measured once per process (about 0.3 s) by the kernels' own probes.
struct MachinePeak {
  double flops = 0;      ///< fused multiply-adds counted as two, single precision, per second
  double bandwidth = 0;  ///< bytes per second, reads plus writes, arrays beyond the caches
};
MachinePeak measure_peak();

}  // namespace hansa::exec
