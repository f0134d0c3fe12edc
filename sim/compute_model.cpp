#include "sim/compute_model.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

namespace hansa::sim {

ComputeModel::ComputeModel(const ComputeOptions& options)
    : nanoseconds_per_byte_(1e9 / options.mix_bytes_per_second), nanoseconds_per_row_(options.parties) {
  for (std::size_t i = 0; i < nanoseconds_per_row_.size(); ++i) {
    Rng rng(options.seed, Purpose::compute_speed, i);
    const double slowness = options.spread > 0 ? exp_exact(-options.spread * rng.normal()) : 1.0;
    nanoseconds_per_row_[i] = slowness * 1e9 / options.rows_per_second;
  }
}

Duration ComputeModel::duration(PartyId party, std::uint64_t rows, std::uint64_t mixed_bytes) const noexcept {
  const double ns = static_cast<double>(rows) * nanoseconds_per_row_[index(party)] +
                    static_cast<double>(mixed_bytes) * nanoseconds_per_byte_;
  return Duration(1 + static_cast<Duration::rep>(ns));
}

double ComputeModel::rows_per_second(PartyId party) const noexcept {
  return 1e9 / nanoseconds_per_row_[index(party)];
}

}  // namespace hansa::sim
