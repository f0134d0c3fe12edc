#include "tests/wire/allocation_probe.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t largest = 0;

}  // namespace

namespace hansa::wire::testing {

void forget_allocations() noexcept { largest = 0; }
std::size_t largest_allocation() noexcept { return largest; }

}  // namespace hansa::wire::testing

void* operator new(std::size_t size) {
  largest = std::max(largest, size);
  void* memory = std::malloc(std::max<std::size_t>(size, 1));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
