#include "src/exec/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <vector>

namespace hansa::exec {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1; missing from glibc 2.36's headers

template <class T>
void collapse(const std::vector<T>& values) noexcept {
  constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;
  const auto first = reinterpret_cast<std::uintptr_t>(values.data());
  const std::uintptr_t begin = (first + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t end = (first + values.size() * sizeof(T)) / kHugePage * kHugePage;
  if (begin >= end) return;
  auto* const memory = reinterpret_cast<void*>(begin);  // whole pages of ours only
  // Advice: an older kernel that does not know the second one refuses it, and nothing has happened.
  if (madvise(memory, end - begin, MADV_HUGEPAGE) == 0) madvise(memory, end - begin, kCollapse);
}

}  // namespace

void use_huge_pages(const learn::Dataset& dataset) noexcept {
  collapse(dataset.pixels);
  collapse(dataset.dense);
  collapse(dataset.column);
  collapse(dataset.value);
}

}  // namespace hansa::exec
