// A small real training run for drivers: logistic regression on a synthetic data set, any strategy of the
// registry.
#pragma once

#include "protocols/gossip/registry.hpp"
#include "src/exec/driver.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace hansa::actors::testing {

struct TrainingOptions {
  std::uint32_t parties = 5;
  Round rounds = 6;
  std::string strategy = "d-psgd";
  std::string topology = "ring";
  std::string model = "logistic-regression";
  Duration gossip_period = std::chrono::milliseconds(2);
};

/// Holds everything that a DriverInput points to.
class TrainingRun {
 public:
  explicit TrainingRun(const TrainingOptions& options);

  /// The input for one run; make a new sink for each.
  [[nodiscard]] exec::DriverInput input(exec::EventSink& sink) const;
  [[nodiscard]] const protocols::StrategyEntry& strategy() const { return *strategy_; }

 private:
  const protocols::StrategyEntry* strategy_;
  std::shared_ptr<protocols::RunOptions> run_;
  exec::LocalTraining training_;
};

}  // namespace hansa::actors::testing
