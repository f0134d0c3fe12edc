// The arena and its references, alone, against a naive model, and from many threads.
#include <hansa/parameters.hpp>
#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace hansa {
namespace {

Parameters filled(std::size_t count, float value) {
  Parameters parameters = Parameters::uninitialised(count);
  std::fill_n(parameters.data(), count, value);
  return parameters;
}

std::size_t total_bytes() {
  const ArenaStatistics statistics = arena_statistics();
  return statistics.bytes_in_use + statistics.bytes_recycled;
}

TEST(Parameters, HoldsWhatItWasGiven) {
  for (const std::size_t count : {0UL, 1UL, 15UL, 16UL, 17UL, 1000UL, 1'000'003UL}) {
    Parameters zeros = Parameters::zeros(count);
    ASSERT_EQ(zeros.size(), count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(zeros.data()) % 64, 0U) << count;
    EXPECT_TRUE(std::all_of(zeros.span().begin(), zeros.span().end(), [](float x) { return x == 0.0f; }));
    for (std::size_t i = 0; i < count; ++i) zeros.data()[i] = static_cast<float>(i % 1000);
    const Parameters copy = Parameters::copy_of(zeros.span());
    EXPECT_TRUE(std::equal(copy.span().begin(), copy.span().end(), zeros.span().begin(), zeros.span().end()));
    EXPECT_NE(copy.data(), zeros.data());
  }
}

TEST(Parameters, EmptyObjectsAreHarmless) {
  Parameters nothing;
  EXPECT_EQ(nothing.size(), 0U);
  EXPECT_EQ(nothing.data(), nullptr);
  ParametersRef ref;
  EXPECT_FALSE(static_cast<bool>(ref));
  EXPECT_FALSE(ref.unique());
  EXPECT_EQ(ref.span().size(), 0U);
  const ParametersRef copy = ref;
  EXPECT_TRUE(copy == ref);
  EXPECT_FALSE(static_cast<bool>(std::move(nothing).freeze()));
}

TEST(Parameters, FreezingAndThawingAloneDoesNotCopy) {
  Parameters owner = filled(100, 1.0f);
  const float* const place = owner.data();
  ParametersRef ref = std::move(owner).freeze();
  EXPECT_EQ(ref.data(), place);
  EXPECT_TRUE(ref.unique());
  Parameters again = Parameters::take_or_copy(std::move(ref));
  EXPECT_EQ(again.data(), place);
}

TEST(Parameters, ThawingASharedBlockCopies) {
  ParametersRef ref = filled(100, 1.0f).freeze();
  const ParametersRef other = ref;
  EXPECT_FALSE(ref.unique());
  EXPECT_TRUE(ref == other);
  Parameters mine = Parameters::take_or_copy(std::move(ref));
  EXPECT_NE(mine.data(), other.data());
  mine.data()[7] = 2.0f;
  EXPECT_EQ(other.data()[7], 1.0f);
  EXPECT_TRUE(other.unique());  // the reference that was handed over is gone
}

TEST(Parameters, AssignmentReleasesWhatWasHeld) {
  const std::size_t before = arena_statistics().bytes_in_use;
  {
    ParametersRef a = filled(64, 1.0f).freeze();
    ParametersRef b = filled(64, 2.0f).freeze();
    a = b;
    ParametersRef& alias = a;
    a = alias;  // to itself
    EXPECT_TRUE(a == b);
    EXPECT_FALSE(a.unique());
    b = ParametersRef();
    EXPECT_TRUE(a.unique());
    EXPECT_EQ(a.data()[0], 2.0f);
  }
  EXPECT_EQ(arena_statistics().bytes_in_use, before);
}

TEST(Arena, ReusesFreedBlocksOfTheSameSize) {
  constexpr std::size_t kCount = 12'345;
  const float* place = nullptr;
  {
    const Parameters first = Parameters::uninitialised(kCount);
    place = first.data();
  }
  const Parameters other_size = Parameters::uninitialised(kCount * 2);
  EXPECT_NE(other_size.data(), place);
  const Parameters second = Parameters::uninitialised(kCount);
  EXPECT_EQ(second.data(), place);
}

TEST(Arena, DoesNotGrowWhenWorkRepeats) {
  const auto work = [] {
    std::vector<ParametersRef> models;
    for (int i = 0; i < 300; ++i) models.push_back(filled(5000, static_cast<float>(i)).freeze());
    for (int i = 0; i < 300; ++i)
      ASSERT_EQ(models[static_cast<std::size_t>(i)].data()[4999], static_cast<float>(i));
  };
  const std::size_t in_use = arena_statistics().bytes_in_use;
  work();
  const std::size_t total = total_bytes();
  for (int repeat = 0; repeat < 10; ++repeat) work();
  EXPECT_EQ(total_bytes(), total);
  EXPECT_EQ(arena_statistics().bytes_in_use, in_use);
}

TEST(Arena, BlocksInUseDoNotOverlap) {
  Rng rng(1, Purpose::test);
  std::vector<ParametersRef> models;
  std::set<std::pair<const float*, const float*>> ranges;
  for (int i = 0; i < 2000; ++i) {
    models.push_back(Parameters::uninitialised(1 + rng.below(400)).freeze());
    ranges.emplace(models.back().data(), models.back().data() + models.back().size());
  }
  ASSERT_EQ(ranges.size(), models.size());
  const float* end = nullptr;
  for (const auto& [first, last] : ranges) {
    ASSERT_GE(first, end);
    end = last;
  }
}

TEST(Arena, AgreesWithANaiveModelOverRandomOperations) {
  struct Pair {
    ParametersRef ref;
    std::shared_ptr<std::vector<float>> naive;
  };
  const std::size_t before = arena_statistics().bytes_in_use;
  {
    Rng rng(2, Purpose::test);
    std::vector<Pair> pairs(20);
    for (int step = 0; step < 20000; ++step) {
      Pair& a = pairs[rng.below(pairs.size())];
      Pair& b = pairs[rng.below(pairs.size())];
      switch (rng.below(4)) {
        case 0: {
          const std::size_t count = 1 + rng.below(50);
          const auto value = static_cast<float>(step);
          a = {filled(count, value).freeze(), std::make_shared<std::vector<float>>(count, value)};
          break;
        }
        case 1:
          a = b;
          break;
        case 2:
          a = {};
          break;
        case 3:  // write: in place or on a copy, the others must not see it
          if (a.ref) {
            const bool alone = a.naive.use_count() == 1;
            ASSERT_EQ(a.ref.unique(), alone);
            Parameters mine = Parameters::take_or_copy(std::move(a.ref));
            if (!alone) a.naive = std::make_shared<std::vector<float>>(*a.naive);
            const std::size_t at = rng.below(mine.size());
            mine.data()[at] = (*a.naive)[at] = -static_cast<float>(step);
            a.ref = std::move(mine).freeze();
          }
          break;
      }
      ASSERT_EQ(static_cast<bool>(a.ref), a.naive != nullptr);
      if (a.ref) {
        ASSERT_TRUE(std::equal(a.ref.span().begin(), a.ref.span().end(), a.naive->begin(), a.naive->end()));
      }
      ASSERT_EQ(a.ref == b.ref, a.naive == b.naive);
    }
  }
  EXPECT_EQ(arena_statistics().bytes_in_use, before);
}

TEST(Arena, ThreadsPassModelsToEachOther) {
  const std::size_t before = arena_statistics().bytes_in_use;
  {
    std::mutex mutex;
    std::vector<ParametersRef> table(16);
    const auto work = [&](std::uint64_t worker) {
      Rng rng(3, Purpose::test, worker);
      for (int step = 0; step < 5000; ++step) {
        const std::size_t from = rng.below(table.size());
        const std::size_t to = rng.below(table.size());
        ParametersRef ref;
        {
          const std::scoped_lock lock(mutex);
          ref = table[from];
        }
        if (ref) {  // every float of a model is the same; a torn or reused block would show
          const auto span = ref.span();
          ASSERT_TRUE(std::all_of(span.begin(), span.end(), [&](float x) { return x == span[0]; }));
        }
        Parameters next = ref && ref.size() > 0 ? Parameters::take_or_copy(std::move(ref)) : filled(64, 0);
        const auto value = static_cast<float>(rng.below(1000));
        std::fill_n(next.data(), next.size(), value);
        ParametersRef frozen = std::move(next).freeze();
        const std::scoped_lock lock(mutex);
        table[to] = std::move(frozen);
      }
    };
    std::vector<std::thread> threads;
    for (std::uint64_t worker = 0; worker < 4; ++worker) threads.emplace_back(work, worker);
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(arena_statistics().bytes_in_use, before);
}

TEST(Arena, AThreadLeavesItsBlocksBehind) {
  constexpr std::size_t kCount = 54'321;  // a size that no other test uses
  const auto allocate_and_free = [] { std::thread([] { Parameters::zeros(kCount); }).join(); };
  allocate_and_free();
  const std::size_t total = total_bytes();
  for (int i = 0; i < 20; ++i) allocate_and_free();
  EXPECT_EQ(total_bytes(), total);
}

TEST(ParametersDeathTest, RefusesToOwnNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Parameters::take_or_copy(ParametersRef()), "this is a bug");
}

}  // namespace
}  // namespace hansa
