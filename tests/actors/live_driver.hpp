// A driver made of live parties in one process: each in an actor system of its own, with frames handed from
// one to the next as bytes. What differs from a node is only the socket in between.
#pragma once

#include "src/exec/driver.hpp"

#include <memory>

namespace hansa::actors::testing {

std::unique_ptr<exec::Driver> make_live_driver();

}  // namespace hansa::actors::testing
