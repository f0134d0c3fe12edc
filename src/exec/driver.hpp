// What a driver is: something that hosts one machine per party, performs their effects, and tells a sink what
// they report. The simulator's World drives them in virtual time, the actors in wall-clock time; an
// experiment does not care which.
#pragma once

#include "protocols/machine.hpp"
#include "src/exec/local_training.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace hansa::exec {

/// Receives what machines emit. Called from one thread at a time; under the virtual clock in a fixed order.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(PartyId party, const protocols::Event& event, Time now) = 0;
};

/// Sees every message: when a machine sends it, and when a machine is about to get it. For observers that
/// play the adversary. Called from one thread at a time, in a fixed order.
class MessageTap {
 public:
  virtual ~MessageTap() = default;
  virtual void on_sent(PartyId from, PartyId to, const protocols::Message& message) = 0;
  virtual void on_delivered(PartyId from, PartyId to, const protocols::Message& message) = 0;
};

/// Builds the machine of a party; `restored` is its last durable record if it comes back from a crash.
using MachineFactory =
    std::function<std::unique_ptr<protocols::Machine>(PartyId, std::optional<protocols::Record> restored)>;

struct DriverInput {
  std::uint32_t parties = 0;
  MachineFactory make;
  const LocalTraining* training = nullptr;
  EventSink* sink = nullptr;
  MessageTap* tap = nullptr;                ///< only under the virtual clock
  const std::atomic<bool>* stop = nullptr;  ///< checked often; when set, run() returns what there is
  /// If set, kept at the total of bytes sent so far, for progress and metrics.
  std::atomic<std::uint64_t>* bytes_sent_total = nullptr;
};

/// Traffic and work of one party.
struct PartyTraffic {
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::uint64_t messages_sent = 0, messages_received = 0;
  Duration compute_time{};
  std::uint64_t crashes = 0;
  bool finished = false;
  double rows_per_second = 0;  ///< its simulated speed; 0 if measured by the clock
  double bandwidth_mbps = 0;   ///< 0 = unlimited
};

struct DriverOutput {
  std::vector<PartyTraffic> parties;
  Time end{};  ///< virtual time, or time since start
  std::uint64_t events = 0;
  std::uint64_t messages_lost = 0, messages_duplicated = 0;
  learn::Cost cost;  ///< unavoidable work of all tasks
  bool interrupted = false;
  std::vector<std::optional<protocols::Record>> records;  ///< last durable state of each party, for checkers
};

class Driver {
 public:
  virtual ~Driver() = default;
  /// Runs all parties until they have finished (or can do no more). Bytes are those of the real codec.
  virtual Result<DriverOutput> run(const DriverInput& input) = 0;
  [[nodiscard]] virtual const char* clock_name() const noexcept = 0;  ///< "virtual" or "wall"
};

}  // namespace hansa::exec
