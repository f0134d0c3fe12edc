// The round: train, encode, sum in every neighbourhood that we belong to, mix.
#include "protocols/gossip/secure_neighbourhood.hpp"

#include "protocols/gossip/neighbourhood_check.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace hansa::protocols {

using secure_sum::set_of;

namespace {

/// The receiver's own model counts as one more input: it joins the others in its mean.
secure_sum::FixedPointFormat format_of(const RunOptions& run, std::size_t inputs) {
  const auto format = secure_sum::fixed_point_format(run.secure.lane, run.secure.clip, inputs + 1);
  HANSA_ASSERT(format.ok());  // checked when the run was set up
  return *format;
}

}  // namespace

secure_sum::SessionPlan neighbourhood_plan(const RunOptions& run, Round round, PartyId receiver) {
  secure_sum::SessionPlan plan;
  plan.task = run.secure.task;
  plan.round = round;
  plan.cohort = static_cast<std::uint32_t>(receiver);
  for (const topology::Neighbour& member : run.topology->in(round, receiver)) {
    plan.members.push_back(run.secure.roster[index(member.party)]);
  }
  plan.inputs = plan.members.size();
  plan.members.push_back(run.secure.roster[index(receiver)]);
  plan.threshold = plan.inputs;  // all or nothing: two sums of different inputs would reveal the difference
  plan.colluders = colluders_among(plan.inputs);
  const secure_sum::FixedPointFormat format = format_of(run, plan.inputs);
  plan.lane = format.lane;
  plan.value_bits = format.value_bits;
  plan.clip = format.clip;
  plan.weight_max = run.secure.weight_max;
  plan.parameters = run.parameter_count;
  plan.chunks = {{plan.inputs, run.parameter_count + std::size_t{1}}};
  plan.leaders = {plan.inputs};
  const Duration wait = run.deadline.floor;
  plan.patience = {.setup = wait,
                   .chunks = wait,
                   .lead = 3 * wait / 2,
                   .view = 3 * wait,
                   .vote = 4 * wait,
                   .result = wait,
                   .done = 3 * wait};
  return plan;
}

SecureNeighbourhood::SecureNeighbourhood(PartyOptions options)
    : options_(std::move(options)), run_(*options_.run) {
  HANSA_ASSERT(options_.identity != nullptr && options_.entropy != nullptr && run_.topology != nullptr);
  HANSA_ASSERT(run_.secure.roster.size() == run_.parties);
  peers_.resize(neighbours(options_.self).size());
  HANSA_ASSERT(degree() >= kNeighboursMin && degree() <= kNeighboursMax);
}

void SecureNeighbourhood::start(Time now, Effects& out) {
  if (!options_.restored) {
    if (run_.eval_every > 0) out.emit(RoundCompleted{0, run_.initial_model, 0, 0});
    if (trains_in(0)) return begin_training(run_.initial_model, out);
    trained({.model = run_.initial_model}, now, out);
    return settle(now, out);
  }
  const Record record = std::exchange(options_.restored, std::nullopt).value();
  round_ = record.round;
  model_ = record.model;
  optimiser_state_ = record.optimiser_state;
  if (record.finished) {
    phase_ = Phase::finished;
    return out.emit(Finished{model_});
  }
  // It sits out the round that it was in, since the keys of those sums are gone; nobody needs to wait for it.
  for (std::size_t peer = 0; peer < degree(); ++peer) say_leaving(neighbour(peer), out);
  say_leaving(options_.self, out);
  complete_round(model_, now, out);
  settle(now, out);
}

bool SecureNeighbourhood::trains_in(Round round) const noexcept {
  return round + run_.finish_rounds < run_.rounds;
}

std::span<const topology::Neighbour> SecureNeighbourhood::neighbours(PartyId party) const noexcept {
  return run_.topology->in(0, party);  // the same in every round
}

PartyId SecureNeighbourhood::neighbour(std::size_t peer) const noexcept {
  return neighbours(options_.self)[peer].party;
}

