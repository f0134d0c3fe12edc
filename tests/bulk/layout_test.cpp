// Bodies to the byte, and bodies that are not quite right.
#include "protocols/bulk/layout.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hansa::protocols::bulk {
namespace {

std::vector<std::byte> blob(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

TEST(BulkLayout, EachMessageRoundTripsAndItsPrefixesDoNot) {
  const auto data = blob(kChunkBytes + 5);
  const Manifest manifest = manifest_of(data);
  const std::vector<Message> messages = {
      Offer{manifest.id(), data.size(), 3},
      ManifestRequest{manifest.id()},
      ManifestReply{manifest.id(), manifest},
      ChunkRequest{manifest.id(), 0x01020304},
      ChunkReply{manifest.id(), 1, std::span(data).subspan(kChunkBytes), nullptr, {}},
      Refusal{manifest.id()},
  };
  const std::size_t sizes[] = {41, 32, 40 + 64, 36, 36 + 5, 32};
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto body = encode(messages[i]);
    EXPECT_EQ(body.size(), sizes[i]);
    const envelope::Type type = type_of(messages[i]);
    EXPECT_EQ(static_cast<std::size_t>(type), 64 + i);
    const auto again = decode(type, body);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->index(), i);
    EXPECT_EQ(encode(*again), body);
    if (i == 4) continue;  // any prefix of a chunk is a chunk; its hash tells
    for (std::size_t length = 0; length < body.size(); ++length) {
      EXPECT_FALSE(decode(type, std::span(body).first(length)));
    }
    auto longer = body;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode(type, longer));
  }
}

TEST(BulkLayout, WhatIsPackedIsWhatWouldBeEncoded) {
  for (const std::size_t size : {std::size_t{1}, kChunkBytes - std::size_t{1}, std::size_t{kChunkBytes},
                                 3 * std::size_t{kChunkBytes} + 17}) {
    const auto data = blob(size);
    const Packed packed = pack(data);
    ASSERT_EQ(packed.manifest, manifest_of(data));
    for (std::uint32_t i = 0; i < chunks_of(size); ++i) {
      const auto chunk = std::span(data).subspan(std::size_t{i} * kChunkBytes, chunk_size(size, i));
      const auto expected = encode(ChunkReply{packed.manifest.id(), i, chunk, nullptr, {}});
      const ChunkReply ready{packed.manifest.id(), i, {}, packed.bodies, packed.body(i)};
      const SharedBytes body = encode_shared(ready);
      EXPECT_TRUE(std::equal(body->begin(), body->end(), expected.begin(), expected.end())) << size;
      EXPECT_EQ(body->data(), packed.body(i).data()) << "a copy";
    }
  }
}

TEST(BulkLayout, NumbersAreLittleEndian) {
  const auto body = encode(ChunkRequest{{}, 0x01020304});
  EXPECT_EQ(body[32], std::byte{4});
  EXPECT_EQ(body[35], std::byte{1});
}

TEST(BulkLayout, ImpossibleSizesAreRefused) {
  for (const std::uint64_t size : {std::uint64_t{0}, kBlobBytesMax + 1, ~std::uint64_t{0}}) {
    EXPECT_FALSE(decode(envelope::Type::bulk_offer, encode(Offer{{}, size, 0})));
    EXPECT_FALSE(decode(envelope::Type::bulk_manifest, encode(ManifestReply{{}, Manifest{size, {}}})));
  }
  EXPECT_FALSE(decode(envelope::Type::bulk_chunk, encode(ChunkReply{{}, 0, {}, nullptr, {}})))
      << "an empty chunk";
  const auto large = blob(kChunkBytes + 1);
  EXPECT_FALSE(decode(envelope::Type::bulk_chunk, encode(ChunkReply{{}, 0, large, nullptr, {}})));
}

TEST(BulkLayout, LargestListFitsAMessage) {
  EXPECT_EQ(chunks_of(kBlobBytesMax), 8192u);
  EXPECT_LE(40 + 32 * std::size_t{chunks_of(kBlobBytesMax)}, kChunkBytes + 1024);
}

TEST(BulkLayout, NameCommitsToSizeAndEveryByte) {
  auto data = blob(2 * kChunkBytes);
  const BlobId id = manifest_of(data).id();
  EXPECT_EQ(manifest_of(data).id(), id);
  data.back() ^= std::byte{1};
  EXPECT_NE(manifest_of(data).id(), id);
  Manifest other = manifest_of(data);
  other.size -= 1;
  EXPECT_NE(other.id(), manifest_of(data).id());
}

}  // namespace
}  // namespace hansa::protocols::bulk
