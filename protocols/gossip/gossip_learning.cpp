// Gossip learning (Ormandi, Hegedus, Jelasity 2013). There are no rounds to agree on: on its own timer a
// party pushes its model to one random neighbour; whoever receives a model merges it with its own and trains
// the result on local data. A model's age counts the local updates in its history and decides how much it
// weighs. Lost or late messages cost nothing but time.
//
// A "round" here is one period of the party's own timer. Which model arrives first depends on time, so the
// result repeats bit for bit under the virtual clock, for any number of threads, but not across clocks.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/registry.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <utility>

namespace hansa::protocols {
namespace {

constexpr std::size_t kWaitingMax =
    4;  // models kept while one is being trained; the oldest arrival goes first
constexpr std::uint64_t kAgeMax =
    1ULL << 53;  // exact as a weight; what is beyond would wrap around when we count on

class GossipLearning final : public Machine {
 public:
  explicit GossipLearning(PartyOptions options) : options_(std::move(options)), run_(*options_.run) {
    HANSA_ASSERT(run_.topology != nullptr);
  }

  void start(Time now, Effects& out) override {
    Rng rng(run_.seed, Purpose::timer_phase, index(options_.self));
    const double phase = options_.restored ? 1.0 : rng.uniform();
    if (options_.restored) {
      const Record record = std::exchange(options_.restored, std::nullopt).value();
      round_ = record.round;
      model_ = record.model;
      optimiser_state_ = record.optimiser_state;
      age_ = record.age;
      updates_ = static_cast<Round>(age_);
      if (record.finished) {
        finished_ = true;
        return out.emit(Finished{model_});
      }
    } else {
      model_ = run_.initial_model;
      if (run_.eval_every > 0) out.emit(RoundCompleted{0, model_, 0, 0});
      train({{Slice::whole(model_), 0, 1.0f}}, out);
    }
    next_tick_ = now + Duration(static_cast<Duration::rep>(
                           phase * static_cast<double>(run_.gossip_learning.period.count())));
  }

  void on_message(PartyId from, Message message, Time, Effects& out) override {
    const auto usable = usable_model(run_, message);
    if (const auto* reason = std::get_if<RejectReason>(&usable)) return out.emit(Rejected{from, *reason});
    const auto senders = run_.topology->in(std::get<const ModelMessage*>(usable)->round, options_.self);
    const auto at = std::lower_bound(senders.begin(), senders.end(), from,
                                     [](const topology::Neighbour& a, PartyId b) { return a.party < b; });
    if (at == senders.end() || at->party != from) {
      return out.emit(Rejected{from, RejectReason::unexpected_sender});
    }
    if (std::get<const ModelMessage*>(usable)->age > kAgeMax) {
      return out.emit(Rejected{from, RejectReason::bad_weight});
    }
    if (finished_) return out.emit(Rejected{from, RejectReason::late});
    if (!computing_) return merge(std::get<ModelMessage>(message), out);
    if (waiting_.size() == kWaitingMax) {
      out.emit(Rejected{waiting_.front().first, RejectReason::too_many});
      waiting_.erase(waiting_.begin());
    }
    waiting_.emplace_back(from, std::get<ModelMessage>(std::move(message)));
  }

  void on_computed(ComputeId id, Computed result, Time, Effects& out) override {
    if (!computing_ || id != compute_id_) return;
    computing_ = false;
    model_ = std::move(result.model);
    optimiser_state_ = std::move(result.optimiser_state);
    loss_sum_ += result.loss_sum;
    loss_rows_ += result.rows;
    if (finished_) {
      waiting_.clear();
      return finish(out);
    }
    if (waiting_.empty()) return;
    const ModelMessage next = std::move(waiting_.front().second);
    waiting_.erase(waiting_.begin());
    merge(next, out);
  }

