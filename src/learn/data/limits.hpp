// The largest input each reader accepts. Files come from strangers: without limits a few bytes that claim a
// huge size could take all memory. Every number is far above real data and says why it is where it is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hansa::learn {

struct ReadLimits {
  std::uint64_t file_bytes = 4ULL << 30;  ///< a file is held in memory as a whole, before and after unpacking
  std::size_t line_bytes = 1U << 20;      ///< a longer CSV record means a lost quote, not data
  std::size_t columns = 16'384;           ///< CSV columns; wider tables belong in libsvm files
  std::uint64_t rows = 0xFFFF'FFFFULL;    ///< row numbers are 32 bits wide
  std::uint32_t features = 1U << 28;      ///< a rank-8 factorization machine of this size takes 9.7 GB
  std::uint32_t classes = 65'536;         ///< one output per class
  std::uint32_t image_side = 16'384;      ///< pixels
  std::uint64_t dense_bytes = 4ULL << 30;  ///< a dense copy of sparse or pixel data
};

inline constexpr ReadLimits kReadLimits{};

}  // namespace hansa::learn
