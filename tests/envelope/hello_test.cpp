// Negotiation over all pairs of small version ranges, and HELLO bodies that are not quite right.
#include "protocols/envelope/hello.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hansa::protocols::envelope {
namespace {

Hello hello(int min, int max, const char* release = "0.1.0") {
  return {static_cast<std::uint8_t>(min), static_cast<std::uint8_t>(max), 0b1010, release};
}

TEST(Hello, BothEndsAgreeOnTheHighestCommonVersionOrBothRefuse) {
  for (int a = 1; a <= 5; ++a) {
    for (int b = a; b <= 5; ++b) {
      for (int c = 1; c <= 5; ++c) {
        for (int d = c; d <= 5; ++d) {
          const auto ours = negotiate(hello(a, b), hello(c, d)), theirs = negotiate(hello(c, d), hello(a, b));
          const bool overlap = std::max(a, c) <= std::min(b, d);
          ASSERT_EQ(ours.ok(), overlap);
          ASSERT_EQ(theirs.ok(), overlap);
          if (overlap) {
            EXPECT_EQ(ours->proto, std::min(b, d));
            EXPECT_EQ(theirs->proto, ours->proto);
          }
        }
      }
    }
  }
}

TEST(Hello, RefusalNamesBothVersionsAndWhoShouldUpgrade) {
  const auto result = negotiate(hello(1, 1, "0.1.0"), hello(2, 3, "0.9.4"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(
      result.error().message,
      "version_mismatch: this node speaks protocols 1 to 1 (release 0.1.0), the peer 2 to 3 (release 0.9.4)");
  EXPECT_EQ(result.error().hint, "upgrade this node");
  EXPECT_EQ(negotiate(hello(2, 3), hello(1, 1)).error().hint, "ask the peer's operator to upgrade");
}

TEST(Hello, FeaturesAreThoseThatBothHave) {
  Hello a = hello(1, 1), b = hello(1, 1);
  a.features = 0b1100;
  b.features = 0b0110;
  EXPECT_EQ(negotiate(a, b)->features, 0b0100u);
}

TEST(Hello, BytesRoundTripAndNothingElseIsAccepted) {
  const Hello original{1, 2, 0x8000000000000001, "0.1.0+abc"};
  const auto body = encode(original);
  EXPECT_EQ(decode_hello(body), original);
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(decode_hello(std::span(body).first(length)));
  }
  const auto spoiled = [&](std::size_t at, int value) {
    auto copy = body;
    copy[at] = static_cast<std::byte>(value);
    return decode_hello(copy).has_value();
  };
  EXPECT_FALSE(spoiled(0, 0)) << "there is no version 0";
  EXPECT_FALSE(spoiled(0, 3)) << "from above to";
  EXPECT_FALSE(spoiled(10, 0));
  EXPECT_FALSE(spoiled(10, 255));
  EXPECT_FALSE(spoiled(11, 27)) << "an escape sequence would reach the operator's terminal";
  auto longer = body;
  longer.push_back(std::byte{'x'});
  EXPECT_FALSE(decode_hello(longer));
}

}  // namespace
}  // namespace hansa::protocols::envelope
