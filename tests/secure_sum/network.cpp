// The test network's event loop: the earliest packet or alarm first, ties in the order of sending.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace hansa::protocols::secure_sum {

crypto::Identity test_identity(Member member) {
  crypto::Bytes32 seed;
  seed.fill(static_cast<std::byte>(member + 1));
  return crypto::Identity::from_seed(seed);
}

SessionPlan test_plan(const NetworkOptions& options) {
  SessionPlan plan;
  plan.inputs = options.inputs;
  plan.colluders = options.colluders;
  plan.threshold =
      options.threshold == 0 ? vote_threshold(options.inputs, options.colluders) : options.threshold;
  plan.lane = options.lane;
  plan.attempt = options.attempt;
  plan.audit_probability = options.audit_probability;
  const std::size_t members = options.inputs + options.outside_owners;
  for (Member i = 0; i < members; ++i) plan.members.push_back(test_identity(i).public_key());
  for (Member i = options.outside_owners > 0 ? options.inputs : 0; i < members; ++i) {
    plan.chunks.push_back({i, options.lanes_per_chunk + i % 2});
    if (options.outside_owners > 0) plan.leaders.push_back(i);
  }
  plan.parameters = plan.lanes();
  return plan;
}

BytesView body_of(const Bytes& packet) { return BytesView(packet).subspan(kEnvelopeBytes); }

Packet decoded(const Bytes& packet, const SessionPlan& plan) {
  const auto result = decode_packet(packet, plan);
  EXPECT_TRUE(std::holds_alternative<Packet>(result));
  return std::get<Packet>(result);
}

Bytes resigned(const Bytes& packet, Member from, const std::function<void(Bytes& body)>& change) {
  Bytes body(body_of(packet).begin(), body_of(packet).end());
  change(body);
  const auto type = static_cast<PacketType>(packet[0]);
  Hash256 session;
  std::copy_n(packet.begin() + 3, 32, session.bytes.begin());
  const auto signature = test_identity(from).sign(signed_bytes(type, from, session, body));
  return encode_packet(type, from, session, signature, body);
}

Network::Network(const NetworkOptions& options)
    : plan_(test_plan(options)),
      withheld_(options.withheld),
      nodes_(plan_.members.size()),
      rng_(options.seed, Purpose::test) {
  for (Member i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    node.identity = std::make_shared<const crypto::Identity>(test_identity(i));
    node.entropy = std::make_shared<LabelledEntropy>(options.label, static_cast<std::uint16_t>(i));
    if (plan_.is_input(i)) {
      node.plain.resize(plan_.lanes() * lane_bytes(plan_.lane));
      for (auto& byte : node.plain) byte = static_cast<std::byte>(rng_.below(256));
      if (options.change_input) options.change_input(i, node.plain);
      node.input = std::make_shared<SecureInput>(node.plain);
    }
    const auto late = options.late.find(i);
    const bool at_once = late == options.late.end();
    auto session =
        SecAggSession::make(plan_, i, *node.identity, at_once ? node.input : nullptr, *node.entropy);
    EXPECT_TRUE(session.ok()) << session.error().message;
    node.session.emplace(std::move(session).value());
    schedule(now_, Event{i, {}, {}, true});
    if (!at_once) schedule(now_ + late->second, Event{i, {}, {}, false, true});
  }
}

void Network::inject(Member to, Bytes packet, Duration after) {
  schedule(now_ + after, Event{to, std::move(packet), {}});
}

void Network::perform_effects(Member member, SessionEffects effects) {
  Node& node = nodes_[member];
  for (SessionEffect& effect : effects) {
    if (auto* send = std::get_if<SendPacket>(&effect)) {
      if (node.sends == node.crash_at) {
        node.alive = false;
        return;
      }
      ++node.sends;
      trace_.push_back({member, send->to, *send->packet});
      Bytes packet = *send->packet;
      if (hook && !hook(member, send->to, packet)) continue;
      const Duration latency = std::chrono::microseconds(1000 + rng_.below(4000));
      schedule(now_ + latency + node.extra_delay, Event{send->to, std::move(packet), {}});
    } else if (auto* run = std::get_if<RunMask>(&effect)) {
      Bytes lanes = perform(std::move(run->task));
      if (mask_hook) mask_hook(member, run->job, lanes);
      schedule(now_ + std::chrono::microseconds(rng_.below(1000)), Event{member, std::move(lanes), run->job});
    } else if (auto* blame = std::get_if<Blame>(&effect)) {
      for (const SignedStatement& statement : blame->evidence) {
        EXPECT_TRUE(crypto::verify(plan_.members[blame->member], statement.text, statement.signature))
            << "evidence must convince others";
      }
      caught_.push_back({member, std::move(*blame)});
    }
  }
}

