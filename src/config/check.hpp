// What no single key can say: settings that contradict each other.
#pragma once

#include "src/config/run_config.hpp"

#include <string_view>
#include <vector>

namespace hansa::config {

/// A contradiction, and the key at whose line it is reported.
struct Finding {
  std::string_view key;
  Error error;  ///< without a place
};

/// Pure; looks at nothing but the configuration. What depends on the data (enough rows, groups for by-column,
/// images for cnn) or on the graph is checked when the run is set up.
std::vector<Finding> check_combinations(const RunConfig& config);

}  // namespace hansa::config
