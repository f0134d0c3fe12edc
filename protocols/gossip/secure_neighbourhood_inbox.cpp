// Between the neighbours: what may be said by whom, what a receiver sends on, and when a sum is hopeless.
#include "protocols/gossip/secure_neighbourhood.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <utility>

namespace hansa::protocols {

using secure_sum::contains;
using secure_sum::first_of;
using secure_sum::Set;
using secure_sum::set_of;

namespace {

/// Only a CHUNK is long, and it goes straight to a receiver that is there; an ADVERT among 63 has 4.1 kB.
constexpr std::size_t kRelayedBytesMax = 8192;
/// A neighbour's ADVERT and those that it sends on, before we are in its round.
constexpr std::ptrdiff_t kEarlyPerSenderMax = static_cast<std::ptrdiff_t>(secure_sum::kMembersMax) + 8;

}  // namespace

void SecureNeighbourhood::on_message(PartyId from, Message message, Time now, Effects& out) {
  auto* packet = std::get_if<RelayedPacketMessage>(&message);
  if (packet == nullptr) return out.emit(Rejected{from, RejectReason::unexpected_type});
  if (const auto reason = refuse(from, *packet)) return out.emit(Rejected{from, *reason});
  hear(position(from), packet->round, out);
  const bool over = packet->round < round_ || (packet->round == round_ && phase_ == Phase::decoding);
  if (over || phase_ == Phase::finished) {
    out.emit(Rejected{from, RejectReason::late});
  } else if (packet->round == round_ && phase_ == Phase::summing) {
    deliver(from, std::move(*packet), now, out);
  } else {
    store_early(from, std::move(*packet), out);
  }
  settle(now, out);
}

/// A receiver may speak to us in its sum, and any neighbour in ours.
std::optional<RejectReason> SecureNeighbourhood::refuse(PartyId from,
                                                        const RelayedPacketMessage& message) const {
  if (message.packet == nullptr || message.round >= run_.rounds) return RejectReason::wrong_size;
  const std::size_t sender = position(from);
  const bool ours = message.receiver == options_.self;
  if (sender == degree() || (!ours && message.receiver != from)) return RejectReason::unexpected_sender;
  if (message.packet->empty()) {
    return message.to == 0 ? std::nullopt : std::optional(RejectReason::wrong_size);
  }
  Set allowed = first_of(degree() + 1) & ~set_of(sender);
  if (!ours) {
    const auto members = neighbours(from);
    const auto me = std::find_if(members.begin(), members.end(),
                                 [this](const topology::Neighbour& n) { return n.party == options_.self; });
    allowed = set_of(static_cast<std::size_t>(me - members.begin()));
  }
  if (message.to == 0 || (message.to & ~allowed) != 0) return RejectReason::wrong_size;
  const bool relayed = !ours || message.to != set_of(degree());
  if (relayed && message.packet->size() > kRelayedBytesMax) return RejectReason::wrong_size;
  return std::nullopt;
}

/// Whoever speaks in a later round has left this one: its own sum is over, and it is no input of ours any
/// more, unless ours is decided and its last word under way.
void SecureNeighbourhood::hear(std::size_t peer, Round round, Effects& out) {
  peers_[peer].misses = 0;
  peers_[peer].reached = std::max(peers_[peer].reached, round + 1);
  if (phase_ != Phase::summing || round <= round_) return;
  if (!sums_[peer].over) close(sums_[peer], 0, out);
  if (own_sum().session && own_sum().session->phase() < secure_sum::Phase::voted) leave(own_sum(), out);
}

void SecureNeighbourhood::deliver(PartyId from, RelayedPacketMessage message, Time now, Effects& out) {
  const bool ours = message.receiver == options_.self;
  Sum& sum = ours ? own_sum() : sums_[position(message.receiver)];
  if (sum.over) return out.emit(Rejected{from, RejectReason::late});
  if (message.packet->empty()) {
    if (!ours) return close(sum, 0, out);
    out.emit(PeerMissing{round_, from, MissReason::down});
    return leave(sum, out);
  }
  if (!sum.session) return store_early(from, std::move(message), out);
  if (ours && !relay(from, message, out)) return out.emit(Rejected{from, RejectReason::too_many});
  if (ours && !contains(message.to, degree())) return;
  secure_sum::SessionEffects effects;
  sum.session->on_packet(*message.packet, now, effects);
  perform(sum, std::move(effects), out);
}

/// Sends a packet of our sum on to those neighbours that it is for. False if the sender has sent more than
/// any session needs.
bool SecureNeighbourhood::relay(PartyId from, const RelayedPacketMessage& message, Effects& out) {
  const Set others = message.to & ~set_of(degree());
  if (others == 0) return true;
  const std::size_t enough =
      2 * degree() + 16;  // ADVERT, SHAREs, READY, VOTE; ADVERTs once more in a dispute
  if (++peers_[position(from)].relayed > enough) return false;
  send_packet(own_sum(), others, message.packet, out);
  return true;
}

/// As a receiver to the members themselves, else to the receiver for them.
void SecureNeighbourhood::send_packet(const Sum& sum, Set to, std::shared_ptr<const secure_sum::Bytes> packet,
                                      Effects& out) const {
  if (!is_own(sum)) return out.send(sum.receiver, RelayedPacketMessage{round_, sum.receiver, to, packet});
  for (std::size_t i = 0; i < degree(); ++i) {
    if (contains(to, i))
      out.send(neighbour(i), RelayedPacketMessage{round_, sum.receiver, set_of(i), packet});
  }
}

/// Keeps what a neighbour says before we can hear it: of the latest round it has spoken in, since it has left
/// all earlier ones.
void SecureNeighbourhood::store_early(PartyId from, RelayedPacketMessage message, Effects& out) {
  if (message.packet->size() > kRelayedBytesMax) return out.emit(Rejected{from, RejectReason::wrong_size});
  const Round latest = peers_[position(from)].reached - 1;
  if (message.round < latest) return out.emit(Rejected{from, RejectReason::late});
  std::erase_if(early_, [&](const Early& e) { return e.from == from && e.message.round < latest; });
  const auto waiting =
      std::count_if(early_.begin(), early_.end(), [&](const Early& e) { return e.from == from; });
  if (waiting >= kEarlyPerSenderMax) return out.emit(Rejected{from, RejectReason::too_many});
  early_.push_back({from, std::move(message)});
}

void SecureNeighbourhood::deliver_early(Time now, Effects& out) {
  std::vector<Early> all = std::exchange(early_, {});
  for (Early& early : all) {
    if (early.message.round == round_) {
      deliver(early.from, std::move(early.message), now, out);
    } else if (early.message.round > round_) {
      early_.push_back(std::move(early));
    }
  }
}

/// Counts a miss for each neighbour that has not said a word in this round.
void SecureNeighbourhood::miss_silent_peers(Effects& out) {
  for (std::size_t peer = 0; peer < degree(); ++peer) {
    if (peers_[peer].reached > round_) continue;
    ++peers_[peer].misses;
    out.emit(PeerMissing{round_, neighbour(peer), MissReason::deadline});
  }
}

/// Gives up, before they begin, the sums of neighbours that are not there or not any more; and our own, if
/// any neighbour is missing.
void SecureNeighbourhood::leave_hopeless(Effects& out) {
  bool complete = true;
  for (std::size_t peer = 0; peer < degree(); ++peer) {
    if (!suspected(peers_[peer]) && peers_[peer].reached <= round_ + 1) continue;
    complete = false;
    if (suspected(peers_[peer])) out.emit(PeerMissing{round_, neighbour(peer), MissReason::suspected});
    leave(sums_[peer], out);
  }
  if (!complete) leave(own_sum(), out);
}

/// Takes no further part in a sum, and says so to those who would wait.
void SecureNeighbourhood::leave(Sum& sum, Effects& out) {
  say_leaving(sum.receiver, out);
  close(sum, 0, out);
}

void SecureNeighbourhood::say_leaving(PartyId receiver, Effects& out) const {
  const RelayedPacketMessage message{round_, receiver, 0, std::make_shared<const secure_sum::Bytes>()};
  if (receiver != options_.self) return out.send(receiver, message);
  for (std::size_t peer = 0; peer < degree(); ++peer) out.send(neighbour(peer), message);
}

void SecureNeighbourhood::close(Sum& sum, std::uint32_t contributors, Effects& out) {
  const auto members = static_cast<std::uint32_t>(sum.members.size() - 1);
  out.emit(SumEnded{round_, 0, sum.receiver, members, contributors, contributors > 0});
  sum.session.reset();
  sum.over = true;
}

void SecureNeighbourhood::on_peer_down(PartyId peer, Time now, Effects& out) {
  const std::size_t at = position(peer);
  if (at == degree()) return;
  peers_[at].misses = std::max(peers_[at].misses, run_.suspect_after);  // until it is heard again
  if (phase_ == Phase::summing) {
    if (!sums_[at].over) leave(sums_[at], out);
    if (own_sum().session && own_sum().session->phase() < secure_sum::Phase::voted) {
      out.emit(PeerMissing{round_, peer, MissReason::down});
      leave(own_sum(), out);
    }
  }
  settle(now, out);
}

}  // namespace hansa::protocols
