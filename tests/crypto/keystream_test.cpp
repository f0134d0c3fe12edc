// Known answers of ChaCha20, that a stream does not depend on how it is cut, and the system's random bytes.
#include "src/crypto/keystream.hpp"
#include "src/crypto/random.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace hansa::crypto {
namespace {

TEST(Keystream, GivesTheVectorsOfRfc8439) {
  // RFC 8439 appendix A.1, test vectors 1 and 2: key and nonce zero, blocks 0 and 1.
  std::vector<std::byte> bytes(128);
  Keystream(Hash256{}).fill(bytes);
  std::string hex;
  for (std::size_t at = 0; at < bytes.size(); at += 32) {
    Hash256 piece;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 32, piece.bytes.begin());
    hex += piece.hex();
  }
  EXPECT_EQ(hex,
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
            "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
}

TEST(Keystream, DoesNotDependOnHowItIsCut) {
  const Hash256 key = hash("hansa.test", {});
  std::vector<std::byte> whole(4096);
  Keystream(key).fill(whole);
  Rng rng(7, Purpose::test);
  for (int repeat = 0; repeat < 50; ++repeat) {
    Keystream stream(key);
    std::vector<std::byte> pieces(whole.size());
    for (std::size_t at = 0; at < pieces.size();) {
      const std::size_t count = std::min<std::size_t>(rng.below(200), pieces.size() - at);
      stream.fill(std::span(pieces).subspan(at, count));
      at += count;
    }
    ASSERT_EQ(pieces, whole);
  }
}

TEST(Random, FillsEveryByteAndNeverRepeats) {
  ASSERT_TRUE(initialise().ok());
  ASSERT_TRUE(initialise().ok()) << "a second call is harmless";
  std::set<std::vector<std::byte>> seen;
  std::vector<bool> changed(64, false);
  for (int draw = 0; draw < 32; ++draw) {
    std::vector<std::byte> bytes(64, std::byte{0});
    random_bytes(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != std::byte{0}) changed[i] = true;
    }
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  EXPECT_EQ(std::count(changed.begin(), changed.end(), true), 64);  // a byte that stays 0: 1 in 256^32
}

TEST(Random, WipeLeavesZeros) {
  std::vector<std::byte> secret(33, std::byte{0xAA});
  wipe(secret);
  EXPECT_EQ(secret, std::vector<std::byte>(33, std::byte{0}));
}

}  // namespace
}  // namespace hansa::crypto
