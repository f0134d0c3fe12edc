// The window against a model that remembers everything, and what the document promises about restarts.
#include "protocols/envelope/replay_window.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace hansa::protocols::envelope {
namespace {

TEST(ReplayWindow, TableOfCases) {
  ReplayWindow window(3);
  EXPECT_EQ(window.admit(2, 1), Freshness::old_boot);
  EXPECT_EQ(window.admit(3, 0), Freshness::replayed) << "numbers begin at 1";
  EXPECT_EQ(window.admit(3, 1), Freshness::fresh);
  EXPECT_EQ(window.admit(3, 1), Freshness::replayed);
  EXPECT_EQ(window.admit(3, 8192), Freshness::fresh);
  EXPECT_EQ(window.admit(3, 2), Freshness::fresh) << "8190 behind";
  EXPECT_EQ(window.admit(3, 8194), Freshness::fresh);
  EXPECT_EQ(window.admit(3, 2), Freshness::replayed) << "8192 behind: too old to tell";
  EXPECT_EQ(window.admit(3, 3), Freshness::fresh) << "8191 behind";
  EXPECT_EQ(window.admit(3, ~std::uint64_t{0}), Freshness::fresh);
  EXPECT_EQ(window.admit(3, 8193), Freshness::replayed);
  EXPECT_EQ(window.admit(4, 1), Freshness::fresh) << "restarted";
  EXPECT_EQ(window.admit(3, 9000), Freshness::old_boot);
  EXPECT_EQ(window.admit(4, 1), Freshness::replayed);
}

/// Random jumps, delays and 0 to 50 % of replays: never twice, and everything within the window once.
TEST(ReplayWindow, AgreesWithAMemoryOfEverything) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed, Purpose::test);
    const std::uint64_t replay_percent = rng.below(51);
    const std::uint64_t jump = std::uint64_t{1} << rng.below(15);
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::vector<std::uint64_t> sent;
    std::uint64_t boot = 1, highest = 0;
    for (int i = 0; i < 20000; ++i) {
      if (rng.below(5000) == 0) {
        ++boot;
        highest = 0;
        seen.clear();
        sent.clear();
      }
      std::uint64_t sequence = 0;
      if (!sent.empty() && rng.below(100) < replay_percent) {
        sequence = sent[rng.below(sent.size())];
      } else {
        sequence = highest + 1 + rng.below(jump);
        if (rng.below(4) == 0 && highest > 0) sequence = 1 + rng.below(highest);
      }
      sent.push_back(sequence);
      const bool in_window = sequence > highest || highest - sequence < kReplayWindow;
      const bool fresh = in_window && !seen.contains(sequence);
      ASSERT_EQ(window.admit(boot, sequence) == Freshness::fresh, fresh)
          << "seed " << seed << ", step " << i << ", sequence " << sequence << ", highest " << highest;
      if (fresh) seen.insert(sequence);
      highest = std::max(highest, sequence);
    }
  }
}

TEST(ReplayGuard, SendersAreApartAndForgottenOnes) {
  const crypto::PublicKey a{std::byte{1}}, b{std::byte{2}};
  ReplayGuard guard;
  guard.expect_boot(a, 7);
  EXPECT_EQ(guard.admit(a, 6, 1), Freshness::old_boot);
  EXPECT_EQ(guard.admit(a, 7, 1), Freshness::fresh);
  EXPECT_EQ(guard.admit(b, 1, 1), Freshness::fresh);
  EXPECT_EQ(guard.boot_of(a), 7u);
  guard.expect_boot(a, 5);
  EXPECT_EQ(guard.boot_of(a), 7u) << "never back";
  guard.retain(std::vector{a});
  EXPECT_EQ(guard.boot_of(b), std::nullopt);
  EXPECT_EQ(guard.admit(a, 7, 1), Freshness::replayed);
}

}  // namespace
}  // namespace hansa::protocols::envelope
