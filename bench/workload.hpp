// One of bench/*.toml, ready to be run again and again: data read and dealt once, then the same World,
// parties, effects, encoder and recorder as `hansa sim`, without the reading, the evaluation and the report
// around them.
#pragma once

#include "sim/setup.hpp"
#include "src/config/run_config.hpp"

#include <hansa/parameters.hpp>
#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hansa::bench {

/// One repetition, of whatever kind.
struct Repetition {
  double cpu_seconds = 0;
  std::uint64_t node_rounds = 0;
  std::uint64_t events = 0;
  double ideal_seconds = 0;           ///< what the machine's peak would need for the same work
  std::vector<ParametersRef> models;  ///< final, per party

  [[nodiscard]] double rate() const noexcept { return static_cast<double>(node_rounds) / cpu_seconds; }
};

/// bench/`name` with `overrides`, set up. Errors as `hansa sim` would give.
Result<sim::Setup> load_workload(const std::string& name, const std::vector<config::Override>& overrides);

/// The real run, on one thread. Errors: none but those of the world's options.
Result<Repetition> run_world(const sim::Setup& setup);

/// Rows that all parties train on in a whole run of `setup` (counted in epochs).
double rows_trained(const sim::Setup& setup);

}  // namespace hansa::bench
