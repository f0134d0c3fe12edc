// A member that tells different members different things, in the middle of a training run (Pasquini et al.
// 2022, "Eluding secure aggregation in federated learning via model inconsistency"). Everything in a secure
// sum is signed, and members compare what they were told, so the liar is named in the round of its lie, by
// proof, and nobody else is; the run goes on without what it said.
#include "protocols/secure_sum/layout.hpp"
#include "tests/protocols/support/fleet.hpp"

#include <gtest/gtest.h>

namespace hansa::protocols::testing {
namespace {

using secure_sum::PacketType;

constexpr std::uint32_t kParties = 6;
constexpr PartyId kLiar = PartyId{2};
constexpr Round kRoundOfTheLie = 3, kRounds = 6;

RunOptions secure_run() {
  RunOptions run = run_options(kParties, kRounds, 12);
  run.topology = nullptr;
  run.deadline = {.floor = 2s, .ceiling = 20s, .factor = 4};
  run.cohort = {.parties = kParties, .size = kParties, .grid = false, .seed = 1};
  run.aggregation = Aggregation::secure;
  for (std::uint32_t i = 0; i < kParties; ++i) run.secure.roster.push_back(test_identity(i).public_key());
  return run;
}

/// The packet with its last byte changed, and signed again by its sender.
Message another_version(SecurePacketMessage message) {
  secure_sum::Bytes packet = *message.packet;
  const auto type = static_cast<PacketType>(packet[0]);
  secure_sum::Hash256 session;
  std::copy_n(packet.begin() + 3, session.bytes.size(), session.bytes.begin());
  secure_sum::Bytes body(packet.begin() + secure_sum::kEnvelopeBytes, packet.end());
  body.back() ^= std::byte{1};
  const auto member = static_cast<secure_sum::Member>(index(kLiar));  // all parties are in the sum, in order
  const auto signature = test_identity(index(kLiar)).sign(signed_bytes(type, member, session, body));
  message.packet = std::make_shared<const secure_sum::Bytes>(
      secure_sum::encode_packet(type, member, session, signature, body));
  return message;
}

TEST(Equivocation, TheLiarIsFoundInTheRoundOfItsLie) {
  const StrategyEntry* cohort = find_strategy("cohort");
  ASSERT_NE(cohort, nullptr);
  Fleet fleet(cohort->make, secure_run(), {}, 1);
  std::size_t lies = 0;
  fleet.changed = [&](PartyId from, PartyId to, Message message) -> std::optional<Message> {
    auto* packet = std::get_if<SecurePacketMessage>(&message);
    if (from != kLiar || index(to) % 2 == 0 || packet == nullptr || packet->round != kRoundOfTheLie) {
      return message;
    }
    if (static_cast<PacketType>((*packet->packet)[0]) != PacketType::result) return message;
    ++lies;
    return another_version(*packet);
  };
  ASSERT_TRUE(fleet.run(4h));
  EXPECT_GE(lies, 3U) << "to the members 1, 3 and 5";
  std::size_t found = 0;
  for (const Fleet::Seen& seen : fleet.events()) {
    const auto* caught = std::get_if<MemberCaught>(&seen.event);
    if (caught == nullptr) continue;
    EXPECT_EQ(caught->peer, kLiar) << "nobody else is blamed";
    EXPECT_EQ(caught->round, kRoundOfTheLie);
    EXPECT_NE(seen.party, kLiar);
    ++found;
  }
  EXPECT_GT(found, 0U);
  for (const Fleet::Node& node : fleet.nodes()) {
    EXPECT_EQ(node.completed, kRounds);
    for (const float x : node.final_model.span()) EXPECT_TRUE(std::isfinite(x));
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
