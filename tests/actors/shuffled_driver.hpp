// The same actors as the wall driver's, on CAF's deterministic scheduler: one thread, virtual time, and a
// seeded choice of which actor runs next. A seed names one schedule; a failure repeats with it.
#pragma once

#include "src/exec/driver.hpp"

#include <cstdint>
#include <memory>

namespace hansa::actors::testing {

struct ShuffleOptions {
  std::uint64_t seed = 1;
  bool encode_messages = false;
};

/// Stops as a failure if the actors can do no more before they have said farewell.
std::unique_ptr<exec::Driver> make_shuffled_driver(ShuffleOptions options);

}  // namespace hansa::actors::testing
