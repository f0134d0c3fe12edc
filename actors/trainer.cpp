#include "actors/trainer.hpp"

#include "actors/messages.hpp"

#include <caf/behavior.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace hansa::actors {
namespace {

using Clock = std::chrono::steady_clock;

/// Scratch memory belongs to the thread, not to one of thousands of trainers.
learn::Workspace& workspace_of_this_thread() {
  thread_local learn::Workspace workspace;
  return workspace;
}

}  // namespace

TrainerActor::TrainerActor(caf::actor_config& config, std::shared_ptr<Host> host)
    : caf::event_based_actor(config), host_(std::move(host)) {}

caf::behavior TrainerActor::make_behavior() {
  return {[this](Work& work) {
    if (host_->leaving.load(std::memory_order_relaxed)) return;
    const auto party = caf::actor_cast<caf::actor>(current_sender());
    try {
      const auto began = Clock::now();
      Done result{.id = work.id,
                  .performed = exec::perform(host_->training, work.party, std::move(work.task),
                                             workspace_of_this_thread()),
                  .took = {}};
      result.took = std::chrono::duration_cast<Duration>(Clock::now() - began);
      host_->trained(result.took);
      send(party, std::move(result));
    } catch (const std::exception& failure) {
      host_->reports.report(Failed{work.party, failure.what()});
    }
  }};
}

}  // namespace hansa::actors
