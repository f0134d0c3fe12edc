// Between std::byte and libsodium's unsigned char, in one place.
#pragma once

#include <cstddef>
#include <iterator>
#include <type_traits>

namespace hansa::crypto {

/// For arrays, vectors and spans of std::byte.
template <class Bytes>
[[nodiscard]] auto* raw(Bytes&& bytes) noexcept {
  using Element = std::remove_pointer_t<decltype(std::data(bytes))>;
  static_assert(std::is_same_v<std::remove_const_t<Element>, std::byte>);
  using Char = std::conditional_t<std::is_const_v<Element>, const unsigned char, unsigned char>;
  return reinterpret_cast<Char*>(std::data(bytes));
}

}  // namespace hansa::crypto
