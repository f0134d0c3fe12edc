// Google Benchmark's main, and the promises: --check (or HANSA_BENCH_CHECK=1) makes the program fail if one
// of the targets that were measured is missed by more than noise. --long adds bench/long_runs.hpp.
#include "bench/long_runs.hpp"
#include "bench/targets.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

int main(int argc, char** argv) {
  const char* const asked = std::getenv("HANSA_BENCH_CHECK");
  bool check = asked != nullptr && std::string_view(asked) != "0" && std::string_view(asked) != "";
  std::vector<char*> arguments;
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--check") {
      check = true;
    } else if (std::string_view(argv[i]) == "--long") {
      hansa::bench::register_long_runs();
    } else {
      arguments.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  const bool met = hansa::bench::report(std::cout);
  return met || !check ? 0 : 1;
}
