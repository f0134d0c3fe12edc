// Known answers: RFC 7693 for the library itself, and Python's hashlib.blake2b for our labelled 256-bit hash.
#include "src/crypto/hash.hpp"

#include "src/crypto/blake2b/lanes.hpp"
#include "src/crypto/kdf.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

namespace hansa::crypto {
namespace {

TEST(Hash, LibraryGivesTheVectorOfRfc7693) {
  std::array<unsigned char, 64> out{};
  const std::string abc = "abc";
  ASSERT_EQ(
      crypto_generichash_blake2b(out.data(), out.size(), reinterpret_cast<const unsigned char*>(abc.data()),
                                 abc.size(), nullptr, 0),
      0);
  Hash256 first, second;
  std::copy_n(reinterpret_cast<const std::byte*>(out.data()), 32, first.bytes.begin());
  std::copy_n(reinterpret_cast<const std::byte*>(out.data()) + 32, 32, second.bytes.begin());
  EXPECT_EQ(first.hex() + second.hex(),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

std::vector<std::byte> counting_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i % 256);
  return bytes;
}

TEST(Hash, LabelledHashesMatchHashlib) {
  // hashlib.blake2b(data, digest_size=32, person=label).hexdigest()
  EXPECT_EQ(Hasher("hansa.test").finish().hex(),
            "8b81d300809e028ed2b6613919d826f7be0d73321f4913dcb3309ebdded0a700");
  EXPECT_EQ(Hasher("hansa.test").update("abc").finish().hex(),
            "3c16d739f04f0b6ab23d8a8c01a6426c01f469bf1872c19ee9da704a1f298390");
  EXPECT_EQ(Hasher("hansa.models.v1x").finish().hex(),
            "f50d881b0c09509f11328f2369bcaa25c3a7cdab8917cdc36b606d5ea29794a7");
  EXPECT_EQ(hash("hansa.models.v1x", counting_bytes(1000)).hex(),
            "2b61223bafa2c87723781e99c737266ed918d47c074ac7bc49ae5f653044775b");
  EXPECT_EQ(Hasher("hansa.test").update_u64(0x0123456789abcdefULL).finish().hex(),
            "efa0ce7f4a9f9bdcc4b371ea4984dfe490a8624baef2b526a507ba4472978721");
}

TEST(Hash, LongHashesMatchHashlibWhateverLibraryComputesThem) {
  // blake2b(blake2b(data).digest(), digest_size=32, person=b"hansa1/body").hexdigest()
  EXPECT_EQ(hash_long("hansa1/body", counting_bytes(0)).hex(),
            "ab15ea9cbf4fffdce86d3a321899a7cdf96f8b84a972b09c462d84481ad9f7cc");
  EXPECT_EQ(hash_long("hansa1/body", counting_bytes(1)).hex(),
            "94dc60b96335a878b7fbf979bef985f07ee9c3efc72d88ffde0469bdf70128be");
  EXPECT_EQ(hash_long("hansa1/body", counting_bytes(1000)).hex(),
            "d9a2ecec61431e4cd28d85ba39a8857d715973fffd09a6a1225ffdfe7775fd47");
  EXPECT_EQ(hash_long("hansa1/body", counting_bytes(1048579)).hex(),
            "4ac6872caa7320c3eb16344d0f7cc362c32c88651c45677e19995bea04f5cd43");
  for (std::size_t count = 0; count < 600; ++count) {
    const auto bytes = counting_bytes(count);
    ASSERT_EQ(hash_long("hansa.test", bytes), hash("hansa.test", hash_wide(bytes).bytes())) << count;
  }
}

TEST(Hash, StripsMatchHashlib) {
  // blake2b(b"".join(blake2b(data[i:i + 32768]).digest() for i in range(0, len(data), 32768)),
  //         digest_size=32, person=b"hansa.test").hexdigest()
  EXPECT_EQ(hash_strips("hansa.test", counting_bytes(0)).hex(),
            "8b81d300809e028ed2b6613919d826f7be0d73321f4913dcb3309ebdded0a700");
  EXPECT_EQ(hash_strips("hansa.test", counting_bytes(1000)).hex(),
            "400ab6b8bf3aa3de50c91b5473597692949050a080a1afa7640b963a2515373b");
  EXPECT_EQ(hash_strips("hansa.test", counting_bytes(262144)).hex(),
            "cb56864649d783f499e7c6c7a2667d5c5f87e357c6227c2f3bc33180282211c2");
  EXPECT_EQ(hash_strips("hansa.test", counting_bytes(1000003)).hex(),
            "ec1fe2d8a9242f428d546104918793739aada4dcf12a5e1d5640f8b7d3574f9c");
}

TEST(Hash, StripsAreHashedAsOneByOneWhateverTheirNumber) {
  auto bytes = counting_bytes(20 * kStripBytes + 1);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] ^= static_cast<std::byte>(i / 256 * 2654435761u >> 24);
  for (std::size_t strips = 0; strips <= 20; ++strips) {
    for (const int off : {-1, 0, 1}) {
      if (strips == 0 && off < 0) continue;
      const auto part = std::span(bytes).first(strips * kStripBytes + static_cast<std::size_t>(off));
      Hasher plain("hansa.test");
      for (std::size_t at = 0; at < part.size(); at += kStripBytes) {
        plain.update(hash_wide(part.subspan(at, std::min(kStripBytes, part.size() - at))).bytes());
      }
      ASSERT_EQ(hash_strips("hansa.test", part), plain.finish()) << part.size();
    }
  }
}

TEST(Hash, EveryVectorVariantGivesTheLibrarysDigests) {
  const auto bytes = counting_bytes(100'000);
  for (std::size_t variant = 0; variant < blake2b::variants().count; ++variant) {
    for (const std::size_t blocks : {1u, 2u, 3u, 16u, 257u}) {
      blake2b::Pieces pieces;
      for (std::size_t i = 0; i < pieces.size(); ++i) pieces[i] = bytes.data() + 8209 * i;  // unaligned
      blake2b::Digests digests;
      const std::size_t size = blocks * blake2b::kBlockBytes;
      blake2b::variants().all[variant].hash(pieces, size, digests);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto expected = hash_wide(std::span(pieces[i], size));
        ASSERT_TRUE(std::equal(digests[i].begin(), digests[i].end(), expected.bytes().begin()))
            << blake2b::variants().all[variant].name << ", lane " << i << ", " << size << " bytes";
      }
    }
  }
}

TEST(Hash, DoesNotDependOnHowTheStreamIsCut) {
  const auto bytes = counting_bytes(1000);
  const Hash256 whole = hash("hansa.test", bytes);
  for (const std::size_t piece : {1u, 7u, 63u, 64u, 127u, 128u, 129u, 999u}) {
    Hasher hasher("hansa.test");
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      hasher.update(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(hasher.finish(), whole) << "pieces of " << piece;
  }
}

TEST(Hash, FloatsAreHashedAsTheirBytes) {
  const std::vector<float> floats = {0.0f, -0.0f, 1.5f, -3.25e-20f};
  EXPECT_EQ(Hasher("hansa.test").update(std::span<const float>(floats)).finish(),
            hash("hansa.test", std::as_bytes(std::span(floats))));
}

TEST(Hash, CopyingForksTheStream) {
  Hasher trunk("hansa.test");
  trunk.update("ab");
  Hasher fork = trunk;
  fork.update("x");
  EXPECT_EQ(trunk.update("c").finish(), Hasher("hansa.test").update("abc").finish());
  EXPECT_EQ(fork.finish(), Hasher("hansa.test").update("abx").finish());
}

TEST(Hash, HexadecimalIsReadBackOrRefused) {
  for (const std::vector<std::byte>& bytes :
       {std::vector<std::byte>{}, {std::byte{0}}, {std::byte{0xab}, std::byte{1}}}) {
    EXPECT_EQ(from_hex(to_hex(bytes)), std::optional(bytes));
  }
  for (const char* const wrong : {"0", "0g", "abc", "zz", "0 "}) EXPECT_FALSE(from_hex(wrong)) << wrong;
}

TEST(Hash, EmptyUpdatesChangeNothing) {
  EXPECT_EQ(Hasher("hansa.test").update("").update("abc").update("").finish(),
            Hasher("hansa.test").update("abc").finish());
}

TEST(HashDeathTest, FinishingTwiceOrALongLabelIsOurMistake) {
  Hasher hasher("hansa.test");
  (void)hasher.finish();
  EXPECT_DEATH((void)hasher.finish(), "failed == 0");
  EXPECT_DEATH(Hasher("this label is too long"), "label");
}

}  // namespace
}  // namespace hansa::crypto
