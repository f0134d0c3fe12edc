// The party around the secure sums: when a sum begins, with whom, and what becomes of the model afterwards.
#include "protocols/gossip/secure_cohort.hpp"

#include "protocols/gossip/mixing.hpp"
#include "topology/cohorts.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

namespace hansa::protocols {
namespace {

constexpr std::uint32_t kAttemptsMax = 3;       // each one waits for the missing; then the round is given up
constexpr std::size_t kEarlyPerSenderMax = 32;  // nobody gets beyond READY without us: a dozen packets
constexpr ComputeId kAuditIds = ComputeId{1} << 32;  // audits run beside the round's own task
constexpr std::size_t kMembersMin = 3;  // of two, each would learn the other's model from the sum

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
    : options_(std::move(options)), run_(*options_.run), carried_weight_(own_weight(options_)) {
  HANSA_ASSERT(options_.identity != nullptr && options_.entropy != nullptr);
  HANSA_ASSERT(run_.secure.roster.size() == run_.parties);
}

void SecureCohort::start(Time now, Effects& out) {
  if (!options_.restored) {
    if (run_.eval_every > 0) out.emit(RoundCompleted{0, run_.initial_model, 0, 0});
    if (trains_in(0)) return begin_training(run_.initial_model, out);
    return trained({.model = run_.initial_model}, now, out);
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

void SecureCohort::compute(Task task, Effects& out) {
  HANSA_ASSERT(!computing_);
  computing_ = true;
  out.compute(++compute_id_, std::move(task));
}

void SecureCohort::begin_training(ParametersRef from, Effects& out) {
  phase_ = Phase::training;
  MixAndTrain task{.size = run_.parameter_count};
  task.terms.push_back({Slice::whole(std::move(from)), 0, 1.0f});
  task.train = true;
  task.round = round_;
  task.optimiser_state = std::move(optimiser_state_);
  compute(std::move(task), out);
}

void SecureCohort::audited(Computed result, Time now, Effects& out) {
  const Audit audit = *std::exchange(audit_, std::nullopt);
  Sum* sum = sum_of(audit.round, audit.attempt);
  if (sum == nullptr) return;  // its session has made room for later ones
  secure_sum::SessionEffects effects;
  sum->session->on_masked(secure_sum::MaskJob::audit, std::move(result.lanes), now, effects);
  perform(*sum, std::move(effects), now, out);
}

void SecureCohort::on_computed(ComputeId id, Computed result, Time now, Effects& out) {
  if (audit_ && id == audit_->id) return audited(std::move(result), now, out);
  if (id != compute_id_ || !computing_) return;
  computing_ = false;
  switch (phase_) {
    case Phase::training:
      return trained(std::move(result), now, out);
    case Phase::encoding:
      if (result.error.empty()) return begin_session(std::move(result.lanes), now, out);
      out.emit(ContributionRefused{round_});
      return go_on_alone(now, out);
    case Phase::masking: {
      phase_ = Phase::summing;
      secure_sum::SessionEffects effects;
      current_->session->on_masked(*std::exchange(mask_job_, std::nullopt), std::move(result.lanes), now,
                                   effects);
      return perform(*current_, std::move(effects), now, out);
    }
    case Phase::decoding: {
      const auto contributors = std::popcount(previous_->session->outcome().decision.inputs);
      if (result.error.empty() && contributors > 0) {
        carried_weight_ = result.weight * static_cast<double>(run_.secure.weight_max) / contributors;
      }
      return complete_round(std::move(result.model), now, out);
    }
    case Phase::idle:
    case Phase::summing:
    case Phase::finished:
      HANSA_ASSERT(false);
  }
}

void SecureCohort::trained(Computed result, Time now, Effects& out) {
  (void)now;
  model_ = std::move(result.model);
  if (result.optimiser_state) optimiser_state_ = std::move(result.optimiser_state);
  loss_sum_ = result.loss_sum;
  loss_rows_ = result.rows;
  out.persist(
      record());  // before anything of this round's sum leaves: a restart must not take part in it again
  begin_sum(now, out);
}

void SecureCohort::begin_sum(Time now, Effects& out) {
  auto sum = std::make_unique<Sum>();
  sum->round = round_;
  sum->attempt = attempt_;
  const auto cohort = topology::cohort_of(run_.cohort, round_, options_.self);
  std::set_difference(cohort.begin(), cohort.end(), excluded_.begin(), excluded_.end(),
                      std::back_inserter(sum->members));
  if (cohort.size() < kMembersMin) return go_on_alone(now, out);
  sum->thresholds = thresholds_in(run_.secure, cohort.size());
  if (sum->members.size() < sum->thresholds.votes) return go_on_alone(now, out);
  const auto format = secure_sum::fixed_point_format(run_.secure.lane, run_.secure.clip, sum->members.size());
  HANSA_ASSERT(format.ok());  // checked when the run was set up
  sum->format = *format;
  EncodeInput task{.format = *format, .model = model_, .weight = relative_weight(run_.secure, weight())};
  for (std::size_t k = 0; k < sum->members.size(); ++k) {
    const Piece piece = piece_of(run_.parameter_count, k, sum->members.size());
    if (piece.count > 0) sum->pieces.push_back(piece);
    if (piece.count > 0) sum->owners.push_back(k);
  }
  task.pieces = sum->pieces;
  current_ = std::move(sum);
  phase_ = Phase::encoding;
  compute(std::move(task), out);
}

secure_sum::SessionPlan SecureCohort::plan(const Sum& sum) const {
  secure_sum::SessionPlan plan;
  plan.task = run_.secure.task;
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
    plan.chunks.push_back({sum.owners[c], sum.pieces[c].count + std::size_t{1}});
  }
  const Duration wait = run_.deadline.floor;
  const auto views = static_cast<Duration::rep>(plan.inputs + 2);
  plan.patience = {.setup = wait,
                   .chunks = wait,
                   .lead = 3 * wait / 2,
                   .view = 3 * wait,
                   .vote = views * 3 * wait,
                   .result = wait,
                   .done = 3 * wait};
  return plan;
}

void SecureCohort::begin_session(secure_sum::Bytes lanes, Time now, Effects& out) {
  Sum& sum = *current_;
  const auto me =
      std::lower_bound(sum.members.begin(), sum.members.end(), options_.self) - sum.members.begin();
  auto session = secure_sum::SecAggSession::make(
      plan(sum), static_cast<secure_sum::Member>(me), *options_.identity,
      std::make_shared<secure_sum::SecureInput>(std::move(lanes)), *options_.entropy);
  HANSA_ASSERT(session.ok());  // the plan was checked when the run was set up, and the input is fresh
  sum.session.emplace(std::move(session).value());
  phase_ = Phase::summing;
  secure_sum::SessionEffects effects;
  sum.session->start(now, effects);
  perform(sum, std::move(effects), now, out);
  deliver_early(now, out);
}

void SecureCohort::perform(Sum& sum, secure_sum::SessionEffects effects, Time now, Effects& out) {
  bool over = false;
  for (secure_sum::SessionEffect& effect : effects) {
    if (auto* packet = std::get_if<secure_sum::SendPacket>(&effect)) {
      out.send(sum.members[packet->to],
               SecurePacketMessage{sum.round, sum.attempt, std::move(packet->packet)});
    } else if (auto* mask = std::get_if<secure_sum::RunMask>(&effect)) {
      if (mask->job == secure_sum::MaskJob::audit) {
        audit_ = Audit{kAuditIds + ++audits_, sum.round, sum.attempt};
        out.compute(audit_->id, ApplyMasks{std::move(mask->task)});
        continue;
      }
      mask_job_ = mask->job;
      phase_ = Phase::masking;
      compute(ApplyMasks{std::move(mask->task)}, out);
    } else if (auto* blame = std::get_if<secure_sum::Blame>(&effect)) {
      out.emit(
          MemberCaught{sum.round, sum.members[blame->member], static_cast<std::uint8_t>(blame->misdeed)});
    } else {
      over = true;
    }
  }
  if (over && &sum == current_.get()) ended(now, out);
}

void SecureCohort::ended(Time now, Effects& out) {
  computing_ = false;  // a mask under way belongs to nobody now
  mask_job_.reset();
  previous_ = std::move(current_);
  const Sum& sum = *previous_;
  const secure_sum::Outcome& outcome = sum.session->outcome();
  const bool complete = sum.session->phase() == secure_sum::Phase::complete && outcome.chunks != 0;
  const auto contributors = static_cast<std::uint32_t>(std::popcount(outcome.decision.inputs));
  out.emit(SumEnded{sum.round, sum.attempt, sum.members.front(),
                    static_cast<std::uint32_t>(sum.members.size()), complete ? contributors : 0});
  for (std::size_t i = 0; i < sum.members.size(); ++i) {
    const bool missing = complete ? !secure_sum::contains(outcome.decision.inputs, i)
                                  : secure_sum::contains(outcome.missing, i);
    if (missing && sum.members[i] != options_.self) {
      out.emit(PeerMissing{sum.round, sum.members[i], MissReason::deadline});
    }
  }
  if (complete) {
    DecodeSums task{.format = sum.format, .contributors = contributors, .own = model_};
    for (std::size_t c = 0; c < sum.pieces.size(); ++c) {
      if (!secure_sum::contains(outcome.chunks, c)) continue;  // a missing owner: keep our own piece
      task.sums.push_back({sum.pieces[c], std::make_shared<const secure_sum::Bytes>(outcome.sums[c])});
    }
    phase_ = Phase::decoding;
    return compute(std::move(task), out);
  }
  if (!outcome.retry_safe || attempt_ + 1 == kAttemptsMax) return go_on_alone(now, out);
  if (join_peers_ahead(now, out)) return;
  for (std::size_t i = 0; i < sum.members.size(); ++i) {
    if (secure_sum::contains(outcome.missing, i)) excluded_.push_back(sum.members[i]);
  }
  std::sort(excluded_.begin(), excluded_.end());
  ++attempt_;
  begin_sum(now, out);
}

bool SecureCohort::join_peers_ahead(Time now, Effects& out) {
  Round ahead = round_;
  for (const Early& early : early_) ahead = std::max(ahead, early.message.round);
  if (ahead == round_) return false;
  out.emit(RoundsSkipped{round_, ahead});
  round_ = ahead;
  attempt_ = 0;
  excluded_.clear();
  trained({.model = model_}, now, out);
  return true;
}

void SecureCohort::go_on_alone(Time now, Effects& out) {
  if (current_ != nullptr) previous_ = std::move(current_);
  complete_round(model_, now, out);
}

void SecureCohort::complete_round(ParametersRef model, Time now, Effects& out) {
  ++round_;
  attempt_ = 0;
  excluded_.clear();
  std::erase_if(early_, [this](const Early& early) { return early.message.round < round_; });
  model_ = std::move(model);
  const bool due = evaluation_due(run_, round_);
  out.emit(RoundCompleted{round_, due ? model_ : ParametersRef{}, loss_sum_, loss_rows_});
  if (round_ == run_.rounds) {
    phase_ = Phase::finished;
    out.persist(record());
    return out.emit(Finished{model_});
  }
  if (trains_in(round_)) return begin_training(std::exchange(model_, {}), out);
  trained({.model = model_}, now, out);
}

void SecureCohort::on_message(PartyId from, Message message, Time now, Effects& out) {
  auto* packet = std::get_if<SecurePacketMessage>(&message);
  if (packet == nullptr) return out.emit(Rejected{from, RejectReason::unexpected_type});
  if (packet->packet == nullptr || packet->round >= run_.rounds || packet->attempt >= kAttemptsMax) {
    return out.emit(Rejected{from, RejectReason::wrong_size});
  }
  if (Sum* sum = sum_of(packet->round, packet->attempt); sum != nullptr) {
    secure_sum::SessionEffects effects;
    sum->session->on_packet(*packet->packet, now, effects);
    return perform(*sum, std::move(effects), now, out);
  }
  const bool over = packet->round < round_ || (packet->round == round_ && packet->attempt < attempt_) ||
                    phase_ == Phase::finished;
  if (over) return out.emit(Rejected{from, RejectReason::late});
  store_early(from, std::move(*packet), out);
}

SecureCohort::Sum* SecureCohort::sum_of(Round round, std::uint32_t attempt) noexcept {
  for (Sum* sum : {current_.get(), previous_.get()}) {
    if (sum != nullptr && sum->session && sum->round == round && sum->attempt == attempt) return sum;
  }
  return nullptr;
}

void SecureCohort::store_early(PartyId from, SecurePacketMessage message, Effects& out) {
  const auto cohort = topology::cohort_of(run_.cohort, message.round, options_.self);
  if (!std::binary_search(cohort.begin(), cohort.end(), from)) {
    return out.emit(Rejected{from, RejectReason::unexpected_sender});
  }
  const auto waiting =
      std::count_if(early_.begin(), early_.end(), [&](const Early& e) { return e.from == from; });
  if (static_cast<std::size_t>(waiting) >= kEarlyPerSenderMax) {
    return out.emit(Rejected{from, RejectReason::too_many});
  }
  early_.push_back({from, std::move(message)});
}

void SecureCohort::deliver_early(Time now, Effects& out) {
  std::vector<Early> all = std::exchange(early_, {});
  for (Early& early : all) {
    const bool ours = current_ != nullptr && current_->session && early.message.round == current_->round &&
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

void SecureCohort::on_deadline(Time now, Effects& out) {
  if (current_ == nullptr || !current_->session) return;
  secure_sum::SessionEffects effects;
  current_->session->on_deadline(now, effects);
  perform(*current_, std::move(effects), now, out);
}

std::optional<Time> SecureCohort::next_deadline() const {
  if (current_ == nullptr || !current_->session) return std::nullopt;
  return current_->session->next_deadline();
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
