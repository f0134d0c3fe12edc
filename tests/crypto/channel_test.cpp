// Sealed channels: the vectors of RFC 8439 and RFC 7748, and that nothing changed in between is accepted.
#include "src/crypto/channel.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/kdf.hpp"
#include "tests/crypto/hex.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace hansa::crypto {
namespace {

TEST(Channel, SealsTheVectorOfRfc8439) {  // section 2.8.2
  constexpr std::string_view kText =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
      "would be it.";
  const Secret32 key(array_from_hex<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
  const auto sealed = seal(key, array_from_hex<12>("070000004041424344454647"),
                           hex_bytes("50515253c0c1c2c3c4c5c6c7"), std::as_bytes(std::span(kText)));
  EXPECT_EQ(to_hex(sealed),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
            "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
            "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
}

TEST(Channel, OpensOnlyWhatWasSealed) {
  const Secret32 key(hash("hansa.test", {}).bytes);
  const auto plain = hex_bytes("000102030405060708090a0b0c0d0e0f"), context = hex_bytes("aabb");
  const auto sealed = seal(key, Nonce{}, context, plain);
  ASSERT_EQ(sealed.size(), plain.size() + kSealBytes);
  std::vector<std::byte> opened(plain.size());
  ASSERT_TRUE(open(key, Nonce{}, context, sealed, opened));
  EXPECT_EQ(opened, plain);
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    auto changed = sealed;
    changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(open(key, Nonce{}, context, changed, opened));
    EXPECT_EQ(opened, std::vector<std::byte>(plain.size())) << "nothing of a forgery is given out";
  }
  EXPECT_FALSE(open(key, Nonce{}, hex_bytes("aabc"), sealed, opened));
  EXPECT_FALSE(open(Secret32(), Nonce{}, context, sealed, opened));
  EXPECT_FALSE(open(key, Nonce{}, context, std::span(sealed).first(15), {}));
}

TEST(Channel, BothEndsAgreeAndDirectionsDiffer) {
  const ExchangeKey a(hash("hansa.test", hex_bytes("01")).bytes),
      b(hash("hansa.test", hex_bytes("02")).bytes);
  const auto client = a.agree(b.public_key(), true), server = b.agree(a.public_key(), false);
  ASSERT_TRUE(client && server);
  EXPECT_EQ(to_hex(client->send.bytes()), to_hex(server->receive.bytes()));
  EXPECT_EQ(to_hex(client->receive.bytes()), to_hex(server->send.bytes()));
  EXPECT_NE(to_hex(client->send.bytes()), to_hex(client->receive.bytes()));
  EXPECT_FALSE(a.agree(Bytes32{}, true)) << "a point of small order";
}

TEST(Channel, ExchangeKeysFollowRfc7748) {  // section 6.1: Bob's public key
  EXPECT_EQ(to_hex(ExchangeKey(
                       array_from_hex<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
                       .public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST(Kdf, MatchesHashlib) {
  // hashlib.blake2b(data, digest_size=32, key=key, person=label).hexdigest()
  const Secret32 key(array_from_hex<32>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  EXPECT_EQ(to_hex(derive_key(key.bytes(), "hansa1/pairmask", hex_bytes("0102030405")).bytes()),
            "4cda06c6f1bc5fecef10a2ad717bb5b635020ab316363522f3addf75a61ca72a");
  EXPECT_EQ(to_hex(derive_key(key.bytes(), "hansa1/selfmask", {}).bytes()),
            "b73ce60138e2c7a0876f93e05e21041f01823127fdc954bdab4f339cd2d698c4");
  EXPECT_EQ(to_hex(hash_wide(hex_bytes("616263")).bytes()),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

}  // namespace
}  // namespace hansa::crypto
