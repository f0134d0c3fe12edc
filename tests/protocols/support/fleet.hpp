// A tiny driver for whole fleets of machines in virtual time, written without the simulator so that it can
// judge it too: a queue of (time, order), a network that loses, doubles and reorders, and parties that crash
// between any two effects of a batch and come back from their last Persist. Training is a function of the
// test, so that what should come out can be worked out by hand.
#pragma once

#include "src/exec/entropy.hpp"
#include "src/exec/secure_tasks.hpp"
#include "tests/protocols/support/rig.hpp"

#include <hansa/rng.hpp>

#include <cmath>
#include <functional>
#include <map>
#include <optional>

namespace hansa::protocols::testing {

struct Faults {
  double loss = 0;
  double duplication = 0;
  Duration latency_min = 1ms;
  Duration latency_max = 1ms;       ///< above latency_min: messages overtake each other
  double crash = 0;                 ///< probability, per input, that a mortal party crashes in it
  std::uint32_t mortal_every = 10;  ///< parties 0, k, 2k, ... can crash
  std::uint32_t crashes_max = 2;    ///< per party
  Duration down_max = 120s;
  double stray_alarm = 0;  ///< probability, per input, of an on_deadline that nobody asked for
};

/// Changes a model by local training and returns the loss.
using Training = std::function<double(PartyId, Round, std::span<float>)>;

/// A known step: small integers that depend on party, round and place.
inline float known_step(PartyId party, Round round, std::size_t i) {
  return static_cast<float>(1 + (index(party) * 7 + round * 3 + i * 5) % 11);
}
inline double add_known_step(PartyId party, Round round, std::span<float> model) {
  for (std::size_t i = 0; i < model.size(); ++i) model[i] += known_step(party, round, i);
  return 1;
}

/// The key of a party with aggregation "secure"; RunOptions::secure.roster must hold its public half.
inline crypto::Identity test_identity(std::size_t party) {
  crypto::Bytes32 seed{};
  seed[0] = static_cast<std::byte>(party);
  seed[1] = static_cast<std::byte>(party >> 8);
  return crypto::Identity::from_seed(seed);
}

class Fleet {
 public:
  struct Node {
    std::unique_ptr<Machine> machine;  // empty while crashed
    std::optional<Record> disk;
    std::uint32_t incarnation = 0;
    std::uint32_t crashes = 0;
    std::vector<double> trained, trained_durable;  // sum of known steps: so far, and in the last record
    ParametersRef final_model;
    double final_mass = 0;
    Round completed = 0;
  };
  struct Seen {
    PartyId party{};
    Time time{};
    Event event;
  };

  Fleet(std::unique_ptr<Machine> (*make)(PartyOptions), RunOptions run, Faults faults, std::uint64_t seed,
        std::vector<std::uint64_t> rows = {})
      : make_(make),
        run_(std::make_shared<const RunOptions>(std::move(run))),
        faults_(faults),
        rng_(seed, Purpose::test),
        rows_(std::move(rows)),
        nodes_(run_->parties) {
    rows_.resize(run_->parties, 1);
    for (Node& node : nodes_) node.trained.assign(run_->parameter_count, 0);
    for (Node& node : nodes_) node.trained_durable = node.trained;
  }

  Training train = add_known_step;
  std::function<void(PartyId, std::span<const Effect>)> on_batch;  ///< every batch, before it is performed
  std::function<void()> on_durable;                                ///< after every Persist
  std::function<std::optional<Message>(PartyId from, PartyId to, Message)> changed;  ///< what arrives
  std::function<Duration(PartyId from)> held_back;  ///< how much later its messages come

