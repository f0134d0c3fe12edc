// A frame is put together in one allocation of exactly its size; the payload is copied once, from the shared
// block.
#include "src/wire/codec.hpp"
#include "src/wire/header.hpp"

#include <hansa/assert.hpp>

namespace hansa::wire {
namespace {

void append_little_endian(std::vector<std::byte>& frame, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) frame.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

}  // namespace

std::size_t encoded_size(const protocols::Message& message) noexcept {
  detail::CountingSink header;
  detail::write_header(message, header);
  return kPreambleBytes + header.size + std::visit(detail::PayloadSize{}, message);
}

std::vector<std::byte> encode(const protocols::Message& message) {
  detail::BufferSink header;
  detail::write_header(message, header);
  const std::span<const std::byte> payload = std::visit(detail::PayloadBytes{}, message);
  HANSA_ASSERT(payload.size() <= 0xFFFFFFFFu);

  std::vector<std::byte> frame;
  frame.reserve(kPreambleBytes + header.size + payload.size());
  frame.push_back(std::byte{'H'});
  frame.push_back(std::byte{'N'});
  frame.push_back(std::byte{kVersion});
  frame.push_back(static_cast<std::byte>(protocols::type_of(message)));
  append_little_endian(frame, header.size, 2);
  append_little_endian(frame, payload.size(), 4);
  const auto* header_bytes = reinterpret_cast<const std::byte*>(header.bytes.data());
  frame.insert(frame.end(), header_bytes, header_bytes + header.size);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

}  // namespace hansa::wire
