// Fixed layouts, little-endian: a body is right to the byte or it is refused.
#include "protocols/bulk/layout.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace hansa::protocols::bulk {
namespace {

using envelope::Type;

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kChunkHeadBytes = kHashBytes + 4;  // name and index, in front of a chunk

class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }
  Writer& put(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& put(const crypto::Hash256& hash) { return put(hash.bytes); }
  Writer& integer(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::byte>(value >> 8 * i));
    return *this;
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads what is known to be long enough.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  crypto::Hash256 hash() noexcept {
    crypto::Hash256 result;
    std::copy_n(bytes_.begin(), kHashBytes, result.bytes.begin());
    bytes_ = bytes_.subspan(kHashBytes);
    return result;
  }
  std::uint64_t integer(std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes_[i]);
    bytes_ = bytes_.subspan(count);
    return value;
  }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

bool possible(std::uint64_t size) noexcept { return size > 0 && size <= kBlobBytesMax; }

struct Encoder {
  std::vector<std::byte> operator()(const Offer& m) const {
    return Writer(41).put(m.id).integer(m.size, 8).integer(m.kind, 1).take();
  }
  std::vector<std::byte> operator()(const ManifestRequest& m) const { return Writer(32).put(m.id).take(); }
  std::vector<std::byte> operator()(const ManifestReply& m) const {
    Writer writer(40 + kHashBytes * m.manifest.chunks.size());
    writer.put(m.id).integer(m.manifest.size, 8);
    for (const crypto::Hash256& hash : m.manifest.chunks) writer.put(hash);
    return writer.take();
  }
  std::vector<std::byte> operator()(const ChunkRequest& m) const {
    return Writer(36).put(m.id).integer(m.index, 4).take();
  }
  std::vector<std::byte> operator()(const ChunkReply& m) const {
    return Writer(kChunkHeadBytes + m.data.size()).put(m.id).integer(m.index, 4).put(m.data).take();
  }
  std::vector<std::byte> operator()(const Refusal& m) const { return Writer(32).put(m.id).take(); }
};

std::optional<Message> decode_manifest(Reader reader) {
  ManifestReply reply;
  reply.id = reader.hash();
  reply.manifest.size = reader.integer(8);
  if (!possible(reply.manifest.size)) return std::nullopt;
  const std::size_t count = chunks_of(reply.manifest.size);
  if (reader.rest().size() != count * kHashBytes) return std::nullopt;
  reply.manifest.chunks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) reply.manifest.chunks.push_back(reader.hash());
  return reply;
}

}  // namespace

BlobId Manifest::id() const noexcept {
  crypto::Hasher hasher("hansa.bulk.blob");
  hasher.update_u64(size);
  for (const crypto::Hash256& hash : chunks) hasher.update(hash.bytes);
  return hasher.finish();
}

crypto::Hash256 chunk_hash(std::span<const std::byte> chunk) noexcept {
  return crypto::hash_strips("hansa.bulk.chunk", chunk);
}

Manifest manifest_of(std::span<const std::byte> blob) {
  HANSA_ASSERT(possible(blob.size()));
  Manifest manifest{blob.size(), {}};
  manifest.chunks.reserve(chunks_of(blob.size()));
  for (std::uint32_t i = 0; i < chunks_of(blob.size()); ++i) {
    manifest.chunks.push_back(
        chunk_hash(blob.subspan(std::size_t{i} * kChunkBytes, chunk_size(blob.size(), i))));
  }
  return manifest;
}

std::vector<std::byte> encode(const Message& message) { return std::visit(Encoder{}, message); }

SharedBytes encode_shared(const Message& message) {
  const auto* const chunk = std::get_if<ChunkReply>(&message);
  if (chunk != nullptr && !chunk->body.empty()) return {chunk->owner, chunk->body};
  return std::make_shared<const std::vector<std::byte>>(encode(message));
}

std::shared_ptr<std::byte[]> plain_memory(std::size_t bytes) {
  return std::shared_ptr<std::byte[]>(new std::byte[bytes]);  // not zeroed
}

std::span<const std::byte> Packed::body(std::uint32_t index) const noexcept {
  return {bodies.get() + std::size_t{index} * (kChunkHeadBytes + kChunkBytes),
          kChunkHeadBytes + chunk_size(manifest.size, index)};
}

Packed pack(std::span<const std::byte> blob, const Memory& memory) {
  HANSA_ASSERT(possible(blob.size()));
  const std::uint32_t count = chunks_of(blob.size());
  const auto bodies = memory(blob.size() + std::size_t{count} * kChunkHeadBytes);
  Packed packed{{blob.size(), {}}, bodies};
  packed.manifest.chunks.reserve(count);
  std::byte* to = bodies.get();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto chunk = blob.subspan(std::size_t{i} * kChunkBytes, chunk_size(blob.size(), i));
    packed.manifest.chunks.push_back(chunk_hash(chunk));  // which brings it into the cache
    to = std::copy(chunk.begin(), chunk.end(), to + kChunkHeadBytes);
  }
  const BlobId id = packed.manifest.id();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::byte* const head = bodies.get() + std::size_t{i} * (kChunkHeadBytes + kChunkBytes);
    std::byte* const number = std::copy(id.bytes.begin(), id.bytes.end(), head);
    for (int byte = 0; byte < 4; ++byte) number[byte] = static_cast<std::byte>(i >> 8 * byte);
  }
  return packed;
}

envelope::Type type_of(const Message& message) noexcept {
  constexpr std::array kTypes = {Type::bulk_offer,    Type::bulk_manifest_request,
                                 Type::bulk_manifest, Type::bulk_chunk_request,
                                 Type::bulk_chunk,    Type::bulk_refusal};
  static_assert(kTypes.size() == std::variant_size_v<Message>);
  return kTypes[message.index()];
}

std::optional<Message> decode(envelope::Type type, std::span<const std::byte> body) {
  Reader reader(body);
  const auto exactly = [&](std::size_t size) { return body.size() == size; };
  switch (type) {
    case Type::bulk_offer: {
      if (!exactly(41)) return std::nullopt;
      Offer offer;
      offer.id = reader.hash();
      offer.size = reader.integer(8);
      offer.kind = static_cast<std::uint8_t>(reader.integer(1));
      if (!possible(offer.size)) return std::nullopt;
      return offer;
    }
    case Type::bulk_manifest_request:
      if (!exactly(32)) return std::nullopt;
      return ManifestRequest{reader.hash()};
    case Type::bulk_manifest:
      if (body.size() < 40) return std::nullopt;
      return decode_manifest(reader);
    case Type::bulk_chunk_request: {
      if (!exactly(36)) return std::nullopt;
      const BlobId id = reader.hash();
      return ChunkRequest{id, static_cast<std::uint32_t>(reader.integer(4))};
    }
    case Type::bulk_chunk: {
      if (body.size() <= kChunkHeadBytes || body.size() > kChunkHeadBytes + kChunkBytes) return std::nullopt;
      const BlobId id = reader.hash();
      const auto index = static_cast<std::uint32_t>(reader.integer(4));
      return ChunkReply{id, index, reader.rest(), nullptr, {}};
    }
    case Type::bulk_refusal:
      if (!exactly(32)) return std::nullopt;
      return Refusal{reader.hash()};
    default:
      return std::nullopt;
  }
}

}  // namespace hansa::protocols::bulk
