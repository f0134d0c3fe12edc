// The fuzz target's programs, from fixed seeds, as an ordinary test.
#include "tests/protocols/support/cohort_program.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

namespace hansa::protocols::testing {
namespace {

TEST(CohortProgram, WithoutAProgramEverySumCompletes) {
  CohortProgram quiet({});
  quiet.run();
  EXPECT_EQ(quiet.sums(), 4U) << "one round of four members";
  EXPECT_EQ(quiet.caught(), 0U);
}

TEST(CohortProgram, RandomProgramsNeverBreakACohort) {
  std::size_t sums = 0, caught = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed, Purpose::test);
    std::vector<std::uint8_t> bytes(16 + rng.below(600));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    CohortProgram program(bytes);
    program.run();
    sums += program.sums();
    caught += program.caught();
  }
  EXPECT_GT(sums, 50U) << "the programs must reach the end of sums, not only disturb their beginnings";
  EXPECT_GT(caught, 20U) << "the dishonest member must get as far as being caught";
}

}  // namespace
}  // namespace hansa::protocols::testing
