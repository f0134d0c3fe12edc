// The round itself: train, exchange, mix, and around again. Receiving and giving up are in party_inbox.cpp.
#include "protocols/party/party.hpp"

#include <hansa/assert.hpp>

#include <utility>

namespace hansa::protocols {

Party::Party(PartyOptions options, std::unique_ptr<Strategy> strategy)
    : run_(std::move(options.run)), strategy_(std::move(strategy)) {
  HANSA_ASSERT(run_ != nullptr && strategy_ != nullptr);
  HANSA_ASSERT(run_->initial_model.size() == run_->parameter_count);
  HANSA_ASSERT(options.training_rows > 0);
  if (options.restored) restored_ = std::make_unique<Record>(std::move(*options.restored));
}

void Party::start(Time now, Effects& out) {
  HANSA_ASSERT(phase_ == Phase::idle);
  const RunOptions& run = *run_;
  if (restored_ == nullptr) {
    if (run.eval_every > 0) out.emit(RoundCompleted{0, run.initial_model, 0, 0});
    if (trains_in(0)) return begin_training(run.initial_model, out);
    return trained({.model = run.initial_model}, now, out);
  }
  const auto restored = std::exchange(restored_, nullptr);
  const Record& record = *restored;
  round_ = record.round;
  model_ = record.model;
  optimiser_state_ = record.optimiser_state;
  strategy_->restore(record);
  if (!record.finished) return begin_exchange(0, now, out);
  phase_ = Phase::finished;
  out.emit(Finished{model_, strategy_->mass()});
}

bool Party::trains_in(Round round) const noexcept { return round + run_->finish_rounds < run_->rounds; }

void Party::compute(Task task, Effects& out) {
  HANSA_ASSERT(!computing_);
  computing_ = true;
  out.compute(++compute_id_, std::move(task));
}

void Party::begin_training(ParametersRef from, Effects& out) {
  phase_ = Phase::training;
  MixAndTrain task;
  task.size = run_->parameter_count;
  task.terms.push_back({Slice::whole(std::move(from)), 0, 1.0f});
  task.train = true;
  task.round = round_;
  task.step_scale = strategy_->step_scale();
  task.optimiser_state = std::move(optimiser_state_);
  compute(std::move(task), out);
}

void Party::on_computed(ComputeId id, Computed result, Time now, Effects& out) {
  if (id != compute_id_ || !computing_) return;  // a driver's leftover from before a restart
  computing_ = false;
  if (phase_ == Phase::training) return trained(std::move(result), now, out);
  if (phase_ == Phase::finished) return finish(std::move(result.model), out);
  HANSA_ASSERT(phase_ == Phase::mixing);
  if (step_ + 1 == strategy_->steps()) return complete_round(std::move(result), now, out);
  own_ = std::move(result.model);
  begin_exchange(step_ + 1, now, out);
}

void Party::trained(Computed result, Time now, Effects& out) {
  model_ = std::move(result.model);
  if (result.optimiser_state) optimiser_state_ = std::move(result.optimiser_state);
  loss_sum_ = result.loss_sum;
  loss_rows_ = result.rows;
  strategy_->prepare(round_, model_, now);
  out.persist(record());
  strategy_->committed(out);
  begin_exchange(0, now, out);
}

void Party::begin_exchange(std::uint32_t step, Time now, Effects& out) {
  phase_ = Phase::collecting;
  step_ = step;
  if (step == 0) own_ = model_;
  strategy_->send(round_, step_, own_, out);
  scratch_.clear();
  strategy_->expected(round_, step_, scratch_);
  expected_.clear();
  awaited_ = 0;
  for (const PartyId peer : scratch_) {
    const Misses* misses = misses_.empty() ? nullptr : find_misses(peer);
    const bool wait = misses == nullptr || (!misses->down && misses->count < run_->suspect_after);
    expected_.push_back({peer, wait ? Answer::awaited : Answer::not_awaited});
    awaited_ += wait ? 1 : 0;
  }
  exchange_began_ = now;
  collect_early_arrivals();
  if (awaited_ == 0) return mix(out);
  deadline_ = now + estimator_.timeout(run_->deadline);
}

void Party::mix(Effects& out) {
  deadline_.reset();
  account_for_missing(out);
  phase_ = Phase::mixing;
  const std::vector<Received> arrived = take_arrived();
  MixAndTrain task = strategy_->combine(round_, step_, own_, arrived);
  own_ = {};
  if (step_ + 1 == strategy_->steps()) {
    model_ = {};  // the mix holds what it needs; the slot is free as soon as the neighbours have theirs
    const Round next = round_ + 1;
    if (trains_in(next) && !evaluation_due(*run_, next)) {
      task.train = true;
      task.round = next;
      task.step_scale = strategy_->step_scale();
      task.optimiser_state = std::move(optimiser_state_);
    }
  } else if (std::optional<FixedPointMean> exact = strategy_->exact_mean(task)) {
    return compute(std::move(*exact), out);
  }
  compute(std::move(task), out);
}

void Party::complete_round(Computed result, Time now, Effects& out) {
  ++round_;
  step_ = 0;  // while we train, this round's first messages are early, not late
  const RunOptions& run = *run_;
  const bool due = evaluation_due(run, round_);
  out.emit(RoundCompleted{round_, due ? result.model : ParametersRef{}, loss_sum_, loss_rows_});
  if (round_ == run.rounds) return finish(std::move(result.model), out);
  if (due && trains_in(round_)) return begin_training(std::move(result.model), out);
  trained(std::move(result), now, out);
}

void Party::finish(ParametersRef model, Effects& out) {
  phase_ = Phase::finished;
  model_ = std::move(model);
  out.persist(record());
  strategy_->committed(out);
  out.emit(Finished{model_, strategy_->mass()});
  if (!inbox_.empty()) absorb_late(out);
}

void Party::absorb_late(Effects& out) {
  const std::vector<Received> arrived = take_arrived();
  compute(strategy_->combine(round_, step_, model_, arrived), out);
}

void Party::on_deadline(Time now, Effects& out) {
  strategy_->retransmit(now, out);
  if (phase_ != Phase::collecting || !deadline_ || now < *deadline_) return;
  timed_out_round_ = round_;
  timed_out_began_ = exchange_began_;
  if (join_peers_ahead(now, out)) return;
  mix(out);
}

std::optional<Time> Party::next_deadline() const {
  const std::optional<Time> retransmission = strategy_->next_retransmission();
  if (!deadline_) return retransmission;
  return retransmission && *retransmission < *deadline_ ? retransmission : deadline_;
}

Record Party::record() const {
  Record result;
  result.round = round_;
  result.model = model_;
  result.optimiser_state = optimiser_state_;
  result.finished = phase_ == Phase::finished;
  strategy_->save(result);
  return result;
}

void Party::check_invariants() const {
  HANSA_ASSERT(round_ <= run_->rounds);
  HANSA_ASSERT((phase_ == Phase::finished) == (round_ == run_->rounds));
  HANSA_ASSERT(step_ < strategy_->steps());
  HANSA_ASSERT(phase_ == Phase::collecting || !deadline_);
  std::uint32_t awaited = 0;
  for (const Expected& expected : expected_) awaited += expected.answer == Answer::awaited ? 1 : 0;
  HANSA_ASSERT(phase_ != Phase::collecting || awaited == awaited_);
}

}  // namespace hansa::protocols
