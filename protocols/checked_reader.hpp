// Reading what others wrote: lengths and counts are checked on the way, so that a layout can be read field by
// field and judged once at its end.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hansa::protocols {

/// Takes little-endian fields off the front. Once something does not fit, all that follows is zero and empty,
/// and done() is false.
class CheckedReader {
 public:
  explicit CheckedReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  /// An unsigned number of `size` bytes, at most 8.
  std::uint64_t number(std::size_t size) {
    const std::span<const std::byte> front = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = front.size(); i-- > 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(front[i]);
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::int64_t i64() { return static_cast<std::int64_t>(number(8)); }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const std::span<const std::byte> front = take(N);
    std::copy(front.begin(), front.end(), out.begin());
    return out;
  }
  /// Bytes behind their length (4), which may be at most `most`.
  std::string text(std::size_t most) {
    const std::size_t size = u32();
    if (size > most) return fail(), std::string();
    const std::span<const std::byte> front = take(size);
    std::string out(front.size(), '\0');
    std::transform(front.begin(), front.end(), out.begin(), [](std::byte b) { return static_cast<char>(b); });
    return out;
  }
  /// A count (2), which may be at most `most`.
  std::size_t count(std::size_t most) {
    const std::size_t value = number(2);
    if (value > most) return fail(), 0;
    return value;
  }
  /// Everything fitted, and nothing is left.
  [[nodiscard]] bool done() const noexcept { return !failed_ && rest_.empty(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  std::span<const std::byte> take(std::size_t size) {
    if (size > rest_.size()) fail();
    const auto front = rest_.first(failed_ ? 0 : size);
    rest_ = rest_.subspan(front.size());
    return front;
  }
  /// What has been read cannot be.
  void fail() noexcept {
    failed_ = true;
    rest_ = {};
  }

 private:
  std::span<const std::byte> rest_;
  bool failed_ = false;
};

}  // namespace hansa::protocols
