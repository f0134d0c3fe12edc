// Any bytes as a program of inputs to a party: hostile messages, lost and stale computations, alarms,
// crashes. It must never assert, and what it asks its driver for must be sound.
// tidy: allow(floor) the unit tests run the same programs from a fixed corpus
#include "tests/protocols/support/party_program.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hansa::protocols::testing::PartyProgram({data, size}).run();
  return 0;
}
