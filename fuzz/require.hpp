// What must hold whatever the input: the fuzzer keeps the input of a process that aborts.
#pragma once

#include <cstdlib>

namespace hansa::fuzzing {

inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace hansa::fuzzing
