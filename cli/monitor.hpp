// One frame of `hansa monitor`, as a function of what the node answered, so that tests can look at it.
#pragma once

#include "src/http/documents.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace hansa::cli {

/// What the node answered to /api/v1/status, peers, runs and roster.
struct MonitorFacts {
  http::Json status, peers, runs, roster;
};
/// Lines of at most `width` columns; at most `height` of them, the last ones cut.
[[nodiscard]] std::string monitor_frame(const MonitorFacts& facts, std::size_t width, std::size_t height);

}  // namespace hansa::cli
