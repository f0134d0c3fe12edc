// The parts of the host that threads share, without CAF, so that ThreadSanitizer sees every access.
#include "actors/progress.hpp"
#include "actors/report.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

namespace hansa::actors {
namespace {

using namespace std::chrono_literals;

TEST(ReportQueue, ManyWritersOneReaderNothingLostOrReordered) {
  constexpr std::uint32_t kWriters = 4;
  constexpr Round kReports = 5000;
  ReportQueue queue(8);
  std::vector<std::thread> writers;
  for (std::uint32_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&queue, w] {
      for (Round r = 0; r < kReports; ++r) {
        queue.report(Happened{party_at(w), protocols::RoundCompleted{.completed = r}, Time(r)});
      }
    });
  }
  std::map<PartyId, Round> next;
  std::uint32_t taken = 0;
  while (taken < kWriters * kReports) {
    const std::vector<Report> reports = queue.take(1s);
    ASSERT_LE(reports.size(), 8u) << "the queue is bounded";
    for (const Report& report : reports) {
      const auto& happened = std::get<Happened>(report);
      ASSERT_EQ(std::get<protocols::RoundCompleted>(happened.event).completed, next[happened.party]++);
      ++taken;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(queue.take(0ms).empty());
}

TEST(ReportQueue, TakingFromAnEmptyQueueGivesUp) {
  ReportQueue queue(1);
  EXPECT_TRUE(queue.take(1ms).empty());
}

TEST(Progress, IsOverWhenNothingIsUnderWayAndAllHaveFinished) {
  Progress progress(2);
  progress.input_added();
  progress.input_added();
  progress.waiting_changed(true);
  progress.finished_changed(true);
  EXPECT_FALSE(progress.input_handled()) << "one more input is under way";
  EXPECT_FALSE(progress.input_handled()) << "one party has not finished, and its alarm will ring";
  progress.input_added();
  progress.finished_changed(true);
  EXPECT_TRUE(progress.input_handled());
  progress.input_added();
  progress.finished_changed(false);
  EXPECT_FALSE(progress.input_handled()) << "it took that back";
  progress.input_added();
  progress.waiting_changed(false);
  EXPECT_TRUE(progress.input_handled()) << "nobody can do any more";
}

/// Threads pass tokens through the counter: exactly the last one to be handled may see zero.
TEST(Progress, OnlyTheLastInputEndsTheRun) {
  for (int repeat = 0; repeat < 200; ++repeat) {
    Progress progress(1);
    progress.finished_changed(true);
    std::atomic<int> ends{0};
    std::atomic<int> handled{0};
    progress.input_added();  // so that no thread ends the run before all have begun
    const auto relay = [&] {
      for (int i = 0; i < 50; ++i) {
        progress.input_added();
        ++handled;
        if (progress.input_handled()) ++ends;
      }
    };
    std::thread other(relay);
    relay();
    other.join();
    EXPECT_EQ(ends, 0);
    EXPECT_TRUE(progress.input_handled());
    EXPECT_EQ(handled, 100);
  }
}

}  // namespace
}  // namespace hansa::actors