std::size_t SecureNeighbourhood::position(PartyId party) const noexcept {
  const auto all = neighbours(options_.self);
  const auto at = std::lower_bound(all.begin(), all.end(), party,
                                   [](const topology::Neighbour& a, PartyId b) { return a.party < b; });
  return at != all.end() && at->party == party ? static_cast<std::size_t>(at - all.begin()) : degree();
}

ComputeId SecureNeighbourhood::compute(Task task, Effects& out) {
  out.compute(++compute_id_, std::move(task));
  return compute_id_;
}

bool SecureNeighbourhood::runs(Job job) const noexcept {
  return std::any_of(running_.begin(), running_.end(), [job](const Running& r) { return r.job == job; });
}

void SecureNeighbourhood::begin_training(ParametersRef from, Effects& out) {
  phase_ = Phase::training;
  MixAndTrain task{.size = run_.parameter_count};
  task.terms.push_back({Slice::whole(std::move(from)), 0, 1.0f});
  task.train = true;
  task.round = round_;
  task.optimiser_state = std::move(optimiser_state_);
  running_.push_back({.id = compute(std::move(task), out), .job = Job::train});
}

void SecureNeighbourhood::on_computed(ComputeId id, Computed result, Time now, Effects& out) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [id](const Running& r) { return r.id == id; });
  if (found == running_.end()) return;  // of a sum or a life that is over
  const Running done = *found;
  running_.erase(found);
  switch (done.job) {
    case Job::train:
      trained(std::move(result), now, out);
      break;
    case Job::encode:
      encoded(encodings_[done.of], std::move(result), now, out);
      break;
    case Job::mask: {
      Sum& sum = sums_[done.of];
      secure_sum::SessionEffects effects;
      if (sum.session) sum.session->on_masked(done.mask, std::move(result.lanes), now, effects);
      perform(sum, std::move(effects), out);
      break;
    }
    case Job::decode:
      complete_round(std::move(result.model), now, out);
      break;
  }
  settle(now, out);
}

void SecureNeighbourhood::trained(Computed result, Time now, Effects& out) {
  model_ = std::move(result.model);
  if (result.optimiser_state) optimiser_state_ = std::move(result.optimiser_state);
  loss_sum_ = result.loss_sum;
  loss_rows_ = result.rows;
  skip_to_peers(out);
  out.persist(record());  // before anything of this round's sums leaves: a restart must not take part again
  begin_sums(now, out);
}

/// Joins the neighbours where they are, if more than a third of them have left this round behind: they were
/// in none of its sums while we were away, and will be in none. A few that lie about their round change
/// nothing.
void SecureNeighbourhood::skip_to_peers(Effects& out) {
  std::vector<Round> rounds;
  for (const Peer& peer : peers_) rounds.push_back(peer.reached);
  std::sort(rounds.begin(), rounds.end(), std::greater());
  const Round ahead = rounds[degree() / 3];
  if (ahead <= round_ + 1) return;
  out.emit(RoundsSkipped{round_, ahead - 1});
  round_ = ahead - 1;
}

SecureNeighbourhood::Sum SecureNeighbourhood::make_sum(PartyId receiver) const {
  Sum sum{.receiver = receiver};
  for (const topology::Neighbour& member : neighbours(receiver)) sum.members.push_back(member.party);
  sum.members.push_back(receiver);
  sum.format = format_of(run_, sum.members.size() - 1);
  return sum;
}

void SecureNeighbourhood::begin_sums(Time now, Effects& out) {
  phase_ = Phase::summing;
  running_.clear();
  received_.clear();
  own_lanes_.clear();
  sums_.clear();
  std::erase_if(early_, [this](const Early& early) { return early.message.round < round_; });
  for (std::size_t peer = 0; peer < degree(); ++peer) {
    sums_.push_back(make_sum(neighbour(peer)));
    peers_[peer].relayed = 0;
  }
  sums_.push_back(make_sum(options_.self));
  leave_hopeless(out);
  encode_inputs(out);
  if (!own_sum().over) begin_session(own_sum(), nullptr, now, out);
  deliver_early(now, out);
}

