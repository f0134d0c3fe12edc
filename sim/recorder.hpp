// Listens to what parties report and turns it into records: a round is evaluated once every party that still
// takes part has reported it (or gone past it), so slow and crashed parties do not hold models in memory for
// ever.
#pragma once

#include "sim/evaluation.hpp"
#include "sim/experiment.hpp"
#include "sim/run_result.hpp"
#include "src/exec/driver.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

namespace hansa::sim {

class Recorder final : public exec::EventSink {
 public:
  Recorder(const config::RunConfig& config, const Evaluator& evaluator, exec::WorkerPool& pool,
           std::string primary_metric, const std::function<void(const Progress&)>& on_progress,
           const std::atomic<std::uint64_t>& bytes_sent_total);

  void on_event(PartyId party, const protocols::Event& event, Time now) override;

  /// Evaluates what is still waiting. Call once, after the driver is done.
  void close();

  // Results, complete after close().
  [[nodiscard]] std::vector<RoundRecord> take_rounds() { return std::move(rounds_); }
  [[nodiscard]] std::vector<MissingPeer> missing() const;
  [[nodiscard]] const std::vector<ParametersRef>& final_models() const noexcept { return final_models_; }
  [[nodiscard]] SumStatistics sums() const;
  /// What the parties that have a beacon say of it; null if none has.
  [[nodiscard]] const protocols::beacon::BeaconRecord* beacon() const noexcept { return beacon_.get(); }
  [[nodiscard]] std::uint64_t node_rounds() const noexcept { return node_rounds_; }
  /// CPU time spent on evaluation, which is not part of training.
  [[nodiscard]] double evaluation_cpu_seconds() const noexcept {
    return evaluator_.cpu_seconds() + mean_cpu_seconds_;
  }

  struct PartyProgress {
    Round completed = 0;
    std::uint64_t missed = 0;
    std::uint64_t skipped = 0;
    std::uint64_t rejected = 0;
  };
  [[nodiscard]] const std::vector<PartyProgress>& parties() const noexcept { return parties_; }

 private:
  struct Waiting {
    std::vector<ParametersRef> models;
    std::uint32_t reported = 0;
    Time last{};
  };
  struct Losses {
    double sum = 0;
    std::uint64_t rows = 0;
    std::uint32_t missing = 0;
  };

  void on(PartyId party, const protocols::RoundCompleted& event, Time now);
  void on(PartyId party, const protocols::PeerMissing& event, Time now);
  void on(PartyId party, const protocols::RoundsSkipped& event, Time now);
  void on(PartyId party, const protocols::Rejected& event, Time now);
  void on(PartyId party, const protocols::Finished& event, Time now);
  void on(PartyId party, const protocols::SumEnded& event, Time now);
  void on(PartyId party, const protocols::ContributionRefused& event, Time now);
  void on(PartyId party, const protocols::MemberCaught& event, Time now);
  void on(PartyId party, const protocols::BeaconDrawn& event, Time now);
  [[nodiscard]] bool already_evaluated(Round round) const noexcept;
  void evaluate_ready();
  void evaluate(Round round, const Waiting& waiting);
  void report(const RoundRecord* evaluated, Time now);

  const config::RunConfig& config_;
  const Evaluator& evaluator_;
  exec::WorkerPool& pool_;
  std::string primary_metric_;
  const std::function<void(const Progress&)>& on_progress_;
  const std::atomic<std::uint64_t>& bytes_sent_total_;
  std::map<Round, Waiting> waiting_;
  std::vector<Losses> losses_;  // [rounds completed]
  std::vector<RoundRecord> rounds_;
  std::vector<PartyProgress> parties_;
  std::vector<ParametersRef> final_models_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, protocols::MissReason>, std::uint64_t> missing_;
  struct Sum {
    std::uint32_t members = 0;
    std::uint32_t contributors = 0;
  };
  std::map<std::tuple<Round, std::uint32_t, PartyId>, Sum> sums_;  // by round, attempt, first member
  std::uint64_t refused_ = 0, caught_ = 0;
  std::shared_ptr<const protocols::beacon::BeaconRecord> beacon_;
  std::vector<std::uint32_t> completed_count_;  // [round]: parties whose completed rounds equal it
  Round slowest_ = 0;
  Round fastest_ = 0;
  std::uint64_t node_rounds_ = 0;
  std::uint64_t completed_total_ = 0;  // rounds behind all parties, skipped ones too
  double mean_cpu_seconds_ = 0;
};

}  // namespace hansa::sim
