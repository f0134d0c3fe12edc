// Where a party's actor lives: what it needs from its surroundings, and the few things that differ between
// many parties in one process, connected in memory (actors/mesh.hpp), and the one party of a live node
// (actors/live_party.hpp). Internal to actors/ and its tests: CAF appears here.
#pragma once

#include "actors/report.hpp"
#include "protocols/machine.hpp"
#include "src/exec/local_training.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <caf/actor_clock.hpp>

#include <atomic>
#include <cstddef>

namespace hansa::actors {

/// Shared by the actors of a run, and counted, because an actor may outlive the run by a moment. The calls
/// are made on the actors' threads.
class Host {
 public:
  Host(const exec::LocalTraining& what, ReportSink& sink, caf::actor_clock::time_point now)
      : training(what), reports(sink), began(now) {}
  virtual ~Host() = default;

  /// Takes `message` towards `to`, if the network can. Returns its bytes on the wire.
  virtual std::size_t send(PartyId from, PartyId to, protocols::Message message) = 0;
  /// Makes `record` durable before it returns. After an error the party must not go on.
  virtual Result<void> persist(PartyId, const protocols::Record&) { return {}; }

  /// A computation of a party is done; it took so long.
  virtual void trained(Duration) {}

  // For whoever wants to know when nothing happens any more (actors/progress.hpp).
  /// A computation is on its way to a party, or an alarm has begun to be handled.
  virtual void input_added() {}
  /// An input has been handled, with all its effects. True if the run is over.
  virtual bool input_handled() { return false; }
  virtual void finished_changed(bool) {}
  virtual void waiting_changed(bool) {}

  const exec::LocalTraining& training;
  ReportSink& reports;
  const caf::actor_clock::time_point began;
  std::atomic<bool> leaving{false};  ///< set once; what is in mailboxes then is thrown away
};

}  // namespace hansa::actors