  /// Runs until nothing is left to happen. False if that takes longer than `limit` of virtual time.
  bool run(Time limit) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) at(0s, [this, i] { boot(i); });
    while (!queue_.empty()) {
      const auto next = queue_.begin();
      if (next->first.first > limit || ++steps_ > kStepsMax) return false;
      now_ = next->first.first;
      const auto action = std::move(next->second);
      queue_.erase(next);
      action();
    }
    return true;
  }

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<Seen>& events() const { return events_; }
  [[nodiscard]] const RunOptions& options() const { return *run_; }
  [[nodiscard]] std::uint32_t crashes() const {
    std::uint32_t sum = 0;
    for (const Node& node : nodes_) sum += node.crashes;
    return sum;
  }
  template <class E>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        events_.begin(), events_.end(), [](const Seen& s) { return std::holds_alternative<E>(s.event); }));
  }
  [[nodiscard]] std::vector<std::vector<float>> final_models() const {
    std::vector<std::vector<float>> models;
    for (const Node& node : nodes_) {
      models.emplace_back(node.final_model ? std::vector<float>(node.final_model.span().begin(),
                                                                node.final_model.span().end())
                                           : std::vector<float>{});
    }
    return models;
  }

 private:
  void at(Time time, std::function<void()> action) {
    queue_.emplace(std::pair(time, order_++), std::move(action));
  }

  void boot(std::size_t i) {
    Node& node = nodes_[i];
    ++node.incarnation;
    node.trained = node.trained_durable;
    PartyOptions options{.self = party_at(i), .training_rows = rows_[i], .run = run_, .restored = node.disk};
    if (run_->aggregation == Aggregation::secure) {
      options.identity = std::make_shared<const crypto::Identity>(test_identity(i));
      options.entropy = std::make_shared<exec::SeededEntropy>(1, party_at(i), node.incarnation);
    }
    node.machine = make_(std::move(options));
    input(i, [&](Machine& machine, Effects& out) { machine.start(now_, out); });
  }

  template <class Call>
  void input(std::size_t i, Call call) {
    Node& node = nodes_[i];
    if (!node.machine) return;
    Effects out;
    call(*node.machine, out);
    if (const auto* party = dynamic_cast<const Party*>(node.machine.get())) party->check_invariants();
    if (on_batch) on_batch(party_at(i), out.items());
    std::size_t survives = out.items().size();
    const bool mortal = i % faults_.mortal_every == 0 && node.crashes < faults_.crashes_max;
    const bool crash = mortal && faults_.crash > 0 && rng_.uniform() < faults_.crash;
    if (crash) survives = rng_.below(out.items().size() + 1);
    for (std::size_t k = 0; k < survives; ++k) perform(i, out.items()[k]);
    if (crash) return fall(i);
    set_alarm(i);
    if (faults_.stray_alarm > 0 && rng_.uniform() < faults_.stray_alarm) {
      at(now_ + Duration(static_cast<Duration::rep>(rng_.below(1'000'000'000))), [this, i] { alarm(i); });
    }
  }

  void fall(std::size_t i) {
    ++nodes_[i].crashes;
    nodes_[i].machine.reset();
    const auto down =
        static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(faults_.down_max.count())));
    at(now_ + Duration(down), [this, i] { boot(i); });
  }

  void alarm(std::size_t i) {
    input(i, [&](Machine& machine, Effects& out) { machine.on_deadline(now_, out); });
  }

  void set_alarm(std::size_t i) {
    const auto wanted = nodes_[i].machine->next_deadline();
    if (!wanted) return;
    const Time due = std::max(*wanted, now_);
    at(due, [this, i, due, incarnation = nodes_[i].incarnation] {
      const Node& node = nodes_[i];
      if (!node.machine || node.incarnation != incarnation) return;
      const auto still = node.machine->next_deadline();
      if (still && std::max(*still, Time{0}) <= due) alarm(i);
    });
  }

  void perform(std::size_t i, Effect& effect) {
    if (auto* send = std::get_if<Send>(&effect)) return deliver(i, *send);
    if (auto* compute = std::get_if<Compute>(&effect)) return start_computing(i, *compute);
    if (auto* persist = std::get_if<Persist>(&effect)) {
      nodes_[i].disk = persist->record;
      nodes_[i].trained_durable = nodes_[i].trained;
      if (on_durable) on_durable();
      return;
    }
    const Event& event = std::get<Emit>(effect).event;
    events_.push_back({party_at(i), now_, event});
    if (const auto* finished = std::get_if<Finished>(&event)) {
      nodes_[i].final_model = finished->model;
      nodes_[i].final_mass = finished->mass;
    }
    if (const auto* completed = std::get_if<RoundCompleted>(&event))
      nodes_[i].completed = completed->completed;
  }

  Duration random_duration(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count());
    return low + Duration(span == 0 ? 0 : static_cast<Duration::rep>(rng_.below(span + 1)));
  }

  void deliver(std::size_t from, const Send& send) {
    std::size_t copies = 1;
    if (faults_.loss > 0 && rng_.uniform() < faults_.loss) copies = 0;
    if (faults_.duplication > 0 && rng_.uniform() < faults_.duplication) ++copies;
    for (std::size_t copy = 0; copy < copies; ++copy) {
      Duration latency = random_duration(faults_.latency_min, faults_.latency_max);
      if (held_back) latency += held_back(party_at(from));
      std::optional<Message> message = send.message;
      if (changed) message = changed(party_at(from), send.to, send.message);
      if (!message) continue;
      at(now_ + latency, [this, from, to = index(send.to), message = std::move(*message)] {
        input(to, [&](Machine& machine, Effects& out) {
          machine.on_message(party_at(from), message, now_, out);
        });
      });
    }
  }

  void start_computing(std::size_t i, const Compute& compute) {
    if (!std::holds_alternative<MixAndTrain>(compute.task)) return compute_sum(i, compute);
    Computed result = perform_task(i, std::get<MixAndTrain>(compute.task));
    const bool trained = std::get<MixAndTrain>(compute.task).train;
    const Round round = std::get<MixAndTrain>(compute.task).round;
    // Push-sum divides its step by its mass: what a step adds to mass * z is the product of both.
    const auto* party = dynamic_cast<const Party*>(nodes_[i].machine.get());
    const double worth = (party == nullptr ? 1.0 : party->mass()) *
                         static_cast<double>(std::get<MixAndTrain>(compute.task).step_scale);
    at(now_ + random_duration(1ms, faults_.latency_max),
       [this, i, id = compute.id, result, trained, round, worth, incarnation = nodes_[i].incarnation] {
         Node& node = nodes_[i];
         if (!node.machine || node.incarnation != incarnation) return;
         for (std::size_t k = 0; trained && k < node.trained.size(); ++k) {
           node.trained[k] += worth * static_cast<double>(known_step(party_at(i), round, k));
         }
         input(i, [&](Machine& machine, Effects& out) { machine.on_computed(id, result, now_, out); });
       });
  }

  void compute_sum(std::size_t i, const Compute& compute) {
    Computed result = std::visit(
        [](const auto& task) -> Computed {
          if constexpr (std::is_same_v<std::decay_t<decltype(task)>, MixAndTrain>)
            return {};
          else
            return exec::perform_sum(task);
        },
        compute.task);
    at(now_ + random_duration(1ms, faults_.latency_max),
       [this, i, id = compute.id, result, incarnation = nodes_[i].incarnation] {
         if (nodes_[i].incarnation != incarnation) return;
         input(i, [&](Machine& machine, Effects& out) { machine.on_computed(id, result, now_, out); });
       });
  }

  Computed perform_task(std::size_t i, const MixAndTrain& task) {
    Parameters model = Parameters::zeros(task.size);
    std::vector<bool> written(task.size, false);
    for (const MixTerm& term : task.terms) {
      for (std::uint32_t k = 0; k < term.source.count; ++k) {
        const std::uint32_t at_place = term.target + k;
        const float value = term.source.data()[k];
        float& out = model.data()[at_place];
        out = written[at_place] ? std::fma(term.weight, value, out) : term.weight * value;
        written[at_place] = true;
      }
    }
    HANSA_ASSERT(std::find(written.begin(), written.end(), false) == written.end());
    Computed result;
    if (task.train) {
      const std::vector<float> mixed(model.span().begin(), model.span().end());
      result.loss_sum = train(party_at(i), task.round, model.span());
      result.rows = 1;
      if (task.step_scale != 1.0f) {
        for (std::size_t k = 0; k < mixed.size(); ++k) {
          model.data()[k] = mixed[k] + task.step_scale * (model.data()[k] - mixed[k]);
        }
      }
      result.optimiser_state = constant_model(1, static_cast<float>(task.round));
    }
    result.model = std::move(model).freeze();
    return result;
  }

  static constexpr std::uint64_t kStepsMax = 3'000'000;  // a machine that never lets time pass

  std::unique_ptr<Machine> (*make_)(PartyOptions);
  std::shared_ptr<const RunOptions> run_;
  Faults faults_;
  Rng rng_;
  std::vector<std::uint64_t> rows_;
  std::vector<Node> nodes_;
  std::vector<Seen> events_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  Time now_{};
};

}  // namespace hansa::protocols::testing
