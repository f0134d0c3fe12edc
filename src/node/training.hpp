// One run's training at this node: the live party, its checkpoints and its scores. Frames come in from the
// mesh and go out to it; what an operator wants to see is handed to an observer.
#pragma once

#include "actors/live_party.hpp"
#include "protocols/runs/run_book.hpp"
#include "sim/evaluation.hpp"
#include "sim/setup.hpp"
#include "src/crypto/identity.hpp"
#include "src/node/run_history.hpp"
#include "src/node/run_plan.hpp"
#include "src/store/checkpoints.hpp"

#include <hansa/result.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace hansa::node {

/// What is known of the others' models when a training has ended.
enum class Ending : std::uint8_t {
  common,  ///< nothing says that they could hold another one
  likely,  ///< something was missing in the last round, as it was for the others
  own,     ///< this party was alone in the last round, or came back too late for it
};

/// Told what happens, on the party's threads.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  /// Take `frame` to a party of the run.
  virtual void frame_to(const protocols::runs::RunId& run, const protocols::runs::NodeKey& to,
                        actors::FrameRef frame) = 0;
  virtual void round_done(const protocols::runs::RunId& run, const RoundReport& report) = 0;
  virtual void training_done(const protocols::runs::RunId& run, Round rounds, ParametersRef model,
                             Ending ending) = 0;
  virtual void training_failed(const protocols::runs::RunId& run, const std::string& what) = 0;
  // What it costs, for the metrics.
  virtual void trained(Duration) {}
  virtual void checkpoint_written(Duration) {}
  /// A checkpoint could not be written: the training says nothing any more.
  virtual void disk_failed(const protocols::runs::RunId& run, const Error& error) = 0;
  /// A member of a secure sum was caught, or a sum was given up; for the evidence page.
  virtual void noticed(const protocols::runs::RunId& run, const std::string& what) = 0;
};

class Training final : private actors::LiveNode {
 public:
  /// Loads data and the newest checkpoint. `observer` must outlive the training. Nothing is said about rounds
  /// up to `not_before`, if that is not 0. Null if this party must not train any more, because what it would
  /// go on from is lost.
  static Result<std::unique_ptr<Training>> make(const protocols::runs::Run& run, PartyId self,
                                                const DataBinding& binding,
                                                std::shared_ptr<const crypto::Identity> identity,
                                                const std::filesystem::path& checkpoints,
                                                TrainingObserver& observer, Round not_before = 0);
  void begin();
  /// A frame from a node; dropped if the node is no party. Thread-safe.
  void deliver(const protocols::runs::NodeKey& from, actors::FrameRef frame);
  void peer_down(const protocols::runs::NodeKey& peer);

  [[nodiscard]] const protocols::runs::RunId& run() const noexcept { return run_; }
  [[nodiscard]] Round resumed_at() const noexcept { return resumed_at_; }
  [[nodiscard]] const std::vector<std::string>& quarantined() const noexcept {
    return checkpoints_.quarantined();
  }
  [[nodiscard]] std::string metric_name() const;
  [[nodiscard]] std::size_t model_bytes() const { return setup_.run->parameter_count * sizeof(float); }
  [[nodiscard]] learn::Layout layout() const { return setup_.model->layout(); }

 private:
  Training(sim::Setup setup, store::Checkpoints checkpoints, TrainingObserver& observer);

  void send(PartyId to, actors::FrameRef frame) override;
  Result<void> persist(const protocols::Record& record) override;
  void happened(const protocols::Event& event, Time now) override;
  void trained(Duration took) override { observer_.trained(took); }
  void failed(const std::string& what) override;
  void completed(const protocols::RoundCompleted& round, Time now);
  [[nodiscard]] Ending ending() const noexcept;

  sim::Setup setup_;
  store::Checkpoints checkpoints_;
  TrainingObserver& observer_;
  sim::Evaluator evaluator_;
  learn::Workspace workspace_;  ///< of the party's actor
  protocols::runs::RunId run_;
  std::vector<protocols::runs::NodeKey> parties_;
  PartyId self_{};
  Round resumed_at_ = 0;
  bool restored_ = false;  ///< from a checkpoint
  RoundReport current_;
  enum class Sum : std::uint8_t { none, alone, partial, whole } sum_ = Sum::none;  ///< of this round
  Round last_round_ = 0;
  Ending ending_ = Ending::own;               ///< as far as the last round that is over
  std::unique_ptr<actors::LiveParty> party_;  ///< last: its threads use what stands above
};

}  // namespace hansa::node
