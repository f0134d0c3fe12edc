// The fuzz target's programs, from fixed seeds, as an ordinary test.
#include "tests/protocols/support/party_program.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

namespace hansa::protocols::testing {
namespace {

TEST(PartyProgram, RandomProgramsNeverBreakAParty) {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed, Purpose::test);
    std::vector<std::uint8_t> program(64 + rng.below(1500));
    for (std::uint8_t& byte : program) byte = static_cast<std::uint8_t>(rng.next());
    program[0] = static_cast<std::uint8_t>(seed);  // every strategy in turn
    PartyProgram(program).run();
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
