// A consortium of five real nodes, each a process of its own on this machine (`hansa dev up`): how long a
// round takes beside its training, and what a node costs when nothing is left to do.
//   round_ms             from one round to the next at a node, median of all rounds and nodes; training, the
//                        evaluation of every model and transfer included
//   overhead_ms          the same without the time that the node trained, by its own count; evaluation and
//                        transfer are left in
//   round_ms_quartile    the first quartile: what other programs leave of it
//   cpu_ms_per_round     CPU time of one node over the rounds, with joining and reading its data
//   idle_rss_mib, idle_cpu_percent   the largest of the five nodes, after the run, over 20 s
#include "bench/targets.hpp"
#include "src/http/client.hpp"

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hansa::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kNodes = 5;
constexpr int kRounds = 100;
constexpr std::chrono::seconds kIdle(20);

bool command(const std::string& arguments) {
  return std::system(("'" HANSA_BINARY "' " + arguments + " > /dev/null 2>&1").c_str()) == 0;
}

/// The nodes below a folder; stopped and removed at the end.
class Consortium {
 public:
  explicit Consortium(const std::string& aggregation) {
    std::string name = (fs::temp_directory_path() / "hansa-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return;
    base_ = name;
    ok_ = command("dev up --orgs " + std::to_string(kNodes) + " --rounds " + std::to_string(kRounds) +
                  " --aggregation " + aggregation + " --wait --dir '" + name + "'");
  }
  ~Consortium() {
    if (base_.empty()) return;
    command("dev down --dir '" + base_.string() + "'");
    std::error_code error;
    fs::remove_all(base_, error);
  }
  [[nodiscard]] bool ok() const { return ok_; }

  /// Milliseconds between rounds, of one node.
  [[nodiscard]] std::vector<double> round_ms(int node) const {
    std::vector<double> between;
    const auto client = http::Client::of_folder(folder(node));
    if (!client) return between;
    const auto runs = client->get("/api/v1/runs");
    if (!runs || runs->at("runs").empty()) return between;
    const auto run = client->get("/api/v1/runs/" + runs->at("runs")[0].at("id").get<std::string>());
    if (!run) return between;
    double before = -1;
    for (const auto& round : run->at("history")) {
      const auto at = round.at("seconds").get<double>();
      if (before >= 0) between.push_back(1000 * (at - before));
      before = at;
    }
    return between;
  }
  /// Milliseconds that a node trained, by its own count, for each round.
  [[nodiscard]] double training_ms(int node) const {
    constexpr std::string_view kName = "\nhansa_training_seconds_total ";
    const auto client = http::Client::of_folder(folder(node));
    const auto metrics = client ? client->text("/metrics") : Result<std::string>(client.error());
    const std::size_t at = metrics ? metrics->find(kName) : std::string::npos;
    if (at == std::string::npos) return std::nan("");
    return 1000 * std::strtod(metrics->c_str() + at + kName.size(), nullptr) / kRounds;
  }
  [[nodiscard]] double rss_mib(int node) const {
    double total = 0, resident = 0;
    proc(node, "statm") >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
  }
  /// User and system time since it was started, of threads that have ended as well.
  [[nodiscard]] double whole_cpu_seconds(int node) const {
    std::string line;
    std::ifstream file = proc(node, "stat");
    std::getline(file, line);
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  /// The same of the threads that are there, finer than the ticks of /proc/PID/stat.
  [[nodiscard]] double cpu_seconds(int node) const {
    double sum = 0;
    std::error_code error;
    for (const auto& thread : fs::directory_iterator("/proc/" + pid(node) + "/task", error)) {
      double nanoseconds = 0;
      std::ifstream(thread.path() / "schedstat") >> nanoseconds;
      sum += 1e-9 * nanoseconds;
    }
    return sum;
  }

 private:
  [[nodiscard]] fs::path folder(int node) const { return base_ / ("org-" + std::to_string(node)); }
  [[nodiscard]] std::string pid(int node) const {
    std::string text;
    std::ifstream(folder(node) / "node.pid") >> text;
    return text;
  }
  [[nodiscard]] std::ifstream proc(int node, const char* what) const {
    return std::ifstream("/proc/" + pid(node) + "/" + what);
  }

  fs::path base_;
  bool ok_ = false;
};

void live_5_nodes(benchmark::State& state, const char* aggregation) {
  std::vector<double> rounds, overhead, rss, idle;
  for ([[maybe_unused]] auto _ : state) {
    const Consortium nodes(aggregation);
    if (!nodes.ok()) return state.SkipWithError("`hansa dev up` failed");
    for (int i = 0; i < kNodes; ++i) {
      const double training = nodes.training_ms(i);
      for (const double round : nodes.round_ms(i)) {
        rounds.push_back(round);
        overhead.push_back(round - training);
      }
    }
    double cpu = 0;
    for (int i = 0; i < kNodes; ++i) cpu += nodes.whole_cpu_seconds(i);
    state.counters["cpu_ms_per_round"] = 1000 * cpu / (kNodes * kRounds);
    std::vector<double> before;
    for (int i = 0; i < kNodes; ++i) before.push_back(nodes.cpu_seconds(i));
    std::this_thread::sleep_for(kIdle);
    for (int i = 0; i < kNodes; ++i) {
      const double used = nodes.cpu_seconds(i) - before[static_cast<std::size_t>(i)];
      idle.push_back(100 * used / static_cast<double>(kIdle.count()));
      rss.push_back(nodes.rss_mib(i));
    }
  }
  state.counters["round_ms"] = median(rounds);
  state.counters["round_ms_quartile"] = quantile(rounds, 0.25);
  state.counters["overhead_ms"] = median(overhead);
  state.counters["idle_rss_mib"] = quantile(rss, 1);
  state.counters["idle_cpu_percent"] = quantile(idle, 1);
  const std::string name = std::string("5 live nodes, ") + aggregation;
  record({name + ": ms per round beyond training, evaluation and transfer included", false, 20, overhead});
  record({name + ", idle: resident MiB of a node", false, 40, rss});
  record({name + ", idle: percent of a processor", false, 0.5, idle});
}
BENCHMARK_CAPTURE(live_5_nodes, plain, "plain")->Unit(benchmark::kSecond)->Iterations(1);
BENCHMARK_CAPTURE(live_5_nodes, secure, "secure")->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace hansa::bench
