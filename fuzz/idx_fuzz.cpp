// Fuzz target: IDX images and labels (one input, cut in two by its first byte) and their description.
#include "src/learn/data/parse.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], bytes.size());
  static_cast<void>(hansa::learn::parse_idx(bytes.substr(cut), "images", bytes.substr(0, cut), "labels"));
  static_cast<void>(hansa::learn::describe_bytes(bytes, "fuzz"));
  return 0;
}
