// What to believe of what others say, and what to pass on.
#include "protocols/membership/membership.hpp"

#include <hansa/math.hpp>

#include <algorithm>

namespace hansa::protocols::membership {
namespace {

// How far an incarnation may be ahead of the last one we know, in boots and within a boot. A node objects at
// most once a second, so half a year of accusations without pause fits; a larger step is a bug or a prank.
constexpr std::uint32_t kJumpMax = 1U << 24;
constexpr std::size_t kAccusersMax = 16, kAccusersPerOrganisationMax = 4;
constexpr std::size_t kOrganisationsToBelieve = 2, kSmallMesh = 3;
constexpr std::size_t kNewsPerMessage = 8;

bool near(Incarnation next, Incarnation known) noexcept {
  if (boot_of(next) == boot_of(known)) return count_of(next) - count_of(known) <= kJumpMax;
  return boot_of(next) - boot_of(known) <= kJumpMax && count_of(next) <= kJumpMax;
}

double log10_of(double x) noexcept { return log_exact(x) / log_exact(10.0); }

}  // namespace

bool Membership::hear(const Statements& statements, const NodeKey& from, Time now, Effects& out) {
  bool honest = true;
  for (const Presence& presence : statements.presences) honest = honest && hear_presence(presence, now, out);
  for (const Accusation& accusation : statements.accusations)
    honest = honest && hear_accusation(accusation, now, out);
  // Nobody passes on what it has not checked. What came before the lie was checked and may stay.
  if (!honest) out.emplace_back(Misbehaved{from});
  return honest;
}

/// False only for a signature that does not fit.
bool Membership::hear_presence(const Presence& presence, Time now, Effects& out) {
  if (presence.subject == self_.subject) return hear_own(presence, now, out);
  Peer* const peer = find(presence.subject);
  if (peer == nullptr) return true;
  if (peer->presence) {
    const Incarnation known = peer->presence->incarnation;
    if (presence.incarnation <= known || !near(presence.incarnation, known)) return true;
  }
  if (!check(presence)) return false;
  peer->presence = presence;
  peer->doubt = Doubt::none;
  peer->accusations.clear();
  peer->patience_over = false;
  peer->news_left = news_transmissions();
  show(*peer, out);
  return true;
}

/// Somebody knows a later word of ours than we do: we have been restored from a backup.
bool Membership::hear_own(const Presence& presence, Time, Effects&) {
  if (presence.incarnation <= self_.incarnation) return true;
  if (!check(presence)) return false;
  announce(self_.standing, presence.incarnation + 1);
  accusing_us_.clear();
  return true;
}

bool Membership::hear_accusation(const Accusation& accusation, Time now, Effects& out) {
  const bool about_us = accusation.subject == self_.subject;
  Peer* const peer = find(accusation.subject);
  const Peer* const accuser = find(accusation.accuser);
  if ((!about_us && peer == nullptr) || accuser == nullptr) return true;
  if (accusation.accuser == accusation.subject) return true;
  if (about_us) {
    const auto answered = std::find(refute_to_.begin(), refute_to_.end(), accusation.accuser);
    if (accusation.incarnation != self_.incarnation || answered != refute_to_.end()) return true;
    if (!check(accusation)) return false;
    hear_accused_self(accusation, now, out);
    return true;
  }
  // About another incarnation than the one we know: over, or not to be judged yet.
  if (!peer->presence || accusation.incarnation != peer->presence->incarnation) return true;
  if (peer->presence->standing == Standing::left) return true;
  std::size_t of_organisation = 0;
  for (const Accusation& known : peer->accusations) {
    if (known.accuser == accusation.accuser) return true;
    const Peer* const other = find(known.accuser);
    if (other != nullptr && other->organisation == accuser->organisation) ++of_organisation;
  }
  if (of_organisation >= kAccusersPerOrganisationMax || peer->accusations.size() >= kAccusersMax) return true;
  if (!check(accusation)) return false;
  add_accusation(*peer, accusation, now, out);
  return true;
}

void Membership::hear_accused_self(const Accusation& accusation, Time now, Effects& out) {
  out.emplace_back(Accused{accusation});
  const Peer* const accuser = find(accusation.accuser);
  accusing_us_.insert(accuser->organisation);
  // Being slow is a reason to be patient with others. One organisation alone does not make us believe it.
  if (accusing_us_.size() == (size() <= kSmallMesh ? 1 : kOrganisationsToBelieve)) add_health(1);
  refute_to_.push_back(accusation.accuser);
  if (!refuted_at_ || now >= *refuted_at_ + kRefutePause) refute(now, out);
}

/// A new incarnation makes every accusation of the last one void. The accusers hear of it at once.
void Membership::refute(Time now, Effects& out) {
  announce(self_.standing, self_.incarnation + 1);
  ++refutations_;
  accusing_us_.clear();
  refuted_at_ = now;
  for (const NodeKey& to : refute_to_) {
    if (find(to) != nullptr) send(to, News{{{self_}, {}}}, out);
  }
  refute_to_.clear();
}

void Membership::add_accusation(Peer& peer, const Accusation& accusation, Time now, Effects& out) {
  out.emplace_back(Accused{accusation});
  peer.accusations.push_back(accusation);
  peer.news_left = news_transmissions();
  if (peer.doubt == Doubt::none) {
    peer.doubt = Doubt::suspect;
    peer.suspected_at = now;
    peer.patience_over = false;
  }
  if (peer.doubt == Doubt::suspect)
    peer.suspected_until = peer.suspected_at + patience(peer.accusations.size());
  judge(peer, now, out);
  show(peer, out);
}

/// How long a suspicion waits for an objection: memberlist's formula. Long at first, shorter with everybody
/// who suspects the same independently, never below the minimum.
Duration Membership::patience(std::size_t accusers) const {
  const auto n = static_cast<double>(size());
  const Options& o = config_.options;
  const double least =
      o.suspicion_factor * std::max(1.0, log10_of(n)) * static_cast<double>(o.probe_interval.count());
  const double most = least * o.suspicion_ceiling;
  double wanted = o.suspicion_factor - 2;  // confirmations for the minimum
  if (n - 2 < wanted) wanted = 0;          // there are not that many others
  double result = least;
  if (wanted >= 1) {
    const double confirmations = static_cast<double>(accusers) - 1;
    const double part = log_exact(confirmations + 1) / log_exact(wanted + 1);
    result = std::max(least, most - part * (most - least));
  }
  return Duration(static_cast<std::int64_t>(result));
}

bool Membership::accused_by_us(const Peer& peer) const {
  return std::any_of(peer.accusations.begin(), peer.accusations.end(),
                     [this](const Accusation& a) { return a.accuser == self_.subject; });
}

/// Whether what is said suffices, once nobody can object any more.
bool Membership::enough(const Peer& peer) const {
  if (accused_by_us(peer)) return true;
  if (size() <= kSmallMesh) return false;
  std::set<crypto::PublicKey> organisations;
  for (const Accusation& accusation : peer.accusations) {
    const Peer* const accuser = find(accusation.accuser);
    if (accuser != nullptr) organisations.insert(accuser->organisation);
  }
  return organisations.size() >= kOrganisationsToBelieve;
}

void Membership::judge(Peer& peer, Time now, Effects& out) {
  if (peer.doubt != Doubt::suspect) return;
  if (!peer.patience_over && now < peer.suspected_until) return;
  peer.patience_over = true;
  if (!enough(peer)) return;
  peer.doubt = Doubt::unreachable;
  show(peer, out);
}

void Membership::show(Peer& peer, Effects& out) {
  State state = State::alive;
  if (peer.presence && peer.presence->standing == Standing::draining) state = State::draining;
  if (peer.doubt == Doubt::suspect) state = State::suspect;
  if (peer.doubt == Doubt::unreachable) state = State::unreachable;
  if (peer.presence && peer.presence->standing == Standing::left) state = State::left;
  if (state == peer.shown) return;
  peer.shown = state;
  out.emplace_back(StateChanged{peer.node, state, Duration(static_cast<std::int64_t>(peer.rtt_ns))});
}

int Membership::news_transmissions() const noexcept {
  int digits = 1;
  for (std::size_t n = size(); n >= 10; n /= 10) ++digits;
  return 4 * digits;
}

/// What a message to `to` takes along: our own word, what is said against `to` so that it can object, and
/// what is new.
Statements Membership::statements_for(const NodeKey& to) {
  Statements result;
  result.presences.push_back(self_);
  std::size_t subjects = 0;
  for (Peer& peer : peers_) {
    const bool receiver = peer.node == to;
    if (receiver && !peer.accusations.empty()) {
      result.accusations.insert(result.accusations.end(), peer.accusations.begin(), peer.accusations.end());
    } else if (!receiver && peer.news_left > 0 && peer.presence && subjects < kNewsPerMessage) {
      --peer.news_left;
      ++subjects;
      result.presences.push_back(*peer.presence);
      result.accusations.insert(result.accusations.end(), peer.accusations.begin(), peer.accusations.end());
    }
  }
  return result;
}

/// Everything that fits. Presences go first: without them accusations mean nothing.
Statements Membership::all_statements() const {
  constexpr std::size_t kHeader = 64;
  Statements result;
  std::size_t room = kMessageBytesMax - kHeader;
  result.presences.push_back(self_);
  room -= kPresenceBytes;
  for (const Peer& peer : peers_) {
    if (!peer.presence || room < kPresenceBytes) continue;
    result.presences.push_back(*peer.presence);
    room -= kPresenceBytes;
  }
  for (const Peer& peer : peers_) {
    for (const Accusation& accusation : peer.accusations) {
      if (room < kAccusationBytes) return result;
      result.accusations.push_back(accusation);
      room -= kAccusationBytes;
    }
  }
  return result;
}

}  // namespace hansa::protocols::membership
