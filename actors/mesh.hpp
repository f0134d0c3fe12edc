// The parties of one run as actors, on whichever scheduler the actor system has: real threads for a run,
// CAF's deterministic one in tests. Internal to actors/ and its tests: CAF appears here.
#pragma once

#include "actors/progress.hpp"
#include "actors/report.hpp"
#include "src/exec/driver.hpp"

#include <caf/actor.hpp>
#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace hansa::actors {

/// What the actors of one run share. Counted, because an actor may outlive the mesh by a moment.
struct MeshState {
  const exec::DriverInput& input;
  const bool encode_messages;
  ReportSink& reports;
  const caf::actor_clock::time_point began;
  Progress progress;
  std::atomic<bool> leaving{false};  ///< set once; what is in mailboxes then is thrown away
  std::vector<caf::actor>
      parties;  ///< by party; filled before the first message, emptied after the last farewell
};

/// Not thread-safe. `input` and `reports` must outlive the actor system.
class Mesh {
 public:
  Mesh(caf::actor_system& system, const exec::DriverInput& input, bool encode_messages, ReportSink& reports);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  /// Call it only after every party has said farewell: a party knows the others through the mesh, and it is
  /// the mesh that breaks this circle.
  ~Mesh();

  /// Starts every machine.
  void begin();
  /// Asks every party to say farewell.
  void leave();
  /// Since the mesh was made.
  [[nodiscard]] Time now() const;

 private:
  void spawn(PartyId party);

  caf::actor_system& system_;
  std::shared_ptr<MeshState> state_;
};

}  // namespace hansa::actors
