// The party around the secure sums: it trains, encodes, and decodes, while the round's session goes on beside
// it (secure_cohort_sum.cpp). Whatever of the two is slower, go_on() takes the next step.
#include "protocols/gossip/secure_cohort.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace hansa::protocols {
namespace {

constexpr ComputeId kMaskIds = ComputeId{1} << 32;  // masks are computed beside the party's own tasks

}  // namespace

std::size_t colluders_in(const SecureOptions& secure, std::size_t members) noexcept {
  const std::size_t most = std::max<std::size_t>(1, (members - 1) / 3);
  return secure.colluders == 0 ? most : std::min<std::size_t>(secure.colluders, members - 2);
}

SumThresholds thresholds_in(const SecureOptions& secure, std::size_t members) noexcept {
  const std::size_t colluders = colluders_in(secure, members);
  return {colluders, secure_sum::vote_threshold(members, colluders)};
}

SecureCohort::SecureCohort(PartyOptions options)
    : options_(std::move(options)),
      run_(*options_.run),
      mask_id_(kMaskIds),
      carried_weight_(own_weight(options_)) {
  HANSA_ASSERT(options_.identity != nullptr && options_.entropy != nullptr);
  HANSA_ASSERT(run_.secure.roster.size() == run_.parties);
}

void SecureCohort::start(Time now, Effects& out) {
  if (!options_.restored) {
    if (run_.eval_every > 0) out.emit(RoundCompleted{0, run_.initial_model, 0, 0});
    model_ = run_.initial_model;
    base_ = run_.initial_model;
    whole_ = true;
    return begin_round(trains_in(0), now, out);
  }
  const Record record = std::exchange(options_.restored, std::nullopt).value();
  round_ = record.round;
  model_ = record.model;
  optimiser_state_ = record.optimiser_state;
  carried_weight_ = record.mass;
  if (record.finished) {
    phase_ = Phase::finished;
    return out.emit(Finished{model_});
  }
  complete_round(model_, now, out);  // sits out: the keys of its session in this round are gone
}

bool SecureCohort::trains_in(Round round) const noexcept { return round + run_.finish_rounds < run_.rounds; }

double SecureCohort::weight() const noexcept {
  return trains_in(round_) ? own_weight(options_) : carried_weight_;
}

void SecureCohort::compute(Phase phase, Task task, Effects& out) {
  HANSA_ASSERT(!computing_);
  phase_ = phase;
  computing_ = true;
  out.compute(++compute_id_, std::move(task));
}

/// Begins with `model_`. Training is asked for first, so that nothing of the session delays it. The record
/// must be durable before the first ADVERT: after a restart the party must not sign another one for the same
/// sum.
void SecureCohort::begin_round(bool trains, Time now, Effects& out) {
  phase_ = Phase::ready;
  welcome_back();
  if (round_ + 1 == run_.rounds && whole_ && run_.secure.fraction >= 1) before_last_ = model_;
  whole_ = false;
  loss_sum_ = 0;
  loss_rows_ = 0;
  if (trains) {
    MixAndTrain task{.size = run_.parameter_count};
    task.terms.push_back({Slice::whole(model_), 0, 1.0f});
    task.train = true;
    task.round = round_;
    task.optimiser_state = optimiser_state_;
    compute(Phase::training, std::move(task), out);
  }
  out.persist(record());
  open_sum(now, out);
  go_on(now, out);
}

void SecureCohort::on_computed(ComputeId id, Computed result, Time now, Effects& out) {
  const auto mask =
      std::find_if(masking_.begin(), masking_.end(), [&](const Masking& each) { return each.id == id; });
  if (mask != masking_.end()) {
    const Masking masking = *mask;
    masking_.erase(mask);
    return masked(masking, std::move(result), now, out);
  }
  if (id != compute_id_ || !computing_) return;
  computing_ = false;
  switch (std::exchange(phase_, Phase::ready)) {
    case Phase::training:
      return trained(std::move(result), now, out);
    case Phase::encoding:
      return encoded(std::move(result), now, out);
    case Phase::decoding:
      return decoded(std::move(result), now, out);
    case Phase::idle:
    case Phase::ready:
    case Phase::finished:
      HANSA_ASSERT(false);
  }
}

