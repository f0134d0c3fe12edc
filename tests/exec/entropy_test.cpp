// A replayable source repeats for the same seed, party and boot, and for nothing else; a real one never does.
#include "src/exec/entropy.hpp"
#include "src/crypto/random.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace hansa::exec {
namespace {

std::vector<std::byte> draw(protocols::EntropySource& source, std::size_t count = 32) {
  std::vector<std::byte> bytes(count);
  source.fill(bytes);
  return bytes;
}

TEST(Entropy, SeededRepeatsOnlyForTheSameSeedPartyAndBoot) {
  std::set<std::vector<std::byte>> streams;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint32_t party = 0; party < 4; ++party) {
      for (std::uint64_t boot = 0; boot < 4; ++boot) {
        SeededEntropy first(seed, PartyId{party}, boot), again(seed, PartyId{party}, boot);
        const auto bytes = draw(first);
        EXPECT_EQ(bytes, draw(again));
        EXPECT_TRUE(streams.insert(bytes).second) << seed << ' ' << party << ' ' << boot;
        EXPECT_TRUE(streams.insert(draw(first)).second) << "the stream goes on, it does not start over";
      }
    }
  }
}

TEST(Entropy, OperatingSystemNeverRepeats) {
  ASSERT_TRUE(crypto::initialise().ok());
  OsEntropy source;
  EXPECT_NE(draw(source), draw(source));
}

}  // namespace
}  // namespace hansa::exec
