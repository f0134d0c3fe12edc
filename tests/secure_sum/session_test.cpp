// Sessions among honest members: exact sums, whatever the order of delivery and whoever crashes.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

void expect_everybody_has_everything(Network& network) {
  for (Member i = 0; i < network.size(); ++i) {
    SecAggSession& session = network.session(i);
    ASSERT_EQ(session.phase(), Phase::complete) << "member " << i;
    EXPECT_EQ(session.outcome().decision.inputs, first_of(network.plan().inputs));
    EXPECT_EQ(session.outcome().chunks, first_of(network.plan().chunks.size()));
  }
  network.check_safety();
}

TEST(Session, EverybodyGetsTheExactSum) {
  for (const std::size_t n : {3u, 4u, 5u, 8u}) {
    for (const Lane lane : {Lane::bits16, Lane::bits32, Lane::bits64}) {
      Network network({.inputs = n, .colluders = n > 6 ? 2u : 1u, .lane = lane, .seed = n});
      network.run();
      expect_everybody_has_everything(network);
      for (const Caught& caught : network.caught()) ADD_FAILURE() << "blamed " << caught.blame.member;
    }
  }
}

TEST(Session, no_chunk_before_n_ready) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Network network({.inputs = 5, .seed = seed});
    Set ready = 0;
    for (std::size_t seen = 0; !network.session(0).over();) {
      network.run([&] { return network.trace().size() > seen || network.session(0).over(); });
      for (; seen < network.trace().size(); ++seen) {
        const Sent& sent = network.trace()[seen];
        if (sent.type() == PacketType::ready) ready |= set_of(sent.from);
        if (sent.type() == PacketType::chunk) {
          ASSERT_EQ(ready, first_of(5));
        }
      }
    }
  }
  Network silent({.inputs = 5});  // member 3 deals its shares and dies before its first READY
  silent.crash(3, 8);
  silent.run();
  EXPECT_EQ(silent.count(PacketType::chunk), 0u);
  silent.check_safety();
}

TEST(Session, input_spent_rule) {
  Network network({.inputs = 4});
  network.run();
  LabelledEntropy entropy("again", 0);
  for (Member i = 0; i < 4; ++i) {
    EXPECT_TRUE(network.handle(i)->spent());
    const auto again =
        SecAggSession::make(network.plan(), i, network.identity(i), network.handle(i), entropy);
    ASSERT_FALSE(again.ok());
    EXPECT_NE(again.error().message.find("earlier secure sum"), std::string::npos);
  }
  // A session that ended before its first CHUNK leaves the input usable.
  Network aborted({.inputs = 4});
  aborted.crash(2, 0);
  aborted.run();
  for (const Member i : {0u, 1u, 3u}) {
    EXPECT_TRUE(aborted.session(i).outcome().retry_safe);
    EXPECT_EQ(aborted.session(i).outcome().missing, set_of(2));
    EXPECT_TRUE(SecAggSession::make(aborted.plan(), i, aborted.identity(i), aborted.handle(i), entropy).ok());
  }
}

TEST(Session, PlansThatCannotBeAreRefused) {
  const auto refused = [](const std::function<void(SessionPlan&)>& change) {
    SessionPlan plan = test_plan({.inputs = 5});
    change(plan);
    return !check_plan(plan).ok();
  };
  EXPECT_FALSE(refused([](SessionPlan&) {}));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.inputs = 2; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.threshold = 3; })) << "t > (n + f) / 2";
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.threshold = 6; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.colluders = 4; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.members[1] = plan.members[0]; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.chunks.clear(); }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.chunks[1].owner = 0; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.chunks[1].lanes = 0; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.leaders = {7}; }));
  EXPECT_TRUE(refused([](SessionPlan& plan) { plan.patience.view = plan.patience.lead; }));
}

/// Random sizes, thresholds, owners and weights; always the plain sum, to the bit.
TEST(Session, differential_plain_sum) {
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    Rng rng(seed, Purpose::test, 77);
    NetworkOptions options;
    options.inputs = 3 + rng.below(5);
    options.colluders = options.inputs >= 8 ? 2 : 1;
    const std::size_t lowest = vote_threshold(options.inputs, options.colluders);
    options.threshold = lowest + rng.below(options.inputs - lowest + 1);
    options.lanes_per_chunk = 1 + rng.below(40);
    options.lane = std::array{Lane::bits16, Lane::bits32, Lane::bits64}[rng.below(3)];
    options.seed = seed;
    Network network(options);
    const bool crash = options.threshold < options.inputs && rng.below(2) == 0;
    const Member victim = rng.below(options.inputs);
    if (crash) network.crash(victim, 4 * (options.inputs - 1) + rng.below(4 * options.inputs));
    network.run();
    network.check_safety();
    for (Member i = 0; i < network.size(); ++i) {
      if (!network.alive(i)) continue;
      ASSERT_EQ(network.session(i).phase(), Phase::complete) << "seed " << seed << " member " << i;
      const Set expected = first_of(options.inputs) & ~(network.alive(victim) ? Set{0} : set_of(victim));
      EXPECT_EQ(network.session(i).outcome().chunks & expected, expected) << "seed " << seed;
    }
  }
}

TEST(Session, A_receiver_outside_the_inputs_learns_only_the_sum) {
  Network network({.inputs = 6, .threshold = 6, .outside_owners = 1});
  network.run();
  const SecAggSession& receiver = network.session(6);
  ASSERT_EQ(receiver.phase(), Phase::complete);
  EXPECT_EQ(receiver.outcome().sums[0], network.plain_sum(first_of(6), 0));
  for (Member i = 0; i < 6; ++i) {
    EXPECT_EQ(network.session(i).phase(), Phase::complete);
    EXPECT_EQ(network.session(i).outcome().chunks, 0u);
  }
  EXPECT_EQ(network.count(PacketType::result) + network.count(PacketType::done), 0u);
  network.check_safety();
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
