// How long local work takes in virtual time: rows over a speed that differs between parties (log-normal),
// plus mixing at a memory bandwidth. It never looks at a clock, so a slow laptop and a fast one simulate the
// same run.
#pragma once

#include <hansa/types.hpp>

#include <cstdint>
#include <vector>

namespace hansa::sim {

struct ComputeOptions {
  std::uint32_t parties = 0;
  std::uint64_t seed = 1;
  double rows_per_second = 20'000;
  double spread = 0;  ///< sigma of the logarithm of a party's speed
  double mix_bytes_per_second = 2e9;
};

/// Thread-safe after construction.
class ComputeModel {
 public:
  explicit ComputeModel(const ComputeOptions& options);
  /// At least one nanosecond.
  [[nodiscard]] Duration duration(PartyId party, std::uint64_t rows,
                                  std::uint64_t mixed_bytes) const noexcept;
  [[nodiscard]] double rows_per_second(PartyId party) const noexcept;

 private:
  double nanoseconds_per_byte_;
  std::vector<double> nanoseconds_per_row_;
};

}  // namespace hansa::sim
