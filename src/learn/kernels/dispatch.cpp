// Chooses the kernel variant once, by what the processor says it has.
#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"

#include <atomic>

namespace hansa::learn {

extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

namespace {

const KernelTable* best() noexcept { return isa_available(Isa::avx512) ? &kAvx512Kernels : &kAvx2Kernels; }

std::atomic<const KernelTable*>& active() noexcept {
  static std::atomic<const KernelTable*> table{best()};
  return table;
}

}  // namespace

bool isa_available(Isa isa) noexcept {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (isa == Isa::avx2) return avx2;
  return avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

const KernelTable& kernels() noexcept { return *active().load(std::memory_order_relaxed); }

const KernelTable& kernels(Isa isa) noexcept {
  HANSA_ASSERT(isa_available(isa));
  return isa == Isa::avx512 ? kAvx512Kernels : kAvx2Kernels;
}

void set_active_isa(Isa isa) noexcept { active().store(&kernels(isa), std::memory_order_relaxed); }

}  // namespace hansa::learn
