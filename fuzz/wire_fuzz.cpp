// Any bytes as a frame. What decode accepts must be the one frame of the message that it gives, and must be
// as long as encoded_size says.
#include "src/wire/codec.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  const std::span frame(reinterpret_cast<const std::byte*>(data), size);
  for (const bool finite_only : {true, false}) {
    wire::Limits limits;
    limits.finite_only = finite_only;
    protocols::Message message;
    const wire::DecodeError error = wire::try_decode(frame, limits, message);
    if (wire::describe(error).empty()) std::abort();
    if (error != wire::DecodeError::none) continue;
    const std::vector<std::byte> again = wire::encode(message);
    if (again.size() != wire::encoded_size(message)) std::abort();
    if (!std::equal(again.begin(), again.end(), frame.begin(), frame.end())) std::abort();
  }
  return 0;
}
