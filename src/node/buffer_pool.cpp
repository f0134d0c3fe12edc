#include "src/node/buffer_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace hansa::node {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;

std::size_t rounded(std::size_t bytes) noexcept {
  const std::size_t unit = bytes >= kHugePage ? kHugePage : kPage;
  return std::max<std::size_t>((bytes + unit - 1) / unit, 1) * unit;
}

std::byte* fresh(std::size_t bytes) {
  const bool large = bytes >= kHugePage;
  void* const memory = std::aligned_alloc(large ? kHugePage : kPage, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);  // advice; without it there are more page faults
  return static_cast<std::byte*>(memory);
}

}  // namespace

struct BufferPool::Shelf {
  struct Spare {
    std::byte* memory;
    std::size_t bytes;
    bool idle;  ///< since the last trim()
  };
  explicit Shelf(std::size_t most) : bytes_max(most) {}
  ~Shelf() {
    for (const Spare& spare : spares) std::free(spare.memory);
  }

  void give_back(std::byte* memory, std::size_t bytes) noexcept {
    {
      const std::lock_guard lock(mutex);
      if (spare_bytes + bytes <= bytes_max && spares.size() < spares.capacity()) {
        spares.push_back({memory, bytes, false});
        spare_bytes += bytes;
        return;
      }
    }
    std::free(memory);
  }

  const std::size_t bytes_max;
  mutable std::mutex mutex;
  std::vector<Spare> spares;
  std::size_t spare_bytes = 0;
};

BufferPool::BufferPool(std::size_t spare_bytes_max) : shelf_(std::make_shared<Shelf>(spare_bytes_max)) {
  shelf_->spares.reserve(64);
}

std::shared_ptr<std::byte[]> BufferPool::take(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  std::byte* memory = nullptr;
  {
    const std::lock_guard lock(shelf_->mutex);
    auto& spares = shelf_->spares;
    const auto found = std::find_if(spares.rbegin(), spares.rend(),
                                    [size](const Shelf::Spare& spare) { return spare.bytes == size; });
    if (found != spares.rend()) {
      memory = found->memory;
      shelf_->spare_bytes -= size;
      spares.erase(std::next(found).base());
    }
  }
  if (memory == nullptr) memory = fresh(size);
  return {memory, [shelf = shelf_, size](std::byte* freed) { shelf->give_back(freed, size); }};
}

void BufferPool::trim() {
  std::vector<Shelf::Spare> idle;
  {
    const std::lock_guard lock(shelf_->mutex);
    auto& spares = shelf_->spares;
    const auto kept = std::stable_partition(spares.begin(), spares.end(),
                                            [](const Shelf::Spare& spare) { return !spare.idle; });
    idle.assign(kept, spares.end());
    spares.erase(kept, spares.end());
    for (Shelf::Spare& spare : spares) spare.idle = true;
    for (const Shelf::Spare& spare : idle) shelf_->spare_bytes -= spare.bytes;
  }
  for (const Shelf::Spare& spare : idle) std::free(spare.memory);
}

std::size_t BufferPool::spare_bytes() const {
  const std::lock_guard lock(shelf_->mutex);
  return shelf_->spare_bytes;
}

}  // namespace hansa::node
