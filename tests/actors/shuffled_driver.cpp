#include "tests/actors/shuffled_driver.hpp"

#include "actors/mesh.hpp"
#include "actors/report.hpp"

#include <hansa/rng.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <utility>

namespace hansa::actors::testing {
namespace {

/// One thread only, so a report can be handled on the spot.
class DirectSink final : public ReportSink {
 public:
  explicit DirectSink(Collector& collector) : collector_(collector) {}
  void report(Report report) override { collector_.handle(std::move(report)); }

 private:
  Collector& collector_;
};

class ShuffledDriver final : public exec::Driver {
 public:
  explicit ShuffledDriver(ShuffleOptions options) : options_(options) {}

  Result<exec::DriverOutput> run(const exec::DriverInput& input) override {
    Collector collector(input);
    DirectSink reports(collector);
    caf::actor_system_config config;
    config.set("scheduler.policy", caf::atom("testing"));
    caf::actor_system system(config);
    auto& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
    Rng rng(options_.seed, Purpose::test);
    Mesh mesh(system, input, options_.encode_messages, reports);
    mesh.begin();
    bool leaving = false;
    bool stuck = false;
    while (!collector.all_left()) {
      if (scheduler.has_job()) {
        auto& jobs = scheduler.jobs;
        std::swap(jobs.front(), jobs[rng.below(jobs.size())]);
        scheduler.run_once();
      } else if (!scheduler.trigger_timeout()) {
        stuck = true;
      }
      const bool stop = input.stop != nullptr && input.stop->load();
      if (leaving || !(stop || stuck || collector.over())) continue;
      leaving = true;
      mesh.leave();
    }
    const Time end = mesh.now();
    while (scheduler.has_job()) scheduler.run_once();  // trainers quit
    if (stuck) return Error{.kind = ErrorKind::failed, .message = "nothing can happen any more", .hint = {}};
    return collector.finish(end);
  }
  [[nodiscard]] const char* clock_name() const noexcept override { return "shuffled"; }

 private:
  ShuffleOptions options_;
};

}  // namespace

std::unique_ptr<exec::Driver> make_shuffled_driver(ShuffleOptions options) {
  return std::make_unique<ShuffledDriver>(options);
}

}  // namespace hansa::actors::testing
