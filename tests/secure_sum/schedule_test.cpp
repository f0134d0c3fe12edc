// Unreliable networks: late, repeated, reordered and lost packets, slow members, dead leaders.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

TEST(Session, reorder_duplicate_delay) {
  int completed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    NetworkOptions options{.inputs = 4 + seed % 2, .seed = seed};
    Network network(options);
    Rng rng(seed, Purpose::test, 9);
    const bool slow = seed % 3 == 0, lossy = seed % 3 == 1;
    network.hook = [&](Member, Member to, Bytes& packet) {
      const std::uint64_t dice = rng.below(100);
      if (dice < 10) network.inject(to, packet, std::chrono::milliseconds(1 + rng.below(50)));
      if (lossy && dice >= 97) return false;
      if (slow && dice >= 90) {  // late enough for somebody to lose patience
        network.inject(to, packet, std::chrono::milliseconds(rng.below(12000)));
        return false;
      }
      return true;
    };
    if (seed % 4 == 0) network.crash(rng.below(options.inputs), rng.below(10 * options.inputs));
    network.run();
    network.check_safety();
    EXPECT_TRUE(network.caught().empty()) << "seed " << seed << ": nobody lied";
    for (Member i = 0; i < network.size(); ++i) {
      if (!network.alive(i)) continue;
      EXPECT_TRUE(network.session(i).over()) << "seed " << seed << " member " << i;
    }
    completed += network.session(0).phase() == Phase::complete ? 1 : 0;
  }
  EXPECT_GE(completed, 25);
}

TEST(Session, leader_failover_and_vote_lock) {
  const NetworkOptions options{.inputs = 8, .colluders = 2};
  Network dry(options);
  dry.run();
  const Member leader = dry.session(0).leader(0), locked = dry.session(0).leader(3);
  Network network(options);
  std::size_t proposals = 0;
  // The leader reaches one member with another set than the rest would choose, and dies; the vote is lost.
  network.hook = [&](Member from, Member to, Bytes& packet) {
    const auto type = static_cast<PacketType>(packet[0]);
    if (from == locked && type == PacketType::vote) return false;
    if (from != leader || type != PacketType::propose) return from != leader || type < PacketType::propose;
    if (to != locked) return false;
    ++proposals;
    packet = resigned(packet, leader, [&](Bytes& body) {
      ProposeBody proposal = parse_propose(body);
      proposal.decision.inputs &= ~set_of(leader);
      body = encode_propose(proposal);
    });
    return true;
  };
  network.run();
  EXPECT_EQ(proposals, 1u);
  network.check_safety();  // the locked member has voted once
  for (Member i = 0; i < 8; ++i) {
    if (i == leader || i == locked) continue;
    EXPECT_EQ(network.session(i).phase(), Phase::complete) << "member " << i;
    EXPECT_EQ(network.session(i).outcome().decision.inputs, first_of(8));
  }
  EXPECT_EQ(network.session(locked).phase(), Phase::aborted);
}

/// A CHUNK that comes after the decision was made without it is of no use: the sender's own mask stays on it.
TEST(Session, late_chunk_useless) {
  const NetworkOptions options{.inputs = 5};
  Network network(options);
  Bytes late;
  network.hook = [&](Member from, Member to, Bytes& packet) {
    if (from != 2 || packet[0] != static_cast<std::byte>(PacketType::chunk)) return true;
    if (to == 0) late = packet;
    network.inject(to, packet, std::chrono::milliseconds(5500));
    return false;
  };
  network.run();
  network.check_safety();
  ASSERT_EQ(network.session(0).phase(), Phase::complete);
  EXPECT_EQ(network.session(0).outcome().decision.inputs, first_of(5) & ~set_of(2));
  EXPECT_EQ(network.session(0).dropped(DropReason::late), 1u);

  // The owner takes everything that was revealed about member 2 and unmasks what it can.
  std::vector<MemberSecrets> secrets;
  std::vector<Point> keys;
  for (Member i = 0; i < 5; ++i) {
    LabelledEntropy entropy(options.label, static_cast<std::uint16_t>(i));
    secrets.push_back(MemberSecrets::draw(entropy, network.plan().threshold));
    keys.push_back(Point::of(secrets.back().mask.secret()));
  }
  std::vector<Share> shares;
  for (const Sent& sent : network.trace()) {
    if (sent.type() != PacketType::reveal || sent.to != (sent.from == 0 ? 1u : 0u)) continue;
    Reader in(std::get<RevealBody>(decoded(sent.packet, network.plan()).parsed).shares.subspan(32 * 2));
    const Scalar share = *Scalar::decode(in.array<32>());
    EXPECT_TRUE(share == secrets[2].mask.share(sent.from));
    EXPECT_FALSE(share == secrets[2].self.share(sent.from)) << "its own mask is never given out";
    if (shares.size() < network.plan().threshold) shares.push_back({sent.from, share});
  }
  ASSERT_EQ(shares.size(), network.plan().threshold);
  const Scalar key = rebuild_secret(shares);
  ASSERT_TRUE(key == secrets[2].mask.secret());
  const Packet chunk = decoded(late, network.plan());
  const BytesView y = std::get<ChunkBody>(chunk.parsed).lanes;
  MaskTask task{Lane::bits32, Bytes(y.begin(), y.end()), {{0, network.plan().chunks[0].lanes}}, {}};
  for (Member j = 0; j < 5; ++j) {
    if (j != 2) task.terms.push_back({pair_seed(chunk.session, 2, key, j, keys[j]), !subtracts(2, j)});
  }
  const Bytes residual = perform(task);
  EXPECT_NE(residual, network.plain_piece(2, 0));
  MaskTask rest{
      Lane::bits32, residual, task.chunks, {{self_seed(chunk.session, 2, secrets[2].self.secret()), true}}};
  EXPECT_EQ(perform(rest), network.plain_piece(2, 0)) << "exactly its own mask is left";
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
