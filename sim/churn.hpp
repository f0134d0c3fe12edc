// Who crashes when, and when they return: a plan drawn from the seed before the run begins.
#pragma once

#include <hansa/types.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace hansa::sim {

struct ChurnOptions {
  std::uint32_t parties = 0;
  std::uint64_t seed = 1;
  double crash_fraction = 0;      ///< of the parties, rounded to the nearest count
  double stay_down_fraction = 0;  ///< of those
  Duration down_mean = std::chrono::seconds(2);
  Time start{}, end{};  ///< crashes happen in between
};

struct Crash {
  PartyId party{};
  Time at{};
  /// The process dies after this many effects of the batch that the next input produces (or after all of
  /// them, if they are fewer): between a Persist and the Send behind it, for one. None: it dies at once,
  /// between inputs.
  std::optional<std::uint32_t> after_effects;
  std::optional<Duration> down;  ///< none: it never returns
};

/// Ascending by party, at most one crash each.
std::vector<Crash> plan_crashes(const ChurnOptions& options);

}  // namespace hansa::sim
