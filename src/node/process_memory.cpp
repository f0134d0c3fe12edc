#include "src/node/process_memory.hpp"

#include <malloc.h>

namespace hansa::node {
namespace {

constexpr int kMappedFrom = 4 << 20;  // larger blocks are mapped, and unmapped when freed
constexpr int kFreeAtTop = 32 << 20;  // per arena, while models are moving

}  // namespace

void keep_chunk_memory() noexcept {
  mallopt(M_MMAP_THRESHOLD, kMappedFrom);
  mallopt(M_TRIM_THRESHOLD, kFreeAtTop);
}

void release_free_memory() noexcept { malloc_trim(0); }

}  // namespace hansa::node
