// Founding goes the way of `hansa dev up`. The certificates name the proxies' ports, the processes listen at
// others: so every connection between nodes passes the test's wires.
#include "tests/faults/process_mesh.hpp"

#include "cli/mesh.hpp"
#include "src/config/node_config.hpp"
#include "src/net/free_ports.hpp"
#include "src/store/key_files.hpp"
#include "tests/eventually.hpp"

#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>

namespace hansa::faults {
namespace {

namespace fs = std::filesystem;

constexpr int kAnswerMs = 2000;  // a stopped process accepts connections and says nothing

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Result<void> write_text(const fs::path& file, const std::string& text) {
  return store::write_private_file(file, std::as_bytes(std::span(text.data(), text.size())));
}

std::optional<http::Client> client_of(const fs::path& folder) {
  const std::string port = text_of(folder / "http.port");
  if (port.empty()) return std::nullopt;
  std::string token = text_of(folder / "api.token");
  return http::Client({.port = static_cast<std::uint16_t>(std::stoi(port)),
                       .token = std::move(token),
                       .timeout_ms = kAnswerMs});
}

}  // namespace

bool eventually(Millis patience, const std::function<bool()>& condition) {
  return test::eventually(condition, patience, Millis(20));
}

ProcessMesh::ProcessMesh(fs::path base, std::size_t nodes)
    : base_(std::move(base)), members_(nodes), wires_(nodes) {
  for (std::size_t i = 0; i < nodes; ++i) {
    members_[i].name = std::string("Org ") + static_cast<char>('A' + i);
    members_[i].folder.root = base_ / ("org-" + std::to_string(i));
  }
}

ProcessMesh::~ProcessMesh() {
  for (std::size_t i = 0; i < size(); ++i) kill(i);
}

Result<void> ProcessMesh::make(std::size_t i) {
  Member& member = members_[i];
  const crypto::SecretText passphrase("a test's");
  constexpr crypto::StretchCost kCheap{.passes = 1, .memory_kib = 64};
  if (const auto made = node::make_state_folder(member.folder, passphrase, kCheap); !made)
    return made.error();
  auto key = store::load_organisation_key(member.folder.organisation_key(), passphrase);
  if (!key) return key.error();
  member.organisation.emplace(std::move(key).value());
  wires_.lead_to(i, {member.ports[0], member.ports[1]});
  return settings(i, false);
}

/// `dialled`: as the certificate shall say it, with the proxies' ports.
Result<void> ProcessMesh::settings(std::size_t i, bool dialled) {
  const Member& member = members_[i];
  const auto at = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  config::NodeConfig config;
  config.organisation = member.name;
  config.control = at(dialled ? wires_.port(i, 0) : member.ports[0]);
  config.bulk = at(dialled ? wires_.port(i, 1) : member.ports[1]);
  config.lobby = at(member.ports[2]);
  config.http_port = 0;
  return write_text(member.folder.settings(), config::to_toml(config));
}

Result<void> ProcessMesh::found() {
  auto data = node::write_sample_data(base_, static_cast<std::uint32_t>(size()));
  if (!data) return data.error();
  data_ = std::move(data).value();
  const auto ports = net::free_ports(3 * size());
  if (!ports) return ports.error();
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t k = 0; k < 3; ++k) members_[i].ports[k] = (*ports)[3 * i + k];
    if (const auto made = make(i); !made) return made.error();
    if (const auto started = start(i); !started) return started.error();
    if (const auto written = settings(i, true); !written) return written.error();
  }
  const Result<void> voted = vote();
  for (std::size_t i = 0; i < size(); ++i) {
    if (const auto written = settings(i, false); !written) return written.error();
  }
  return voted;
}

