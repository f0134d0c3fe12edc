// Time: whom to probe, when to ask others, when to give up, and how to notice that we were asleep ourselves.
#include "protocols/membership/membership.hpp"

#include "src/crypto/kdf.hpp"

#include <algorithm>
#include <array>

namespace hansa::protocols::membership {
namespace {

constexpr int kHealthMax = 8;
constexpr std::size_t kAskAllUpTo = 5;
constexpr Duration kPauseNoticed = std::chrono::milliseconds(500);

}  // namespace

void Membership::add_health(int change) noexcept { health_ = std::clamp(health_ + change, 0, kHealthMax); }

Duration Membership::timeout_of(const Peer& peer) const {
  return std::max(config_.options.probe_timeout_min, Duration(static_cast<std::int64_t>(4 * peer.rtt_ns)));
}

std::optional<Time> Membership::next_deadline() const {
  if (!next_probe_at_) return std::nullopt;
  Time next = *next_push_pull_at_;
  next = std::min(next, !probe_ ? *next_probe_at_ : probe_->relayed ? probe_->until : probe_->direct_until);
  for (const Relay& relay : relays_) next = std::min(next, relay.nacked ? relay.until : relay.nack_at);
  for (const Peer& peer : peers_) {
    if (peer.doubt == Doubt::suspect && !peer.patience_over) next = std::min(next, peer.suspected_until);
  }
  if (!refute_to_.empty()) next = std::min(next, *refuted_at_ + kRefutePause);
  return next;
}

void Membership::on_deadline(Time now, Effects& out) {
  if (!next_probe_at_) return;
  forgive_own_pause(now);
  expire_relays(now, out);
  if (!refute_to_.empty() && now >= *refuted_at_ + kRefutePause) refute(now, out);
  if (probe_ && !probe_->relayed && now >= probe_->direct_until) ask_relays(now, out);
  if (probe_ && now >= probe_->until) fail_probe(now, out);
  for (Peer& peer : peers_) judge(peer, now, out);
  if (!probe_ && now >= *next_probe_at_) begin_probe(now, out);
  if (now >= *next_push_pull_at_) push_pull(now, out);
}

/// If we slept, answers may wait unread: whoever was timed meanwhile gets that time back.
void Membership::forgive_own_pause(Time now) {
  const Duration late = now - *next_deadline();
  if (late < kPauseNoticed) return;
  add_health(1);
  if (probe_) {
    probe_->direct_until += late;
    probe_->until += late;
  }
  for (Peer& peer : peers_) {
    peer.suspected_at += late;
    peer.suspected_until += late;
  }
}

/// Cannot be guessed: whoever could guess it could collect the target's signature in advance, and use it when
/// the target is gone.
std::uint64_t Membership::fresh_nonce() {
  std::array<std::byte, 8> count{};
  ++nonces_;
  for (std::size_t i = 0; i < count.size(); ++i) count[i] = static_cast<std::byte>(nonces_ >> 8 * i);
  const crypto::Secret32 bytes = crypto::derive_key(nonce_key_.bytes(), "hansa.swim.nonce", count);
  std::uint64_t nonce = 0;
  for (std::size_t i = 0; i < 8; ++i) nonce = nonce << 8 | std::to_integer<std::uint64_t>(bytes.bytes()[i]);
  return nonce;
}

Membership::Peer* Membership::next_target() {
  suspects_turn_ = !suspects_turn_;
  if (suspects_turn_) {
    Peer* chosen = nullptr;
    for (Peer& peer : peers_) {
      if (peer.doubt != Doubt::suspect) continue;
      if (chosen == nullptr || peer.last_probed < chosen->last_probed) chosen = &peer;
    }
    if (chosen != nullptr) return chosen;
  }
  for (int round = 0; round < 2; ++round) {
    while (!order_.empty()) {
      Peer* const peer = find(order_.back());
      order_.pop_back();
      if (peer != nullptr && peer->shown != State::left) return peer;
    }
    for (const Peer& peer : peers_) order_.push_back(peer.node);
    rng_.shuffle(order_);
  }
  return nullptr;
}

void Membership::begin_probe(Time now, Effects& out) {
  const int scale = health_ + 1;
  next_probe_at_ = now + config_.options.probe_interval * scale;
  Peer* const target = next_target();
  if (target == nullptr) return;
  target->last_probed = now;
  const Duration timeout = timeout_of(*target);
  const Duration whole = std::max(config_.options.probe_interval, 2 * timeout);
  probe_ = Probe{target->node, fresh_nonce(), now, now + timeout * scale, now + whole * scale, false, 0};
  next_probe_at_ = std::max(*next_probe_at_, probe_->until);
  send(target->node, Ping{probe_->nonce, hint_, std::nullopt, statements_for(target->node)}, out);
}

void Membership::ask_relays(Time, Effects& out) {
  probe_->relayed = true;
  const Peer* const target = find(probe_->target);
  // Who has long been out of reach is not worth four messages a second.
  if (target == nullptr || target->doubt == Doubt::unreachable) return;
  std::vector<NodeKey> candidates;
  for (const Peer& peer : peers_) {
    if (peer.node != probe_->target && (peer.doubt != Doubt::unreachable) && peer.shown != State::left)
      candidates.push_back(peer.node);
  }
  rng_.shuffle(candidates);
  const std::size_t count = size() <= kAskAllUpTo ? candidates.size() : config_.options.relays;
  candidates.resize(std::min(count, candidates.size()));
  for (const NodeKey& relay : candidates)
    send(relay, PingRequest{probe_->nonce, probe_->target, hint_, statements_for(relay)}, out);
  probe_->nacks_due = static_cast<int>(candidates.size());
}

void Membership::end_probe(bool answered) {
  if (answered) add_health(-1);
  // The next one stays on the beat, but does not wait for the time that this one did not need.
  next_probe_at_ = std::max(probe_->sent + config_.options.probe_interval * (health_ + 1), Time{});
  probe_.reset();
}

void Membership::fail_probe(Time now, Effects& out) {
  const Probe probe = *probe_;
  end_probe(false);
  Peer* const target = find(probe.target);
  if (target == nullptr) return;
  if (target->doubt == Doubt::unreachable) return;  // nothing new, and nothing about us
  // Relays that are silent, too, mean that it is we who do not hear.
  add_health(probe.nacks_due);
  if (!target->presence || accused_by_us(*target)) return;
  Accusation accusation{target->node, target->presence->incarnation, self_.subject, {}};
  sign(accusation, *config_.identity);
  add_accusation(*target, accusation, now, out);
}

void Membership::expire_relays(Time now, Effects& out) {
  for (Relay& relay : relays_) {
    if (relay.nacked || now < relay.nack_at) continue;
    relay.nacked = true;
    send(relay.origin, Nack{relay.nonce, relay.target}, out);
  }
  std::erase_if(relays_, [now](const Relay& relay) { return now >= relay.until; });
}

void Membership::push_pull(Time now, Effects& out) {
  next_push_pull_at_ = now + config_.options.push_pull_interval;
  std::vector<NodeKey> candidates;
  for (const Peer& peer : peers_) {
    if (peer.shown == State::alive || peer.shown == State::draining) candidates.push_back(peer.node);
  }
  if (candidates.empty()) return;
  const NodeKey& to = candidates[rng_.below(candidates.size())];
  send(to, PushPull{false, hint_, all_statements()}, out);
}

}  // namespace hansa::protocols::membership