/// The weight of our model in the mean of a sum's receiver.
double SecureNeighbourhood::weight_in(std::size_t sum) const {
  if (run_.weights == MixWeights::sample_count) {
    return relative_weight(run_.secure, static_cast<double>(options_.training_rows));
  }
  return sum == degree() ? run_.topology->self_weight(0, options_.self)
                         : run_.topology->out(0, options_.self)[sum].weight;
}

/// Encodes our model once for all sums in which it has the same weight and format; in a regular graph, for
/// all.
void SecureNeighbourhood::encode_inputs(Effects& out) {
  encodings_.clear();
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (sums_[i].over) continue;
    const double weight = weight_in(i);
    const auto same = std::find_if(encodings_.begin(), encodings_.end(), [&](const Encoding& encoding) {
      return encoding.weight == weight &&
             sums_[encoding.sums.front()].format.members == sums_[i].format.members;
    });
    if (same != encodings_.end()) {
      same->sums.push_back(i);
    } else {
      encodings_.push_back({weight, {i}});
    }
  }
  for (std::size_t i = 0; i < encodings_.size(); ++i) {
    EncodeInput task{.format = sums_[encodings_[i].sums.front()].format,
                     .model = model_,
                     .weight = encodings_[i].weight,
                     .pieces = {{0, run_.parameter_count}}};
    running_.push_back({.id = compute(std::move(task), out), .job = Job::encode, .of = i});
  }
}

void SecureNeighbourhood::encoded(const Encoding& encoding, Computed result, Time now, Effects& out) {
  if (!result.error.empty()) {  // the same in every encoding, so all sums end here
    if (!runs(Job::encode)) out.emit(ContributionRefused{round_});
    received_.clear();
  }
  for (const std::size_t i : encoding.sums) {
    Sum& sum = sums_[i];
    if (!result.error.empty()) {
      if (!sum.over) leave(sum, out);
    } else if (is_own(sum)) {
      own_lanes_ = result.lanes;
    } else if (!sum.over) {
      begin_session(sum, std::make_shared<secure_sum::SecureInput>(result.lanes), now, out);
    }
  }
  crypto::wipe(result.lanes);
  deliver_early(now, out);
}

void SecureNeighbourhood::begin_session(Sum& sum, std::shared_ptr<secure_sum::SecureInput> input, Time now,
                                        Effects& out) {
  const auto me = std::find(sum.members.begin(), sum.members.end(), options_.self) - sum.members.begin();
  auto session = secure_sum::SecAggSession::make(neighbourhood_plan(run_, round_, sum.receiver),
                                                 static_cast<secure_sum::Member>(me), *options_.identity,
                                                 std::move(input), *options_.entropy);
  HANSA_ASSERT(session.ok());  // the plan was checked when the run was set up, and the input is fresh
  sum.session.emplace(std::move(session).value());
  secure_sum::SessionEffects effects;
  sum.session->start(now, effects);
  perform(sum, std::move(effects), out);
}

void SecureNeighbourhood::perform(Sum& sum, secure_sum::SessionEffects effects, Effects& out) {
  const auto number = static_cast<std::size_t>(&sum - sums_.data());
  bool over = false;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (auto* first = std::get_if<secure_sum::SendPacket>(&effects[i])) {
      secure_sum::Set to = set_of(first->to);
      while (i + 1 < effects.size()) {  // one packet for several members travels to the receiver once
        const auto* next = std::get_if<secure_sum::SendPacket>(&effects[i + 1]);
        if (next == nullptr || next->packet != first->packet) break;
        to |= set_of(next->to);
        ++i;
      }
      send_packet(sum, to, first->packet, out);
    } else if (auto* mask = std::get_if<secure_sum::RunMask>(&effects[i])) {
      const secure_sum::MaskJob job = mask->job;
      const ComputeId id = compute(ApplyMasks{std::move(mask->task)}, out);
      running_.push_back({.id = id, .job = Job::mask, .of = number, .mask = job});
    } else if (auto* blame = std::get_if<secure_sum::Blame>(&effects[i])) {
      out.emit(MemberCaught{round_, sum.members[blame->member], static_cast<std::uint8_t>(blame->misdeed)});
    } else {
      over = true;
    }
  }
  if (over) ended(sum, out);
}

