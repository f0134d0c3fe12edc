// Which round may be evaluated when. Models wait until every party has reported or gone past their round; a
// party that is down for ever would make them wait for ever, so only a few rounds may wait at once.
#include "sim/recorder.hpp"

#include "src/exec/usage.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace hansa::sim {
namespace {

// Evaluations that may wait for slow parties before they happen without them: bounds memory, not accuracy.
constexpr Round kWaitingEvaluationsMax = 8;

const char* name_of(protocols::MissReason reason) {
  switch (reason) {
    case protocols::MissReason::deadline:
      return "deadline";
    case protocols::MissReason::suspected:
      return "suspected";
    case protocols::MissReason::down:
      return "down";
  }
  return "unknown";
}

Spread spread_of(const std::vector<double>& values) {
  Spread spread{0, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 0};
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    spread.min = std::min(spread.min, value);
    spread.max = std::max(spread.max, value);
  }
  const auto n = static_cast<double>(values.size());
  spread.mean = sum / n;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.stddev = std::sqrt(squares / n);
  return spread;
}

std::map<std::string, double> as_map(const learn::Metrics& metrics) {
  std::map<std::string, double> result;
  for (const auto& [key, value] : metrics) result.emplace(key, value);
  return result;
}

}  // namespace

Recorder::Recorder(const config::RunConfig& config, const Evaluator& evaluator, exec::WorkerPool& pool,
                   std::string primary_metric, const std::function<void(const Progress&)>& on_progress,
                   const std::atomic<std::uint64_t>& bytes_sent_total)
    : config_(config),
      evaluator_(evaluator),
      pool_(pool),
      primary_metric_(std::move(primary_metric)),
      on_progress_(on_progress),
      bytes_sent_total_(bytes_sent_total),
      losses_(std::size_t{config.rounds} + 1),
      parties_(config.parties),
      final_models_(config.parties),
      completed_count_(std::size_t{config.rounds} + 1, 0) {
  completed_count_[0] = config.parties;
}

void Recorder::on_event(PartyId party, const protocols::Event& event, Time now) {
  std::visit([&](const auto& e) { on(party, e, now); }, event);
}

void Recorder::on(PartyId party, const protocols::RoundCompleted& event, Time now) {
  PartyProgress& progress = parties_[index(party)];
  if (event.completed > progress.completed) {
    completed_total_ += event.completed - progress.completed;
    --completed_count_[progress.completed];
    ++completed_count_[event.completed];
    progress.completed = event.completed;
    fastest_ = std::max(fastest_, event.completed);
    while (slowest_ < config_.rounds && completed_count_[slowest_] == 0) ++slowest_;
    if (++node_rounds_ % config_.parties == 0) report(nullptr, now);  // about once a round
  }
  if (event.rows > 0) {
    Losses& losses = losses_[event.completed];
    losses.sum += event.loss_sum;
    losses.rows += event.rows;
  }
  if (!event.model || already_evaluated(event.completed)) return;
  Waiting& waiting = waiting_[event.completed];
  waiting.models.resize(config_.parties);
  if (!waiting.models[index(party)]) ++waiting.reported;
  waiting.models[index(party)] = event.model;
  waiting.last = now;
  evaluate_ready();
}

void Recorder::on(PartyId party, const protocols::PeerMissing& event, Time) {
  ++parties_[index(party)].missed;
  ++losses_[event.round + 1].missing;
  ++missing_[{static_cast<std::uint32_t>(party), static_cast<std::uint32_t>(event.peer), event.reason}];
}

void Recorder::on(PartyId party, const protocols::RoundsSkipped& event, Time) {
  parties_[index(party)].skipped += event.to - event.from;
}

void Recorder::on(PartyId party, const protocols::Rejected&, Time) { ++parties_[index(party)].rejected; }

void Recorder::on(PartyId party, const protocols::Finished& event, Time) {
  final_models_[index(party)] = event.model;
}

/// A party that comes back from a crash may complete a round for the second time, or long after the others.
bool Recorder::already_evaluated(Round round) const noexcept {
  return !rounds_.empty() && round <= rounds_.back().round;
}

void Recorder::on(PartyId, const protocols::SumEnded& event, Time) {
  Sum& sum = sums_[{event.round, event.attempt, event.first_member}];
  sum.members = event.members;
  sum.contributors = std::max(sum.contributors, event.contributors);
}

