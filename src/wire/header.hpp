// The header of each message as msgpack, written by one piece of code whether the bytes are wanted or only
// their number. Private to src/wire/: this is where msgpack is included.
#pragma once

#include "protocols/messages.hpp"

#include <hansa/assert.hpp>

#include <msgpack.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>

namespace hansa::wire::detail {

/// The longest header: a model message with all numbers at their largest.
inline constexpr std::size_t kHeaderBytesMax = 1 + 5 + 9 + 9 + 9;

/// Counts what is written to it.
struct CountingSink {
  std::size_t size = 0;
  void write(const char*, std::size_t count) noexcept { size += count; }
};

/// Keeps what is written to it.
struct BufferSink {
  std::array<char, kHeaderBytesMax> bytes;
  std::size_t size = 0;
  void write(const char* data, std::size_t count) noexcept {
    HANSA_ASSERT(size + count <= bytes.size());
    std::memcpy(bytes.data() + size, data, count);
    size += count;
  }
};

/// Always nine bytes. msgpack's own pack_double writes 1.0 as the integer 1, which would lose the field's
/// type and the sign of -0.0.
template <class Sink>
void pack_float64(Sink& sink, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  std::array<char, 9> bytes;
  bytes[0] = static_cast<char>(0xcb);
  for (std::size_t i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i) & 0xff);
  sink.write(bytes.data(), bytes.size());
}

/// Writes the header of any message.
template <class Sink>
struct HeaderWriter {
  Sink& sink;
  msgpack::packer<Sink> packer{sink};

  void operator()(const protocols::ModelMessage& m) {
    packer.pack_array(4);
    packer.pack_uint32(m.round);
    pack_float64(sink, m.weight);
    packer.pack_uint64(m.age);
    packer.pack_uint64(m.sequence);
  }
  void operator()(const protocols::ChunkMessage& m) { chunk(m.round, m.offset, m.weight); }
  void operator()(const protocols::MeanChunkMessage& m) { chunk(m.round, m.offset, m.weight); }
  void operator()(const protocols::ShareAck& m) {
    packer.pack_array(1);
    packer.pack_uint64(m.sequence);
  }
  void operator()(const protocols::SecurePacketMessage& m) {
    packer.pack_array(2);
    packer.pack_uint32(m.round);
    packer.pack_uint32(m.attempt);
  }
  void operator()(const protocols::RelayedPacketMessage& m) {
    packer.pack_array(3);
    packer.pack_uint32(m.round);
    packer.pack_uint32(static_cast<std::uint32_t>(m.receiver));
    packer.pack_uint64(m.to);
  }
  void operator()(const protocols::BeaconPacketMessage& m) {
    packer.pack_array(1);
    packer.pack_uint32(m.attempt);
  }

 private:
  void chunk(Round round, std::uint32_t offset, double weight) {
    packer.pack_array(3);
    packer.pack_uint32(round);
    packer.pack_uint32(offset);
    pack_float64(sink, weight);
  }
};

template <class Sink>
void write_header(const protocols::Message& message, Sink& sink) {
  std::visit(HeaderWriter<Sink>{sink}, message);
}

/// Bytes behind the header, without looking at them.
struct PayloadSize {
  std::uint64_t operator()(const protocols::ModelMessage& m) const noexcept { return of(m.model); }
  std::uint64_t operator()(const protocols::ChunkMessage& m) const noexcept { return of(m.piece); }
  std::uint64_t operator()(const protocols::MeanChunkMessage& m) const noexcept { return of(m.piece); }
  std::uint64_t operator()(const protocols::ShareAck&) const noexcept { return 0; }
  std::uint64_t operator()(const protocols::SecurePacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr);
    return m.packet->size();
  }
  std::uint64_t operator()(const protocols::RelayedPacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr);
    return m.packet->size();
  }
  std::uint64_t operator()(const protocols::BeaconPacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr);
    return m.packet->size();
  }

 private:
  static std::uint64_t of(const protocols::Slice& slice) noexcept {
    return sizeof(float) * std::uint64_t{slice.count};
  }
};

/// The bytes behind the header, where they lie in memory.
struct PayloadBytes {
  using View = std::span<const std::byte>;

  View operator()(const protocols::ModelMessage& m) const noexcept { return of(m.model); }
  View operator()(const protocols::ChunkMessage& m) const noexcept { return of(m.piece); }
  View operator()(const protocols::MeanChunkMessage& m) const noexcept { return of(m.piece); }
  View operator()(const protocols::ShareAck&) const noexcept { return {}; }
  View operator()(const protocols::SecurePacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr && !m.packet->empty());
    return *m.packet;
  }
  View operator()(const protocols::RelayedPacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr);
    return *m.packet;
  }
  View operator()(const protocols::BeaconPacketMessage& m) const noexcept {
    HANSA_ASSERT(m.packet != nullptr && !m.packet->empty());
    return *m.packet;
  }

 private:
  static_assert(std::endian::native == std::endian::little, "floats are copied as they lie in memory");
  static View of(const protocols::Slice& slice) noexcept {
    if (slice.count == 0) return {};
    HANSA_ASSERT(slice.block && std::size_t{slice.first} + slice.count <= slice.block.size());
    return std::as_bytes(std::span(slice.data(), slice.count));
  }
};

}  // namespace hansa::wire::detail