void SecureNeighbourhood::ended(Sum& sum, Effects& out) {
  const secure_sum::Outcome& outcome = sum.session->outcome();
  if (sum.session->phase() == secure_sum::Phase::complete) {
    if (is_own(sum)) received_ = outcome.sums.front();
    return close(sum, static_cast<std::uint32_t>(sum.members.size() - 1), out);
  }
  if (is_own(sum)) miss_silent_peers(out);
  // Our own timer says nothing about the receiver: it has its own, and knows better who is missing.
  if (!is_own(sum) && outcome.reason == secure_sum::AbortReason::setup_timeout) return close(sum, 0, out);
  leave(sum, out);
}

/// Ends the round if nothing of it is left to wait for.
void SecureNeighbourhood::settle(Time now, Effects& out) {
  while (phase_ == Phase::summing) {
    if (!std::all_of(sums_.begin(), sums_.end(), [](const Sum& sum) { return sum.over; })) return;
    if (received_.empty()) {
      complete_round(model_, now, out);
    } else if (own_lanes_.empty()) {
      return;  // still being encoded
    } else {
      decode(out);
    }
  }
}

/// What arrived is the sum of the neighbours' elements; with our own it is what "plain-fixed" adds up.
void SecureNeighbourhood::decode(Effects& out) {
  phase_ = Phase::decoding;
  const secure_sum::FixedPointFormat& format = own_sum().format;
  crypto::add_lanes(received_, own_lanes_, format.lane);
  DecodeSums task{.format = format, .contributors = format.members, .own = model_};
  task.sums.push_back(
      {{0, run_.parameter_count}, std::make_shared<const secure_sum::Bytes>(std::exchange(received_, {}))});
  running_.push_back({.id = compute(std::move(task), out), .job = Job::decode});
}

void SecureNeighbourhood::complete_round(ParametersRef model, Time now, Effects& out) {
  ++round_;
  sums_.clear();
  running_.clear();
  model_ = std::move(model);
  const bool due = evaluation_due(run_, round_);
  out.emit(RoundCompleted{round_, due ? model_ : ParametersRef{}, loss_sum_, loss_rows_});
  if (round_ == run_.rounds) {
    phase_ = Phase::finished;
    early_.clear();
    out.persist(record());
    return out.emit(Finished{model_});
  }
  if (trains_in(round_)) return begin_training(std::exchange(model_, {}), out);
  trained({.model = model_}, now, out);
}

void SecureNeighbourhood::on_deadline(Time now, Effects& out) {
  for (Sum& sum : sums_) {
    if (!sum.session) continue;
    secure_sum::SessionEffects effects;
    sum.session->on_deadline(now, effects);
    perform(sum, std::move(effects), out);
    // A receiver that waits for a decision has not got all inputs, and nothing less will do.
    const bool incomplete = sum.session && is_own(sum) && sum.session->phase() == secure_sum::Phase::commit;
    if (!incomplete) continue;
    miss_silent_peers(out);
    leave(sum, out);
  }
  settle(now, out);
}

std::optional<Time> SecureNeighbourhood::next_deadline() const {
  std::optional<Time> first;
  for (const Sum& sum : sums_) {
    const std::optional<Time> due = sum.session ? sum.session->next_deadline() : std::nullopt;
    if (due && (!first || *due < *first)) first = due;
  }
  return first;
}

Record SecureNeighbourhood::record() const {
  Record result;
  result.round = round_;
  result.model = model_;
  result.optimiser_state = optimiser_state_;
  result.finished = phase_ == Phase::finished;
  return result;
}

}  // namespace hansa::protocols
