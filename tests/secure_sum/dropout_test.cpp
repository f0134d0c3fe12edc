// Who may die when: a crash before every single send of a member, and what the others have afterwards.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

/// What the survivors must end with.
struct Expected {
  bool aborted = false;  ///< and the input may be used again
  bool victim_in_sum = false;
  bool victims_chunk = false;  ///< everybody has the sum that the victim owned
};

/// The victim died before sending its packet number `position` in `own`, the packets it sends when it lives.
Expected expect_after_crash(const std::vector<PacketType>& own, std::size_t position) {
  if (position == own.size()) return {false, true, true};
  const PacketType next = own[position];
  const bool midway = position > 0 && own[position - 1] == next;
  switch (next) {
    case PacketType::advert:
    case PacketType::share:
      return {.aborted = true};
    case PacketType::ready:  // one READY is enough: it rides on every CHUNK
      return {.aborted = !midway};
    case PacketType::chunk:
      return {};
    case PacketType::result:  // some have it; the others pull it
      return {false, true, midway};
    case PacketType::done:
      return {false, true, true};
    default:
      return {.victim_in_sum = true};
  }
}

void check_cell(Network network, Member victim, std::size_t position, const Expected& expected) {
  network.crash(victim, position);
  network.run();
  network.check_safety();
  const Set everybody = first_of(network.size()), others = everybody & ~set_of(victim);
  for (Member i = 0; i < network.size(); ++i) {
    if (i == victim) continue;
    const SecAggSession& session = network.session(i);
    SCOPED_TRACE("member " + std::to_string(i));
    if (expected.aborted) {
      ASSERT_EQ(session.phase(), Phase::aborted);
      EXPECT_TRUE(session.outcome().retry_safe);
      continue;
    }
    ASSERT_EQ(session.phase(), Phase::complete);
    EXPECT_EQ(session.outcome().decision.inputs, expected.victim_in_sum ? everybody : others);
    EXPECT_EQ(session.outcome().chunks, expected.victims_chunk ? everybody : others);
  }
  if (expected.aborted) {
    EXPECT_EQ(network.count(PacketType::chunk), 0u);
  }
  EXPECT_TRUE(network.caught().empty()) << "nobody is blamed for dying";
}

class Dropout : public testing::TestWithParam<std::size_t> {};

TEST_P(Dropout, dropout_matrix) {
  NetworkOptions options{.inputs = GetParam(), .colluders = GetParam() >= 8 ? 2u : 1u, .seed = GetParam()};
  Network alive(options);
  alive.run();
  const Member leader = alive.session(0).leader(0), follower = alive.session(0).leader(1);
  for (const Member victim : {leader, follower}) {
    std::vector<PacketType> own;
    for (const Sent& sent : alive.trace()) {
      if (sent.from == victim) own.push_back(sent.type());
    }
    EXPECT_EQ(own.size(), (victim == leader ? 10u : 9u) * (options.inputs - 1)) << "all that a member says";
    Network begun(options);  // later crashes go on from here, which saves the setup
    begun.run([&] { return begun.all_spent(); });
    for (std::size_t position = 0; position <= own.size(); ++position) {
      SCOPED_TRACE("victim " + std::to_string(victim) + " after " + std::to_string(position) + " packets");
      check_cell(position < begun.sends(victim) ? Network(options) : begun, victim, position,
                 expect_after_crash(own, position));
      if (testing::Test::HasFailure()) return;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, Dropout, testing::Values(4, 5, 8));

/// Two crashes: with as many as are tolerated after setup the session completes, with more it may not; but it
/// is never inexact, never decides twice, never reveals both secrets (check_safety).
void check_pairs(const NetworkOptions& options, std::size_t tolerated, int runs) {
  int completed = 0;
  for (int run = 0; run < runs; ++run) {
    NetworkOptions mine = options;
    mine.seed = static_cast<std::uint64_t>(run);
    Rng rng(mine.seed, Purpose::test, 5);
    Network network(mine);
    const Member first = rng.below(options.inputs);
    const Member second = (first + 1 + rng.below(options.inputs - 1)) % options.inputs;
    const std::size_t setup = 3 * (options.inputs - 1);  // ADVERT, SHARE and READY are out
    network.crash(first, setup + rng.below(7 * options.inputs));
    network.crash(second, setup + rng.below(7 * options.inputs));
    network.run();
    network.check_safety();
    bool all = true;
    for (Member i = 0; i < network.size(); ++i) {
      if (network.alive(i)) all = all && network.session(i).phase() == Phase::complete;
    }
    completed += all ? 1 : 0;
    if (tolerated >= 2) {
      EXPECT_TRUE(all) << "seed " << run;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(completed, 0);
}

TEST(Session, dropout_pairs) {
  check_pairs({.inputs = 5, .colluders = 1}, 1, 30);
  check_pairs({.inputs = 4, .colluders = 1}, 1, 30);
  check_pairs({.inputs = 8, .colluders = 2}, 2, 8);
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
