// The event loop, and the oracle: who has a beacon has the same one as everybody else who has one, among the
// same members, and it is the hash of what exactly these members revealed.
#include "tests/beacon/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hansa::protocols::beacon::testing {

crypto::Identity test_identity(Member member) {
  Bytes32 seed{};
  seed[0] = static_cast<std::byte>(member + 1);
  seed[1] = static_cast<std::byte>((member + 1) >> 8);
  return crypto::Identity::from_seed(seed);
}

CeremonyPlan test_plan(std::size_t members) {
  CeremonyPlan plan;
  plan.manifest = crypto::hash("test", Writer().text("the run's manifest").bytes());
  for (std::size_t i = 0; i < members; ++i) {
    plan.roster.push_back(test_identity(static_cast<Member>(i)).public_key());
  }
  plan.colluders = default_colluders(members);
  return plan;
}

Network::Network(CeremonyPlan plan, std::uint64_t seed, Weather weather)
    : plan_(std::move(plan)),
      weather_(weather),
      nodes_(plan_.roster.size()),
      caught_(plan_.roster.size(), 0),
      rng_(seed, Purpose::test) {
  for (Member i = 0; i < nodes_.size(); ++i) {
    nodes_[i].identity = std::make_shared<const crypto::Identity>(test_identity(i));
  }
}

void Network::crash(Member member, std::size_t sends, std::optional<Duration> down) {
  nodes_[member].crash_at = sends;
  nodes_[member].down = down;
}

void Network::inject(Member to, Bytes packet, Time time) {
  at(time, [this, to, packet = std::move(packet)] {
    if (!alive(to)) return;
    last_delivery_ = now_;
    CeremonyEffects effects;
    nodes_[to].ceremony->on_packet(packet, now_, effects);
    perform(to, std::move(effects));
  });
}

void Network::run() {
  for (Member i = 0; i < nodes_.size(); ++i) at(now_, [this, i] { boot(i); });
  for (std::size_t steps = 0; !events_.empty(); ++steps) {
    ASSERT_LT(steps, 2'000'000U) << "it never ends";
    const auto next = events_.begin();
    now_ = next->first.first;
    const auto action = std::move(next->second);
    events_.erase(next);
    action();
  }
}

void Network::boot(Member member) {
  Node& node = nodes_[member];
  node.entropy =
      std::make_shared<secure_sum::LabelledEntropy>("boot " + std::to_string(node.boots++), member);
  node.ceremony = std::make_unique<Ceremony>(plan_, member, *node.identity, *node.entropy);
  CeremonyEffects effects;
  if (node.ended) {
    node.ceremony->restore(node.ended->first, node.ended->second);
  } else if (node.begun) {
    node.ceremony->watch(*node.begun, now_, effects);
  } else {
    node.ceremony->start(now_, effects);
  }
  perform(member, std::move(effects));
}

void Network::perform(Member member, CeremonyEffects effects) {
  Node& node = nodes_[member];
  for (const CeremonyEffect& effect : effects) {
    if (const auto* begun = std::get_if<AttemptBegun>(&effect)) node.begun = begun->attempt;
    if (const auto* caught = std::get_if<Caught>(&effect)) {
      ++caught_[caught->member];
      EXPECT_FALSE(nodes_[caught->member].honest) << "an honest member was blamed";
    }
    if (std::holds_alternative<CeremonyEnded>(effect)) {
      node.ended = std::pair(node.ceremony->phase(), node.ceremony->outcome());
    }
    const auto* sending = std::get_if<SendPacket>(&effect);
    if (sending == nullptr) continue;
    if (node.sends == node.crash_at) {
      node.crash_at = kNever;
      node.ceremony.reset();
      if (node.down) at(now_ + *node.down, [this, member] { boot(member); });
      return;
    }
    ++node.sends;
    send(member, *sending);
  }
  arm(member);
}

Duration Network::delay() {
  const auto between = [&](Duration low, Duration high) {
    return low +
           Duration(static_cast<Duration::rep>(rng_.uniform() * static_cast<double>((high - low).count())));
  };
  if (rng_.uniform() < weather_.slow) return between(weather_.delay_min, weather_.slow_max);
  return between(weather_.delay_min, weather_.delay_max);
}

