// Commands, and what each message does.
#include "protocols/membership/membership.hpp"

#include "src/crypto/kdf.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hansa::protocols::membership {
namespace {

constexpr std::size_t kRelaysMax = 128, kRelaysPerOriginMax = 8;  // questions asked for others at one time
constexpr Duration kPushPullReplyPause = std::chrono::seconds(5);
constexpr double kRttWeight = 0.125;  // of a new measurement, as TCP has it (RFC 6298)

}  // namespace

std::string_view name_of(State state) noexcept {
  switch (state) {
    case State::alive:
      return "alive";
    case State::suspect:
      return "suspect";
    case State::unreachable:
      return "unreachable";
    case State::draining:
      return "draining";
    case State::left:
      return "left";
  }
  return "unknown";
}

Membership::Membership(Config config, Rng rng) : config_(std::move(config)), rng_(rng) {
  self_.subject = config_.identity->public_key();
  std::array<std::byte, 4> boot{};
  for (std::size_t i = 0; i < boot.size(); ++i) boot[i] = static_cast<std::byte>(config_.boot >> 8 * i);
  nonce_key_ = crypto::derive_key(config_.identity->seed().bytes(), "hansa.swim.boot", boot);
  announce(Standing::alive, incarnation_at(config_.boot, 1));
}

void Membership::announce(Standing standing, Incarnation incarnation) {
  self_.standing = standing;
  self_.incarnation = incarnation;
  sign(self_, *config_.identity);
}

void Membership::start(Time now, Effects&) {
  next_probe_at_ = now;
  next_push_pull_at_ = now + config_.options.push_pull_interval / 10;
}

void Membership::set_members(std::span<const Member> members, Time now, Effects& out) {
  std::vector<Peer> next;
  for (const Member& member : members) {
    if (member.node == self_.subject) {
      organisation_ = member.organisation;
      continue;
    }
    Peer* const known = find(member.node);
    Peer peer = known != nullptr ? *known : Peer{};
    peer.node = member.node;
    peer.organisation = member.organisation;
    next.push_back(std::move(peer));
  }
  const auto less = [](const Peer& a, const Peer& b) { return a.node < b.node; };
  const auto same = [](const Peer& a, const Peer& b) { return a.node == b.node; };
  std::sort(next.begin(), next.end(), less);
  next.erase(std::unique(next.begin(), next.end(), same), next.end());
  peers_ = std::move(next);
  if (probe_ && find(probe_->target) == nullptr) end_probe(true);  // says nothing about us
  std::erase_if(relays_, [this](const Relay& r) { return !find(r.origin) || !find(r.target); });
  order_.clear();
  // What was believed with the old number of nodes may need more accusers now, or fewer.
  for (Peer& peer : peers_) judge(peer, now, out);
}

void Membership::drain(bool on, Time, Effects& out) {
  const Standing standing = on ? Standing::draining : Standing::alive;
  if (self_.standing == standing) return;
  if (self_.standing == Standing::left) return;
  announce(standing, self_.incarnation + 1);
  tell_all(out);
}

void Membership::leave(Time, Effects& out) {
  if (self_.standing == Standing::left) return;
  announce(Standing::left, self_.incarnation + 1);
  tell_all(out);
  probe_.reset();
  relays_.clear();
  refute_to_.clear();
  next_probe_at_.reset();
  next_push_pull_at_.reset();
}

void Membership::tell_all(Effects& out) const {
  for (const Peer& peer : peers_) send(peer.node, News{{{self_}, {}}}, out);
}

void Membership::on_connected(const NodeKey& peer, Time, Effects& out) {
  if (!next_probe_at_ || find(peer) == nullptr) return;
  // No probe: nobody is blamed if the answer is lost, and what it says of itself is heard anyway.
  send(peer, Ping{fresh_nonce(), hint_, std::nullopt, statements_for(peer)}, out);
}

void Membership::on_message(const NodeKey& from, BytesView bytes, Time now, Effects& out) {
  if (!next_probe_at_) return;  // not begun, or left
  Peer* const peer = find(from);
  if (peer == nullptr) return;  // the roster changes at different moments on different nodes
  const std::optional<Message> message = decode(bytes);
  if (!message) {
    out.emplace_back(Misbehaved{from});
    return;
  }
  peer->last_seen = now;
  const bool honest = std::visit(
      [&](const auto& m) {
        if constexpr (requires { m.statements; }) return hear(m.statements, from, now, out);
        return true;
      },
      *message);
  if (!honest) return;
  std::visit([&](const auto& m) { on(m, *peer, now, out); }, *message);
}

