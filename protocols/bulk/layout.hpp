// Large things in small pieces. A blob is cut into chunks of 256 KiB; each chunk has a hash, and the hash
// over the list of these hashes names the blob. So whoever knows the name can check the list, and with the
// list each chunk on its own, from whomever it comes (the idea of Merkle's tree, with one level).
//
// This file has the messages and their bytes; bulk.hpp has what they do.
#pragma once

#include "protocols/envelope/types.hpp"
#include "src/crypto/hash.hpp"

#include <hansa/shared_bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace hansa::protocols::bulk {

inline constexpr std::uint32_t kChunkBytes = 256 * 1024;
/// So that the list of hashes is one message as well.
inline constexpr std::uint64_t kBlobBytesMax = std::uint64_t{2} << 30;

/// Hash over a blob's size and chunk hashes.
using BlobId = crypto::Hash256;

/// How many chunks a blob of `size` bytes has; the last one may be shorter.
[[nodiscard]] constexpr std::uint32_t chunks_of(std::uint64_t size) noexcept {
  return static_cast<std::uint32_t>((size + kChunkBytes - 1) / kChunkBytes);
}
/// Bytes of chunk `index`.
[[nodiscard]] constexpr std::size_t chunk_size(std::uint64_t size, std::uint32_t index) noexcept {
  const std::uint64_t begin = std::uint64_t{index} * kChunkBytes;
  return static_cast<std::size_t>(size - begin < kChunkBytes ? size - begin : kChunkBytes);
}

/// A blob's size and the hash of each chunk.
struct Manifest {
  std::uint64_t size = 0;
  std::vector<crypto::Hash256> chunks;

  [[nodiscard]] BlobId id() const noexcept;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};
[[nodiscard]] crypto::Hash256 chunk_hash(std::span<const std::byte> chunk) noexcept;
/// Hashes all of `blob` (1 byte to kBlobBytesMax): about 1 ms per MiB, so not in anybody's mailbox.
[[nodiscard]] Manifest manifest_of(std::span<const std::byte> blob);

/// "I have this." On the control channel; the receiver asks for it, or not.
struct Offer {
  BlobId id;
  std::uint64_t size = 0;
  std::uint8_t kind = 0;  ///< what it is, for the receiver's owner
};
/// Asks for the list of a blob's chunk hashes.
struct ManifestRequest {
  BlobId id;
};
/// Answers it.
struct ManifestReply {
  BlobId id;
  Manifest manifest;
};
/// Asks for one chunk.
struct ChunkRequest {
  BlobId id;
  std::uint32_t index = 0;
};
/// Answers it.
struct ChunkReply {
  BlobId id;
  std::uint32_t index = 0;
  std::span<const std::byte> data;
  /// Keeps `data` alive; null in what was decoded, which lives with its frame.
  std::shared_ptr<const void> owner;
  /// The whole body, if it lies ready in memory (Packed); `data` is its end.
  std::span<const std::byte> body;
};
/// Answers either request: not here, or not for you.
struct Refusal {
  BlobId id;
};
using Message = std::variant<Offer, ManifestRequest, ManifestReply, ChunkRequest, ChunkReply, Refusal>;

/// The body of a message. docs/wire-format.md has the layouts.
[[nodiscard]] std::vector<std::byte> encode(const Message& message);
/// The same without a copy of what lies ready.
[[nodiscard]] SharedBytes encode_shared(const Message& message);

/// Where large things lie: gives so many bytes, of any value.
using Memory = std::function<std::shared_ptr<std::byte[]>(std::size_t bytes)>;
[[nodiscard]] std::shared_ptr<std::byte[]> plain_memory(std::size_t bytes);

/// A blob as it travels: its list of hashes, and the bodies of its chunk messages one behind the other, so
/// that none has to be put together when somebody asks for it.
struct Packed {
  Manifest manifest;
  std::shared_ptr<const std::byte[]> bodies;

  /// The body of the message with chunk `index`.
  [[nodiscard]] std::span<const std::byte> body(std::uint32_t index) const noexcept;
};
/// Copies and hashes `blob` (1 byte to kBlobBytesMax): about 0.3 ms per MiB, so not in anybody's mailbox.
[[nodiscard]] Packed pack(std::span<const std::byte> blob, const Memory& memory = plain_memory);

/// The type that its envelope has.
[[nodiscard]] envelope::Type type_of(const Message& message) noexcept;

/// `type` is what the envelope says. None if the body is not exactly of that type's layout, names a size that
/// cannot be, or the type is not of bulk.
[[nodiscard]] std::optional<Message> decode(envelope::Type type, std::span<const std::byte> body);

}  // namespace hansa::protocols::bulk