void Network::send(Member from, const SendPacket& sending) {
  std::shared_ptr<const Bytes> packet = sending.packet;
  if (hook && !hook(from, sending.to, packet)) return;
  trace_.push_back({from, sending.to, packet});
  if (rng_.uniform() < weather_.loss) return;
  const int copies = rng_.uniform() < weather_.duplication ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) inject(sending.to, *packet, now_ + delay());
}

void Network::arm(Member member) {
  const auto due = nodes_[member].ceremony->next_deadline();
  if (!due) return;
  at(std::max(*due, now_), [this, member, due = *due] {
    if (!alive(member) || nodes_[member].ceremony->next_deadline() != due) return;
    CeremonyEffects effects;
    nodes_[member].ceremony->on_deadline(now_, effects);
    perform(member, std::move(effects));
  });
}

std::size_t Network::count(PacketType type) const {
  return static_cast<std::size_t>(std::count_if(trace_.begin(), trace_.end(), [&](const Sent& sent) {
    return (*sent.packet)[0] == static_cast<std::byte>(type);
  }));
}

Packet Network::decoded(const Bytes& packet) const {
  const auto result = decode_packet(packet, plan_.roster.size());
  EXPECT_TRUE(std::holds_alternative<Packet>(result));
  return std::get<Packet>(result);
}

std::shared_ptr<const Bytes> Network::resigned(const Bytes& packet,
                                               const std::function<void(Bytes& body)>& change) const {
  const Packet parts = decoded(packet);
  Bytes body(parts.body.begin(), parts.body.end());
  change(body);
  const auto signature =
      test_identity(parts.from).sign(signed_bytes(parts.type, parts.from, parts.ceremony, body));
  return std::make_shared<const Bytes>(
      encode_packet(parts.type, parts.from, parts.ceremony, signature, body));
}

bool Network::check_agreement() const {
  std::optional<Outcome> first;
  std::map<std::pair<std::uint32_t, Member>, RevealBody> revealed;
  for (const Sent& sent : trace_) {
    const auto result = decode_packet(*sent.packet, plan_.roster.size());
    const auto* packet = std::get_if<Packet>(&result);
    const auto* body = packet == nullptr ? nullptr : std::get_if<RevealBody>(&packet->parsed);
    if (body == nullptr || !nodes_[packet->from].honest) continue;
    const auto [known, fresh] = revealed.emplace(std::pair(packet->attempt, packet->from), *body);
    if (fresh) continue;
    EXPECT_EQ(known->second.randomness, body->randomness) << "revealed twice differently";
    EXPECT_EQ(known->second.session, body->session);
  }
  for (Member i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.honest || !node.ended) continue;
    const auto& [phase, outcome] = *node.ended;
    EXPECT_EQ(phase == CeremonyPhase::drawn, outcome.members.test(i)) << "member " << i;
    if (outcome.members.none()) continue;
    if (!first) first = outcome;
    EXPECT_EQ(outcome.attempt, first->attempt) << "member " << i;
    EXPECT_EQ(outcome.members, first->members) << "member " << i;
    EXPECT_EQ(outcome.beacon, first->beacon) << "member " << i;
  }
  if (!first) return false;
  for (Member i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].honest || !nodes_[i].ended) continue;
    const bool out = nodes_[i].ended->first == CeremonyPhase::left_out;
    EXPECT_FALSE(out && first->members.test(i)) << "member " << i << " believes to be left out";
  }
  bool all_known = true;
  std::vector<Revealed> all;
  for (const Member i : members_of(first->members)) {
    const auto found = revealed.find({first->attempt, i});
    all_known = all_known && found != revealed.end();
    if (all_known) all.push_back({i, found->second.randomness});
  }
  EXPECT_TRUE(!all_known || beacon_of(plan_.manifest, all) == first->beacon);
  return true;
}

}  // namespace hansa::protocols::beacon::testing
