// The receiving half of a party: which message belongs where, who is still awaited, who is given up, and how
// a party that fell behind joins the others. Nothing in a message is believed before its strategy has placed
// it.
#include "protocols/party/party.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace hansa::protocols {
namespace {

// A peer can be ahead by as many rounds as news need to cross the graph, not more; what it sends beyond that
// is either hostile or will be sent again. Late shares of push-sum wait here too. 32 covers every topology of
// the registry at 2^32 parties.
constexpr std::size_t kMessagesPerSenderMax = 32;

}  // namespace

void Party::on_message(PartyId from, Message message, Time now, Effects& out) {
  if (const auto* ack = std::get_if<ShareAck>(&message)) {
    if (!strategy_->on_ack(from, *ack)) return out.emit(Rejected{from, RejectReason::unexpected_type});
    // It lives, but only a model shows that it still takes part: a peer that has finished acknowledges as
    // well.
    if (Misses* misses = misses_.empty() ? nullptr : find_misses(from)) misses->down = false;
    return strategy_->on_heard(from, now);
  }
  const Strategy::Placement placement = strategy_->place(from, message);
  if (const auto* reason = std::get_if<RejectReason>(&placement)) {
    if (*reason == RejectReason::duplicate) {
      heard_from(from, now);
      strategy_->on_duplicate(from, message, out);
    }
    return out.emit(Rejected{from, *reason});
  }
  heard_from(from, now);
  const auto place = std::get<Strategy::Place>(placement);
  store({place.round, place.step, from, std::move(message)}, now, out);
}

void Party::store(Received received, Time now, Effects& out) {
  const bool over = received.round < round_ || (received.round == round_ && received.step < step_) ||
                    (received.round == round_ && phase_ == Phase::mixing && received.step == step_) ||
                    phase_ == Phase::finished;
  if (over) {
    if (received.round == timed_out_round_) estimator_.observe(now - timed_out_began_);
    if (!strategy_->keeps_late()) return out.emit(Rejected{received.from, RejectReason::late});
    if (too_many_from(received.from)) return out.emit(Rejected{received.from, RejectReason::too_many});
    inbox_.push_back(std::move(received));
    if (phase_ == Phase::finished && !computing_) absorb_late(out);
    return;
  }
  if (phase_ == Phase::collecting && received.round == round_ && received.step == step_) {
    if (!accept_now(received)) return out.emit(Rejected{received.from, RejectReason::duplicate});
    inbox_.push_back(std::move(received));
    if (awaited_ > 0) return;
    estimator_.observe(now - exchange_began_);
    return mix(out);
  }
  if (too_many_from(received.from)) return out.emit(Rejected{received.from, RejectReason::too_many});
  inbox_.push_back(std::move(received));
}

bool Party::too_many_from(PartyId sender) const noexcept {
  const auto waiting = std::count_if(inbox_.begin(), inbox_.end(),
                                     [sender](const Received& other) { return other.from == sender; });
  return static_cast<std::size_t>(waiting) >= kMessagesPerSenderMax;
}

bool Party::accept_now(const Received& received) noexcept {
  const auto expected = std::lower_bound(expected_.begin(), expected_.end(), received.from,
                                         [](const Expected& a, PartyId b) { return a.peer < b; });
  if (expected == expected_.end() || expected->peer != received.from) return false;
  if (expected->answer == Answer::arrived) return false;
  if (expected->answer == Answer::awaited) --awaited_;
  expected->answer = Answer::arrived;
  return true;
}

void Party::collect_early_arrivals() {
  if (inbox_.empty()) return;
  std::erase_if(inbox_, [this](const Received& received) {
    if (received.round < round_ || (received.round == round_ && received.step < step_)) {
      return !strategy_->keeps_late();
    }
    if (received.round != round_ || received.step != step_) return false;
    return !accept_now(received);
  });
}

std::vector<Received> Party::take_arrived() {
  const auto belongs = [this](const Received& received) {
    if (received.round == round_ && received.step == step_) return true;
    return received.round <= round_ && strategy_->keeps_late();
  };
  std::vector<Received> arrived;
  arrived.reserve(inbox_.size());
  std::vector<Received> rest;
  for (Received& received : inbox_) (belongs(received) ? arrived : rest).push_back(std::move(received));
  inbox_ = std::move(rest);
  std::sort(arrived.begin(), arrived.end(), [](const Received& a, const Received& b) {
    return std::pair(a.from, a.round) < std::pair(b.from, b.round);
  });
  return arrived;
}

void Party::account_for_missing(Effects& out) {
  for (const Expected& expected : expected_) {
    if (expected.answer == Answer::arrived) continue;
    Misses& misses = misses_of(expected.peer);
    const MissReason reason = misses.down                              ? MissReason::down
                              : expected.answer == Answer::not_awaited ? MissReason::suspected
                                                                       : MissReason::deadline;
    ++misses.count;
    out.emit(PeerMissing{round_, expected.peer, reason});
  }
}

bool Party::join_peers_ahead(Time now, Effects& out) {
  Round ahead = round_;
  for (const Received& received : inbox_) ahead = std::max(ahead, received.round);
  if (ahead < round_ + 2) return false;  // one round ahead is what happens when they gave up on us once
  account_for_missing(out);
  out.emit(RoundsSkipped{round_, ahead});
  round_ = ahead;
  deadline_.reset();
  trained({.model = std::exchange(model_, {})}, now, out);
  return true;
}

void Party::on_peer_down(PartyId peer, Time, Effects& out) {
  misses_of(peer).down = true;
  if (phase_ != Phase::collecting) return;
  for (Expected& expected : expected_) {
    if (expected.peer != peer || expected.answer != Answer::awaited) continue;
    expected.answer = Answer::not_awaited;
    if (--awaited_ == 0) return mix(out);
  }
}

void Party::heard_from(PartyId peer, Time now) {
  strategy_->on_heard(peer, now);
  if (misses_.empty()) return;
  std::erase_if(misses_, [peer](const Misses& misses) { return misses.peer == peer; });
}

Party::Misses& Party::misses_of(PartyId peer) {
  const auto at = std::lower_bound(misses_.begin(), misses_.end(), peer,
                                   [](const Misses& a, PartyId b) { return a.peer < b; });
  if (at != misses_.end() && at->peer == peer) return *at;
  return *misses_.insert(at, Misses{peer, 0, false});
}

Party::Misses* Party::find_misses(PartyId peer) noexcept {
  const auto at = std::lower_bound(misses_.begin(), misses_.end(), peer,
                                   [](const Misses& a, PartyId b) { return a.peer < b; });
  return at != misses_.end() && at->peer == peer ? &*at : nullptr;
}

}  // namespace hansa::protocols
