#include "src/net/admission.hpp"

#include <algorithm>

namespace hansa::net {
namespace {

double seconds(Duration duration) noexcept { return std::chrono::duration<double>(duration).count(); }

// Standings of keys that are not listed (strangers in the lobby) must not grow without end.
constexpr std::size_t kStandingsMax = 4096;

}  // namespace

double TokenBucket::level(const Rate& rate, Time now) const noexcept {
  return std::max(0.0, used_ - seconds(now - at_) * rate.per_second);
}

bool TokenBucket::take(const Rate& rate, Time now) noexcept {
  const double used = level(rate, now);
  if (used + 1 > rate.burst) return false;
  used_ = used + 1;
  at_ = now;
  return true;
}

bool TokenBucket::ready(const Rate& rate, Time now) const noexcept {
  return level(rate, now) + 1 <= rate.burst;
}

bool TokenBucket::full(const Rate& rate, Time now) const noexcept { return level(rate, now) == 0; }

void Admission::set_peers(std::span<const Peer> peers) {
  owners_.clear();
  for (const Peer& peer : peers) {
    if (peer.other_key) owners_.insert_or_assign(*peer.other_key, peer.key);
  }
  for (const Peer& peer : peers) owners_.insert_or_assign(peer.key, peer.key);
  peers_ = peers.size();
}

std::optional<CurvePublic> Admission::owner(const CurvePublic& key) const {
  const auto found = owners_.find(key);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

Handshake Admission::decide(Channel channel, const CurvePublic& key, std::string_view address, Time now) {
  const std::optional<CurvePublic> peer = owner(key);
  auto found = addresses_.find(address);
  if (found == addresses_.end()) {
    if (addresses_.size() >= limits_.addresses) prune(now);
    if (addresses_.size() >= limits_.addresses) return Handshake::too_fast;
    found = addresses_.try_emplace(std::string(address)).first;
  }
  // A bucket each: strangers behind a member's address translation cannot use up the member's attempts.
  TokenBucket& bucket = peer ? found->second.members : found->second.strangers;
  if (!bucket.take(limits_.handshakes, now)) return Handshake::too_fast;
  if (refused_ == key) return Handshake::unknown;
  if (quarantined(peer.value_or(key), now)) return Handshake::quarantined;
  return peer || channel == Channel::lobby ? Handshake::accepted : Handshake::unknown;
}

double Admission::recovered(const Standing& standing, Time now) const noexcept {
  const double per_second = -limits_.score_floor / seconds(limits_.score_recovery);
  return std::min(0.0, standing.score + seconds(now - standing.at) * per_second);
}

bool Admission::penalise(const CurvePublic& peer, int points, Time now) {
  if (standings_.size() >= kStandingsMax && !standings_.contains(peer)) prune(now);
  if (standings_.size() >= kStandingsMax && !standings_.contains(peer)) return false;
  Standing& standing = standings_[peer];
  standing.score = recovered(standing, now) + points;
  standing.at = now;
  if (standing.score > limits_.score_floor || standing.quarantined_until > now) return false;
  standing.quarantined_until = now + limits_.quarantine;
  return true;
}

void Admission::quarantine(const CurvePublic& peer, Time now) {
  Standing& standing = standings_[peer];
  standing.score = recovered(standing, now);
  standing.at = now;
  standing.quarantined_until = now + limits_.quarantine;
}

void Admission::rename(const CurvePublic& before, const CurvePublic& now) {
  auto standing = standings_.extract(before);
  if (standing.empty()) return;
  standings_.erase(now);
  standing.key() = now;
  standings_.insert(std::move(standing));
}

bool Admission::quarantined(const CurvePublic& peer, Time now) const noexcept {
  const auto found = standings_.find(peer);
  return found != standings_.end() && found->second.quarantined_until > now;
}

double Admission::score(const CurvePublic& peer, Time now) const noexcept {
  const auto found = standings_.find(peer);
  return found == standings_.end() ? 0 : recovered(found->second, now);
}

void Admission::prune(Time now) {
  std::erase_if(standings_, [&](const auto& entry) {
    return entry.second.quarantined_until <= now && now - entry.second.at > limits_.score_memory;
  });
  std::erase_if(addresses_, [&](const auto& entry) {
    return entry.second.members.full(limits_.handshakes, now) &&
           entry.second.strangers.full(limits_.handshakes, now);
  });
}

}  // namespace hansa::net
