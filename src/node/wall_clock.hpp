// The time of day, which dates what organisations sign. Machines never look at it: they are told.
#pragma once

#include <chrono>
#include <cstdint>

namespace hansa::node {

/// Seconds since 1970.
[[nodiscard]] inline std::int64_t unix_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

}  // namespace hansa::node
