// What this process uses, as Prometheus' client libraries report it.
#pragma once

namespace hansa::http {

struct ProcessUsage {
  double cpu_seconds = 0, resident_bytes = 0, open_descriptors = 0, descriptors_max = 0, start_time_s = 0;
  double threads = 0;
};

/// Read from /proc; what cannot be read stays 0.
[[nodiscard]] ProcessUsage process_usage();

}  // namespace hansa::http
