// Fuzz target: the gzip unpacker, with a small limit so that bombs must be caught.
#include "src/learn/data/file.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kLimit = 1 << 16;
  const auto out = hansa::learn::gunzip({reinterpret_cast<const char*>(data), size}, "fuzz", kLimit);
  if (out.ok() && out->size() > kLimit) std::abort();
  return 0;
}
