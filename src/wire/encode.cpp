// A frame is put together in one allocation of exactly its size; the payload is copied once, from the shared block.
#include "src/wire/codec.hpp"
#include "src/wire/header.hpp"

#include <hansa/assert.hpp>

#include <bit>

namespace hansa::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "payloads are copied as they lie in memory");

std::uint64_t payload_bytes(const protocols::Slice* payload) noexcept {
  return payload == nullptr ? 0 : sizeof(float) * std::uint64_t{payload->count};
}

void append_little_endian(std::vector<std::byte>& frame, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) frame.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

}  // namespace

std::size_t encoded_size(const protocols::Message& message) noexcept {
  detail::CountingSink header;
  detail::write_header(message, header);
  return kPreambleBytes + header.size + payload_bytes(std::visit(detail::PayloadOf{}, message));
}

std::vector<std::byte> encode(const protocols::Message& message) {
  detail::BufferSink header;
  detail::write_header(message, header);
  const protocols::Slice* payload = std::visit(detail::PayloadOf{}, message);
  const std::uint64_t payload_size = payload_bytes(payload);
  HANSA_ASSERT(payload_size <= 0xFFFFFFFFu);

  std::vector<std::byte> frame;
  frame.reserve(kPreambleBytes + header.size + payload_size);
  frame.push_back(std::byte{'H'});
  frame.push_back(std::byte{'N'});
  frame.push_back(std::byte{kVersion});
  frame.push_back(static_cast<std::byte>(protocols::type_of(message)));
  append_little_endian(frame, header.size, 2);
  append_little_endian(frame, payload_size, 4);
  const auto* header_bytes = reinterpret_cast<const std::byte*>(header.bytes.data());
  frame.insert(frame.end(), header_bytes, header_bytes + header.size);
  if (payload_size > 0) {
    HANSA_ASSERT(payload->block && std::size_t{payload->first} + payload->count <= payload->block.size());
    const auto* floats = reinterpret_cast<const std::byte*>(payload->data());
    frame.insert(frame.end(), floats, floats + payload_size);
  }
  return frame;
}

}  // namespace hansa::wire
