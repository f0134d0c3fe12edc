// Transfers with honest, slow, lying and vanishing holders, and the limits that hold whoever is at the other
// end.
#include "tests/bulk/network.hpp"

#include <gtest/gtest.h>

namespace hansa::protocols::bulk {
namespace {

using namespace testing;

constexpr std::size_t kSize = 5 * kChunkBytes + 123;

TEST(Bulk, BlobsOfAllSizesArriveWhole) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{kChunkBytes}, std::size_t{kChunkBytes + 1}, kSize}) {
    Network network(size, 2);
    const Bytes bytes = random_bytes(size, size);
    const BlobId id = network.give(0, bytes, {1});
    ASSERT_TRUE(network.want(1, id, size, {0}).ok());
    network.run();
    ASSERT_EQ(network.results[1].size(), 1u);
    EXPECT_EQ(network.results[1][0].second, bytes);
    EXPECT_EQ(network.machines[1].memory_bytes(), 0u);
    EXPECT_FALSE(network.machines[1].fetching(id));
    EXPECT_LE(network.most_open, 24);
    EXPECT_TRUE(network.misdeeds.empty());
  }
}

TEST(Bulk, AnOfferAloneMovesNothing) {
  Network network(1, 2);
  std::size_t offers = 0;
  network.on_offer = [&](std::size_t, const Offered& offered) {
    ++offers;
    EXPECT_EQ(offered.offer.size, kSize);
  };
  network.give(0, random_bytes(kSize, 1), {1});
  network.run();
  EXPECT_EQ(offers, 1u);
  EXPECT_EQ(network.machines[0].counters().chunks_served, 0u);
}

TEST(Bulk, NobodyCanPush) {
  Bulk bulk;
  Effects effects;
  const Bytes bytes = random_bytes(kChunkBytes, 1);
  const Manifest manifest = manifest_of(bytes);
  bulk.on_message(node(1), ManifestReply{manifest.id(), manifest}, Time{0}, effects);
  bulk.on_message(node(1), ChunkReply{manifest.id(), 0, bytes, nullptr, {}}, Time{0}, effects);
  ASSERT_EQ(effects.size(), 2u);
  for (const Effect& effect : effects) EXPECT_EQ(std::get<Misbehaved>(effect).misdeed, Misdeed::unrequested);
  EXPECT_EQ(bulk.memory_bytes(), 0u);

  // Nor a chunk of what is wanted, but was not asked for.
  effects.clear();
  const Node holders[] = {node(2)};
  ASSERT_TRUE(bulk.fetch({manifest.id(), bytes.size(), 1}, holders, Time{0}, effects).ok());
  effects.clear();
  bulk.on_message(node(1), ChunkReply{manifest.id(), 0, bytes, nullptr, {}}, Time{0}, effects);
  bulk.on_message(node(2), ChunkReply{manifest.id(), 0, bytes, nullptr, {}}, Time{0}, effects);
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_EQ(std::get<Misbehaved>(effects[0]).misdeed, Misdeed::unrequested);
  EXPECT_TRUE(bulk.fetching(manifest.id()));
}

TEST(Bulk, MoreRequestsAreOpenWithAFastHolderThanWithASlowOne) {
  for (const bool slow : {false, true}) {
    Network network(11, 2);
    if (slow) network.slowness[0] = std::chrono::seconds(2);
    const Bytes bytes = random_bytes(80 * std::size_t{kChunkBytes}, 1);
    const BlobId id = network.give(0, bytes, {1});
    ASSERT_TRUE(network.want(1, id, bytes.size(), {0}).ok());
    network.run();
    ASSERT_EQ(network.results[1].size(), 1u);
    if (slow) {
      EXPECT_EQ(network.most_open, 4);
    } else {
      EXPECT_GT(network.most_open, 12);
      EXPECT_LE(network.most_open, 24);
    }
  }
}

TEST(Bulk, OnlyThoseItWasOfferedToGetABlob) {
  Network network(1, 3);
  const BlobId id = network.give(0, random_bytes(kSize, 1), {1});
  ASSERT_TRUE(network.want(2, id, kSize, {0}).ok());
  network.run();
  EXPECT_TRUE(network.results[2].empty());
  EXPECT_EQ(network.failures[2].size(), 1u);
  EXPECT_EQ(network.machines[0].counters().refused, 1u);
  EXPECT_EQ(network.machines[0].counters().chunks_served, 0u);
}

