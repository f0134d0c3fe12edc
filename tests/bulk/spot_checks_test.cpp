// Large blobs that only one node has are checked here and there (docs/adr/0019); what that finds, and when
// all is checked after all.
#include "tests/bulk/network.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hansa::protocols::bulk {
namespace {

using namespace testing;

constexpr std::uint32_t kLargeChunks = 24;

Options with_spot_checks(std::uint8_t secret, std::uint32_t one_in = 8) {
  Options options;
  options.spot_checks = {.secret = {{std::byte{secret}}}, .kind = 1, .whole_chunks = 5, .one_in = one_in};
  return options;
}

/// Node 0 gives these chunks with their first byte changed.
void lie_about(Network& network, std::set<std::uint32_t> chunks) {
  network.tamper = [chunks = std::move(chunks)](std::size_t from, Send& send) {
    auto* const reply = std::get_if<ChunkReply>(&send.message);
    if (reply == nullptr || from != 0 || !chunks.contains(reply->index)) return;
    auto changed = std::make_shared<Bytes>(reply->data.begin(), reply->data.end());
    changed->front() ^= std::byte{1};
    reply->data = *changed;
    reply->owner = std::move(changed);
    reply->body = {};
  };
}

std::set<std::uint32_t> all_chunks() {
  std::set<std::uint32_t> all;
  for (std::uint32_t i = 0; i < kLargeChunks; ++i) all.insert(i);
  return all;
}

TEST(SpotChecks, SomeChunksOfALargeBlobOfOneNode) {
  struct Case {
    const char* what;
    std::uint32_t chunks;
    std::uint8_t kind;
    bool secret;
    bool some;
  };
  for (const Case& c : {Case{"large", kLargeChunks, 1, true, true}, Case{"small", 5, 1, true, false},
                        Case{"of another kind", kLargeChunks, 2, true, false},
                        Case{"no secret", kLargeChunks, 1, false, false}}) {
    Options options = with_spot_checks(3);
    if (!c.secret) options.spot_checks.secret.reset();
    options.spot_checks.kind = c.kind;  // the network gives kind 1
    Network network(2, 2, options);
    const Bytes bytes = random_bytes(c.chunks * std::size_t{kChunkBytes} - 7, 1);
    const BlobId id = network.give(0, bytes, {1});
    ASSERT_TRUE(network.want(1, id, bytes.size(), {0}).ok());
    network.run();
    ASSERT_EQ(network.results[1].size(), 1u) << c.what;
    EXPECT_EQ(network.results[1][0].second, bytes) << c.what;
    const std::uint64_t checked = network.machines[1].counters().chunks_checked;
    if (c.some) {
      EXPECT_GE(checked, 1u) << c.what;
      EXPECT_LE(checked, kLargeChunks / 2) << c.what;
    } else {
      EXPECT_EQ(checked, c.chunks) << c.what;
    }
    EXPECT_TRUE(network.misdeeds.empty()) << c.what;
  }
}

/// One false chunk is found with probability 1 / one_in, whatever the sender does; it does not know the
/// secret.
TEST(SpotChecks, FindOneFalseChunkInOneOfFourTransfers) {
  const Bytes bytes = random_bytes(kLargeChunks * std::size_t{kChunkBytes}, 1);
  std::size_t found = 0;
  for (std::uint8_t secret = 0; secret < 64; ++secret) {
    Network network(secret, 2, with_spot_checks(secret, 4));
    lie_about(network, {7});
    const BlobId id = network.give(0, bytes, {1});
    ASSERT_TRUE(network.want(1, id, bytes.size(), {0}).ok());
    network.run();
    const bool caught = network.misdeeds[{0, Misdeed::bad_chunk}] > 0;
    found += caught ? 1u : 0u;
    EXPECT_EQ(network.results[1].size(), caught ? 0u : 1u) << "a liar's blob is not taken";
  }
  EXPECT_GE(found, 8u);  // 16 expected; five standard deviations would be 17
  EXPECT_LE(found, 28u);
}

TEST(SpotChecks, WhoeverLiesThroughoutIsFound) {
  const Bytes bytes = random_bytes(kLargeChunks * std::size_t{kChunkBytes}, 1);
  Network network(1, 2, with_spot_checks(3));
  lie_about(network, all_chunks());
  const BlobId id = network.give(0, bytes, {1});
  ASSERT_TRUE(network.want(1, id, bytes.size(), {0}).ok());
  network.run();
  EXPECT_EQ((network.misdeeds[{0, Misdeed::bad_chunk}]), 1u);
  EXPECT_TRUE(network.results[1].empty());
  EXPECT_EQ(network.failures[1].size(), 1u);
}

/// Two parties with equal models: the lies of one must not stand for the other's.
TEST(SpotChecks, ASecondHolderHasEverythingChecked) {
  const Bytes bytes = random_bytes(kLargeChunks * std::size_t{kChunkBytes}, 1);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Network network(seed, 3, with_spot_checks(3, 1000000));  // by itself it would find nothing
    lie_about(network, all_chunks());
    const BlobId id = network.give(0, bytes, {2});
    ASSERT_EQ(network.give(1, bytes, {2}), id);
    ASSERT_TRUE(network.want(2, id, bytes.size(), {0}).ok());
    std::size_t arrived = 0;
    network.tamper = [&network, &arrived, lie = network.tamper, id, size = bytes.size(), seed](
                         std::size_t from, Send& send) {
      lie(from, send);
      if (from != 0 || !std::holds_alternative<ChunkReply>(send.message)) return;
      if (++arrived != 3 + 2 * seed) return;  // the second offer comes in the middle
      network.queue.emplace(network.now, std::tuple(std::size_t{1}, std::size_t{2}, type_of(Message(Offer{})),
                                                    encode(Offer{id, size, 1})));
    };
    network.run();
    ASSERT_EQ(network.results[2].size(), 1u) << "seed " << seed;
    EXPECT_EQ(network.results[2][0].second, bytes) << "seed " << seed;
    EXPECT_EQ((network.misdeeds[{0, Misdeed::bad_chunk}]), 1u) << "seed " << seed;
    EXPECT_EQ((network.misdeeds[{1, Misdeed::bad_chunk}]), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hansa::protocols::bulk