void Network::handle(const Event& event) {
  Node& node = nodes_[event.to];
  if (!node.alive) return;
  SessionEffects effects;
  if (event.finished) {
    node.session->on_masked(*event.finished, event.packet, now_, effects);
  } else if (event.start) {
    node.session->start(now_, effects);
  } else if (event.provide && contains(withheld_, event.to)) {
    node.session->withhold_input(now_, effects);
  } else if (event.provide) {
    EXPECT_TRUE(node.session->provide_input(node.input, now_, effects).ok());
  } else {
    node.session->on_packet(event.packet, now_, effects);
  }
  perform_effects(event.to, std::move(effects));
}

void Network::run(const std::function<bool()>& stop) {
  while (!stop || !stop()) {
    std::optional<std::pair<Time, Member>> alarm;
    for (Member i = 0; i < nodes_.size(); ++i) {
      const auto due = nodes_[i].alive ? nodes_[i].session->next_deadline() : std::nullopt;
      if (due && (!alarm || *due < alarm->first)) alarm = {*due, i};
    }
    if (!events_.empty() && (!alarm || events_.begin()->first.first <= alarm->first)) {
      now_ = events_.begin()->first.first;
      const Event event = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      handle(event);
    } else if (alarm) {
      now_ = std::max(now_, alarm->first);
      SessionEffects effects;
      nodes_[alarm->second].session->on_deadline(now_, effects);
      perform_effects(alarm->second, std::move(effects));
    } else {
      return;
    }
  }
}

bool Network::all_spent() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [](const Node& node) { return node.input == nullptr || node.input->spent(); });
}

Bytes Network::plain_piece(Member member, std::size_t chunk) const {
  std::size_t at = 0;
  for (std::size_t c = 0; c < chunk; ++c) at += plan_.chunks[c].lanes * lane_bytes(plan_.lane);
  const auto piece =
      std::span(nodes_[member].plain).subspan(at, plan_.chunks[chunk].lanes * lane_bytes(plan_.lane));
  return {piece.begin(), piece.end()};
}

Bytes Network::plain_sum(Set inputs, std::size_t chunk) const {
  Bytes sum(plan_.chunks[chunk].lanes * lane_bytes(plan_.lane));
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (contains(inputs, i)) crypto::add_lanes(sum, plain_piece(i, chunk), plan_.lane);
  }
  return sum;
}

std::size_t Network::count(PacketType type) const {
  return static_cast<std::size_t>(
      std::count_if(trace_.begin(), trace_.end(), [&](const Sent& sent) { return sent.type() == type; }));
}

std::size_t Network::blames(Member member, Misdeed misdeed) const {
  return static_cast<std::size_t>(std::count_if(caught_.begin(), caught_.end(), [&](const Caught& caught) {
    return caught.blame.member == member && caught.blame.misdeed == misdeed;
  }));
}

void Network::check_safety() const {
  std::optional<Decision> decision;
  std::map<std::pair<Member, PacketType>, std::set<Bytes>> bodies;
  for (const Sent& sent : trace_)
    bodies[{sent.from, sent.type()}].emplace(body_of(sent.packet).begin(), body_of(sent.packet).end());
  for (const auto& [who, different] : bodies) {
    if (who.second == PacketType::vote || who.second == PacketType::reveal) {
      EXPECT_EQ(different.size(), 1u) << "member " << who.first << " must speak once";
    }
  }
  for (Member i = 0; i < nodes_.size(); ++i) {
    const SecAggSession& session = *nodes_[i].session;
    if (!session.over()) continue;
    EXPECT_FALSE(session.holds_secrets());
    const Outcome& outcome = session.outcome();
    if (session.phase() == Phase::aborted) {
      EXPECT_EQ(outcome.chunks, 0u);
      if (plan_.is_input(i)) {
        EXPECT_NE(outcome.retry_safe, nodes_[i].input->spent());
      }
      continue;
    }
    if (decision) {
      EXPECT_EQ(outcome.decision, *decision) << "two decisions";
    }
    decision = outcome.decision;
    for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
      if (!contains(outcome.chunks, c)) continue;
      EXPECT_EQ(outcome.sums[c], plain_sum(outcome.decision.inputs, c))
          << "chunk " << c << " of member " << i;
    }
  }
}

}  // namespace hansa::protocols::secure_sum