  void on_deadline(Time now, Effects& out) override {
    if (!next_tick_ || now < *next_tick_) return;
    Rng rng(run_.seed, Purpose::peer_choice, index(options_.self), round_);
    push(rng, out);
    ++round_;
    if (round_ == run_.rounds) {
      finished_ = true;
      next_tick_.reset();
      if (!computing_) finish(out);
      return;
    }
    complete_round(evaluation_due(run_, round_), out);
    out.persist(record());  // while training is in flight the optimiser's state is with it, and not in here
    const double jitter = std::max(0.1, 1.0 + run_.gossip_learning.period_jitter * rng.normal());
    next_tick_ = now + Duration(static_cast<Duration::rep>(
                           jitter * static_cast<double>(run_.gossip_learning.period.count())));
  }

  void on_peer_down(PartyId, Time, Effects&) override {}  // a push to a dead peer is just lost

  [[nodiscard]] std::optional<Time> next_deadline() const override { return next_tick_; }
  [[nodiscard]] bool finished() const override { return finished_ && !computing_; }
  [[nodiscard]] Round round() const override { return round_; }

 private:
  void push(Rng& rng, Effects& out) {
    const auto neighbours = run_.topology->out(round_, options_.self);
    if (neighbours.empty()) return;
    const auto to = neighbours[rng.below(neighbours.size())].party;
    out.send(to, ModelMessage{.round = round_,
                              .weight = static_cast<double>(options_.training_rows),
                              .age = age_,
                              .model = Slice::whole(model_)});
  }

  void merge(const ModelMessage& received, Effects& out) {
    const MergeRule rule = run_.gossip_learning.merge;
    const auto mine = static_cast<double>(age_);
    const auto theirs = static_cast<double>(received.age);
    double weight = 0.5;  // of what was received
    if (rule != MergeRule::mean && mine + theirs > 0) weight = theirs / (mine + theirs);
    if (rule == MergeRule::limited &&
        std::max(mine - theirs, theirs - mine) > run_.gossip_learning.age_gap_max) {
      weight = theirs > mine ? 1.0 : 0.0;
    }
    age_ = std::max(age_, received.age);
    std::vector<MixTerm> terms;
    terms.reserve(2);
    if (weight < 1.0) terms.push_back({Slice::whole(model_), 0, static_cast<float>(1.0 - weight)});
    if (weight > 0.0) terms.push_back({received.model, 0, static_cast<float>(weight)});
    train(std::move(terms), out);
  }

  void train(std::vector<MixTerm> terms, Effects& out) {
    computing_ = true;
    ++age_;
    MixAndTrain task{.size = run_.parameter_count, .terms = std::move(terms), .train = true};
    task.round = updates_++;
    task.optimiser_state = std::move(optimiser_state_);
    out.compute(++compute_id_, std::move(task));
  }

  void complete_round(bool with_model, Effects& out) {
    out.emit(RoundCompleted{round_, with_model ? model_ : ParametersRef{}, loss_sum_, loss_rows_});
    loss_sum_ = 0;
    loss_rows_ = 0;
  }

  void finish(Effects& out) {
    complete_round(true, out);  // before the record: after a crash in between it would never be said
    out.persist(record());
    out.emit(Finished{model_});
  }

  [[nodiscard]] Record record() const {
    Record result;
    result.round = round_;
    result.model = model_;
    result.optimiser_state = optimiser_state_;
    result.age = age_;
    result.finished = finished_;
    return result;
  }

  PartyOptions options_;
  const RunOptions& run_;
  Round round_ = 0;
  Round updates_ = 0;  // local updates so far: the key of the next one's randomness
  bool finished_ = false;
  bool computing_ = false;
  ComputeId compute_id_ = 0;
  std::uint64_t age_ = 0;
  ParametersRef model_;
  ParametersRef optimiser_state_;
  double loss_sum_ = 0;
  std::uint64_t loss_rows_ = 0;
  std::optional<Time> next_tick_;
  std::vector<std::pair<PartyId, ModelMessage>> waiting_;
};

}  // namespace

std::unique_ptr<Machine> make_gossip_learning(PartyOptions options) {
  return std::make_unique<GossipLearning>(std::move(options));
}

}  // namespace hansa::protocols
