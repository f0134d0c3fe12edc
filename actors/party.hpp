// The actor that hosts a party's machine: a translation table. Messages in become the machine's inputs, its
// effects become messages out, in the order it asked for them; the host makes durable what shall be.
// Internal: CAF appears here.
#pragma once

#include "actors/host.hpp"
#include "actors/messages.hpp"
#include "protocols/machine.hpp"
#include "src/exec/driver.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>

#include <memory>
#include <optional>

namespace hansa::actors {

class PartyActor final : public caf::event_based_actor {
 public:
  PartyActor(caf::actor_config& config, std::shared_ptr<Host> host, PartyId self, caf::actor trainer,
             std::unique_ptr<protocols::Machine> machine);

  caf::behavior make_behavior() override;
  const char* name() const override { return "party"; }
  void on_exit() override;

 private:
  caf::behavior running();

  // Inputs.
  void on_begin();
  void on_delivery(PartyId from, protocols::Message message);
  void on_frame(const Frame& frame);
  void on_done(Done result);
  void on_alarm(Time at);
  void on_peer_down(PartyId peer);

  // Effects, in order.
  void after_input();
  void perform(protocols::Send effect);
  void perform(protocols::Compute effect);
  void perform(protocols::Emit effect);
  void perform(protocols::Persist effect);
  void arm();

  [[nodiscard]] bool leaving() const noexcept { return host_->leaving.load(std::memory_order_relaxed); }

  std::shared_ptr<Host> host_;
  const PartyId self_;
  caf::actor trainer_;
  std::unique_ptr<protocols::Machine> machine_;
  protocols::Effects effects_;
  Time now_{};                 // of the input being handled
  std::optional<Time> alarm_;  // the one alarm that counts; others that still ring are ignored
  bool waiting_ = false;       // as last told to Progress
  bool finished_ = false;      // as last told to Progress
  exec::PartyTraffic traffic_;
  std::optional<protocols::Record> record_;
  learn::Cost cost_;
  bool broken_ = false;  // a record could not be kept: nothing more may be said
  std::uint64_t events_ = 0;
  std::uint64_t messages_lost_ = 0;
};

}  // namespace hansa::actors
