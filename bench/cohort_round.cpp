// A cohort without a world around it: messages wait in one queue, tasks are performed where they are asked
// for, and a clock runs only while a member's own code does.
#include "bench/cohort_round.hpp"

#include "protocols/gossip/registry.hpp"
#include "protocols/secure_sum/layout.hpp"
#include "src/exec/entropy.hpp"
#include "src/exec/local_training.hpp"
#include "src/wire/codec.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <utility>

namespace hansa::bench {
namespace {

using protocols::Aggregation;
using protocols::ApplyMasks;
using protocols::Compute;
using protocols::Computed;
using protocols::Effects;
using protocols::MixAndTrain;
using protocols::secure_sum::PacketType;

double seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Adds the time that it lives.
class Meter {
 public:
  Meter(double& cpu_ms, double& wall_ms)
      : cpu_ms_(cpu_ms),
        wall_ms_(wall_ms),
        wall_(seconds(CLOCK_MONOTONIC)),
        cpu_(seconds(CLOCK_THREAD_CPUTIME_ID)) {}
  ~Meter() {
    cpu_ms_ += 1e3 * (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_);
    wall_ms_ += 1e3 * (seconds(CLOCK_MONOTONIC) - wall_);
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  double& cpu_ms_;
  double& wall_ms_;
  double wall_, cpu_;
};

/// First in, first out; a task is performed where it is asked for.
class Round {
 public:
  Round(std::vector<std::unique_ptr<protocols::Machine>> machines, const std::vector<ParametersRef>& models,
        const crypto::MaskBackend& backend)
      : machines_(std::move(machines)), models_(models), backend_(backend), finals_(machines_.size()) {}

  RoundCost run() {
    for (std::size_t i = 0; i < machines_.size(); ++i) {
      feed(i, [](protocols::Machine& machine, Effects& out) { machine.start(Time{0}, out); });
    }
    while (!network_.empty()) {
      Waiting next = std::move(network_.front());
      network_.pop_front();
      feed(next.to, [&](protocols::Machine& machine, Effects& out) {
        machine.on_message(party_at(next.from), std::move(next.message), Time{0}, out);
      });
    }
    const auto members = static_cast<double>(machines_.size());
    cost_.complete = std::all_of(finals_.begin(), finals_.end(), [&](const ParametersRef& model) {
      return model && std::ranges::equal(model.span(), finals_.front().span()) && whole_ == machines_.size();
    });
    for (double* figure :
         {&cost_.cpu_ms, &cost_.wall_ms, &cost_.mask_ms, &cost_.bytes_out, &cost_.audit_bytes_out}) {
      *figure /= members;
    }
    return cost_;
  }

 private:
  struct Waiting {
    std::size_t from = 0, to = 0;
    protocols::Message message;
  };

  template <class Input>
  void feed(std::size_t self, Input input) {
    Effects out;
    {
      Meter meter(cost_.cpu_ms, cost_.wall_ms);
      input(*machines_[self], out);
    }
    for (protocols::Effect& effect : out.items()) {
      if (auto* send = std::get_if<protocols::Send>(&effect)) {
        count_bytes(send->message);
        network_.push_back({self, index(send->to), std::move(send->message)});
      } else if (auto* compute = std::get_if<Compute>(&effect)) {
        perform(self, std::move(*compute));
      } else if (auto* emit = std::get_if<protocols::Emit>(&effect)) {
        note(self, emit->event);
      }
    }
  }

  void perform(std::size_t self, Compute compute) {
    const protocols::ComputeId id = compute.id;
    auto* mix = std::get_if<MixAndTrain>(&compute.task);
    Computed computed;
    if (mix != nullptr && mix->train) {
      computed.model = models_[self];  // as if trained
    } else {
      Meter meter(cost_.cpu_ms, cost_.wall_ms);
      if (auto* masks = std::get_if<ApplyMasks>(&compute.task)) {
        double wall_ms = 0;
        Meter mask_meter(cost_.mask_ms, wall_ms);
        computed.lanes = protocols::secure_sum::perform(std::move(masks->mask), backend_);
      } else {
        computed = exec::perform(training_, party_at(self), std::move(compute.task), workspace_).computed;
      }
    }
    feed(self, [&](protocols::Machine& machine, Effects& out) {
      machine.on_computed(id, std::move(computed), Time{0}, out);
    });
  }

  void count_bytes(const protocols::Message& message) {
    const auto bytes = static_cast<double>(wire::encoded_size(message));
    const auto* packet = std::get_if<protocols::SecurePacketMessage>(&message);
    const bool audit =
        packet != nullptr && packet->packet->front() == static_cast<std::byte>(PacketType::audited);
    (audit ? cost_.audit_bytes_out : cost_.bytes_out) += bytes;
  }

  void note(std::size_t self, const protocols::Event& event) {
    if (const auto* finished = std::get_if<protocols::Finished>(&event)) {
      finals_[self] = finished->model;
      if (!summed_) ++whole_;  // a plain cohort waits for everybody, or says who was missing
    } else if (const auto* sum = std::get_if<protocols::SumEnded>(&event)) {
      summed_ = true;
      whole_ += sum->contributors == machines_.size() ? 1 : 0;
    } else if (std::holds_alternative<protocols::PeerMissing>(event)) {
      whole_ = 0;
    }
  }

  std::vector<std::unique_ptr<protocols::Machine>> machines_;
  const std::vector<ParametersRef>& models_;
  const crypto::MaskBackend& backend_;
  exec::LocalTraining training_;  // empty: no task trains
  learn::Workspace workspace_;
  std::deque<Waiting> network_;
  std::vector<ParametersRef> finals_;
  std::size_t whole_ = 0;  // members whose average holds every input
  bool summed_ = false;
  RoundCost cost_;
};

}  // namespace

CohortRound::CohortRound(std::uint32_t members, std::uint32_t parameters)
    : members_(members), parameters_(parameters) {
  const Result<void> started = crypto::initialise();
  HANSA_ASSERT(started.ok());
  for (std::uint32_t i = 0; i < members; ++i) {
    Parameters model = Parameters::uninitialised(parameters);
    Rng rng(i, Purpose::test);
    for (float& value : model.span()) value = static_cast<float>(rng.uniform() - 0.5);
    models_.push_back(std::move(model).freeze());
    identities_.push_back(std::make_shared<const crypto::Identity>(crypto::Identity::generate()));
  }
}

RoundCost CohortRound::run(Aggregation aggregation, const crypto::MaskBackend& backend) const {
  auto options = std::make_shared<protocols::RunOptions>();
  options->parties = members_;
  options->rounds = 1;
  options->parameter_count = parameters_;
  options->initial_model = models_.front();
  options->cohort = {.parties = members_, .size = members_};
  options->aggregation = aggregation;
  for (const auto& identity : identities_) options->secure.roster.push_back(identity->public_key());
  std::vector<std::unique_ptr<protocols::Machine>> machines;
  for (std::uint32_t i = 0; i < members_; ++i) {
    machines.push_back(protocols::make_cohort({.self = party_at(i),
                                               .run = options,
                                               .identity = identities_[i],
                                               .entropy = std::make_shared<exec::OsEntropy>()}));
  }
  return Round(std::move(machines), models_, backend).run();
}

}  // namespace hansa::bench
