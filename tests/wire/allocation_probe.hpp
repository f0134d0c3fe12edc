// The largest single allocation that this thread asked operator new for. Linking allocation_probe.cpp
// replaces the operator for the whole test program.
#pragma once

#include <cstddef>

namespace hansa::wire::testing {

void forget_allocations() noexcept;
[[nodiscard]] std::size_t largest_allocation() noexcept;

}  // namespace hansa::wire::testing
