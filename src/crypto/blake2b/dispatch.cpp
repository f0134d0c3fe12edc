// Which variants the processor has instructions for.
#include "src/crypto/blake2b/lanes.hpp"

namespace hansa::crypto::blake2b {

void hash_lanes_avx2(const Pieces& pieces, std::size_t size, Digests& out) noexcept;
void hash_lanes_avx512(const Pieces& pieces, std::size_t size, Digests& out) noexcept;

const Variants& variants() noexcept {
  static const Variants found = [] {
    Variants v;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
      v.all[v.count++] = {"avx512", hash_lanes_avx512};
    }
    if (__builtin_cpu_supports("avx2") != 0) v.all[v.count++] = {"avx2", hash_lanes_avx2};
    return v;
  }();
  return found;
}

}  // namespace hansa::crypto::blake2b
