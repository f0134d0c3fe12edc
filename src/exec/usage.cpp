#include "src/exec/usage.hpp"

#include "src/learn/kernels/kernels.hpp"

#include <hansa/parameters.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>

namespace hansa::exec {
namespace {

double clock_seconds(clockid_t clock) noexcept {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Work per second of the fastest of a few runs: a busy neighbour can only make a run slower.
template <class Probe>
double best_rate(int runs, Probe probe) {
  double best = 0;
  for (int i = 0; i < runs; ++i) {
    const double begin = process_cpu_seconds();
    const double work = probe();
    best = std::max(best, work / std::max(1e-9, process_cpu_seconds() - begin));
  }
  return best;
}

}  // namespace

double process_cpu_seconds() noexcept { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_seconds() noexcept { return clock_seconds(CLOCK_THREAD_CPUTIME_ID); }

double wall_seconds() noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint64_t peak_rss_bytes() noexcept {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

MachinePeak measure_peak() {
  static const MachinePeak peak = [] {
    const learn::KernelTable& table = learn::kernels();
    float sink = 0;
    MachinePeak result;
    result.flops = best_rate(5, [&] { return table.peak_flop_probe(200'000, &sink); });
    constexpr std::size_t kFloats = std::size_t{8} << 20;  // three arrays of 32 MiB
    Parameters a = Parameters::zeros(kFloats);
    const Parameters b = Parameters::zeros(kFloats);
    const Parameters c = Parameters::zeros(kFloats);
    result.bandwidth =
        best_rate(5, [&] { return table.bandwidth_probe(a.data(), b.data(), c.data(), kFloats); });
    return result;
  }();
  return peak;
}

}  // namespace hansa::exec
