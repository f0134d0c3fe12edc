// What a person sees while a run is going on: on a terminal a table of the last evaluated rounds above a
// progress bar, redrawn in place; elsewhere one plain line per evaluated round. It writes text to a function
// and is told the time, so that tests can look at every frame.
#pragma once

#include "sim/experiment.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace hansa::cli {

struct DisplayOptions {
  std::function<void(const std::string&)> write;  ///< gets complete pieces of output
  std::function<std::chrono::steady_clock::time_point()> now;
  std::size_t width = 100;  ///< of the terminal, in columns
};

class Display {
 public:
  virtual ~Display() = default;
  virtual void on_progress(const sim::Progress& progress) = 0;
  /// Leaves the terminal in order; nothing is drawn afterwards.
  virtual void finish() = 0;
};

std::unique_ptr<Display> make_live_display(DisplayOptions options);
std::unique_ptr<Display> make_plain_display(DisplayOptions options);

/// The metric shown first: auc, accuracy or rmse, whichever the round has; empty if none.
std::string primary_metric_of(const sim::RoundRecord& record);
/// "0.57 s", "12 s", "4 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);

}  // namespace hansa::cli
