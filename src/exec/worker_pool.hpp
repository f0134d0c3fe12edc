// Threads that perform jobs while the event loop goes on. A job is claimed exactly once, by a worker or by
// whoever waits for it, so one thread suffices and no number of threads changes a result.
#pragma once

#include "src/learn/model.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace hansa::exec {

/// One piece of work. Lives until it is done and its last holder lets go.
class Job {
 public:
  explicit Job(std::function<void(learn::Workspace&)> work) : work_(std::move(work)) {}

 private:
  friend class WorkerPool;
  enum class State : int { queued, running, done };
  std::function<void(learn::Workspace&)> work_;
  std::atomic<State> state_{State::queued};
};

/// `threads` counts the caller: 1 means no worker threads, and jobs run inside wait().
class WorkerPool {
 public:
  explicit WorkerPool(std::uint32_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Starts `job` as soon as a worker is free. Thread-safe.
  void submit(std::shared_ptr<Job> job);
  /// Returns when `job` is done; performs it here if nobody has begun. For the one thread that owns the pool.
  void wait(Job& job);
  /// Returns when `job` is done or will never be performed. For the one thread that owns the pool.
  void cancel(Job& job);
  /// Performs `work(i)` for i in [0, count) on all threads and returns when all are done.
  void parallel_for(std::size_t count, const std::function<void(std::size_t, learn::Workspace&)>& work);

  [[nodiscard]] std::uint32_t threads() const noexcept {
    return static_cast<std::uint32_t>(workers_.size()) + 1;
  }
  [[nodiscard]] learn::Workspace& caller_workspace() noexcept { return caller_workspace_; }

 private:
  void work();
  bool perform(Job& job, learn::Workspace& workspace);

  std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable done_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool closing_ = false;
  learn::Workspace caller_workspace_;
  std::vector<std::thread> workers_;
};

}  // namespace hansa::exec
