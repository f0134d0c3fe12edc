// Edit distance against a plain recursive definition, and the suggestions people see.
#include "src/config/nearest.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace hansa::config {
namespace {

/// The definition, without any table: exponential, for short words only.
std::size_t distance_by_definition(std::string_view a, std::string_view b) {
  if (a.empty()) return b.size();
  if (b.empty()) return a.size();
  const std::size_t same = a.back() == b.back() ? 0 : 1;
  const std::string_view a1 = a.substr(0, a.size() - 1), b1 = b.substr(0, b.size() - 1);
  std::size_t best = std::min({distance_by_definition(a1, b) + 1, distance_by_definition(a, b1) + 1,
                               distance_by_definition(a1, b1) + same});
  if (a.size() > 1 && b.size() > 1 && a.back() == b[b.size() - 2] && a[a.size() - 2] == b.back()) {
    best = std::min(best, distance_by_definition(a.substr(0, a.size() - 2), b.substr(0, b.size() - 2)) + 1);
  }
  return best;
}

std::string random_word(Rng& rng) {
  std::string word(rng.below(6), 'a');
  for (char& letter : word) letter = static_cast<char>('a' + rng.below(3));
  return word;
}

TEST(Nearest, DistanceAgreesWithTheDefinition) {
  Rng rng(1, Purpose::test);
  for (int i = 0; i < 2000; ++i) {
    const std::string a = random_word(rng), b = random_word(rng);
    EXPECT_EQ(edit_distance(a, b), distance_by_definition(a, b)) << a << " / " << b;
  }
}

TEST(Nearest, DistanceOfKnownPairs) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("learning_rate", "learning_rat"), 1U);
  EXPECT_EQ(edit_distance("gird", "grid"), 1U);
  EXPECT_EQ(edit_distance("MLP", "mlp"), 0U);
  EXPECT_EQ(edit_distance(std::string(1000, 'x'), std::string(2000, 'x')), 0U)
      << "only the first 64 bytes count";
}

TEST(Nearest, SuggestsOnlyWhatIsClose) {
  static constexpr std::array<std::string_view, 4> kNames{"d-psgd", "gossip-learning", "epidemic",
                                                          "push-sum"};
  EXPECT_EQ(nearest("dpsgd", kNames), "d-psgd");
  EXPECT_EQ(nearest("push_sum", kNames), "push-sum");
  EXPECT_EQ(nearest("gossip", kNames), "gossip-learning") << "a beginning is enough";
  EXPECT_EQ(nearest("zebra", kNames), "");
  EXPECT_EQ(nearest("", kNames), "");
  EXPECT_EQ(did_you_mean("zebra", kNames), "");
  EXPECT_EQ(did_you_mean("epidemc", kNames), "; did you mean \"epidemic\"?");
  EXPECT_EQ(joined(kNames), "d-psgd, gossip-learning, epidemic, push-sum");
}

}  // namespace
}  // namespace hansa::config
