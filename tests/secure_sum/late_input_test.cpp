// Sessions that begin before their inputs are there: keys, shares and masks come first, the same packets
// leave, and who is too late for the others still helps them.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hansa::protocols::secure_sum {
namespace {

using namespace std::chrono_literals;

NetworkOptions all_late(std::size_t inputs, Duration after) {
  NetworkOptions options{.inputs = inputs, .colluders = inputs >= 8 ? 2u : 1u};
  for (Member i = 0; i < inputs; ++i) options.late[i] = after + std::chrono::milliseconds(10 * i);
  return options;
}

std::multiset<Bytes> packets_of(const Network& network, PacketType type) {
  std::multiset<Bytes> packets;
  for (const Sent& sent : network.trace()) {
    if (sent.type() == type) packets.insert(sent.packet);
  }
  return packets;
}

TEST(LateInput, SetUpAndMasksComeFirst) {
  Network network(all_late(5, 10min));  // far beyond every patience
  std::size_t masked = 0;
  network.mask_hook = [&](Member, MaskJob job, Bytes&) { masked += job == MaskJob::input ? 1 : 0; };
  network.run([&] { return masked == 5; });
  EXPECT_LT(network.now(), 1s) << "masks are computed before there is anything to mask";
  EXPECT_EQ(network.count(PacketType::ready), 5u * 4u);
  EXPECT_EQ(network.count(PacketType::chunk), 0u);
  network.run();
  EXPECT_EQ(masked, 5u);
  network.check_safety();
  for (Member i = 0; i < 5; ++i) {
    ASSERT_EQ(network.session(i).phase(), Phase::complete);
    EXPECT_EQ(network.session(i).outcome().decision.inputs, first_of(5));
    EXPECT_EQ(network.session(i).outcome().chunks, first_of(5));
    EXPECT_TRUE(network.handle(i)->spent());
  }
}

TEST(LateInput, TheSamePacketsLeave) {
  for (const Lane lane : {Lane::bits16, Lane::bits32, Lane::bits64}) {
    NetworkOptions late = all_late(4, 1min), early{.inputs = 4};
    late.lane = early.lane = lane;
    Network ahead(late), at_once(early);
    ahead.run();
    at_once.run();
    for (const PacketType type : {PacketType::advert, PacketType::share, PacketType::chunk,
                                  PacketType::receipt, PacketType::reveal, PacketType::result}) {
      EXPECT_EQ(packets_of(ahead, type), packets_of(at_once, type)) << "type " << static_cast<int>(type);
    }
  }
}

TEST(LateInput, WhoIsTooLateHelpsTheOthersAndKeepsItsInput) {
  for (const std::size_t n : {4u, 5u, 8u}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      NetworkOptions options{.inputs = n, .colluders = n >= 8 ? 2u : 1u, .seed = seed};
      const Member slow = seed % n;
      options.late[slow] = 10min;
      Network network(options);
      network.run();
      network.check_safety();
      for (Member i = 0; i < n; ++i) {
        ASSERT_EQ(network.session(i).phase(), Phase::complete);
        EXPECT_EQ(network.session(i).outcome().decision.inputs, first_of(n) & ~set_of(slow));
        EXPECT_EQ(network.session(i).outcome().chunks, first_of(n)) << "its chunk is summed all the same";
        EXPECT_EQ(network.handle(i)->spent(), i != slow);
      }
      for (const Sent& sent : network.trace()) {
        EXPECT_FALSE(sent.from == slow && sent.type() == PacketType::chunk);
      }
      EXPECT_TRUE(network.caught().empty());
    }
  }
}

TEST(LateInput, TheSetupIsNotGivenUpWhileTheOwnInputIsMissing) {
  Network network(all_late(4, 10min));
  network.crash(3, 0);
  network.run([&] { return network.session(0).over(); });
  EXPECT_GE(network.now(), 10min + network.plan().patience.setup);
  network.run();
  for (Member i = 0; i < 3; ++i) {
    ASSERT_EQ(network.session(i).phase(), Phase::aborted);
    EXPECT_TRUE(network.session(i).outcome().retry_safe);
    EXPECT_EQ(network.session(i).outcome().missing, set_of(3));
    EXPECT_FALSE(network.handle(i)->spent());
  }
}

TEST(LateInput, AWithheldInputCostsOnlyItself) {
  for (const Duration when : {Duration(0s), Duration(3ms), Duration(1s)}) {
    NetworkOptions options{.inputs = 5, .withheld = set_of(2)};
    options.late[2] = when;
    Network network(options);
    network.run();
    network.check_safety();
    for (Member i = 0; i < 5; ++i) {
      ASSERT_EQ(network.session(i).phase(), Phase::complete);
      EXPECT_EQ(network.session(i).outcome().decision.inputs, first_of(5) & ~set_of(2));
      EXPECT_EQ(network.session(i).outcome().chunks, first_of(5));
    }
  }
  NetworkOptions nobody = all_late(4, 1s);
  nobody.withheld = first_of(4);
  Network network(nobody);
  network.run();
  for (Member i = 0; i < 4; ++i) {
    ASSERT_EQ(network.session(i).phase(), Phase::aborted) << "there is nothing to sum";
    EXPECT_EQ(network.session(i).outcome().reason, AbortReason::no_proposal);
  }
  EXPECT_EQ(network.count(PacketType::chunk), 0u);
}

TEST(LateInput, RefusesWhatMakeRefuses) {
  Network done({.inputs = 4});
  done.run();
  NetworkOptions options{.inputs = 4, .label = "other"};
  LabelledEntropy entropy("other", 0);
  auto session = SecAggSession::make(done.plan(), 0, done.identity(0), nullptr, entropy);
  ASSERT_TRUE(session.ok());
  SessionEffects effects;
  session->start(Time{0}, effects);
  EXPECT_FALSE(session->provide_input(done.handle(0), Time{0}, effects).ok()) << "spent";
  const auto shorter = std::make_shared<SecureInput>(Bytes(4));
  EXPECT_FALSE(session->provide_input(shorter, Time{0}, effects).ok()) << "another length";
  EXPECT_TRUE(session->awaits_input());
  const auto fresh = std::make_shared<SecureInput>(done.input(0));
  EXPECT_TRUE(session->provide_input(fresh, Time{0}, effects).ok());
  EXPECT_FALSE(session->awaits_input());
}

/// Random delays of inputs around the patience, a crash anywhere: exact or not at all, never two decisions,
/// and an input that was not sent is free.
TEST(LateInput, RandomDelaysAndCrashes) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed, Purpose::test, 31);
    const std::size_t n = 4 + rng.below(3);
    NetworkOptions options{.inputs = n, .seed = seed};
    for (Member i = 0; i < n; ++i) {
      if (rng.below(2) == 0) options.late[i] = std::chrono::milliseconds(rng.below(40'000));
    }
    Network network(options);
    const Member victim = rng.below(n);
    if (rng.below(2) == 0) network.crash(victim, rng.below(10 * n));
    network.run();
    network.check_safety();
    std::set<Member> senders;
    for (const Sent& sent : network.trace()) {
      if (sent.type() == PacketType::chunk) senders.insert(sent.from);
    }
    for (Member i = 0; i < n; ++i) {
      EXPECT_TRUE(!network.alive(i) || network.session(i).over()) << "seed " << seed << " member " << i;
      if (network.alive(i)) {
        EXPECT_EQ(network.handle(i)->spent(), senders.contains(i));
      }
    }
    EXPECT_TRUE(network.caught().empty()) << "seed " << seed;
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
