#include "protocols/party/deadline.hpp"

#include <algorithm>

namespace hansa::protocols {

void DeadlineEstimator::observe(Duration wait) noexcept {
  const auto sample = static_cast<double>(wait.count());
  if (!sampled_) {
    mean_ns_ = sample;
    deviation_ns_ = sample / 2;
    sampled_ = true;
    return;
  }
  const double error = sample - mean_ns_;  // RFC 6298 section 2: beta 1/4, alpha 1/8
  deviation_ns_ += ((error < 0 ? -error : error) - deviation_ns_) / 4;
  mean_ns_ += error / 8;
}

Duration DeadlineEstimator::timeout(const DeadlineOptions& options) const noexcept {
  if (!sampled_) return std::clamp(3 * options.floor, options.floor, options.ceiling);
  const double wait = std::min(mean_ns_ + options.factor * deviation_ns_, 1e18);
  return std::clamp(Duration(static_cast<Duration::rep>(wait)), options.floor, options.ceiling);
}

}  // namespace hansa::protocols