Result<void> ProcessMesh::vote() {
  const auto count = [&](std::size_t i, const char* path, const char* list) -> std::size_t {
    const Json got = get(i, path);
    return got.is_object() ? got.value(list, Json::array()).size() : 0;
  };
  const Error late{ErrorKind::failed, "the organisations do not hear each other", ""};
  const auto done = cli::found_consortium(folder(0), organisation(0), "test");
  if (!done) return done.error();
  for (std::size_t i = 1; i < size(); ++i) {
    const auto ticket = cli::invite(folder(0), organisation(0), 1);
    if (!ticket) return ticket.error();
    const auto joined = cli::join_consortium(folder(i), organisation(i), *ticket);
    if (!joined) return joined.error();
  }
  if (!eventually(Millis(60'000), [&] { return count(0, "/api/v1/requests", "requests") + 1 == size(); })) {
    return late;
  }
  if (const auto proposed = cli::approve_requests(folder(0), organisation(0), {}); !proposed) {
    return proposed.error();
  }
  for (std::size_t i = 1; i < size(); ++i) {
    if (!eventually(Millis(60'000), [&] { return count(i, "/api/v1/roster", "proposals") == 1; }))
      return late;
    const auto approved = cli::approve_proposals(folder(i), organisation(i), {});
    if (!approved) return approved.error();
  }
  const bool ready = eventually(Millis(90'000), [&] {
    for (std::size_t i = 0; i < size(); ++i) {
      const Json status = get(i, "/api/v1/status");
      if (!status.is_object() || !status.value("ready", false)) return false;
      if (status.value("peers_connected", 0u) + 1 != size()) return false;
    }
    return true;
  });
  if (!ready) return late;
  return {};
}

Result<void> ProcessMesh::start(std::size_t i, std::optional<std::uint64_t> file_bytes_max) {
  Member& member = members_[i];
  std::error_code error;
  fs::remove(member.folder.http_port(), error);  // of a process that was killed
  const std::string dir = member.folder.root.string(), log = (member.folder.root / "node.log").string();
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) return Error{ErrorKind::failed, "cannot start a process", ""};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600),
              in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (file_bytes_max) {
      const rlimit limit{*file_bytes_max, *file_bytes_max};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    const char* other = std::getenv("HANSA_PROGRAM");  // so that a long run survives the next build
    ::execl(other != nullptr ? other : HANSA_BINARY, "hansa", "up", "--dir", dir.c_str(), nullptr);
    ::_exit(127);
  }
  member.pid = child;
  member.ended.reset();
  wires_.is_process(i, child);
  const bool up = eventually(Millis(20'000), [&] {
    if (ended(i)) return true;
    const auto client = client_of(member.folder.root);
    return client && client->text("/livez").ok();
  });
  if (up && !ended(i)) return {};
  return Error{ErrorKind::failed, member.name + " did not start", log};
}

std::optional<int> ProcessMesh::ended(std::size_t i) {
  Member& member = members_[i];
  int status = 0;
  if (member.pid > 0 && ::waitpid(member.pid, &status, WNOHANG) == member.pid) {
    member.ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    member.pid = 0;
    wires_.is_process(i, 0);
  }
  return member.ended;
}

void ProcessMesh::kill(std::size_t i) {
  if (members_[i].pid == 0) return;
  ::kill(members_[i].pid, SIGKILL);
  eventually(Millis(10'000), [&] { return ended(i).has_value(); });
}

std::optional<int> ProcessMesh::stop(std::size_t i) {
  if (members_[i].pid == 0) return members_[i].ended;
  ::kill(members_[i].pid, SIGTERM);
  if (eventually(Millis(20'000), [&] { return ended(i).has_value(); })) return members_[i].ended;
  kill(i);
  return std::nullopt;
}

void ProcessMesh::pause(std::size_t i) {
  if (members_[i].pid > 0) ::kill(members_[i].pid, SIGSTOP);
}

void ProcessMesh::resume(std::size_t i) {
  if (members_[i].pid > 0) ::kill(members_[i].pid, SIGCONT);
}

Json ProcessMesh::get(std::size_t i, const std::string& path) const {
  if (members_[i].pid == 0) return nullptr;
  const auto client = client_of(members_[i].folder.root);
  if (!client) return nullptr;
  const auto got = client->get(path);
  return got ? *got : Json(nullptr);
}

Result<Json> ProcessMesh::post(std::size_t i, const std::string& path, const Json& body) const {
  const auto client = client_of(members_[i].folder.root);
  if (!client) return Error{ErrorKind::failed, members_[i].name + " does not run", ""};
  return client->post(path, body);
}

Result<std::string> ProcessMesh::begin_run(const std::string& config) {
  // One that was damaged just now signs nothing before it has heard from the others.
  const bool ready = eventually(Millis(30'000), [&] {
    for (std::size_t i = 0; i < size(); ++i) {
      const Json status = get(i, "/api/v1/status");
      if (!status.is_object() || !status.value("ready", false)) return false;
    }
    return true;
  });
  if (!ready) return Error{ErrorKind::failed, "not every node is ready for a run", ""};
  const auto proposed =
      post(0, "/api/v1/runs", {{"manifest_toml", config}, {"schema_toml", text_of(data_.schema)}});
  if (!proposed) return proposed.error();
  const std::string id = proposed->value("run", "");
  for (std::size_t i = 0; i < size(); ++i) {
    if (!eventually(Millis(30'000), [&] { return run(i, id).is_object(); })) {
      return Error{ErrorKind::failed, members_[i].name + " has not heard of the run", ""};
    }
    const auto approved = post(i, "/api/v1/runs/" + id + "/approve",
                               {{"data", data_.parties[i].string()}, {"test", data_.test.string()}});
    if (!approved) return approved.error();
  }
  return id;
}

std::string ProcessMesh::log(std::size_t i, std::size_t bytes) const {
  std::string text = text_of(members_[i].folder.root / "node.log");
  if (text.size() > bytes) text.erase(0, text.size() - bytes);
  return text;
}

}  // namespace hansa::faults
