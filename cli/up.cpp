// `hansa up`: the node itself, until it is told to stop.
#include "cli/mesh.hpp"
#include "cli/overrides.hpp"
#include "cli/service.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"
#include "src/http/server.hpp"
#include "src/node/core.hpp"
#include "src/store/key_files.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace hansa::cli {
namespace {

std::string url(const std::string& endpoint) { return endpoint.empty() ? "" : "tcp://" + endpoint; }

Result<void> write_text(const std::filesystem::path& file, const std::string& text) {
  return store::write_private_file(file, std::as_bytes(std::span(text.data(), text.size())));
}

struct UpOptions {
  MeshOptions mesh;
  std::vector<std::string> set;
  std::string log_format = "auto";
  std::string log_level = "info";
};

std::string time_text() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, ms % 1000);
}

/// One line of JSON for journald; a sentence for a person. In one write, so that lines never mix.
void write_log(bool person, const std::string& level, const std::string& text) {
  std::string line = level + "  " + text;
  if (!person) {
    const nlohmann::ordered_json document = {{"time", time_text()}, {"level", level}, {"text", text}};
    line = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

int up(const UpOptions& wanted) {
  const node::StateFolder folder = wanted.mesh.folder();
  const auto resolved = resolve_settings(folder, wanted.set);
  if (!resolved) return fail(resolved.error(), false);
  const config::NodeConfig* const config = &resolved->config;
  const rlimit no_dumps{0, 0};  // a core dump would hold keys
  ::setrlimit(RLIMIT_CORE, &no_dumps);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk, not a reason to die
  const bool person =
      wanted.log_format == "auto" ? ::isatty(STDERR_FILENO) != 0 : wanted.log_format == "text";
  node::CoreOptions options;
  options.folder = folder;
  options.control_endpoint = url(config->control);
  options.bulk_endpoint = url(config->bulk);
  options.lobby_endpoint = url(config->lobby);
  options.advertise_host = config->advertise;
  for (const config::NodeSetting& each : resolved->settings)
    options.settings.emplace_back(each.key, fmt::format("{} ({})", each.value, each.origin));
  for (const auto& [key, value, usual] : {std::tuple("log.format", wanted.log_format, UpOptions{}.log_format),
                                          std::tuple("log.level", wanted.log_level, UpOptions{}.log_level)}) {
    const char* const origin = value == usual ? "default" : "flag";
    options.settings.emplace_back(key, fmt::format("{} ({})", value, origin));
  }
  options.log = [person](const std::string& level, const std::string& text) {
    write_log(person, level, text);
  };
  options.log_level = wanted.log_level;
  Attendant::block_signals();  // before any thread is started
  auto core = node::Core::open(std::move(options));
  if (!core) return fail(core.error(), false);
  std::array<std::byte, 24> random;
  crypto::random_bytes(random);
  const std::string token = crypto::to_hex(random);
  auto server = http::Server::start(**core, {.port = config->http_port, .token = token});
  if (!server) return fail(server.error(), false);
  for (const auto& [file, text] :
       {std::pair(folder.api_token(), token), std::pair(folder.process_id(), std::to_string(::getpid())),
        std::pair(folder.http_port(), std::to_string((*server)->port()))}) {
    if (const auto written = write_text(file, text); !written) return fail(written.error(), false);
  }
  write_log(person, "info",
            fmt::format("{} is up: http://127.0.0.1:{}/", config->organisation, (*server)->port()));
  Result<void> ended;
  {
    Attendant attendant(ServiceManager::from_environment(),
                        {.turns = [&] { return (*core)->turns(); },
                         .status = [&] { return service_status(*(*core)->view()); },
                         .stop = [&] { (*core)->shut_down(); }});
    ended = (*core)->wait();
    attendant.leave();
    server->reset();
    core->reset();  // attended to: a second signal ends the process even if this takes long
  }
  std::error_code ignored;
  std::filesystem::remove(folder.http_port(), ignored);
  std::filesystem::remove(folder.process_id(), ignored);
  if (!ended) return fail(ended.error(), false);  // so that a service manager starts it again
  write_log(person, "info", "stopped");
  return kExitOk;
}

}  // namespace

void add_up(Cli& cli) {
  CLI::App* verb = cli.verb(cli.app, "up", "Run the node of a folder until it is stopped",
                            "Examples:\n  hansa up\n  hansa up --dir /var/lib/hansa --set http.port=0");
  const auto options = std::make_shared<UpOptions>();
  add_dir_option(*verb, options->mesh);
  add_set_option(*verb, options->set);
  const std::vector<std::string> formats = {"auto", "json", "text"};
  const std::vector<std::string> levels(node::kLogLevels.begin(), node::kLogLevels.end());
  cli.values[verb->add_option("--log-format", options->log_format,
                              "Of the log on standard error; auto: text on a terminal, else JSON")
                 ->check(CLI::IsMember(formats))
                 ->capture_default_str()] = formats;
  cli.values[verb->add_option("--log-level", options->log_level, "The least important lines to log")
                 ->check(CLI::IsMember(levels))
                 ->capture_default_str()] = levels;
  verb->callback([&cli, options] { cli.action = [options] { return up(*options); }; });
}

}  // namespace hansa::cli
