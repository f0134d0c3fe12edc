// The simulated world: every party's machine, a virtual clock, a virtual network, and a total order of
// events. It performs a machine's effects exactly as a node would: sends travel through the link model with
// the size the real codec would give them, computations start at once on a worker and "take" the time of the
// compute model, records become durable before what follows them leaves. Crashes drop a machine between any
// two effects and rebuild it from its last record.
//
// Computations overlap the event loop: it waits for one only when virtual time reaches its completion. That
// makes it parallel, and the order of events never depends on which worker was faster.
#pragma once

#include "sim/churn.hpp"
#include "sim/compute_model.hpp"
#include "sim/event_queue.hpp"
#include "sim/link_model.hpp"
#include "src/exec/driver.hpp"
#include "src/exec/worker_pool.hpp"

#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace hansa::sim {

struct WorldOptions {
  LinkOptions link;
  ComputeOptions compute;
  ChurnOptions churn;
  bool full_codec = false;  ///< encode and decode every message: slower, same results
};

/// Drives machines in virtual time. Not thread-safe; uses `pool` for computations.
class World final : public exec::Driver {
 public:
  World(WorldOptions options, exec::WorkerPool& pool);

  Result<exec::DriverOutput> run(const exec::DriverInput& input) override;
  [[nodiscard]] const char* clock_name() const noexcept override { return "virtual"; }
  /// Memory that events in flight take or took, apart from that of parties. For figures on scale.
  [[nodiscard]] std::size_t queue_bytes() const noexcept { return queue_.capacity_bytes(); }

 private:
  struct Alarm {};
  struct CrashNow {
    Crash crash;
  };
  struct Return {};
  /// A computation under way: small ones are performed when virtual time reaches them, the others by a
  /// worker.
  struct Completion {
    protocols::ComputeId id = 0;
    std::uint32_t life = 0;
    std::variant<protocols::Task, std::shared_ptr<exec::Job>> work;
    std::shared_ptr<exec::Performed> performed;
  };
  using Payload = std::variant<Alarm, protocols::Message, Completion, CrashNow, Return>;
  struct Host {
    std::unique_ptr<protocols::Machine> machine;  // null while it is down
    std::optional<protocols::Record> record;
    std::optional<Time> alarm;  // the one alarm event that counts
    std::uint64_t sequence = 0;
    std::uint32_t life = 0;                           // counts crashes; work of a past life is void
    std::unique_ptr<const Crash> dies_in_next_batch;  // rare, so not worth its space in every host
  };

  void begin();
  void handle(EventQueue<Payload>::Event event);
  void deliver(PartyId to, PartyId from, protocols::Message message);
  void complete(PartyId party, Completion completion);
  void perform_effects(PartyId party);
  void send(PartyId from, protocols::Send send);
  void compute(PartyId party, protocols::Compute compute);
  void arm(PartyId party);
  void crash(PartyId party, const Crash& crash);
  void revive(PartyId party);
  void push(Time at, PartyId to, PartyId from, Payload payload);

  WorldOptions options_;
  exec::WorkerPool& pool_;
  LinkModel link_;
  ComputeModel compute_;
  const exec::DriverInput* input_ = nullptr;
  exec::DriverOutput output_;
  std::uint64_t bytes_sent_total_ = 0;
  EventQueue<Payload> queue_;
  std::vector<Host> hosts_;
  protocols::Effects effects_;
  Time now_{};
};

}  // namespace hansa::sim
