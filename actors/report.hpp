// What actors tell whoever watches the run: events as they happen, and what each party leaves behind. A queue
// takes the reports from the actors' threads to the one thread that may call the sink.
#pragma once

#include "src/exec/driver.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hansa::actors {

/// A machine emitted something.
struct Happened {
  PartyId party{};
  protocols::Event event;
  Time at{};
};
/// The run is over: nothing is under way any more.
struct Quiet {};
/// The last word of a party, exactly one each.
struct Farewell {
  PartyId party{};
  exec::PartyTraffic traffic;
  std::optional<protocols::Record> record;
  learn::Cost cost;
  std::uint64_t events = 0;
  std::uint64_t messages_lost = 0;
};
/// A party could not go on; its Farewell follows.
struct Failed {
  PartyId party{};
  std::string what;
};
using Report = std::variant<Happened, Quiet, Farewell, Failed>;

/// Takes reports from any thread. One party's reports arrive in order.
class ReportSink {
 public:
  virtual ~ReportSink() = default;
  virtual void report(Report report) = 0;
};

/// A bounded queue with many writers and one reader. A full queue makes writers wait, so that parties which
/// report models faster than they are evaluated do not fill the memory with them. Thread-safe.
class ReportQueue final : public ReportSink {
 public:
  /// `capacity`: reports that may wait, at least 1.
  explicit ReportQueue(std::size_t capacity) : capacity_(capacity) {}

  void report(Report report) override;
  /// Everything that is there, in order of arrival; waits up to `patience` for the first.
  std::vector<Report> take(std::chrono::milliseconds patience);

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  std::vector<Report> reports_;
};

/// Turns reports into a driver's output, and passes events on to the sink. Not thread-safe.
class Collector {
 public:
  explicit Collector(const exec::DriverInput& input);

  /// noexcept: if memory runs out here, stopping at once beats waiting for parties that nobody listens to.
  void handle(Report report) noexcept;
  /// True once the parties should be asked to leave: the run is over, or one of them failed.
  [[nodiscard]] bool over() const noexcept { return quiet_ || failure_.has_value(); }
  /// True once every party has said farewell.
  [[nodiscard]] bool all_left() const noexcept { return left_ == output_.parties.size(); }
  /// The result, after all_left(). `end`: time since start.
  [[nodiscard]] Result<exec::DriverOutput> finish(Time end);

 private:
  void take_farewell(Farewell farewell);

  exec::EventSink* sink_;
  exec::DriverOutput output_;
  std::vector<learn::Cost>
      costs_;  // by party: summed in that order, so that the sum does not depend on timing
  std::size_t left_ = 0;
  bool quiet_ = false;
  std::optional<Failed> failure_;
};

}  // namespace hansa::actors
