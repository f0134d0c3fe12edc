#include "src/exec/worker_pool.hpp"

#include <hansa/assert.hpp>

#include <utility>

namespace hansa::exec {

WorkerPool::WorkerPool(std::uint32_t threads) {
  HANSA_ASSERT(threads >= 1);
  for (std::uint32_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    queue_.clear();
  }
  queued_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::submit(std::shared_ptr<Job> job) {
  if (workers_.empty()) return;  // wait() performs it
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(job));
  }
  queued_.notify_one();
}

bool WorkerPool::perform(Job& job, learn::Workspace& workspace) {
  auto expected = Job::State::queued;
  if (!job.state_.compare_exchange_strong(expected, Job::State::running)) return false;
  job.work_(workspace);
  job.work_ = nullptr;  // lets go of what the work held
  {
    const std::scoped_lock lock(mutex_);
    job.state_.store(Job::State::done);
  }
  done_.notify_all();
  return true;
}

void WorkerPool::wait(Job& job) {
  if (job.state_.load() == Job::State::done || perform(job, caller_workspace_)) return;
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return job.state_.load() == Job::State::done; });
}

void WorkerPool::cancel(Job& job) {
  auto expected = Job::State::queued;
  if (job.state_.compare_exchange_strong(expected, Job::State::done)) {
    job.work_ = nullptr;
    return;
  }
  wait(job);
}

void WorkerPool::work() {
  learn::Workspace workspace;
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (closing_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    perform(*job, workspace);
  }
}

void WorkerPool::parallel_for(std::size_t count,
                              const std::function<void(std::size_t, learn::Workspace&)>& work) {
  std::vector<std::shared_ptr<Job>> jobs;
  jobs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    jobs.push_back(std::make_shared<Job>([&work, i](learn::Workspace& workspace) { work(i, workspace); }));
    submit(jobs.back());
  }
  for (const auto& job : jobs) wait(*job);
}

}  // namespace hansa::exec
