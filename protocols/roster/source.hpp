// Takes fields off the front of bytes that came from anywhere. The first thing that does not fit is
// remembered with the field's name, and everything after it reads as zeros, so that decoders need no check
// per field.
#pragma once

#include "protocols/roster/objects.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <hansa/result.hpp>

#include <string>
#include <string_view>

namespace hansa::protocols::roster {

using secure_sum::Writer;

class Source {
 public:
  Source(BytesView bytes, std::string_view what) noexcept : rest_(bytes), what_(what) {}

  std::uint8_t u8(std::string_view field) noexcept { return static_cast<std::uint8_t>(number(1, field)); }
  std::uint16_t u16(std::string_view field) noexcept { return static_cast<std::uint16_t>(number(2, field)); }
  std::uint32_t u32(std::string_view field) noexcept { return static_cast<std::uint32_t>(number(4, field)); }
  std::uint64_t u64(std::string_view field) noexcept { return number(8, field); }
  /// 0 or 1.
  bool flag(std::string_view field) noexcept {
    const std::uint8_t value = u8(field);
    require(value <= 1, field);
    return value == 1;
  }
  /// 0 to 2^53: what doubles and JSON hold exactly.
  UnixTime time(std::string_view field) noexcept {
    const std::uint64_t value = u64(field);
    require(value <= 1ULL << 53, field);
    return failed() ? 0 : static_cast<UnixTime>(value);
  }
  template <std::size_t N>
  std::array<std::byte, N> array(std::string_view field) noexcept {
    std::array<std::byte, N> out{};
    const BytesView front = take(N, field);
    if (front.size() == N) std::copy(front.begin(), front.end(), out.begin());
    return out;
  }
  Hash256 hash(std::string_view field) noexcept { return {array<32>(field)}; }
  BytesView take(std::size_t count, std::string_view field) noexcept {
    if (failed() || count > rest_.size()) {
      require(false, field);
      return {};
    }
    const BytesView front = rest_.first(count);
    rest_ = rest_.subspan(count);
    return front;
  }
  /// Two bytes of length, then the text.
  std::string text(std::size_t bytes_max, std::string_view field) {
    const std::size_t size = u16(field);
    require(size <= bytes_max, field);
    const BytesView bytes = take(failed() ? 0 : size, field);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// A number of list entries, two bytes, at most `max`; 0 after a failure.
  std::size_t count(std::size_t max, std::string_view field) noexcept {
    const std::size_t value = u16(field);
    require(value <= max, field);
    return failed() ? 0 : value;
  }

  void require(bool condition, std::string_view field) noexcept {
    if (!condition && !failed()) wrong_ = field;
  }
  [[nodiscard]] bool failed() const noexcept { return !wrong_.empty(); }
  [[nodiscard]] BytesView rest() const noexcept { return rest_; }

  /// `value`, if all went well and nothing is left.
  template <class T>
  Result<T> finish(T value) {
    require(rest_.empty(), "end");
    if (!failed()) return value;
    return Error{.kind = ErrorKind::bad_data,
                 .message = std::string(what_) + ": " + std::string(wrong_) + " is missing or out of range"};
  }

 private:
  std::uint64_t number(std::size_t size, std::string_view field) noexcept {
    const BytesView front = take(size, field);
    std::uint64_t value = 0;
    for (std::size_t i = front.size(); i-- > 0;)
      value = (value << 8) | std::to_integer<std::uint64_t>(front[i]);
    return value;
  }

  BytesView rest_;
  std::string_view what_, wrong_;
};

inline void put_text(Writer& out, std::string_view text) {
  out.u16(static_cast<std::uint16_t>(text.size())).text(text);
}
/// Two lists of "host:port", as certificates and requests of nodes have them (layout.cpp).
void put_endpoints(Writer& out, const Endpoints& endpoints);
[[nodiscard]] Endpoints take_endpoints(Source& in);

}  // namespace hansa::protocols::roster
