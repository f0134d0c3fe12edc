#include "tests/actors/live_driver.hpp"

#include "actors/live_party.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace hansa::actors::testing {
namespace {

/// What the parties share: a sink that is called from one thread at a time, and the count of those that are
/// done.
struct Shared {
  exec::EventSink* sink = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t finished = 0;
  std::string failure;
  std::mutex routing;
  bool closed = false;  ///< guarded by routing: nobody can be sent to any more
  std::vector<std::unique_ptr<LiveParty>> parties;
  std::vector<std::optional<protocols::Record>> records;
  std::vector<exec::PartyTraffic> traffic;
};

class Node final : public LiveNode {
 public:
  Node(Shared& shared, PartyId self) : shared_(shared), self_(self) {}

  void send(PartyId to, FrameRef frame) override {
    shared_.traffic[index(self_)].bytes_sent += frame->size();
    const std::lock_guard lock(shared_.routing);
    if (shared_.closed) return;
    shared_.parties[index(to)]->deliver(self_, std::move(frame));
  }
  Result<void> persist(const protocols::Record& record) override {
    shared_.records[index(self_)] = record;
    return {};
  }
  void happened(const protocols::Event& event, Time now) override {
    const std::lock_guard lock(shared_.mutex);
    shared_.sink->on_event(self_, event, now);
    if (std::holds_alternative<protocols::Finished>(event)) {
      shared_.traffic[index(self_)].finished = true;
      ++shared_.finished;
      shared_.changed.notify_one();
    }
  }
  void failed(const std::string& what) override {
    const std::lock_guard lock(shared_.mutex);
    shared_.failure = what;
    shared_.changed.notify_one();
  }

 private:
  Shared& shared_;
  PartyId self_;
};

class LiveDriver final : public exec::Driver {
 public:
  [[nodiscard]] const char* clock_name() const noexcept override { return "live"; }

  Result<exec::DriverOutput> run(const exec::DriverInput& input) override {
    Shared shared;
    shared.sink = input.sink;
    shared.records.resize(input.parties);
    shared.traffic.resize(input.parties);
    std::vector<std::unique_ptr<Node>> nodes;
    for (std::uint32_t i = 0; i < input.parties; ++i) {
      nodes.push_back(std::make_unique<Node>(shared, party_at(i)));
      auto party = LiveParty::make({.self = party_at(i),
                                    .machine = input.make(party_at(i), std::nullopt),
                                    .training = *input.training},
                                   *nodes.back());
      if (!party) return party.error();
      shared.parties.push_back(std::move(party).value());
    }
    for (const auto& party : shared.parties) party->begin();
    {
      std::unique_lock lock(shared.mutex);
      shared.changed.wait(lock, [&] { return shared.finished == input.parties || !shared.failure.empty(); });
    }
    {
      const std::lock_guard lock(shared.routing);
      shared.closed = true;
    }
    shared.parties.clear();
    exec::DriverOutput output;
    if (!shared.failure.empty()) return Error{ErrorKind::failed, shared.failure, ""};
    output.parties = std::move(shared.traffic);
    output.records = std::move(shared.records);
    return output;
  }
};

}  // namespace

std::unique_ptr<exec::Driver> make_live_driver() { return std::make_unique<LiveDriver>(); }

}  // namespace hansa::actors::testing
