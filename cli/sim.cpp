// `hansa sim`: settle everything that can fail early (configuration, folder), run, write, say what came out.
#include "cli/cli.hpp"
#include "cli/display.hpp"
#include "cli/drivers.hpp"
#include "cli/interrupt.hpp"
#include "cli/overrides.hpp"
#include "cli/run_folder.hpp"
#include "cli/verdict.hpp"

#include "sim/experiment.hpp"
#include "sim/report/report.hpp"
#include "src/config/run_config.hpp"

#include <hansa/version.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

namespace hansa::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kThreadsMax = 1024;

constexpr std::string_view kExamples = R"(Examples:
  hansa sim examples/bank-branches.toml
  hansa sim run.toml --set strategy=push-sum --set rounds=50 --out runs/push-sum
  hansa sim run.toml --json --quiet > summary.json

The run folder holds report.html, summary.json, rounds.jsonl, the CSV files, the final models and the
resolved config.toml. Ctrl-C ends the run early and keeps what there is. The same seed gives the same models,
whatever the number of threads.)";

struct Options {
  Clock::time_point started = Clock::now();
  std::string path;
  std::vector<std::string> set;
  std::string seed;
  std::uint32_t threads = 0;
  std::string clock = "virtual";
  std::string out;
  bool force = false;
  bool quiet = false;
};

std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::unique_ptr<Display> make_display(const Options& options) {
  if (options.quiet) return nullptr;
  DisplayOptions display;
  display.write = [](const std::string& text) {
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
  };
  display.now = Clock::now;
  display.width = terminal_width();
  return isatty(STDERR_FILENO) == 1 ? make_live_display(std::move(display))
                                    : make_plain_display(std::move(display));
}

Result<config::RunConfig> load(const Options& options) {
  auto overrides = parse_overrides(options.set);
  if (!overrides) return overrides.error();
  if (!options.seed.empty()) overrides->push_back({"seed", options.seed});
  return config::load_run_config(options.path, *overrides);
}

Result<sim::RunResult> train(const config::RunConfig& config, const Options& options) {
  const auto driver = make_driver(options.clock, options.threads, config.network.full_codec);
  if (!driver) return driver.error();
  const std::unique_ptr<Display> display = make_display(options);
  sim::ExperimentOptions experiment;
  experiment.threads = options.threads;
  experiment.stop = watch_for_interrupt();
  experiment.driver = driver.value().get();
  if (display != nullptr) {
    experiment.on_progress = [&](const sim::Progress& progress) { display->on_progress(progress); };
  }
  Result<sim::RunResult> result = sim::run_experiment(config, experiment);
  if (display != nullptr) display->finish();
  if (!result) return result;
  result->clock = options.clock;
  result->threads = options.threads;
  result->program_version = program_version();
  result->program_commit = program_commit();
  result->wall_seconds = std::chrono::duration<double>(Clock::now() - options.started).count();
  return result;
}

int sim_verb(Options options, bool json) {
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  const auto config = load(options);
  if (!config) return fail(config.error(), json);
  auto folder = prepare_run_folder(options.out, config->name, options.force);
  if (!folder) return fail(folder.error(), json);
  const auto result = train(*config, options);
  if (!result) return fail(result.error(), json);
  folder->keep();
  if (const auto written = sim::write_run_folder(*result, folder->path()); !written) {
    return fail(written.error(), json);
  }
  fmt::print("{}", json ? sim::summary_json(*result) : verdict_text(*result, folder->path()));
  return result->interrupted ? kExitInterrupted : kExitOk;
}

}  // namespace

void add_sim(Cli& cli) {
  CLI::App* verb = cli.verb(cli.app, "sim", "Train parties in a simulated network, and write a report",
                            std::string(kExamples));
  const auto options = std::make_shared<Options>();
  cli.values[verb->add_option("CONFIG", options->path, "The configuration file (TOML)")->required()] = {
      "<file>"};
  add_set_option(*verb, options->set);
  verb->add_option("--seed", options->seed, "The same as --set seed=N")->option_text("N");
  verb->add_option("--threads", options->threads, "Worker threads; default: as many as the machine has")
      ->option_text("N")
      ->check(CLI::Range(std::uint32_t{1}, kThreadsMax));
  CLI::Option* clock = verb->add_option("--clock", options->clock,
                                        "virtual (default): simulated time; wall: actors in real time")
                           ->option_text("NAME")
                           ->check(CLI::IsMember({"virtual", "wall"}));
  cli.values[clock] = {"virtual", "wall"};
  CLI::Option* out =
      verb->add_option("--out", options->out, "The run's folder; default: a fresh one below runs/")
          ->option_text("DIR");
  cli.values[out] = {"<file>"};
  verb->add_flag("--force", options->force, "Write into a folder that is not empty");
  verb->add_flag("--quiet", options->quiet, "No progress on stderr");
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return sim_verb(*options, cli.json); }; });
}

}  // namespace hansa::cli