void SecureCohort::trained(Computed result, Time now, Effects& out) {
  model_ = std::move(result.model);
  if (result.optimiser_state) optimiser_state_ = std::move(result.optimiser_state);
  loss_sum_ = result.loss_sum;
  loss_rows_ = result.rows;
  go_on(now, out);  // nothing to keep: after a restart the party sits this round out
}

/// The next step of a round whose model is there: encode it for the session that waits for it, or do what the
/// session's end allows.
void SecureCohort::go_on(Time now, Effects& out) {
  if (phase_ != Phase::ready) return;
  if (end_) {
    if (std::exchange(end_, std::nullopt) == End::alone) {
      return complete_round(before_last_ ? before_last_ : model_, now, out);
    }
    return compute(Phase::decoding, decoding(), out);
  }
  if (current_ == nullptr || !current_->session->awaits_input()) return;
  if (refused_ || !can_encode()) return withhold(now, out);
  encoding_attempt_ = attempt_;
  compute(Phase::encoding, encoding(), out);
}

void SecureCohort::encoded(Computed result, Time now, Effects& out) {
  if (!result.error.empty()) {
    refused_ = true;
    out.emit(ContributionRefused{round_});
  } else if (current_ != nullptr && encoding_attempt_ == attempt_) {
    secure_sum::SessionEffects effects;
    const Result<void> provided = current_->session->provide_input(
        std::make_shared<secure_sum::SecureInput>(std::move(result.lanes)), now, effects);
    HANSA_ASSERT(provided.ok());  // it is fresh and was encoded for this session's plan
    perform(*current_, std::move(effects), now, out);
    skip_absent(now, out);
    follow(now, out);
  }
  go_on(now, out);  // if meanwhile the session was given up, for the next one
}

void SecureCohort::decoded(Computed result, Time now, Effects& out) {
  const auto contributors = std::popcount(previous_->session->outcome().decision.inputs);
  if (result.error.empty() && contributors > 0) {
    carried_weight_ = result.weight * static_cast<double>(run_.secure.weight_max) / contributors;
  }
  whole_ =
      result.error.empty() && static_cast<std::size_t>(std::popcount(previous_->session->outcome().chunks)) ==
                                  previous_->pieces.size();
  if (result.base) {
    base_ = std::move(result.base);
    base_hash_ = result.base_hash;
  }
  complete_round(std::move(result.model), now, out);
}

void SecureCohort::complete_round(ParametersRef model, Time now, Effects& out) {
  ++round_;
  attempt_ = 0;
  excluded_.clear();
  refused_ = false;
  std::erase_if(early_, [this](const Early& early) { return early.message.round < round_; });
  model_ = std::move(model);
  const bool due = evaluation_due(run_, round_);
  out.emit(RoundCompleted{round_, due ? model_ : ParametersRef{}, loss_sum_, loss_rows_});
  if (round_ < run_.rounds) return begin_round(trains_in(round_), now, out);
  phase_ = Phase::finished;
  before_last_ = {};
  out.persist(record());
  out.emit(Finished{model_});
}

void SecureCohort::on_deadline(Time now, Effects& out) {
  if (current_ == nullptr) return;
  secure_sum::SessionEffects effects;
  current_->session->on_deadline(now, effects);
  waited_ = true;
  perform(*current_, std::move(effects), now, out);
  waited_ = false;
}

std::optional<Time> SecureCohort::next_deadline() const {
  return current_ == nullptr ? std::nullopt : current_->session->next_deadline();
}

Record SecureCohort::record() const {
  Record result;
  result.round = round_;
  result.model = model_;
  result.optimiser_state = optimiser_state_;
  result.mass = carried_weight_;
  result.finished = phase_ == Phase::finished;
  return result;
}

}  // namespace hansa::protocols