TEST(Bulk, WrongChunksComeFromAnotherHolderInstead) {
  Network network(1, 3);
  const Bytes bytes = random_bytes(kSize, 1);
  Bytes wrong;
  network.tamper = [&](std::size_t from, Send& send) {
    auto* const chunk = std::get_if<ChunkReply>(&send.message);
    if (from != 0 || chunk == nullptr || chunk->index != 2) return;
    wrong.assign(chunk->data.begin(), chunk->data.end());
    wrong[100] ^= std::byte{1};
    chunk->data = wrong;
  };
  const BlobId id = network.give(0, bytes, {2});
  network.give(1, bytes, {2});
  ASSERT_TRUE(network.want(2, id, kSize, {0, 1}).ok());
  network.run();
  ASSERT_EQ(network.results[2].size(), 1u);
  EXPECT_EQ(network.results[2][0].second, bytes);
  EXPECT_EQ((network.misdeeds[{0, Misdeed::bad_chunk}]), 1u);
  EXPECT_EQ((network.misdeeds[{1, Misdeed::bad_chunk}]), 0u);
}

TEST(Bulk, WrongListsAreFoundOut) {
  Network network(1, 3);
  const Bytes bytes = random_bytes(kSize, 1);
  network.tamper = [&](std::size_t from, Send& send) {
    auto* const list = std::get_if<ManifestReply>(&send.message);
    if (from == 0 && list != nullptr) list->manifest.chunks[1].bytes[0] ^= std::byte{1};
  };
  const BlobId id = network.give(0, bytes, {2});
  network.give(1, bytes, {2});
  ASSERT_TRUE(network.want(2, id, kSize, {0, 1}).ok());
  network.run();
  ASSERT_EQ(network.results[2].size(), 1u);
  EXPECT_EQ((network.misdeeds[{0, Misdeed::bad_manifest}]), 1u);
}

TEST(Bulk, SizeThatDoesNotBelongToTheNameFails) {
  Network network(1, 2);
  const Bytes bytes = random_bytes(kSize, 1);
  const BlobId id = network.give(0, bytes, {1});
  ASSERT_TRUE(network.want(1, id, kSize + 1, {0}).ok());
  network.run();
  EXPECT_EQ(network.failures[1], std::vector{id});
  EXPECT_EQ(network.machines[1].memory_bytes(), 0u);
  EXPECT_TRUE(network.misdeeds.empty()) << "the holder said nothing wrong";
}

TEST(Bulk, SilentHolderIsLeftForAnother) {
  Network network(1, 3);
  const Bytes bytes = random_bytes(kSize, 1);
  network.slowness[0] = std::chrono::seconds(40);
  const BlobId id = network.give(0, bytes, {2});
  network.give(1, bytes, {2});
  ASSERT_TRUE(network.want(2, id, kSize, {0, 1}).ok());
  network.run();
  ASSERT_EQ(network.results[2].size(), 1u);
  EXPECT_EQ(network.results[2][0].second, bytes);
  EXPECT_GT(network.machines[2].counters().timeouts, 0u);
  EXPECT_EQ((network.misdeeds[{0, Misdeed::unrequested}]), 0u) << "late is not the same as unasked";
}

TEST(Bulk, GivesUpWhenNobodyAnswers) {
  Network network(1, 2);
  network.loss_permille = 1000;
  ASSERT_TRUE(network.want(1, manifest_of(random_bytes(10, 1)).id(), 10, {0}).ok());
  network.run();
  EXPECT_EQ(network.failures[1].size(), 1u);
  EXPECT_EQ(network.now, 3 * Options().timeout);
}

TEST(Bulk, PeerThatGoesDownIsReplacedAndMayReturn) {
  Network network(1, 3);
  const Bytes bytes = random_bytes(kSize, 1);
  const BlobId id = network.give(0, bytes, {2});
  ASSERT_TRUE(network.want(2, id, kSize, {0, 1}).ok());
  Effects effects;
  network.machines[2].on_peer_down(node(0), network.now, effects);
  network.perform(2, effects);
  EXPECT_TRUE(network.machines[2].fetching(id)) << "there is another holder";
  network.give(0, bytes, {2});  // back, and offers again
  network.run();
  ASSERT_EQ(network.results[2].size(), 1u);
  EXPECT_EQ(network.results[2][0].second, bytes);
}

