#include "actors/wall_driver.hpp"

#include "actors/mesh.hpp"
#include "actors/report.hpp"

#include <hansa/assert.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <chrono>
#include <exception>
#include <string>
#include <utility>

namespace hansa::actors {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReportsMax = 256;         // each may hold a model that nobody else needs any more
constexpr auto kPatience = 50ms;                 // how soon a Ctrl-C is noticed while nothing happens
constexpr std::size_t kMessagesPerTurnMax = 64;  // then an actor lets others run, so that none hogs a thread

class WallDriver final : public exec::Driver {
 public:
  explicit WallDriver(WallOptions options) : options_(options) { HANSA_ASSERT(options.threads >= 1); }

  Result<exec::DriverOutput> run(const exec::DriverInput& input) override {
    try {
      return run_actors(input);
    } catch (const std::exception& failure) {
      return Error{.kind = ErrorKind::failed,
                   .message = std::string("the actors cannot be started: ") + failure.what(),
                   .hint = "use fewer threads or parties, or --clock virtual"};
    }
  }
  [[nodiscard]] const char* clock_name() const noexcept override { return "wall"; }

 private:
  Result<exec::DriverOutput> run_actors(const exec::DriverInput& input) {
    ReportQueue reports(kReportsMax);
    Collector collector(input);
    caf::actor_system_config config;
    config.set("scheduler.max-threads", std::size_t{options_.threads});
    config.set("scheduler.max-throughput", kMessagesPerTurnMax);
    caf::actor_system system(config);  // its destructor waits for all actors
    Mesh mesh(system, input, options_.encode_messages, reports);
    mesh.begin();
    bool leaving = false;
    while (!collector.all_left()) {
      for (Report& report : reports.take(kPatience)) {
        collector.handle(std::move(report));
        leave_if_due(input, collector, mesh, leaving);  // also between reports: a sink may take its time
      }
      leave_if_due(input, collector, mesh, leaving);
    }
    return collector.finish(mesh.now());
  }

  static void leave_if_due(const exec::DriverInput& input, const Collector& collector, Mesh& mesh,
                           bool& leaving) {
    const bool stop = input.stop != nullptr && input.stop->load(std::memory_order_relaxed);
    if (leaving || !(stop || collector.over())) return;
    leaving = true;
    mesh.leave();
  }

  WallOptions options_;
};

}  // namespace

std::unique_ptr<exec::Driver> make_wall_driver(WallOptions options) {
  return std::make_unique<WallDriver>(options);
}

}  // namespace hansa::actors
