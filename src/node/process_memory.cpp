#include "src/node/process_memory.hpp"

#include <malloc.h>

#include <atomic>

namespace hansa::node {
namespace {

constexpr int kMappedFrom = 4 << 20;   // larger blocks are mapped, and unmapped when freed
constexpr int kFreeAtTop = 256 << 10;  // per arena
constexpr int kFreeAtTopWhileMoving = 32 << 20;

std::atomic<bool> keeping = false;

}  // namespace

void begin_with_little_memory() noexcept {
  mallopt(M_MMAP_THRESHOLD, kMappedFrom);
  mallopt(M_TRIM_THRESHOLD, kFreeAtTop);
}

void keep_chunk_memory() noexcept {
  if (!keeping.exchange(true)) mallopt(M_TRIM_THRESHOLD, kFreeAtTopWhileMoving);
}

void release_free_memory() noexcept {
  if (keeping.exchange(false)) mallopt(M_TRIM_THRESHOLD, kFreeAtTop);
  malloc_trim(0);
}

}  // namespace hansa::node
