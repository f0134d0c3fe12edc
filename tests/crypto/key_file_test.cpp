// Key files: what goes in comes out, damage and a wrong passphrase are told apart, and CURVE keys agree with
// the published vectors.
#include "src/crypto/key_file.hpp"

#include "src/crypto/hash.hpp"
#include "tests/crypto/hex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace hansa::crypto {
namespace {

using ::testing::HasSubstr;

constexpr StretchCost kCheap{.passes = 1, .memory_kib = 64};

TEST(CurveKey, GivesTheVectorOfRfc7748) {
  const auto bob = array_from_hex<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(CurveKey::from_secret(bob).public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

// The key pairs in libzmq's documentation of ZMQ_CURVE_SECRETKEY.
TEST(CurveKey, ReadsAndWritesTheTextThatLibzmqTakes) {
  const std::pair<const char*, const char*> pairs[] = {
      {"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"},
      {"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"},
  };
  for (const auto& [secret, open] : pairs) {
    const auto bytes = from_z85(secret);
    ASSERT_TRUE(bytes.has_value());
    const CurveKey key = CurveKey::from_secret(*bytes);
    EXPECT_EQ(to_z85(key.public_key()), open);
    EXPECT_EQ(key.secret_z85().reveal(), secret);
    EXPECT_EQ(from_z85(open), key.public_key());
  }
  EXPECT_FALSE(from_z85("too short"));
  EXPECT_FALSE(from_z85("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf "));
  EXPECT_FALSE(from_z85(std::string(40, '#'))) << "five digits above 2^32";
}

TEST(CurveKey, FreshKeysDiffer) {
  std::set<Bytes32> seen;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(seen.insert(CurveKey::generate().public_key()).second);
}

TEST(SecretText, HoldsWhatIsTyped) {
  SecretText text;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const char c = static_cast<char>('a' + i % 26);
    text.push_back(c);
    expected.push_back(c);
  }
  EXPECT_EQ(text.reveal(), expected);
  text.pop_back();
  expected.pop_back();
  SecretText moved = std::move(text);
  EXPECT_EQ(moved.reveal(), expected);
  std::string source = "copper lantern";
  moved = SecretText::take(source);
  EXPECT_EQ(moved.reveal(), "copper lantern");
  EXPECT_TRUE(source.empty());
}

TEST(KeyFile, GivesBackWhatWasPutIn) {
  const Identity node = Identity::generate();
  const auto file = encode_node_key(node);
  const auto node_again = decode_node_key(file, "node.key");
  ASSERT_TRUE(node_again.ok()) << node_again.error().message;
  EXPECT_EQ(node_again->public_key(), node.public_key());
  const auto message = hex_bytes("0011");
  EXPECT_EQ(node_again->sign(message), node.sign(message));

  const CurveKey curve = CurveKey::generate();
  const auto curve_again = decode_curve_key(encode_curve_key(curve, 7), "curve.key");
  ASSERT_TRUE(curve_again.ok());
  EXPECT_EQ(curve_again->key.public_key(), curve.public_key());
  EXPECT_EQ(curve_again->epoch, 7u);
}

TEST(KeyFile, AnOrganisationKeyOpensWithItsPassphraseOnly) {
  const Identity key = Identity::generate();
  const auto file = seal_organisation_key(key, SecretText("copper lantern"), kCheap);
  ASSERT_TRUE(file.ok());
  const auto opened = open_organisation_key(*file, SecretText("copper lantern"), "org.key");
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->public_key(), key.public_key());
  const auto wrong = open_organisation_key(*file, SecretText("copper lanterm"), "org.key");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message, "org.key: wrong passphrase");

  const auto info = read_key_file_info(*file, "org.key");
  ASSERT_TRUE(info.ok());
  EXPECT_TRUE(info->sealed);
  EXPECT_EQ(info->public_key, key.public_key());
  EXPECT_EQ(info->cost.memory_kib, kCheap.memory_kib);
  EXPECT_FALSE(seal_organisation_key(key, SecretText(""), kCheap).ok());

  const Secret32 seed = key.seed();
  const auto hidden = std::search(file->begin(), file->end(), seed.bytes().begin(), seed.bytes().end());
  EXPECT_EQ(hidden, file->end()) << "the secret stands in the file";
  const auto again = seal_organisation_key(key, SecretText("copper lantern"), kCheap);
  EXPECT_NE(*again, *file) << "salt and nonce must be fresh";
}

TEST(KeyFile, DamageIsSaidToBeDamage) {
  const auto sealed = seal_organisation_key(Identity::generate(), SecretText("x"), kCheap).value();
  const auto plain = encode_node_key(Identity::generate());
  for (const KeyFileBytes& file : {sealed, plain}) {
    for (std::size_t bit = 0; bit < 8 * file.size(); bit += 3) {
      KeyFileBytes changed = file;
      changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      const auto info = read_key_file_info(changed, "a.key");
      ASSERT_FALSE(info.ok()) << bit;
      EXPECT_THAT(info.error().message, HasSubstr("a.key: ")) << bit;
      EXPECT_EQ(info.error().message.find("passphrase"), std::string::npos) << bit;
    }
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_FALSE(read_key_file_info(std::span(file).first(size), "a.key").ok()) << size;
    }
  }
}

/// Someone who can write the file may also repair its checksum; then the secret decides.
TEST(KeyFile, ARepairedChecksumDoesNotMakeAnotherKeyPass) {
  auto file = encode_node_key(Identity::generate());
  file[20] ^= std::byte{1};  // the public key
  const auto content = std::span(file).first(file.size() - 32);
  const Hash256 sum = hash("hansa.keyfile.v1", content);
  std::copy(sum.bytes.begin(), sum.bytes.end(), file.end() - 32);
  const auto decoded = decode_node_key(file, "node.key");
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message, HasSubstr("two halves"));

  auto greedy = seal_organisation_key(Identity::generate(), SecretText("x"), kCheap).value();
  greedy[55] = std::byte{0xFF};  // asks for terabytes of memory
  const Hash256 other = hash("hansa.keyfile.v1", std::span(greedy).first(greedy.size() - 32));
  std::copy(other.bytes.begin(), other.bytes.end(), greedy.end() - 32);
  EXPECT_FALSE(open_organisation_key(greedy, SecretText("x"), "org.key").ok());
}

/// One key has one file: fields that mean nothing for a kind are zero.
TEST(KeyFile, OnlyCurveKeysHaveANumber) {
  auto file = encode_node_key(Identity::generate());
  file[12] = std::byte{1};
  const Hash256 sum = hash("hansa.keyfile.v1", std::span(file).first(file.size() - 32));
  std::copy(sum.bytes.begin(), sum.bytes.end(), file.end() - 32);
  const auto decoded = decode_node_key(file, "node.key");
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message, HasSubstr("only curve keys"));
}

TEST(KeyFile, TheKindsAreNotMixedUp) {
  const auto node = encode_node_key(Identity::generate());
  const auto wrong = open_organisation_key(node, SecretText("x"), "node.key");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message, "node.key: holds a node key, but the key needed here is: organisation");
  EXPECT_FALSE(decode_curve_key(node, "node.key").ok());
}

}  // namespace
}  // namespace hansa::crypto