void Recorder::on(PartyId, const protocols::ContributionRefused&, Time) { ++refused_; }

void Recorder::on(PartyId, const protocols::MemberCaught&, Time) { ++caught_; }

void Recorder::on(PartyId, const protocols::BeaconDrawn& event, Time) {
  if (event.record->taking_part) beacon_ = event.record;
}

SumStatistics Recorder::sums() const {
  SumStatistics result;
  for (const auto& [session, sum] : sums_) {
    ++result.sessions;
    ++(sum.contributors > 0 ? result.completed : result.aborted);
    if (sum.contributors > 0) result.dropouts_recovered += sum.members - sum.contributors;
  }
  result.refused = refused_;
  result.caught = caught_;
  return result;
}

void Recorder::evaluate_ready() {
  while (!waiting_.empty()) {
    const auto& [round, waiting] = *waiting_.begin();
    if (round == config_.rounds) return;  // with the final models, in close(): mass may still arrive
    const bool complete = waiting.reported == config_.parties || (slowest_ > round && waiting.reported > 0);
    if (!complete && waiting_.size() <= kWaitingEvaluationsMax) return;
    evaluate(round, waiting);
    waiting_.erase(waiting_.begin());
  }
}

void Recorder::evaluate(Round round, const Waiting& waiting) {
  const std::vector<learn::Metrics> metrics = evaluator_.evaluate(waiting.models, pool_);
  RoundRecord record;
  record.round = round;
  record.virtual_seconds = std::chrono::duration<double>(waiting.last).count();
  record.parties_reporting = waiting.reported;
  std::map<std::string, std::vector<double>> values;
  for (const learn::Metrics& of_party : metrics) {
    for (const auto& [key, value] : of_party) values[std::string(key)].push_back(value);
    record.party_metric.push_back(learn::metric(of_party, primary_metric_));
    const double log_loss = learn::metric(of_party, "log_loss");
    record.party_loss.push_back(std::isnan(log_loss) ? learn::metric(of_party, "rmse") : log_loss);
  }
  for (const auto& [key, of_parties] : values) record.metrics[key] = spread_of(of_parties);
  const double began = exec::thread_cpu_seconds();
  const Parameters mean = mean_model(waiting.models);
  record.mean_model = as_map(evaluator_.evaluate_one(mean.span(), pool_.caller_workspace()));
  record.consensus_distance = consensus_distance(waiting.models, mean.span());
  record.mbytes_per_party =
      static_cast<double>(bytes_sent_total_.load(std::memory_order_relaxed)) / 1e6 / config_.parties;
  const Losses& losses = losses_[round];
  record.loss = losses.rows == 0 ? std::numeric_limits<double>::quiet_NaN()
                                 : losses.sum / static_cast<double>(losses.rows);
  record.missing = losses.missing;
  mean_cpu_seconds_ += exec::thread_cpu_seconds() - began;
  rounds_.push_back(std::move(record));
  report(&rounds_.back(), waiting.last);
}

void Recorder::report(const RoundRecord* evaluated, Time now) {
  if (!on_progress_) return;
  Progress progress;
  progress.stage = Progress::Stage::training;
  progress.round = slowest_;
  progress.rounds = config_.rounds;
  progress.virtual_seconds = std::chrono::duration<double>(now).count();
  // Not the slowest party's: one that is down for ever must not stop the clock on the screen.
  progress.fraction = static_cast<double>(completed_total_) /
                      (std::max(1.0, static_cast<double>(config_.rounds)) * config_.parties);
  progress.evaluated = evaluated;
  on_progress_(progress);
}

void Recorder::close() {
  if (const auto last = waiting_.find(config_.rounds); last != waiting_.end()) {
    for (std::size_t i = 0; i < final_models_.size(); ++i) {
      if (final_models_[i]) last->second.models[i] = final_models_[i];
    }
  }
  while (!waiting_.empty()) {
    evaluate(waiting_.begin()->first, waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
}

std::vector<MissingPeer> Recorder::missing() const {
  std::vector<MissingPeer> result;
  for (const auto& [who, times] : missing_) {
    result.push_back({std::get<0>(who), std::get<1>(who), times, name_of(std::get<2>(who))});
  }
  return result;
}

}  // namespace hansa::sim
