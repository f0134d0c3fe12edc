// A round's session: with whom, from when, and what follows from its end.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/secure_cohort.hpp"
#include "topology/cohorts.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

namespace hansa::protocols {
namespace {

constexpr std::uint32_t kAttemptsMax = 3;       // each one waits for the missing; then the round is given up
constexpr std::size_t kEarlyPerSenderMax = 32;  // nobody gets beyond READY without us: a dozen packets
constexpr std::uint32_t kPatientRounds = 30;    // with a member that does not come
constexpr double kWholeModelClip = 64;          // of models in 32 bits, when the clip is one for differences
constexpr std::size_t kMembersMin = 3;          // of two, each would learn the other's model from the sum

}  // namespace

SumTerms terms_in(const SecureOptions& secure, std::uint32_t attempt) noexcept {
  if (!sums_deltas(secure)) return {secure.lane, secure.clip, secure.fraction, false};
  if (attempt == 0) return {secure.lane, secure.clip, secure.fraction, true};
  return {crypto::Lane::bits32, kWholeModelClip, 1, false};
}

void SecureCohort::open_sum(Time now, Effects& out) {
  auto sum = std::make_unique<Sum>();
  sum->round = round_;
  sum->attempt = attempt_;
  const auto cohort = topology::cohort_of(run_.cohort, round_, options_.self);
  std::set_difference(cohort.begin(), cohort.end(), excluded_.begin(), excluded_.end(),
                      std::back_inserter(sum->members));
  if (cohort.size() >= kMembersMin) sum->thresholds = thresholds_in(run_.secure, cohort.size());
  if (sum->members.size() < std::max(kMembersMin, sum->thresholds.votes)) {
    end_ = End::alone;
    return go_on(now, out);
  }
  set_terms(*sum);
  for (std::size_t k = 0; k < sum->members.size(); ++k) {
    const Piece piece = piece_of(run_.parameter_count, k, sum->members.size());
    if (piece.count > 0) sum->pieces.push_back(piece);
    if (piece.count > 0) sum->owners.push_back(k);
  }
  auto session = secure_sum::SecAggSession::make(plan(*sum), member_of(*sum, options_.self).value(),
                                                 *options_.identity, nullptr, *options_.entropy);
  HANSA_ASSERT(session.ok());  // the plan was checked when the run was set up
  sum->session.emplace(std::move(session).value());
  current_ = std::move(sum);
  secure_sum::SessionEffects effects;
  current_->session->start(now, effects);
  perform(*current_, std::move(effects), now, out);
  deliver_early(now, out);
  skip_absent(now, out);
  leave_behind(now, out);
}

bool SecureCohort::absent(PartyId member) const {
  const auto misses = misses_.find(member);
  return misses != misses_.end() && misses->second >= kPatientRounds;
}

/// Through with this round, so that it will not come any more.
bool SecureCohort::ahead(PartyId member) const {
  return std::any_of(early_.begin(), early_.end(), [&](const Early& early) {
    return early.from == member && early.message.round > round_;
  });
}

/// Whoever was absent and has been heard of since is waited for from a round's beginning on, not at once:
/// members that hear of it at different times would else wait for different sums.
void SecureCohort::welcome_back() {
  for (const Early& early : early_) heard_.insert(early.from);
  std::erase_if(misses_, [this](const auto& entry) { return heard_.contains(entry.first); });
  heard_.clear();
}

/// Whether a sum is under way whose cohort are all parties. Where cohorts change with the rounds, who returns
/// is heard only by the cohort that it returns to, and others would go on without it.
bool SecureCohort::everybody_sums() const noexcept {
  return current_ != nullptr && current_->members.size() + excluded_.size() == run_.parties;
}

/// With members absent, or ahead, the first attempt is only for finding out who is there. It ends when all
/// others are, so that they agree on the next one whether or not somebody returns just now; and only if those
/// can have a sum: a party that is cut off from most must not hurry through the run alone. While this member
/// trains, waiting costs nothing.
void SecureCohort::skip_absent(Time now, Effects& out) {
  if (!everybody_sums() || current_->session->awaits_input()) return;
  if (current_->session->awaited_in_setup() == 0) return;
  const secure_sum::Set here = current_->session->advertised();
  secure_sum::Set gone = 0;
  for (std::size_t i = 0; i < current_->members.size(); ++i) {
    const PartyId member = current_->members[i];
    if (member != options_.self && (absent(member) || ahead(member))) {
      gone |= secure_sum::set_of(i);
    } else if (!secure_sum::contains(here, i)) {
      return;
    }
  }
  const std::size_t there = current_->members.size() - static_cast<std::size_t>(std::popcount(gone));
  const bool enough = there >= std::max(kMembersMin, current_->thresholds.votes);
  if (gone != 0 && enough) give_up_setup(gone, now, out);
}

/// Members send for a later round only when they are through with this one. If so many have that the rest can
/// complete no sum, nobody will come to ours any more. One colluder cannot make it look so.
void SecureCohort::follow(Time now, Effects& out) {
  if (phase_ != Phase::ready || !everybody_sums() || current_->session->awaited_in_setup() == 0) return;
  const SumThresholds& thresholds = current_->thresholds;
  if (reached_by(std::max(run_.parties - thresholds.votes, thresholds.colluders) + 1) > round_) {
    give_up_setup(current_->session->awaited_in_setup(), now, out);
  }
}

/// Who is in a later session does not come back to this one: it has said all it will. It may have been
/// started again, or have given up.
void SecureCohort::leave_behind(Time now, Effects& out) {
  if (current_ == nullptr) return;
  secure_sum::Set gone = 0;
  for (const Early& early : early_) {
    const bool later =
        std::pair(early.message.round, early.message.attempt) > std::pair(current_->round, current_->attempt);
    const auto member = member_of(*current_, early.from);
    if (later && member) gone |= secure_sum::set_of(*member);
  }
  if (gone == 0) return;
  secure_sum::SessionEffects effects;
  current_->session->leave_behind(gone, now, effects);
  perform(*current_, std::move(effects), now, out);
}

void SecureCohort::on_peer_down(PartyId peer, Time now, Effects& out) {
  const auto member = current_ == nullptr ? std::nullopt : member_of(*current_, peer);
  if (!member) return;
  secure_sum::SessionEffects effects;
  current_->session->on_connection_lost(*member, now, effects);
  perform(*current_, std::move(effects), now, out);
}

void SecureCohort::give_up_setup(secure_sum::Set missing, Time now, Effects& out) {
  secure_sum::SessionEffects effects;
  current_->session->give_up_setup(missing, now, effects);
  perform(*current_, std::move(effects), now, out);
}

/// The furthest round that so many members send for; ours, if there are not so many.
Round SecureCohort::reached_by(std::size_t members) const {
  std::map<PartyId, Round> furthest;
  for (const Early& early : early_) {
    Round& round = furthest.try_emplace(early.from, round_).first->second;
    round = std::max(round, early.message.round);
  }
  if (furthest.size() < members) return round_;
  std::vector<Round> rounds;
  for (const auto& [member, round] : furthest) rounds.push_back(round);
  std::sort(rounds.begin(), rounds.end(), std::greater<>());
  return rounds[members - 1];
}

/// How the members' models become the integers of this attempt.
void SecureCohort::set_terms(Sum& sum) const {
  const SumTerms terms = terms_in(run_.secure, sum.attempt);
  sum.deltas = terms.deltas;
  const auto format = secure_sum::fixed_point_format(terms.lane, terms.clip, sum.members.size());
  HANSA_ASSERT(format.ok());  // checked when the run was set up
  sum.format = *format;
  const auto indices =
      secure_sum::index_seed(draw_of(run_.cohort, sum.round), sum.round, sum.members.front(), sum.attempt);
  sum.compression = {terms.fraction, indices, run_.seed, sum.round};
}

bool SecureCohort::can_encode() const { return !current_->deltas || base_; }

/// A member without a base shares its sum's name with nobody, so the others learn that it is there.
crypto::Hash256 SecureCohort::task_of(const Sum& sum) const {
  if (!sum.deltas) return run_.secure.task;
  crypto::Hasher hasher(base_ ? "hansa1/deltas" : "hansa1/no-base");
  hasher.update(run_.secure.task.bytes);
  return base_ ? hasher.update(base_hash_.bytes).finish()
               : hasher.update(run_.secure.roster[index(options_.self)]).finish();
}

secure_sum::SessionPlan SecureCohort::plan(const Sum& sum) const {
  secure_sum::SessionPlan plan;
  plan.task = task_of(sum);
  plan.round = sum.round;
  plan.cohort = static_cast<std::uint32_t>(sum.members.front());
  plan.attempt = sum.attempt;
  for (const PartyId member : sum.members) plan.members.push_back(run_.secure.roster[index(member)]);
  plan.inputs = plan.members.size();
  plan.colluders = sum.thresholds.colluders;
  plan.threshold = sum.thresholds.votes;
  plan.lane = sum.format.lane;
  plan.value_bits = sum.format.value_bits;
  plan.clip = sum.format.clip;
  plan.weight_max = run_.secure.weight_max;
  plan.parameters = run_.parameter_count;
  for (std::size_t c = 0; c < sum.pieces.size(); ++c) {
    const std::uint32_t summed = secure_sum::summed_count(sum.pieces[c].count, sum.compression.fraction);
    plan.chunks.push_back({sum.owners[c], summed + std::size_t{1}});
  }
  const Duration floor = run_.deadline.floor;
  const Duration wait = estimator_.timeout(run_.deadline);
  const auto views = static_cast<Duration::rep>(plan.inputs + 2);
  plan.patience = {.setup = floor,
                   .chunks = wait,
                   .lead = 3 * wait / 2,
                   .view = 3 * wait,
                   .vote = views * 3 * wait,
                   .result = floor,
                   .done = 3 * floor};
  return plan;
}

EncodeInput SecureCohort::encoding() const {
  return {.format = current_->format,
          .model = model_,
          .weight = sum_weight(run_.secure, current_->format, weight()),
          .pieces = current_->pieces,
          .party = options_.self,
          .compression = current_->compression,
          .base = current_->deltas ? base_ : ParametersRef{}};
}

DecodeSums SecureCohort::decoding() const {
  const Sum& sum = *previous_;
  const secure_sum::Outcome& outcome = sum.session->outcome();
  DecodeSums task{
      .format = sum.format,
      .contributors = static_cast<std::size_t>(std::popcount(outcome.decision.inputs)),
      .own = before_last_ ? before_last_ : model_,  // a missing owner's piece stays as it is there
      .compression = sum.compression,
      .base = base_,
      .deltas = sum.deltas,
      .next_base = sums_deltas(run_.secure)};
  for (std::size_t c = 0; c < sum.pieces.size(); ++c) {
    if (!secure_sum::contains(outcome.chunks, c)) continue;
    task.sums.push_back({sum.pieces[c], std::make_shared<const secure_sum::Bytes>(outcome.sums[c]), c});
  }
  return task;
}

void SecureCohort::withhold(Time now, Effects& out) {
  secure_sum::SessionEffects effects;
  current_->session->withhold_input(now, effects);
  perform(*current_, std::move(effects), now, out);
}

void SecureCohort::perform(Sum& sum, secure_sum::SessionEffects effects, Time now, Effects& out) {
  bool over = false;
  for (secure_sum::SessionEffect& effect : effects) {
    if (auto* packet = std::get_if<secure_sum::SendPacket>(&effect)) {
      out.send(sum.members[packet->to],
               SecurePacketMessage{sum.round, sum.attempt, std::move(packet->packet)});
    } else if (auto* mask = std::get_if<secure_sum::RunMask>(&effect)) {
      masking_.push_back({++mask_id_, sum.round, sum.attempt, mask->job});
      out.compute(mask_id_, ApplyMasks{std::move(mask->task)});
    } else if (auto* blame = std::get_if<secure_sum::Blame>(&effect)) {
      out.emit(
          MemberCaught{sum.round, sum.members[blame->member], static_cast<std::uint8_t>(blame->misdeed)});
    } else {
      over = true;
    }
  }
  if (over && &sum == current_.get()) ended(now, out);
}

void SecureCohort::masked(const Masking& masking, Computed result, Time now, Effects& out) {
  Sum* sum = sum_of(masking.round, masking.attempt);
  if (sum == nullptr) return crypto::wipe(result.lanes);  // its session has made room for later ones
  secure_sum::SessionEffects effects;
  sum->session->on_masked(masking.job, std::move(result.lanes), now, effects);
  perform(*sum, std::move(effects), now, out);
}

/// The session is over. If it is worth another one, that begins at once; otherwise the round ends as soon as
/// the own model is there.
void SecureCohort::ended(Time now, Effects& out) {
  previous_ = std::move(current_);
  const Sum& sum = *previous_;
  const secure_sum::Outcome& outcome = sum.session->outcome();
  const bool complete = sum.session->phase() == secure_sum::Phase::complete && outcome.chunks != 0;
  const auto contributors = static_cast<std::uint32_t>(std::popcount(outcome.decision.inputs));
  const auto chunks = static_cast<std::size_t>(std::popcount(outcome.chunks));
  out.emit(SumEnded{sum.round, sum.attempt, sum.members.front(),
                    static_cast<std::uint32_t>(sum.members.size()), complete ? contributors : 0,
                    complete && chunks == sum.pieces.size()});
  // A member whose base differs is not missing. Who saw it in time and who did not is left to chance, so the
  // next attempt, which does without a base, asks everybody again.
  const secure_sum::Set gone = sum.deltas ? secure_sum::Set{0} : outcome.missing;
  std::vector<PartyId> missing;
  for (std::size_t i = 0; i < sum.members.size(); ++i) {
    const bool lacks =
        complete ? !secure_sum::contains(outcome.decision.inputs, i) : secure_sum::contains(gone, i);
    if (lacks && sum.members[i] != options_.self) missing.push_back(sum.members[i]);
  }
  for (const PartyId member : missing) {
    out.emit(PeerMissing{sum.round, member,
                         absent(member) || ahead(member) ? MissReason::suspected : MissReason::deadline});
  }
  if (const auto wait = sum.session->longest_wait()) estimator_.observe(*wait);
  const bool in_setup = outcome.reason == secure_sum::AbortReason::setup_timeout ||
                        outcome.reason == secure_sum::AbortReason::bad_dealer;
  if (outcome.reason == secure_sum::AbortReason::setup_timeout) {
    for (const PartyId member : missing) {
      misses_[member] = std::min(misses_[member] + 1, kPatientRounds);
      heard_.erase(member);
    }
  }
  if (complete || !in_setup || attempt_ + 1 == kAttemptsMax) {
    end_ = complete ? End::sum : End::alone;
    return go_on(now, out);
  }
  HANSA_ASSERT(outcome.retry_safe);  // nothing masked leaves during setup
  if (phase_ == Phase::ready && join_peers_ahead(now, out)) return;
  for (std::size_t i = 0; i < sum.members.size(); ++i) {
    if (secure_sum::contains(gone, i)) excluded_.push_back(sum.members[i]);
  }
  std::sort(excluded_.begin(), excluded_.end());
  ++attempt_;
  open_sum(now, out);
  go_on(now, out);
}

bool SecureCohort::join_peers_ahead(Time now, Effects& out) {
  // An honest one is there, if more than the colluders are. Who has waited in vain takes anybody's word.
  const Round safe = reached_by(previous_->thresholds.colluders + 1);
  const Round ahead = safe > round_ || !waited_ ? safe : reached_by(1);
  if (ahead == round_) return false;
  out.emit(RoundsSkipped{round_, ahead});
  round_ = ahead;
  attempt_ = 0;
  excluded_.clear();
  refused_ = false;
  begin_round(false, now, out);  // the others are about to sum; what was trained last takes part
  return true;
}

void SecureCohort::on_message(PartyId from, Message message, Time now, Effects& out) {
  auto* packet = std::get_if<SecurePacketMessage>(&message);
  if (packet == nullptr) return out.emit(Rejected{from, RejectReason::unexpected_type});
  if (packet->packet == nullptr || packet->round >= run_.rounds || packet->attempt >= kAttemptsMax) {
    return out.emit(Rejected{from, RejectReason::wrong_size});
  }
  heard_.insert(from);
  if (Sum* sum = sum_of(packet->round, packet->attempt); sum != nullptr) {
    secure_sum::SessionEffects effects;
    sum->session->on_packet(*packet->packet, now, effects);
    perform(*sum, std::move(effects), now, out);
    return skip_absent(now, out);
  }
  const bool over = packet->round < round_ || (packet->round == round_ && packet->attempt < attempt_) ||
                    phase_ == Phase::finished;
  if (over) return out.emit(Rejected{from, RejectReason::late});
  store_early(from, std::move(*packet), out);
  skip_absent(now, out);
  follow(now, out);
  leave_behind(now, out);
}

std::optional<secure_sum::Member> SecureCohort::member_of(const Sum& sum, PartyId party) {
  const auto place = std::lower_bound(sum.members.begin(), sum.members.end(), party);
  if (place == sum.members.end() || *place != party) return std::nullopt;
  return static_cast<secure_sum::Member>(place - sum.members.begin());
}

SecureCohort::Sum* SecureCohort::sum_of(Round round, std::uint32_t attempt) noexcept {
  for (Sum* sum : {current_.get(), previous_.get()}) {
    if (sum != nullptr && sum->round == round && sum->attempt == attempt) return sum;
  }
  return nullptr;
}

void SecureCohort::store_early(PartyId from, SecurePacketMessage message, Effects& out) {
  const auto cohort = topology::cohort_of(run_.cohort, message.round, options_.self);
  if (!std::binary_search(cohort.begin(), cohort.end(), from)) {
    return out.emit(Rejected{from, RejectReason::unexpected_sender});
  }
  std::size_t waiting = 0;
  auto oldest = early_.end();
  for (auto it = early_.begin(); it != early_.end(); ++it) {
    if (it->from != from) continue;
    ++waiting;
    if (oldest == early_.end() || it->message.round < oldest->message.round) oldest = it;
  }
  if (waiting >= kEarlyPerSenderMax) {
    out.emit(Rejected{from, RejectReason::too_many});
    if (oldest->message.round >= message.round) return;
    early_.erase(oldest);  // of rounds that went by without us, the last ones are of use
  }
  early_.push_back({from, std::move(message)});
}

void SecureCohort::deliver_early(Time now, Effects& out) {
  std::vector<Early> all = std::exchange(early_, {});
  for (Early& early : all) {
    const bool ours = current_ != nullptr && early.message.round == current_->round &&
                      early.message.attempt == current_->attempt;
    if (!ours) {
      early_.push_back(std::move(early));
      continue;
    }
    secure_sum::SessionEffects effects;
    current_->session->on_packet(*early.message.packet, now, effects);
    perform(*current_, std::move(effects), now, out);
  }
}

}  // namespace hansa::protocols
