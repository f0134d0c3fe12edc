#include "src/exec/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <vector>

namespace hansa::exec {
namespace {

template <class T>
void collapse([[maybe_unused]] const std::vector<T>& values) noexcept {
#ifdef MADV_COLLAPSE
  constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;
  const auto first = reinterpret_cast<std::uintptr_t>(values.data());
  const std::uintptr_t begin = (first + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t end = (first + values.size() * sizeof(T)) / kHugePage * kHugePage;
  if (begin >= end) return;
  auto* const memory =
      reinterpret_cast<void*>(begin);  // whole pages of ours only; advice, so errors are fine
  if (madvise(memory, end - begin, MADV_HUGEPAGE) == 0) madvise(memory, end - begin, MADV_COLLAPSE);
#endif
}

}  // namespace

void use_huge_pages(const learn::Dataset& dataset) noexcept {
  collapse(dataset.pixels);
  collapse(dataset.dense);
  collapse(dataset.column);
  collapse(dataset.value);
}

}  // namespace hansa::exec
