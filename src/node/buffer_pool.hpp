// Memory for models on their way. A round needs as much as the one before it, so what is given back is kept
// for a while: fresh memory costs the kernel about as long as checking a chunk.
#pragma once

#include <cstddef>
#include <memory>

namespace hansa::node {

/// Thread-safe. Buffers may outlive the pool.
class BufferPool {
 public:
  /// `spare_bytes_max`: of buffers that are kept for the next round.
  explicit BufferPool(std::size_t spare_bytes_max);

  /// At least `bytes`, with any content; goes back when the last holder lets go.
  [[nodiscard]] std::shared_ptr<std::byte[]> take(std::size_t bytes);
  /// Gives the memory of buffers that nobody has taken since the last call back to the system. Call it every
  /// few seconds.
  void trim();
  [[nodiscard]] std::size_t spare_bytes() const;

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace hansa::node
