// A party that takes part in a beacon ceremony before it trains. Once the beacon is drawn and the members are
// frozen it makes the machine that trains, with cohorts that follow from both, and from then on only passes
// everything on, except that it keeps answering members that missed the end of the ceremony. A party that was
// left out, or that saw no agreement, trains alone and says so.
#pragma once

#include "protocols/beacon/ceremony.hpp"
#include "protocols/beacon/record.hpp"
#include "protocols/machine.hpp"
#include "protocols/party/options.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hansa::protocols::beacon {

/// What the parties of a run agree on before the ceremony.
[[nodiscard]] CeremonyPlan ceremony_plan(const RunOptions& run);

/// Not thread-safe. Needs options.identity, options.entropy and run.secure.roster.
class BeaconGate final : public Machine {
 public:
  using Make = std::unique_ptr<Machine> (*)(PartyOptions options);

  /// `make` builds the machine that trains; its run has secure.beacon = false and cohort.draw set.
  BeaconGate(PartyOptions options, Make make);

  void start(Time now, Effects& out) override;
  void on_message(PartyId from, Message message, Time now, Effects& out) override;
  void on_computed(ComputeId id, Computed result, Time now, Effects& out) override;
  void on_deadline(Time now, Effects& out) override;
  void on_peer_down(PartyId peer, Time now, Effects& out) override;
  [[nodiscard]] std::optional<Time> next_deadline() const override;
  [[nodiscard]] bool finished() const override { return inner_ != nullptr && inner_->finished(); }
  [[nodiscard]] Round round() const override { return inner_ == nullptr ? 0 : inner_->round(); }

  [[nodiscard]] const Ceremony& ceremony() const noexcept { return ceremony_; }

 private:
  void perform(CeremonyEffects effects, Time now, Effects& out);
  void resume(Record record, Time now, Effects& out);
  void ended(Time now, Effects& out);
  void begin_training(std::optional<Record> restored, Time now, Effects& out);
  void persist(Stage stage, Effects& out);
  template <class Input>
  void train(Input input, Effects& out);

  PartyOptions options_;
  Make make_;
  Ceremony ceremony_;
  std::shared_ptr<const BeaconRecord> record_;  ///< as it goes into the training's records
  std::unique_ptr<Machine> inner_;
  std::vector<std::pair<PartyId, Message>> early_;  ///< from parties that train already
};

}  // namespace hansa::protocols::beacon