void Membership::hear_hint(Peer& from, const RosterHint& hint, Effects& out) {
  if (hint == hint_ && hint == from.hint) return;
  from.hint = hint;
  out.emplace_back(HintSeen{from.node, hint});
}

void Membership::on(const Ping& m, Peer& from, Time, Effects& out) {
  hear_hint(from, m.hint, out);
  Ack ack{m.nonce, hint_, std::nullopt, statements_for(from.node)};
  if (m.origin && find(*m.origin) != nullptr)
    ack.proof = config_.identity->sign(proof_bytes(self_.subject, *m.origin, m.nonce));
  send(from.node, ack, out);
}

void Membership::on(const Ack& m, Peer& from, Time now, Effects& out) {
  hear_hint(from, m.hint, out);
  if (probe_ && probe_->target == from.node && probe_->nonce == m.nonce) {
    const auto took = static_cast<double>((now - probe_->sent).count());
    from.rtt_ns = from.rtt_ns > 0 ? from.rtt_ns + kRttWeight * (took - from.rtt_ns) : took;
    end_probe(true);
    return;
  }
  if (!m.proof) return;
  const auto relay = std::find_if(relays_.begin(), relays_.end(), [&](const Relay& r) {
    return r.target == from.node && r.nonce == m.nonce;
  });
  if (relay == relays_.end()) return;
  send(relay->origin, RelayedAck{m.nonce, from.node, *m.proof}, out);
  relays_.erase(relay);
}

void Membership::on(const PingRequest& m, Peer& from, Time now, Effects& out) {
  hear_hint(from, m.hint, out);
  const Peer* const target = find(m.target);
  if (target == nullptr || target == &from) return;
  const auto theirs =
      std::count_if(relays_.begin(), relays_.end(), [&](const Relay& r) { return r.origin == from.node; });
  if (relays_.size() >= kRelaysMax || static_cast<std::size_t>(theirs) >= kRelaysPerOriginMax) return;
  // At four fifths of the time that the asker gives us, as Lifeguard has it: the nack must arrive in time.
  const Duration patience = timeout_of(*target);
  relays_.push_back({from.node, m.target, m.nonce, now + patience * 4 / 5, now + patience * 4, false});
  send(m.target, Ping{m.nonce, hint_, from.node, statements_for(m.target)}, out);
}

void Membership::on(const RelayedAck& m, Peer& from, Time, Effects& out) {
  if (!probe_ || probe_->target != m.target || probe_->nonce != m.nonce) return;
  if (!crypto::verify(m.target, proof_bytes(m.target, self_.subject, m.nonce), m.proof)) {
    out.emplace_back(Misbehaved{from.node});
    return;
  }
  end_probe(true);
}

void Membership::on(const Nack& m, Peer&, Time, Effects&) {
  if (probe_ && probe_->target == m.target && probe_->nonce == m.nonce && probe_->nacks_due > 0)
    --probe_->nacks_due;
}

void Membership::on(const PushPull& m, Peer& from, Time now, Effects& out) {
  hear_hint(from, m.hint, out);
  if (m.reply) return;
  // A small question with a large answer: not often.
  if (from.last_push_pull && now - *from.last_push_pull < kPushPullReplyPause) return;
  from.last_push_pull = now;
  send(from.node, PushPull{true, hint_, all_statements()}, out);
}

void Membership::send(const NodeKey& to, const Message& message, Effects& out) const {
  out.emplace_back(Send{to, encode(message)});
}

const Membership::Peer* Membership::find(const NodeKey& node) const noexcept {
  const auto place = std::lower_bound(peers_.begin(), peers_.end(), node,
                                      [](const Peer& peer, const NodeKey& key) { return peer.node < key; });
  return place != peers_.end() && place->node == node ? &*place : nullptr;
}
Membership::Peer* Membership::find(const NodeKey& node) noexcept {
  return const_cast<Peer*>(std::as_const(*this).find(node));
}

std::vector<PeerStatus> Membership::peers() const {
  std::vector<PeerStatus> result;
  result.reserve(peers_.size());
  for (const Peer& p : peers_)
    result.push_back(
        {p.node, p.organisation, p.shown, Duration(static_cast<std::int64_t>(p.rtt_ns)), p.last_seen});
  return result;
}

}  // namespace hansa::protocols::membership
