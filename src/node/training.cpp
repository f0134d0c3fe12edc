// The party says what happened; what that means for the run's history, and for whether the others end with
// the same model, is worked out here, on the party's threads.
#include "src/node/training.hpp"

#include "src/exec/entropy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace hansa::node {

using protocols::runs::NodeKey;
using protocols::runs::Run;
using protocols::runs::RunId;

Training::Training(sim::Setup setup, store::Checkpoints checkpoints, TrainingObserver& observer)
    : setup_(std::move(setup)),
      checkpoints_(std::move(checkpoints)),
      observer_(observer),
      evaluator_(*setup_.model, setup_.test) {}

Result<std::unique_ptr<Training>> Training::make(const Run& run, PartyId self, const DataBinding& binding,
                                                 std::shared_ptr<const crypto::Identity> identity,
                                                 const std::filesystem::path& checkpoints,
                                                 TrainingObserver& observer, Round not_before) {
  auto setup = plan_training(run, binding, self);
  if (!setup) return setup.error();
  auto files = store::Checkpoints::open(checkpoints, run.training_id());
  if (!files) return files.error();
  auto restored = files->load_newest(setup->run->parameter_count);
  if (!restored) return restored.error();
  if (*restored) {
    protocols::Record& record = **restored;
    // It sits out the round it was in; of the last one it can still take the others' result.
    const Round last = setup->run->rounds - 1;
    const Round reached = record.finished ? record.round : std::min(std::max(record.round, not_before), last);
    const bool moved = reached != record.round || !files->quarantined().empty();
    record.round = reached;
    if (moved) {  // or the next start would know less
      if (const auto kept = files->save(record); !kept) return kept.error();
    }
  } else if (not_before > 0 || !files->quarantined().empty()) {
    return std::unique_ptr<Training>();
  }
  std::unique_ptr<Training> training(
      new Training(std::move(setup).value(), std::move(files).value(), observer));
  training->run_ = run.id;
  training->self_ = self;
  for (const auto& approval : run.begin->approvals) training->parties_.push_back(approval.party);
  training->restored_ = restored->has_value();
  if (*restored) training->resumed_at_ = (*restored)->round;
  protocols::PartyOptions options{.self = self,
                                  .training_rows = training->setup_.training.shards[index(self)].rows.size(),
                                  .run = training->setup_.run,
                                  .restored = std::move(restored).value(),
                                  .identity = std::move(identity),
                                  .entropy = std::make_shared<exec::OsEntropy>()};
  auto party = actors::LiveParty::make({.self = self,
                                        .machine = training->setup_.strategy->make(std::move(options)),
                                        .training = training->setup_.training},
                                       *training);
  if (!party) return party.error();
  training->party_ = std::move(party).value();
  return training;
}

void Training::begin() { party_->begin(); }

void Training::deliver(const NodeKey& from, actors::FrameRef frame) {
  const auto place = std::lower_bound(parties_.begin(), parties_.end(), from);
  if (place == parties_.end() || *place != from) return;
  party_->deliver(party_at(static_cast<std::uint32_t>(place - parties_.begin())), std::move(frame));
}

void Training::peer_down(const NodeKey& peer) {
  const auto place = std::lower_bound(parties_.begin(), parties_.end(), peer);
  if (place == parties_.end() || *place != peer) return;
  party_->peer_down(party_at(static_cast<std::uint32_t>(place - parties_.begin())));
}

std::string Training::metric_name() const {
  return std::string(learn::primary_metric(setup_.test.dataset->task));
}

void Training::send(PartyId to, actors::FrameRef frame) {
  observer_.frame_to(run_, parties_[index(to)], std::move(frame));
}

Result<void> Training::persist(const protocols::Record& record) {
  const auto began = std::chrono::steady_clock::now();
  auto saved = checkpoints_.save(record);
  if (saved) {
    observer_.checkpoint_written(std::chrono::steady_clock::now() - began);
  } else {
    observer_.disk_failed(run_, saved.error());
  }
  return saved;
}

void Training::happened(const protocols::Event& event, Time now) {
  if (const auto* round = std::get_if<protocols::RoundCompleted>(&event)) return completed(*round, now);
  if (const auto* missing = std::get_if<protocols::PeerMissing>(&event)) {
    current_.missing.push_back(static_cast<std::uint32_t>(missing->peer));
  } else if (const auto* caught = std::get_if<protocols::MemberCaught>(&event)) {
    observer_.noticed(run_, "party " + std::to_string(index(caught->peer)) +
                                " broke the secure sum of round " + std::to_string(caught->round));
  } else if (const auto* refused = std::get_if<protocols::ContributionRefused>(&event)) {
    observer_.noticed(run_, "this party's model of round " + std::to_string(refused->round) +
                                " is not finite and was not contributed");
  } else if (const auto* sum = std::get_if<protocols::SumEnded>(&event)) {
    current_.participants = std::max(sum->contributors, 1U);  // given up: this party's model alone
    sum_ = sum->contributors == 0 ? Sum::alone : sum->whole ? Sum::whole : Sum::partial;
  } else if (const auto* finished = std::get_if<protocols::Finished>(&event)) {
    observer_.training_done(run_, setup_.run->rounds, finished->model, ending_);
  }
}

/// Of the round that is just over. A party that has been restarted in it has sat it out.
Ending Training::ending() const noexcept {
  const bool sat_out = restored_ && current_.round <= resumed_at_ + 1;
  if (sum_ == Sum::whole || (sum_ == Sum::none && !sat_out && current_.missing.empty()))
    return Ending::common;
  if (sat_out) return Ending::own;
  if (setup_.run->aggregation != protocols::Aggregation::secure) return Ending::likely;
  const bool stands_in = ending_ == Ending::common && last_round_ + 1 == current_.round;
  return stands_in ? Ending::likely : Ending::own;
}

void Training::completed(const protocols::RoundCompleted& round, Time now) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  current_.round = round.completed;
  ending_ = ending();
  last_round_ = round.completed;
  const bool sums = setup_.run->aggregation == protocols::Aggregation::secure;
  if (sums && sum_ == Sum::none) current_.participants = 1;  // it sat the round out
  sum_ = Sum::none;
  RoundReport report = std::exchange(current_, {});
  report.seconds = std::chrono::duration<double>(now).count();
  report.loss = round.rows > 0 ? round.loss_sum / static_cast<double>(round.rows) : kNone;
  report.metric = kNone;
  if (round.model && !setup_.test.rows.empty()) {
    const learn::Metrics metrics = evaluator_.evaluate_one(round.model.span(), workspace_);
    report.metric = learn::metric(metrics, metric_name());
  }
  if (report.participants == 0) {
    report.participants = static_cast<std::uint32_t>(parties_.size() - report.missing.size());
  }
  observer_.round_done(run_, report);
}

void Training::failed(const std::string& what) { observer_.training_failed(run_, what); }

}  // namespace hansa::node
