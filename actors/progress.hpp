// Is the run over? Nobody can see that from one actor, because a message on its way may wake a party that
// looked done. So every input that some party still has to handle is counted: when the count falls to zero,
// nothing is happening anywhere, and nothing will happen unless an alarm rings. A handler counts what it
// sends before it counts itself as done, so the count cannot touch zero in between.
#pragma once

#include <atomic>
#include <cstdint>

namespace hansa::actors {

/// Thread-safe.
class Progress {
 public:
  explicit Progress(std::uint32_t parties) noexcept : parties_(parties) {}

  /// A message or a computation is on its way to a party, or an alarm has begun to be handled.
  void input_added() noexcept { inputs_.fetch_add(1, std::memory_order_relaxed); }
  /// An input has been handled, with all its effects. True if the run is over: nothing is under way, and
  /// either all parties have finished or nobody waits for an alarm. May be true more than once.
  [[nodiscard]] bool input_handled() noexcept {
    // acq_rel: whoever sees zero also sees what the handlers before it wrote below.
    if (inputs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
    return finished_.load(std::memory_order_relaxed) == parties_ ||
           waiting_.load(std::memory_order_relaxed) == 0;
  }
  /// A party has finished, or has taken that back.
  void finished_changed(bool finished) noexcept { change(finished_, finished); }
  /// A party has come to want an alarm, or no longer wants one.
  void waiting_changed(bool waiting) noexcept { change(waiting_, waiting); }

 private:
  static void change(std::atomic<std::uint32_t>& count, bool up) noexcept {
    if (up) {
      count.fetch_add(1, std::memory_order_relaxed);
    } else {
      count.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  const std::uint32_t parties_;
  std::atomic<std::int64_t> inputs_{0};
  std::atomic<std::uint32_t> finished_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace hansa::actors
