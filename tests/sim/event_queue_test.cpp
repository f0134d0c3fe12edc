// The event queue against the plainest model of a total order: a list that is sorted before every look.
#include "sim/event_queue.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

namespace hansa::sim {
namespace {

using Key = std::tuple<std::int64_t, std::uint32_t, std::uint32_t, std::uint64_t>;

struct Narrow {
  std::uint64_t times, parties;
};

class EventQueueOrder : public ::testing::TestWithParam<Narrow> {};
// Few times and parties make many ties; the last case has numbers at the ends of their ranges.
INSTANTIATE_TEST_SUITE_P(Ties, EventQueueOrder,
                         ::testing::Values(Narrow{1, 1}, Narrow{1, 4}, Narrow{3, 2}, Narrow{50, 10},
                                           Narrow{1ULL << 62, 0xFFFF'FFFFULL}));

TEST_P(EventQueueOrder, IsThatOfASortedListUnderRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed, Purpose::test);
    EventQueue<Key> queue;
    std::vector<Key> naive;
    std::uint64_t sequence = 0;
    for (int operation = 0; operation < 400; ++operation) {
      if (naive.empty() || rng.uniform() < (operation < 250 ? 0.65 : 0.3)) {
        const Key key{static_cast<std::int64_t>(rng.below(GetParam().times)),
                      static_cast<std::uint32_t>(rng.below(GetParam().parties)),
                      static_cast<std::uint32_t>(rng.below(GetParam().parties)), sequence++};
        naive.push_back(key);
        queue.push(Time(std::get<0>(key)), party_at(std::get<1>(key)), party_at(std::get<2>(key)),
                   std::get<3>(key), key);
      } else {
        const auto least = std::min_element(naive.begin(), naive.end());
        const auto event = queue.pop();
        ASSERT_EQ(event.payload, *least) << "seed " << seed << ", operation " << operation;
        EXPECT_EQ(event.time.count(), std::get<0>(*least));
        EXPECT_EQ(index(event.destination), std::get<1>(*least));
        EXPECT_EQ(index(event.source), std::get<2>(*least));
        naive.erase(least);
      }
      ASSERT_EQ(queue.size(), naive.size());
      ASSERT_EQ(queue.empty(), naive.empty());
    }
  }
}

TEST(EventQueue, OrderDoesNotDependOnInsertionOrder) {
  std::vector<Key> keys;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Rng rng(5, Purpose::test, i);
    keys.emplace_back(rng.below(4), rng.below(3), rng.below(3), i);
  }
  std::vector<Key> expected = keys;
  std::sort(expected.begin(), expected.end());
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Rng rng(seed, Purpose::test);
    rng.shuffle(keys);
    EventQueue<Key> queue;
    for (const Key& key : keys) {
      queue.push(Time(std::get<0>(key)), party_at(std::get<1>(key)), party_at(std::get<2>(key)),
                 std::get<3>(key), key);
    }
    for (const Key& key : expected) ASSERT_EQ(queue.pop().payload, key);
  }
}

TEST(EventQueue, LetsGoOfPayloadsOnceTheyAreTaken) {
  EventQueue<std::shared_ptr<int>> queue;
  const auto payload = std::make_shared<int>(1);
  for (std::uint64_t i = 0; i < 10; ++i) queue.push(Time(1), party_at(0), party_at(0), i, payload);
  EXPECT_EQ(payload.use_count(), 11);
  for (int i = 0; i < 10; ++i) queue.pop();
  EXPECT_EQ(payload.use_count(), 1);
}

}  // namespace
}  // namespace hansa::sim
