// What the node counts while it works, beside what its machines count themselves. Written from any thread,
// read for /metrics.
#pragma once

#include <hansa/types.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hansa::node {

/// From what matters most to what matters least.
inline constexpr std::array<std::string_view, 4> kLogLevels = {"error", "warning", "info", "debug"};
/// Position in kLogLevels; behind the last if there is no such level.
[[nodiscard]] constexpr std::size_t log_level_number(std::string_view level) noexcept {
  std::size_t number = 0;
  while (number < kLogLevels.size() && kLogLevels[number] != level) ++number;
  return number;
}

struct NodeCounters {
  using Counter = std::atomic<std::uint64_t>;
  Counter rounds{0};
  Counter training_ns{0};  ///< spent in local training
  Counter checkpoints{0}, checkpoint_ns{0};
  std::array<Counter, kLogLevels.size()> log_lines{};

  static void add(Counter& counter, Duration took) noexcept {
    counter += static_cast<std::uint64_t>(took.count());
  }
};

}  // namespace hansa::node
