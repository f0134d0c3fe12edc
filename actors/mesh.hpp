// The parties of one run as actors, on whichever scheduler the actor system has: real threads for a run,
// CAF's deterministic one in tests. Internal to actors/ and its tests: CAF appears here.
#pragma once

#include "actors/host.hpp"
#include "actors/progress.hpp"
#include "src/exec/driver.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <memory>
#include <vector>

namespace hansa::actors {

/// The parties of a mesh, each other's network.
class MeshState final : public Host {
 public:
  MeshState(const exec::DriverInput& input, bool encode_messages, ReportSink& sink,
            caf::actor_clock::time_point now)
      : Host(*input.training, sink, now),
        progress(input.parties),
        input_(input),
        encode_messages_(encode_messages) {}

  std::size_t send(PartyId from, PartyId to, protocols::Message message) override;
  void input_added() override { progress.input_added(); }
  bool input_handled() override { return progress.input_handled(); }
  void finished_changed(bool finished) override { progress.finished_changed(finished); }
  void waiting_changed(bool waiting) override { progress.waiting_changed(waiting); }
  [[nodiscard]] const exec::DriverInput& input() const noexcept { return input_; }

  Progress progress;
  std::vector<caf::actor>
      parties;  ///< by party; filled before the first message, emptied after the last farewell

 private:
  const exec::DriverInput& input_;
  const bool encode_messages_;
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
