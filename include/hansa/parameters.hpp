// A model on its way is a block of floats that nobody may change. Blocks are counted, 64-byte aligned and
// recycled: a message, a checkpoint and a party's own state can hold the same block without a copy, and a
// block whose last holder lets go is reused for the next model of the same size.
//
// Writing happens only through `Parameters`, which is the sole owner of its block; `freeze` turns it into a
// shareable `ParametersRef`, and `take_or_copy` turns a reference back into an owner (in place if nobody else
// holds it: copy-on-write).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hansa {

namespace detail {
struct ParameterBlock;  // header in front of the floats; see src/core/parameters.cpp
void retain(ParameterBlock* block) noexcept;
void release(ParameterBlock* block) noexcept;
}  // namespace detail

class Parameters;

/// Shared, immutable vector of floats. Copying costs one atomic increment. Thread-safe like
/// shared_ptr<const>.
class ParametersRef {
 public:
  ParametersRef() = default;
  ParametersRef(const ParametersRef& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) detail::retain(block_);
  }
  ParametersRef(ParametersRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  ParametersRef& operator=(ParametersRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~ParametersRef() {
    if (block_ != nullptr) detail::release(block_);
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  [[nodiscard]] const float* data() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::span<const float> span() const noexcept { return {data(), size()}; }
  /// True if this is the only reference, so that `take_or_copy` will not copy.
  [[nodiscard]] bool unique() const noexcept;
  /// Same block (not same values).
  friend bool operator==(const ParametersRef& a, const ParametersRef& b) noexcept {
    return a.block_ == b.block_;
  }

 private:
  friend class Parameters;
  explicit ParametersRef(detail::ParameterBlock* block) noexcept : block_(block) {}
  detail::ParameterBlock* block_ = nullptr;
};

/// Sole owner of a block; move-only. Not thread-safe.
class Parameters {
 public:
  Parameters() = default;
  Parameters(Parameters&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Parameters& operator=(Parameters&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Parameters() {
    if (block_ != nullptr) detail::release(block_);
  }

  /// `count` floats with unspecified values, 64-byte aligned, from the recycling arena. Thread-safe.
  static Parameters uninitialised(std::size_t count);
  /// `count` zeros.
  static Parameters zeros(std::size_t count);
  /// A copy of `values`.
  static Parameters copy_of(std::span<const float> values);
  /// The block behind `ref`, without a copy if `ref` is its only holder. Leaves `ref` empty.
  static Parameters take_or_copy(ParametersRef ref);

  [[nodiscard]] float* data() noexcept;
  [[nodiscard]] const float* data() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::span<float> span() noexcept { return {data(), size()}; }
  [[nodiscard]] std::span<const float> span() const noexcept { return {data(), size()}; }

  /// Gives up the right to write.
  [[nodiscard]] ParametersRef freeze() && noexcept { return ParametersRef(std::exchange(block_, nullptr)); }

 private:
  detail::ParameterBlock* block_ = nullptr;
};

/// What the arena holds, in bytes: blocks in use, and freed blocks kept for reuse. Thread-safe.
struct ArenaStatistics {
  std::size_t bytes_in_use = 0;
  std::size_t bytes_recycled = 0;
};
ArenaStatistics arena_statistics() noexcept;

}  // namespace hansa
