// Errors as values: what is stored comes back, moves leave nothing behind, and the wrong side asserts.
#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>

namespace hansa {
namespace {

Result<std::unique_ptr<int>> half(int x) {
  if (x % 2 != 0) return Error{ErrorKind::usage, "an odd number has no half", "pass an even one"};
  return std::make_unique<int>(x / 2);
}

TEST(Result, CarriesAValueOrAnError) {
  auto good = half(8);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(**good, 4);
  const std::unique_ptr<int> moved = std::move(good).value();
  EXPECT_EQ(*moved, 4);

  const auto bad = half(3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().kind, ErrorKind::usage);
  EXPECT_EQ(bad.error().message, "an odd number has no half");
  EXPECT_EQ(bad.error().hint, "pass an even one");
}

TEST(Result, IsNotANumber) {
  static_assert(!std::is_convertible_v<Result<int>, bool>, "a forgotten check must not turn into a number");
  const Result<bool> no = false;  // a value that happens to be false is not an error
  EXPECT_TRUE(no.ok());
  EXPECT_FALSE(no.value());
}

TEST(Result, OfNothing) {
  Result<void> fine;
  EXPECT_TRUE(fine.ok());
  Result<void> broken = Error{ErrorKind::missing, "no file", ""};
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(std::move(broken).error().message, "no file");
}

TEST(ResultDeathTest, TheWrongSideIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(half(3).value()), "this is a bug.*ok\\(\\)");
  EXPECT_DEATH(static_cast<void>(half(2).error()), "this is a bug");
  EXPECT_DEATH(static_cast<void>(Result<void>().error()), "this is a bug");
}

TEST(Types, PartiesAndPositionsConvertOnlyByName) {
  EXPECT_EQ(index(party_at(17)), 17U);
  static_assert(!std::is_convertible_v<PartyId, Round> && !std::is_convertible_v<Round, PartyId>);
  EXPECT_LT(party_at(1), party_at(2));
}

}  // namespace
}  // namespace hansa
