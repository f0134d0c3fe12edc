// What can be seen of an input from outside: nothing in the transcript depends on how a sum is split, masked
// pieces look random, and no secret is ever written anywhere.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

namespace hansa::protocols::secure_sum {
namespace {

/// Moves an amount from one input to another, with the mask that the two share moved by as much: everybody
/// else sees the same bits, so no transcript can tell the two worlds apart.
TEST(Privacy, transcript_swap) {
  NetworkOptions options{.inputs = 5};
  Network here(options);
  const auto moved = [](const Bytes& lanes) {
    Bytes amount(lanes.size());
    for (std::size_t i = 0; i < amount.size(); ++i) amount[i] = static_cast<std::byte>(37 * i + 11);
    return amount;
  };
  constexpr Member kFrom = 1, kTo = 3;
  options.change_input = [&](Member member, Bytes& plain) {
    if (member == kFrom) crypto::add_lanes(plain, moved(plain), Lane::bits32);
    if (member == kTo) crypto::add_lanes(plain, moved(plain), Lane::bits32, true);
  };
  Network there(options);
  there.mask_hook = [&](Member member, MaskJob job, Bytes& lanes) {
    if (job != MaskJob::input) return;
    if (member == kFrom) crypto::add_lanes(lanes, moved(lanes), Lane::bits32, true);
    if (member == kTo) crypto::add_lanes(lanes, moved(lanes), Lane::bits32);
  };
  here.run();
  there.run();
  ASSERT_NE(here.input(kFrom), there.input(kFrom));
  ASSERT_EQ(here.trace().size(), there.trace().size());
  for (std::size_t i = 0; i < here.trace().size(); ++i) {
    ASSERT_EQ(here.trace()[i].packet, there.trace()[i].packet) << "packet " << i;
  }
  there.check_safety();
}

TEST(Privacy, masked_chunk_uniform) {
  for (const std::byte fill : {std::byte{0x00}, std::byte{0xff}}) {
    constexpr std::size_t kLanes = std::size_t{1} << 18;
    std::vector<MemberSecrets> secrets;
    std::vector<Point> keys;
    for (std::uint16_t i = 0; i < 4; ++i) {
      LabelledEntropy entropy("uniform", i);
      secrets.push_back(MemberSecrets::draw(entropy, 3));
      keys.push_back(Point::of(secrets.back().mask.secret()));
    }
    const Bytes y = perform({Lane::bits32,
                             Bytes(4 * kLanes, fill),
                             {{0, kLanes}},
                             input_terms(crypto::hash("hansa.test", {}), 1, secrets[1], keys)});
    std::array<double, 256> histogram{};
    double ones = 0, product = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto value = std::to_integer<unsigned>(y[i]);
      ++histogram[value];
      ones += std::popcount(value);
      if (i > 0) product += (value - 127.5) * (std::to_integer<unsigned>(y[i - 1]) - 127.5);
    }
    const double expected = static_cast<double>(y.size()) / 256;
    double chi2 = 0;
    for (const double count : histogram) chi2 += (count - expected) * (count - expected) / expected;
    EXPECT_GT(chi2, 190);
    EXPECT_LT(chi2, 330);
    EXPECT_NEAR(ones / (8.0 * static_cast<double>(y.size())), 0.5, 0.001);
    const double variance = (256.0 * 256.0 - 1) / 12;
    EXPECT_NEAR(product / static_cast<double>(y.size()) / variance, 0, 0.005);
  }
}

TEST(Privacy, secrets_never_serialised) {
  const NetworkOptions options{.inputs = 5};
  Network network(options);
  network.crash(2, 4 * 4 - 1);  // so that pairwise keys are revealed as well
  network.run();
  ASSERT_EQ(network.session(0).phase(), Phase::complete);
  const SessionPlan& plan = network.plan();
  Hash256 session;
  for (const Sent& sent : network.trace()) {
    if (sent.type() == PacketType::chunk) session = decoded(sent.packet, plan).session;
  }
  std::set<Bytes> secrets;
  const auto keep = [&](std::span<const std::byte, 32> bytes) {
    secrets.emplace(bytes.begin(), bytes.end());
  };
  std::vector<MemberSecrets> drawn;
  std::vector<Point> keys;
  for (Member i = 0; i < 5; ++i) {
    LabelledEntropy entropy(options.label, static_cast<std::uint16_t>(i)), again = entropy;
    drawn.push_back(MemberSecrets::draw(entropy, plan.threshold));
    keys.push_back(Point::of(drawn.back().mask.secret()));
    for (std::size_t k = 0; k < 2 * plan.threshold + 1; ++k) {  // all coefficients, and the exchange key
      crypto::Secret<64> wide;
      again.fill(wide.bytes());
      keep(Scalar::reduce(wide.bytes()).bytes());
    }
  }
  for (Member i = 0; i < 5; ++i) {
    for (const auto& term : input_terms(session, i, drawn[i], keys)) keep(term.seed.bytes());
  }
  ASSERT_EQ(secrets.size(), 5 * (2 * plan.threshold + 1) + 5 + 10);
  for (const Sent& sent : network.trace()) {
    for (std::size_t at = 0; at + 32 <= sent.packet.size(); ++at) {
      const Bytes window(sent.packet.begin() + static_cast<std::ptrdiff_t>(at),
                         sent.packet.begin() + static_cast<std::ptrdiff_t>(at + 32));
      ASSERT_FALSE(secrets.contains(window))
          << "a secret in a packet of type " << std::to_integer<int>(sent.packet[0]);
    }
  }
  for (Member i = 0; i < 5; ++i) {
    if (network.alive(i)) {
      EXPECT_FALSE(network.session(i).holds_secrets());
    }
  }
}

/// Two receivers that take sums over different sets of the same inputs subtract one from the other. With no
/// tolerance for dropouts the second sum does not come about.
TEST(Privacy, A_two_receivers_different_U) {
  for (const std::size_t threshold : {5u, 6u}) {
    const NetworkOptions one{.inputs = 6, .threshold = threshold, .outside_owners = 1, .label = "one"};
    NetworkOptions other = one;
    other.label = "other";
    Network first(one), second(other);
    ASSERT_EQ(first.input(2), second.input(2)) << "the same models go to both receivers";
    second.hook = [](Member from, Member, Bytes& packet) {
      return !(from == 2 && packet[0] == static_cast<std::byte>(PacketType::chunk));
    };
    first.run();
    second.run();
    ASSERT_EQ(first.session(6).phase(), Phase::complete);
    if (threshold == 6) {
      EXPECT_EQ(second.session(6).phase(), Phase::aborted);
      EXPECT_EQ(second.count(PacketType::reveal), 0u);
      continue;
    }
    ASSERT_EQ(second.session(6).phase(), Phase::complete);
    Bytes difference = first.session(6).outcome().sums[0];
    crypto::add_lanes(difference, second.session(6).outcome().sums[0], Lane::bits32, true);
    EXPECT_EQ(difference, first.plain_piece(2, 0)) << "why neighbourhood sums must not tolerate dropouts";
  }
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
