// Any bytes as the files beside a simulated run: network coordinates (first byte even) and models.bin (odd).
#include "fuzz/memory_file.hpp"
#include "fuzz/require.hpp"
#include "sim/coordinates.hpp"
#include "sim/report/models_file.hpp"

#include <cmath>
#include <cstdint>

using hansa::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  if (size == 0) return 0;
  const fuzzing::MemoryFile file(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto hosts = sim::read_coordinates(file.path());
    if (!hosts.ok()) return require(!hosts.error().message.empty()), 0;
    // Latencies become integer nanoseconds.
    for (const sim::Coordinate& host : *hosts) {
      const double latency = sim::latency_ms(host, hosts->front());
      require(latency >= 0 && latency < 9e12);
    }
    return 0;
  }
  const auto models = sim::read_models(file.path());
  if (!models.ok()) return require(!models.error().message.empty()), 0;
  require(models->values.size() == models->parties * models->parameters);
  return 0;
}
