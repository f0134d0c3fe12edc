// How long to wait for peers. Like a retransmission timer (Jacobson and Karels 1988; RFC 6298): keep a
// smoothed mean and deviation of how long complete rounds really took, and wait mean + factor * deviation,
// between a floor and a ceiling. Waits that ended at the deadline are not samples, they would only confirm
// themselves; a message that arrives too late is one, so a slow but living peer stretches the next deadline.
#pragma once

#include <hansa/types.hpp>

namespace hansa::protocols {

struct DeadlineOptions {
  Duration floor = std::chrono::seconds(30);     ///< never shorter: healthy runs never see a deadline
  Duration ceiling = std::chrono::seconds(120);  ///< never longer: one dead peer costs at most this
  double factor = 4;                             ///< RFC 6298's K
};

/// A value; 32 bytes.
class DeadlineEstimator {
 public:
  /// A complete answer, or a late one, took `wait`.
  void observe(Duration wait) noexcept;
  /// How long to wait now. Without samples: the ceiling's share that is safe to begin with, three floors.
  [[nodiscard]] Duration timeout(const DeadlineOptions& options) const noexcept;

 private:
  double mean_ns_ = 0;
  double deviation_ns_ = 0;
  bool sampled_ = false;
};

}  // namespace hansa::protocols