TEST(Bulk, LimitsOnSizeNumberAndMemory) {
  Options options;
  options.blob_bytes_max = 3 * kSize;
  options.memory_bytes_max = 2 * kSize;
  options.fetches_max = 3;
  Network network(1, 2, options);
  EXPECT_FALSE(network.want(1, BlobId{}, 2 * kSize + 1, {0}).ok());
  EXPECT_FALSE(network.want(1, BlobId{}, 0, {0}).ok());
  std::vector<Bytes> blobs;
  std::size_t asked = 0;
  for (std::uint64_t i = 0; i < 4; ++i) {
    blobs.push_back(random_bytes(kSize, i));
    const BlobId id = network.give(0, blobs.back(), {1});
    asked += network.want(1, id, kSize, {0}).ok() ? 1 : 0;
    EXPECT_LE(network.machines[1].memory_bytes(), options.memory_bytes_max);
  }
  EXPECT_EQ(asked, 3u);
  network.run();
  EXPECT_EQ(network.results[1].size(), 3u) << "the third waits for memory, and then comes";
  EXPECT_LE(network.most_open, 24) << "of two transfers together";
}

TEST(Bulk, AtMostTwoTransfersPerHolder) {
  Network network(1, 2);
  std::vector<BlobId> ids;
  for (std::uint64_t i = 0; i < 6; ++i) {
    ids.push_back(network.give(0, random_bytes(kSize, i), {1}));
    ASSERT_TRUE(network.want(1, ids.back(), kSize, {0}).ok());
  }
  network.run();
  EXPECT_EQ(network.results[1].size(), 6u);
  EXPECT_LE(network.most_open, 24);
}

TEST(Bulk, AnswersToWhatWasCancelledAreNoOffence) {
  Network network(1, 2);
  const Bytes bytes = random_bytes(kSize, 1);
  const BlobId id = network.give(0, bytes, {1});
  ASSERT_TRUE(network.want(1, id, kSize, {0}).ok());
  Effects effects;
  while (network.machines[0].counters().chunks_served == 0) {  // until chunks are on their way
    ASSERT_FALSE(network.queue.empty());
    auto [at, packet] = std::move(*network.queue.begin());
    network.queue.erase(network.queue.begin());
    auto& [from, to, type, body] = packet;
    network.machines[to].on_message(node(static_cast<std::uint8_t>(from)), *decode(type, body), at, effects);
    network.perform(to, effects);
  }
  network.machines[1].cancel(id, network.now, effects);
  network.perform(1, effects);
  network.run();
  EXPECT_TRUE(network.results[1].empty());
  EXPECT_TRUE(network.misdeeds.empty());
  EXPECT_EQ(network.machines[1].memory_bytes(), 0u);
}

/// Random sizes, delays, losses and liars: what arrives is right, honest holders are never accused of lying,
/// and nobody is stuck.
TEST(Bulk, RandomFaults) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Network network(seed, 5);
    Rng rng(seed, Purpose::test, 7);
    network.loss_permille = rng.below(100);
    const std::size_t liar = rng.below(2);  // node 0 lies, or nobody
    Bytes wrong;
    network.tamper = [&](std::size_t from, Send& send) {
      auto* const chunk = std::get_if<ChunkReply>(&send.message);
      if (liar == 0 || from != 0 || chunk == nullptr || rng.below(3) != 0) return;
      wrong.assign(chunk->data.begin(), chunk->data.end());
      wrong[rng.below(wrong.size())] ^= std::byte{0x10};
      chunk->data = wrong;
    };
    for (std::size_t i = 0; i < 4; ++i) {
      network.slowness[i] = std::chrono::milliseconds(rng.below(8) == 0 ? 20000 : rng.below(300));
    }
    std::map<BlobId, Bytes> truth;
    for (std::uint64_t b = 0; b < 4; ++b) {
      const Bytes bytes = random_bytes(1 + rng.below(3 * kChunkBytes), seed * 10 + b);
      BlobId id;
      std::vector<std::size_t> holders;
      for (std::size_t i = 0; i < 4; ++i) {
        if (rng.below(2) == 0) continue;
        id = network.give(i, bytes, {4});
        holders.push_back(i);
      }
      if (holders.empty()) continue;
      truth[id] = bytes;
      ASSERT_TRUE(network.want(4, id, bytes.size(), holders).ok());
    }
    network.run();
    ASSERT_FALSE(network.stuck) << "seed " << seed;
    EXPECT_EQ(network.results[4].size() + network.failures[4].size(), truth.size()) << "seed " << seed;
    for (const auto& [id, bytes] : network.results[4]) EXPECT_EQ(bytes, truth.at(id)) << "seed " << seed;
    for (std::size_t i = 1; i < 5; ++i) {
      EXPECT_EQ((network.misdeeds[{i, Misdeed::bad_chunk}]), 0u) << "seed " << seed;
      EXPECT_EQ((network.misdeeds[{i, Misdeed::bad_manifest}]), 0u) << "seed " << seed;
      EXPECT_EQ((network.misdeeds[{i, Misdeed::unrequested}]), 0u) << "seed " << seed;
    }
    EXPECT_EQ(network.machines[4].memory_bytes(), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hansa::protocols::bulk
