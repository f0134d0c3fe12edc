// The actor that does a party's arithmetic, so that the party's mailbox never waits for it. It keeps nothing;
// each party has one, and the scheduler spreads those with work over its threads. Internal: CAF appears here.
#pragma once

#include "actors/host.hpp"

#include <caf/event_based_actor.hpp>

#include <memory>

namespace hansa::actors {

/// Answers Work with Done. Quits when it is sent an exit message, or once the party that asks is gone.
class TrainerActor final : public caf::event_based_actor {
 public:
  TrainerActor(caf::actor_config& config, std::shared_ptr<Host> host);

  caf::behavior make_behavior() override;
  const char* name() const override { return "trainer"; }
  void on_exit() override { host_.reset(); }

 private:
  std::shared_ptr<Host> host_;
};

}  // namespace hansa::actors
