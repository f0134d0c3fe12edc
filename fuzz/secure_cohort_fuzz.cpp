// Any bytes as what happens to a whole secure cohort: its packets reordered, lost, repeated, changed, signed
// again by a dishonest member; crashes, late tasks, early alarms. No assertion may fire, no honest member may
// contradict itself or be accused, and all must come to an end.
// tidy: allow(floor) the unit tests run the same programs from fixed seeds
#include "tests/protocols/support/cohort_program.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hansa::protocols::testing::CohortProgram({data, size}).run();
  return 0;
}
