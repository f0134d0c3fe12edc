// Numbers as little-endian bytes, appended to and taken from the fixed layouts of secure sums.
#pragma once

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hansa::protocols::secure_sum {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

/// Appends fields to a byte string.
class Writer {
 public:
  Writer() = default;
  explicit Writer(std::size_t reserve) { bytes_.reserve(reserve); }

  Writer& u8(std::uint8_t value) { return number(value, 1); }
  Writer& u16(std::uint16_t value) { return number(value, 2); }
  Writer& u32(std::uint32_t value) { return number(value, 4); }
  Writer& u64(std::uint64_t value) { return number(value, 8); }
  Writer& f64(double value) { return u64(std::bit_cast<std::uint64_t>(value)); }
  Writer& raw(BytesView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& text(std::string_view text) { return raw(std::as_bytes(std::span(text.data(), text.size()))); }

  [[nodiscard]] const Bytes& bytes() const& noexcept { return bytes_; }
  [[nodiscard]] Bytes bytes() && noexcept { return std::move(bytes_); }

 private:
  Writer& number(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }
  Bytes bytes_;
};

/// Takes fields off the front of bytes whose length was checked before.
class Reader {
 public:
  explicit Reader(BytesView bytes) noexcept : rest_(bytes) {}

  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  std::uint64_t u64() noexcept { return number(8); }
  BytesView take(std::size_t count) noexcept {
    HANSA_ASSERT(count <= rest_.size());
    const BytesView front = rest_.first(count);
    rest_ = rest_.subspan(count);
    return front;
  }
  template <std::size_t N>
  std::array<std::byte, N> array() noexcept {
    std::array<std::byte, N> out;
    const BytesView front = take(N);
    std::copy(front.begin(), front.end(), out.begin());
    return out;
  }
  [[nodiscard]] BytesView rest() const noexcept { return rest_; }

 private:
  std::uint64_t number(std::size_t size) noexcept {
    const BytesView front = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = (value << 8) | std::to_integer<std::uint64_t>(front[i]);
    return value;
  }
  BytesView rest_;
};

}  // namespace hansa::protocols::secure_sum
