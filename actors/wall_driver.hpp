// Wall-clock time: every virtual party is hosted by an actor of its own, connected in memory, and really
// computes for as long as it takes. The machines are the same objects that the simulator drives, so a run
// without faults must end with the same models; that is how we know that the simulator does not lie.
#pragma once

#include "src/exec/driver.hpp"

#include <cstdint>
#include <memory>

namespace hansa::actors {

struct WallOptions {
  std::uint32_t threads = 1;     ///< threads that run actors and training, besides the caller's; at least 1
  bool encode_messages = false;  ///< really encode and decode every message; else only count its bytes
};

/// The driver called "wall". Its run() takes as long as the parties' deadlines and computations do, calls the
/// sink on the calling thread only, and returns soon after input.stop is set (a computation under way is
/// finished). Times are nanoseconds since the parties were started.
std::unique_ptr<exec::Driver> make_wall_driver(WallOptions options);

}  // namespace hansa::actors
