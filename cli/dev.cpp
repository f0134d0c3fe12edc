// `hansa dev up` and `dev down`: a consortium of real nodes on this machine, founded by tickets and votes
// like any other, with real data, to look at and to break. Every node is a process with a folder of its own.
#include "cli/mesh.hpp"

#include "src/crypto/random.hpp"
#include "src/net/free_ports.hpp"
#include "src/node/sample_data.hpp"
#include "src/store/key_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <thread>

namespace hansa::cli {
namespace {

namespace fs = std::filesystem;
using http::Json;

struct DevOptions {
  std::uint32_t organisations = 3;
  std::string dir = "hansa-dev";
  std::string aggregation = "secure";
  std::uint32_t rounds = 10;
  bool wait = false, no_run = false;
  bool json = false;  ///< what a person reads goes to stderr
  double timeout_seconds = 300;
};

std::string organisation_name(std::uint32_t i) {
  return fmt::format("Org {}", static_cast<char>('A' + i % 26));
}

fs::path folder_of(const DevOptions& options, std::uint32_t i) {
  return fs::absolute(options.dir).lexically_normal() / fmt::format("org-{}", i);
}

FILE* out_of(const DevOptions& options) { return options.json ? stderr : stdout; }

/// Looks again every 50 ms until `condition` holds or the time is up.
bool wait_until(double seconds, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

Result<void> write_text(const fs::path& file, const std::string& text) {
  return store::write_private_file(file, std::as_bytes(std::span(text.data(), text.size())));
}

MeshOptions mesh_of(const DevOptions& options, std::uint32_t i) {
  return {folder_of(options, i).string(), (folder_of(options, i) / "passphrase").string()};
}

Result<void> make_organisation(const DevOptions& options, std::uint32_t i, const int* ports) {
  const node::StateFolder folder{folder_of(options, i)};
  std::array<std::byte, 16> random;
  crypto::random_bytes(random);
  const std::string passphrase = crypto::to_hex(random);
  // A playground's passphrase lies beside its key, so stretching it would protect nothing.
  constexpr crypto::StretchCost kCheap{.passes = 1, .memory_kib = 64};
  const auto made = node::make_state_folder(folder, crypto::SecretText(passphrase), kCheap);
  if (!made) return made.error();
  if (const auto kept = write_text(folder.root / "passphrase", passphrase + "\n"); !kept) return kept.error();
  config::NodeConfig config;
  config.organisation = organisation_name(i);
  config.control = fmt::format("127.0.0.1:{}", ports[0]);
  config.bulk = fmt::format("127.0.0.1:{}", ports[1]);
  config.lobby = fmt::format("127.0.0.1:{}", ports[2]);
  config.http_port = 0;
  return write_text(folder.settings(), config::to_toml(config));
}

/// Starts `hansa up` in a session of its own, with its words in node.log.
Result<void> start_node(const fs::path& folder) {
  const std::string program = fs::read_symlink("/proc/self/exe").string(), dir = folder.string();
  const std::string log = (folder / "node.log").string();
  const pid_t child = ::fork();
  if (child < 0) return Error{ErrorKind::failed, "cannot start a process", ""};
  if (child == 0) {
    ::setsid();
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl(program.c_str(), "hansa", "up", "--dir", dir.c_str(), nullptr);
    ::_exit(127);
  }
  const bool up = wait_until(20, [&] {
    if (::waitpid(child, nullptr, WNOHANG) == child) return true;
    const auto client = http::Client::of_folder(folder);
    return client && client->text("/livez").ok();
  });
  const auto client = http::Client::of_folder(folder);
  if (up && client && client->text("/livez").ok()) return {};
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return Error{ErrorKind::failed, "the node in " + dir + " did not start", "see " + log};
}

Result<Json> ask(const DevOptions& options, std::uint32_t i, const std::string& path) {
  const auto client = http::Client::of_folder(folder_of(options, i));
  if (!client) return client.error();
  return client->get(path);
}

Result<void> found(const DevOptions& options) {
  std::vector<crypto::Identity> keys;
  for (std::uint32_t i = 0; i < options.organisations; ++i) {
    auto key = organisation_key(mesh_of(options, i));
    if (!key) return key.error();
    keys.push_back(std::move(key).value());
  }
  const auto folder = [&](std::uint32_t i) { return node::StateFolder{folder_of(options, i)}; };
  if (const auto done = found_consortium(folder(0), keys[0], "dev"); !done) return done.error();
  for (std::uint32_t i = 1; i < options.organisations; ++i) {
    const auto ticket = invite(folder(0), keys[0], 1);
    if (!ticket) return ticket.error();
    if (const auto joined = join_consortium(folder(i), keys[i], *ticket); !joined) return joined.error();
  }
  const auto count = [&](std::uint32_t i, const char* path, const char* list) -> std::size_t {
    const auto got = ask(options, i, path);
    return got ? got->value(list, Json::array()).size() : 0;
  };
  const Error late{ErrorKind::timeout, "the organisations do not hear each other", "see the node.log files"};
  if (!wait_until(60,
                  [&] { return count(0, "/api/v1/requests", "requests") + 1 == options.organisations; })) {
    return late;
  }
  if (const auto done = approve_requests(folder(0), keys[0], {}); !done) return done.error();
  for (std::uint32_t i = 1; i < options.organisations; ++i) {
    if (!wait_until(60, [&] { return count(i, "/api/v1/roster", "proposals") == 1; })) return late;
    if (const auto done = approve_proposals(folder(i), keys[i], {}); !done) return done.error();
  }
  const bool ready = wait_until(90, [&] {
    for (std::uint32_t i = 0; i < options.organisations; ++i) {
      const auto status = ask(options, i, "/api/v1/status");
      if (!status || !status->value("ready", false)) return false;
      if (status->value("peers_connected", 0u) + 1 != options.organisations) return false;
    }
    return true;
  });
  if (!ready) return late;
  return {};
}

std::string run_config(const DevOptions& options) {
  return fmt::format(
      "name = \"dev\"\nparties = {}\nrounds = {}\nseed = 1\nmodel = \"fm\"\nstrategy = \"cohort\"\n"
      "aggregation = \"{}\"\n[data]\ndataset = \"bank-marketing\"\n[topology]\nweights = \"sample-count\"\n"
      "[cohort]\nsize = {}\n[local]\nbatch_size = 8\n[optimiser]\nlearning_rate = 0.05\n[deadline]\n"
      "floor_ms = 10_000\n[eval]\nevery = 1\nbaselines = []\n",
      options.organisations, options.rounds, options.aggregation, options.organisations);
}

Result<std::string> begin_run(const DevOptions& options, const node::SampleData& data) {
  std::ifstream schema_file(data.schema);
  const std::string schema{std::istreambuf_iterator<char>(schema_file), {}};
  const auto proposer = http::Client::of_folder(folder_of(options, 0));
  if (!proposer) return proposer.error();
  const auto proposed =
      proposer->post("/api/v1/runs", {{"manifest_toml", run_config(options)}, {"schema_toml", schema}});
  if (!proposed) return proposed.error();
  const std::string id = proposed->value("run", "");
  for (std::uint32_t i = 0; i < options.organisations; ++i) {
    const auto client = http::Client::of_folder(folder_of(options, i));
    if (!client) return client.error();
    if (!wait_until(30, [&] { return client->get("/api/v1/runs/" + id).ok(); })) {
      return Error{ErrorKind::failed, fmt::format("org-{} has not heard of run {}", i, id.substr(0, 8)), ""};
    }
    const auto approved = client->post("/api/v1/runs/" + id + "/approve",
                                       {{"data", data.parties[i].string()}, {"test", data.test.string()}});
    if (!approved) return approved.error();
  }
  return id;
}

/// Until every organisation says that the run is over; success only if all hold the same model.
Result<void> wait_for_run(const DevOptions& options, const std::string& id) {
  std::string last;
  std::set<std::string> hashes;
  const bool over = wait_until(options.timeout_seconds, [&] {
    hashes.clear();
    std::size_t complete = 0;
    for (std::uint32_t i = 0; i < options.organisations; ++i) {
      const auto run = ask(options, i, "/api/v1/runs/" + id);
      if (!run) continue;
      if (i == 0) {
        const std::string line =
            fmt::format("  round {}/{}", run->value("round", 0), run->value("rounds", 0));
        if (line != last) fmt::print(out_of(options), "{}\n", line), std::fflush(out_of(options));
        last = line;
      }
      if (run->value("state", "") == "complete") ++complete;
      const auto hash = run->find("model_hash");
      if (hash != run->end() && hash->is_string()) hashes.insert(hash->get<std::string>());
    }
    return complete == options.organisations;
  });
  if (!over) return Error{ErrorKind::timeout, "the run did not complete in time", "see the node.log files"};
  if (hashes.size() != 1) return Error{ErrorKind::failed, "the organisations hold different models", ""};
  fmt::print(out_of(options), "  all hold model {}\n", *hashes.begin());
  return {};
}

/// The command that trains the run again in the simulator, from the same files.
std::string replay_command(const DevOptions& options, const std::string& run, const fs::path& base) {
  std::string command =
      fmt::format("hansa run replay {} --dir {}", run.substr(0, 8), folder_of(options, 0).string());
  for (std::uint32_t i = 0; i < options.organisations; ++i) {
    command +=
        fmt::format(" --data '{}={}'", organisation_name(i), (base / fmt::format("org-{}.csv", i)).string());
  }
  return command + " --test " + (base / "test.csv").string();
}

/// Nodes, their consortium, and a run, whose ID is the answer (empty without one); all of it, or an error.
Result<std::string> bring_up(const DevOptions& options, const fs::path& base) {
  const auto ports = net::free_ports(3 * std::size_t{options.organisations});
  if (!ports) return ports.error();
  fmt::print(out_of(options), "{} organisations in {}\n", options.organisations, base.string());
  for (std::uint32_t i = 0; i < options.organisations; ++i) {
    const auto made = make_organisation(options, i, ports->data() + 3 * i);
    if (!made) return made.error();
    if (const auto started = start_node(folder_of(options, i)); !started) return started.error();
    std::ifstream port_file(folder_of(options, i) / "http.port");
    std::string port;
    std::getline(port_file, port);
    fmt::print(out_of(options), "  org-{}  http://127.0.0.1:{}/\n", i, port);
  }
  fmt::print(out_of(options), "founding: tickets, requests, votes\n");
  std::fflush(out_of(options));
  if (const auto founded = found(options); !founded) return founded.error();
  if (options.no_run) return std::string();
  const auto data = node::write_sample_data(base, options.organisations);
  if (!data) return data.error();
  const auto run = begin_run(options, *data);
  if (!run) return run.error();
  fmt::print(out_of(options), "run {} begins: {} rounds, aggregation {}\n", run->substr(0, 8), options.rounds,
             options.aggregation);
  std::fflush(out_of(options));
  if (options.wait) {
    if (const auto done = wait_for_run(options, *run); !done) return done.error();
    fmt::print(out_of(options), "compare with the simulator:\n  {}\n", replay_command(options, *run, base));
  }
  return *run;
}

/// Whether `pid` is the node of `folder`: process numbers are used again.
bool is_node(pid_t pid, const fs::path& folder) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  return line.find(folder.string() + '\0') != std::string::npos;
}

/// How many were running.
std::size_t stop_nodes(const DevOptions& options) {
  std::size_t stopped = 0;
  for (std::uint32_t i = 0;; ++i) {
    const fs::path folder = folder_of(options, i);
    std::error_code error;
    if (!fs::exists(folder, error)) break;
    std::ifstream file(folder / "node.pid");
    pid_t pid = 0;
    if (!(file >> pid) || !is_node(pid, folder)) continue;
    ::kill(pid, SIGTERM);
    const bool gone = wait_until(15, [&] { return !is_node(pid, folder); });
    if (!gone) {
      ::kill(pid, SIGKILL);
      wait_until(5, [&] { return !is_node(pid, folder); });
    }
    ++stopped;
  }
  return stopped;
}

/// The folder for all of them: a new one, or an empty one of this user's, which is closed to others.
Result<void> prepare_base(const DevOptions& options, const fs::path& base) {
  std::error_code error;
  if (fs::exists(base / "org-0", error)) {
    return Error{ErrorKind::usage, base.string() + " holds a consortium already",
                 "`hansa dev down --dir " + options.dir + "`, then remove the folder or choose another"};
  }
  fs::create_directories(base.parent_path(), error);
  if (fs::is_directory(base, error) && fs::is_empty(base, error))
    fs::permissions(base, fs::perms::owner_all, error);
  return store::ensure_private_folder(base);
}

Json up_document(const DevOptions& options, const fs::path& base, const std::string& run) {
  Json nodes = Json::array();
  for (std::uint32_t i = 0; i < options.organisations; ++i) {
    const auto status = ask(options, i, "/api/v1/status");
    std::ifstream port_file(folder_of(options, i) / "http.port");
    int port = 0;
    port_file >> port;
    nodes.push_back({{"dir", folder_of(options, i).string()},
                     {"org", status ? status->value("org", "") : ""},
                     {"url", fmt::format("http://127.0.0.1:{}/", port)}});
  }
  Json document = {{"schema", "hansa.dev.v1"}, {"dir", base.string()}, {"run", run}, {"nodes", nodes}};
  document["model_hash"] = nullptr;  // while it trains
  if (const auto got = options.wait ? ask(options, 0, "/api/v1/runs/" + run) : Result<Json>(Json::object());
      got)
    document["model_hash"] = got->value("model_hash", Json(nullptr));
  return document;
}

int dev_up(const DevOptions& options) {
  if (const auto ready = crypto::initialise(); !ready) return fail(ready.error(), options.json);
  const fs::path base = fs::absolute(options.dir).lexically_normal();
  if (const auto prepared = prepare_base(options, base); !prepared)
    return fail(prepared.error(), options.json);
  const auto run = bring_up(options, base);
  if (!run) {
    const int code = fail(run.error(), options.json);
    const std::size_t stopped = stop_nodes(options);
    fmt::print(stderr, "  {} nodes were stopped again; their logs are {}/org-*/node.log\n", stopped,
               base.string());
    return code;
  }
  return print_done(options.json, up_document(options, base, *run),
                    fmt::format("The nodes keep running. `hansa status --dir {}`, `hansa dev down --dir {}`",
                                (base / "org-0").string(), options.dir));
}

int dev_down(const DevOptions& options) {
  const std::size_t stopped = stop_nodes(options);
  return print_done(options.json, {{"schema", "hansa.dev_down.v1"}, {"stopped", stopped}},
                    fmt::format("{} nodes stopped", stopped));
}

}  // namespace

void add_dev(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "dev", "Try a whole consortium on this machine",
                             "Examples:\n  hansa dev up --orgs 3 --wait\n  hansa dev down");
  const auto options = std::make_shared<DevOptions>();
  CLI::App* verb = cli.verb(*group, "up", "Found a consortium of real nodes on loopback and start a run",
                            "Examples:\n  hansa dev up --orgs 3 --wait\n  hansa dev up --dir /tmp/mesh");
  verb->add_option("--orgs", options->organisations, "Organisations, each with one node")
      ->check(CLI::Range(3, 12))
      ->capture_default_str();
  verb->add_option("--dir", options->dir, "Where their folders are made")->capture_default_str();
  verb->add_option("--aggregation", options->aggregation, "secure, plain-fixed or plain")
      ->check(CLI::IsMember({"secure", "plain-fixed", "plain"}))
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds, "Rounds of the run")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_flag("--wait", options->wait,
                 "Return when the run is complete; 0 only if all hold the same model");
  verb->add_flag("--no-run", options->no_run, "Found the consortium, and start no run")->excludes("--wait");
  verb->add_option("--timeout-seconds", options->timeout_seconds, "How long --wait waits")
      ->capture_default_str();
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      options->json = cli.json;
      return dev_up(*options);
    };
  });
  verb = cli.verb(*group, "down", "Stop the nodes that `dev up` left running", "Example:\n  hansa dev down");
  verb->add_option("--dir", options->dir, "Where they were made")->capture_default_str();
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      options->json = cli.json;
      return dev_down(*options);
    };
  });
}

}  // namespace hansa::cli
