// The recycling arena. Blocks of one size class share a free list behind a mutex; a thread-local cache of a
// few blocks in front of it keeps the lock off the hot path. Large models come from big aligned chunks that
// the kernel may back with huge pages.
#include <hansa/parameters.hpp>

#include <hansa/assert.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace hansa {
namespace detail {

struct alignas(64) ParameterBlock {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t reserved = 0;
  std::size_t count = 0;           // floats in use
  std::size_t capacity_bytes = 0;  // size class: bytes behind the header

  float* values() noexcept { return reinterpret_cast<float*>(this + 1); }
};
static_assert(sizeof(ParameterBlock) == 64);

}  // namespace detail

namespace {

using detail::ParameterBlock;

constexpr std::size_t kChunkBytesMin = std::size_t{2} << 20;     // one huge page
constexpr std::size_t kFirstChunkBytes = std::size_t{64} << 10;  // a live node has few models, small or not
constexpr std::size_t kPage = 4096;
constexpr std::size_t kLocalBlocksMax = 4;  // per thread; a training step needs two

std::size_t size_class(std::size_t count) noexcept {
  const std::size_t bytes = std::max<std::size_t>(count * sizeof(float), 64);
  return (bytes + 63) / 64 * 64;
}

class Arena {
 public:
  static Arena& instance() {
    static auto* arena = new Arena;  // never destroyed: references may outlive main
    return *arena;
  }

  ParameterBlock* allocate(std::size_t count) {
    const std::size_t capacity = size_class(count);
    ParameterBlock* block = take_local(capacity);
    if (block == nullptr) block = take_shared(capacity);
    block->references.store(1, std::memory_order_relaxed);
    block->count = count;
    in_use_.fetch_add(capacity + sizeof(ParameterBlock), std::memory_order_relaxed);
    return block;
  }

  void recycle(ParameterBlock* block) noexcept {
    const std::size_t bytes = block->capacity_bytes + sizeof(ParameterBlock);
    in_use_.fetch_sub(bytes, std::memory_order_relaxed);
    auto& cache = local();
    if (cache.count < kLocalBlocksMax) {
      cache.blocks[cache.count++] = block;
      return;
    }
    give_back(block);
  }

  [[nodiscard]] ArenaStatistics statistics() const noexcept {
    const std::size_t total = total_.load(std::memory_order_relaxed);
    const std::size_t used = in_use_.load(std::memory_order_relaxed);
    return {used, total > used ? total - used : 0};
  }

 private:
  struct LocalCache {
    ParameterBlock* blocks[kLocalBlocksMax] = {};
    std::size_t count = 0;
    ~LocalCache() {
      while (count > 0) Arena::instance().give_back(blocks[--count]);
    }
  };

  static LocalCache& local() {
    thread_local LocalCache cache;
    return cache;
  }

  ParameterBlock* take_local(std::size_t capacity) noexcept {
    auto& cache = local();
    for (std::size_t i = cache.count; i-- > 0;) {
      if (cache.blocks[i]->capacity_bytes != capacity) continue;
      ParameterBlock* block = cache.blocks[i];
      cache.blocks[i] = cache.blocks[--cache.count];
      return block;
    }
    return nullptr;
  }

  ParameterBlock* take_shared(std::size_t capacity) {
    const std::scoped_lock lock(mutex_);
    SizeClass& of_size = free_[capacity];
    if (of_size.blocks.empty()) grow(capacity, of_size);
    ParameterBlock* block = of_size.blocks.back();
    of_size.blocks.pop_back();
    return block;
  }

  void give_back(ParameterBlock* block) noexcept {
    const std::scoped_lock lock(mutex_);
    free_[block->capacity_bytes].blocks.push_back(block);
  }

  struct SizeClass {
    std::vector<ParameterBlock*> blocks;
    std::size_t next_chunk_bytes = kFirstChunkBytes;
  };

  /// Adds at least one block; small classes get a whole chunk at a time, each larger than the one before
  /// until it is a huge page.
  void grow(std::size_t capacity, SizeClass& of_size) {
    const std::size_t stride = capacity + sizeof(ParameterBlock);
    const std::size_t chunk = of_size.next_chunk_bytes;
    of_size.next_chunk_bytes = std::min(4 * chunk, kChunkBytesMin);
    const std::size_t blocks = std::max<std::size_t>(1, chunk / stride);
    const std::size_t unit = blocks * stride > kChunkBytesMin / 2 ? kChunkBytesMin : kPage;
    const std::size_t bytes = (blocks * stride + unit - 1) / unit * unit;
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(unit, bytes));
    if (memory == nullptr) throw std::bad_alloc();
    if (unit == kChunkBytesMin) madvise(memory, bytes, MADV_HUGEPAGE);
    for (std::size_t i = bytes / stride; i-- > 0;) {
      auto* block = new (memory + i * stride) ParameterBlock;
      block->capacity_bytes = capacity;
      of_size.blocks.push_back(block);
    }
    total_.fetch_add(bytes, std::memory_order_relaxed);
  }

  std::mutex mutex_;
  std::map<std::size_t, SizeClass> free_;
  std::atomic<std::size_t> in_use_{0};
  std::atomic<std::size_t> total_{0};
};

}  // namespace

namespace detail {

void retain(ParameterBlock* block) noexcept { block->references.fetch_add(1, std::memory_order_relaxed); }

void release(ParameterBlock* block) noexcept {
  if (block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) Arena::instance().recycle(block);
}

}  // namespace detail

const float* ParametersRef::data() const noexcept { return block_ == nullptr ? nullptr : block_->values(); }
std::size_t ParametersRef::size() const noexcept { return block_ == nullptr ? 0 : block_->count; }
bool ParametersRef::unique() const noexcept {
  return block_ != nullptr && block_->references.load(std::memory_order_acquire) == 1;
}

Parameters Parameters::uninitialised(std::size_t count) {
  Parameters result;
  result.block_ = Arena::instance().allocate(count);
  return result;
}

Parameters Parameters::zeros(std::size_t count) {
  Parameters result = uninitialised(count);
  std::fill_n(result.data(), count, 0.0f);
  return result;
}

Parameters Parameters::copy_of(std::span<const float> values) {
  Parameters result = uninitialised(values.size());
  if (!values.empty()) std::memcpy(result.data(), values.data(), values.size_bytes());
  return result;
}

Parameters Parameters::take_or_copy(ParametersRef ref) {
  HANSA_ASSERT(static_cast<bool>(ref));
  if (!ref.unique()) return copy_of(ref.span());
  Parameters result;
  result.block_ = std::exchange(ref.block_, nullptr);
  return result;
}

float* Parameters::data() noexcept { return block_ == nullptr ? nullptr : block_->values(); }
const float* Parameters::data() const noexcept { return block_ == nullptr ? nullptr : block_->values(); }
std::size_t Parameters::size() const noexcept { return block_ == nullptr ? 0 : block_->count; }

ArenaStatistics arena_statistics() noexcept { return Arena::instance().statistics(); }

}  // namespace hansa
