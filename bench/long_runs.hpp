// Benchmarks that take minutes or gigabytes; only with --long.
#pragma once

namespace hansa::bench {

/// Registers them with Google Benchmark, before it is initialised.
void register_long_runs();

}  // namespace hansa::bench
