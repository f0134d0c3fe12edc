// For what no callback reports: other processes, and threads that a test does not own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace hansa::test {

/// Looks again every `pause` until `condition` holds; false when `patience` is over.
template <class Condition>
bool eventually(const Condition& condition, std::chrono::nanoseconds patience,
                std::chrono::nanoseconds pause) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    never.wait_for(lock, pause);
  }
  return true;
}

}  // namespace hansa::test
