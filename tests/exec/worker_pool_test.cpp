// Every job once, whoever performs it. Meant to run under the thread sanitizer too.
#include "src/exec/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace hansa::exec {
namespace {

class Threads : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Pool, Threads, ::testing::Values(1, 2, 3, 8));

TEST_P(Threads, EveryJobIsDoneExactlyOnceWhateverTheOrderOfWaits) {
  WorkerPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  constexpr std::size_t kJobs = 500;
  for (const bool backwards : {false, true}) {
    std::vector<std::atomic<int>> done(kJobs);
    std::vector<std::shared_ptr<Job>> jobs;
    for (std::size_t i = 0; i < kJobs; ++i) {
      jobs.push_back(std::make_shared<Job>([&done, i](learn::Workspace&) { ++done[i]; }));
      pool.submit(jobs.back());
    }
    for (std::size_t i = 0; i < kJobs; ++i) {
      const std::size_t at = backwards ? kJobs - 1 - i : i;
      pool.wait(*jobs[at]);
      ASSERT_EQ(done[at], 1) << at;
    }
    for (std::size_t i = 0; i < kJobs; ++i) pool.wait(*jobs[i]);  // once more is harmless
    for (const auto& count : done) EXPECT_EQ(count, 1);
  }
}

TEST_P(Threads, WhatAJobWroteIsSeenByTheOneWhoWaited) {
  WorkerPool pool(GetParam());
  for (int repeat = 0; repeat < 200; ++repeat) {
    auto result = std::make_shared<int>(0);  // not atomic on purpose: wait() must order it
    const auto job = std::make_shared<Job>([result, repeat](learn::Workspace&) { *result = repeat + 1; });
    pool.submit(job);
    pool.wait(*job);
    ASSERT_EQ(*result, repeat + 1);
    EXPECT_EQ(result.use_count(), 1) << "a job that is done lets go of what it held";
  }
}

TEST_P(Threads, ParallelForCoversEveryIndexOnceAndReturnsAfterTheLast) {
  WorkerPool pool(GetParam());
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{1'000}}) {
    std::vector<int> done(count, 0);
    pool.parallel_for(count, [&](std::size_t i, learn::Workspace& workspace) {
      workspace.floats(0, 16)[0] = static_cast<float>(i);  // nobody else may use this workspace now
      done[i] += workspace.floats(0, 16)[0] == static_cast<float>(i) ? 1 : 100;
    });
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(done[i], 1) << i;
  }
}

TEST_P(Threads, JobsThatNobodyWaitsForDoNotKeepThePoolAlive) {
  std::atomic<int> done{0};
  {
    WorkerPool pool(GetParam());
    for (int i = 0; i < 100; ++i) pool.submit(std::make_shared<Job>([&](learn::Workspace&) { ++done; }));
  }
  EXPECT_LE(done, 100);
  const int after = done;
  std::this_thread::yield();
  EXPECT_EQ(done, after) << "nothing runs after the pool is gone";
}

TEST_P(Threads, ACancelledJobIsDoneOrNeverBegins) {
  WorkerPool pool(GetParam());
  int begun = 0;
  for (int repeat = 0; repeat < 300; ++repeat) {
    auto state = std::make_shared<std::atomic<int>>(0);
    const auto job = std::make_shared<Job>([state](learn::Workspace&) {
      *state = 1;
      *state = 2;
    });
    pool.submit(job);
    if (repeat % 3 == 0) std::this_thread::yield();
    pool.cancel(*job);
    const int at_return = *state;
    EXPECT_NE(at_return, 1) << "it was still running";
    EXPECT_EQ(state.use_count(), 1) << "it lets go of what it held either way";
    pool.wait(*job);
    EXPECT_EQ(*state, at_return) << "a cancelled job stays cancelled";
    begun += at_return == 2;
  }
  EXPECT_TRUE(GetParam() > 1 || begun == 0) << "without workers nobody else can have begun it";
}

TEST(WorkerPool, TheOneWhoWaitsPerformsWhatNobodyBegan) {
  WorkerPool pool(1);
  std::thread::id where;
  const auto job = std::make_shared<Job>([&](learn::Workspace&) { where = std::this_thread::get_id(); });
  pool.submit(job);
  EXPECT_EQ(where, std::thread::id()) << "one thread means no worker";
  pool.wait(*job);
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(WorkerPool, WaitingForABlockedJobLetsOthersWork) {
  // The only worker is busy until the caller has done its own waiting: wait() must help, or this never ends.
  WorkerPool pool(2);
  std::atomic<bool> release{false};
  const auto blocker = std::make_shared<Job>([&](learn::Workspace&) { release.wait(false); });
  pool.submit(blocker);
  std::vector<std::shared_ptr<Job>> jobs;
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    jobs.push_back(std::make_shared<Job>([&done, &release, i](learn::Workspace&) {
      if (i == 9) {
        release = true;
        release.notify_all();
      }
      ++done;
    }));
  }
  for (const auto& job : jobs) pool.wait(*job);  // not even submitted: performed here
  pool.wait(*blocker);
  EXPECT_EQ(done, 10);
}

}  // namespace
}  // namespace hansa::exec
