// Each check is one function that looks at one thing; those that need the running node get its answers as
// plain facts, so that a test can make up any situation.
#include "src/node/doctor.hpp"

#include "src/crypto/random.hpp"
#include "src/store/audit_log.hpp"
#include "src/store/backup_file.hpp"
#include "src/store/key_files.hpp"

#include <hansa/version.hpp>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <set>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDay = 86'400;
constexpr std::uint64_t kMiB = 1u << 20;

Check passed(std::string name, std::string text) {
  return {std::move(name), CheckState::ok, std::move(text), ""};
}
Check warned(std::string name, std::string text, std::string hint) {
  return {std::move(name), CheckState::warn, std::move(text), std::move(hint)};
}
Check failed(std::string name, std::string text, std::string hint) {
  return {std::move(name), CheckState::fail, std::move(text), std::move(hint)};
}
Check failed(std::string name, const Error& error) {
  return failed(std::move(name), error.message, error.hint);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes >= 1024 * kMiB) return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1024.0 * kMiB));
  return fmt::format("{} MiB", bytes / kMiB);
}

Check check_keys(const StateFolder& folder) {
  std::error_code error;
  const bool elsewhere =
      !fs::exists(folder.organisation_key(), error) &&
      (fs::exists(folder.organisation_public(), error) || fs::exists(folder.organisation_id(), error));
  if (elsewhere) {
    const auto keys = load_node_keys(folder);
    if (!keys) return failed("keys", keys.error());
    return passed("keys",
                  fmt::format("node, CURVE epoch {}; the organisation's is elsewhere", keys->curve.epoch));
  }
  const auto organisation = store::read_key_info(folder.organisation_key());
  if (!organisation) return failed("keys", organisation.error());
  if (!organisation->sealed) {
    return failed("keys", "the organisation's key is not sealed", "make a new one: it can have been read");
  }
  const auto keys = load_node_keys(folder);
  if (!keys) return failed("keys", keys.error());
  return passed("keys", fmt::format("organisation (sealed), node, CURVE epoch {}", keys->curve.epoch));
}

/// Modes of all that lies directly in the folder.
Check check_modes(const StateFolder& folder) {
  std::error_code error;
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder.root, error)) {
    std::error_code gone;  // a running node replaces files, by way of others that are there for a moment
    const fs::file_status status = entry.symlink_status(gone);
    if (!fs::exists(status) || fs::is_symlink(status)) continue;
    const fs::perms open = status.permissions() & (fs::perms::group_all | fs::perms::others_all);
    if (open != fs::perms::none) {
      return failed("modes", entry.path().string() + " can be read or changed by others",
                    fmt::format("chmod go= '{}'", entry.path().string()));
    }
    ++files;
  }
  if (error) return failed("modes", "cannot list " + folder.root.string() + ": " + error.message(), "");
  return passed("modes", fmt::format("{} entries, none open to others", files));
}

Check check_state(const StateFolder& folder) {
  std::error_code error;
  if (!fs::exists(folder.database(), error)) {
    return warned("database", "there is none yet", "`hansa up` makes it");
  }
  const auto problem = store::check_database(folder.database());
  if (!problem) return failed("database", problem.error());
  if (!problem->empty()) {
    return failed("database", "is damaged: " + *problem,
                  "stop the node and `hansa restore BACKUP --replace`; the next start moves it aside");
  }
  return passed("database", "whole");
}

Check check_log(const StateFolder& folder) {
  std::error_code error;
  if (!fs::exists(folder.audit(), error))
    return warned("audit log", "there is none yet", "`hansa up` begins it");
  const auto report = store::verify_log(folder.audit());
  if (!report) return failed("audit log", report.error());
  if (!report->ok())
    return failed("audit log", report->problem, "`hansa audit verify`; keep the folder as evidence");
  return passed("audit log",
                fmt::format("{} entries, {} cosigned by others", report->entries, report->cosigned_size));
}

Check check_quarantine(const StateFolder& folder) {
  std::error_code error;
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder.root, error)) {
    if (entry.path().filename().string().find("damaged") != std::string::npos) found = entry.path().string();
  }
  if (!found.empty())
    return warned("quarantine", found + " was found damaged and moved aside",
                  "look at the disk; remove it then");
  return passed("quarantine", "empty");
}

/// Whether a socket can be bound there now.
bool can_listen(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  unsigned port = 0;
  if (colon == std::string::npos) return false;
  std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const std::string host = endpoint.substr(0, colon);
  if (::inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &address.sin_addr) != 1)
    return true;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;  // as servers do: what only lingers is no obstacle
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  const bool free = fd >= 0 &&
                    ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                    ::listen(fd, 1) == 0;
  ::close(fd);
  return free;
}

Check expiry(const std::string& name, std::int64_t expires, std::int64_t now_s, std::int64_t warn_days,
             const std::string& hint) {
  const std::int64_t days = (expires - now_s) / kDay;
  if (expires <= now_s) return failed(name, "has expired", hint);
  if (days < warn_days) return warned(name, fmt::format("expires in {} days", days), hint);
  return passed(name, fmt::format("good for {} days", days));
}

Check check_peers(const MeshFacts& facts) {
  std::set<std::string> organisations = {facts.organisation}, away;
  std::size_t alive = 0;
  for (const MeshFacts::Peer& peer : facts.peers) {
    alive += peer.connected ? 1 : 0;
    (peer.connected ? organisations : away).insert(peer.organisation);
  }
  std::string missing;
  for (const std::string& name : away) {
    if (!organisations.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  }
  const std::string text = fmt::format("{} of {} connected", alive, facts.peers.size());
  if (organisations.size() < facts.threshold) {
    return failed("peers",
                  fmt::format("{}; {} organisations are reached and {} must sign a change: without {}", text,
                              organisations.size(), facts.threshold, missing),
                  "`hansa peers`; ask them whether their nodes run, and look at firewalls");
  }
  if (!missing.empty()) return warned("peers", text + "; not reached: " + missing, "`hansa peers`");
  return passed("peers", text);
}

}  // namespace

std::string_view check_state_name(CheckState state) noexcept {
  return state == CheckState::ok ? "ok" : state == CheckState::warn ? "warn" : "fail";
}

Checks check_folder(const StateFolder& folder) {
  if (const auto ready = crypto::initialise(); !ready) return {failed("crypto", ready.error())};
  if (const auto mine = store::check_private_folder(folder.root); !mine)
    return {failed("folder", mine.error())};
  return {passed("folder", folder.root.string()),
          check_modes(folder),
          check_keys(folder),
          check_state(folder),
          check_log(folder),
          check_quarantine(folder)};
}

Machine look_at_machine(const fs::path& folder) {
  Machine machine;
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) == 0) {
    machine.disk_free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    machine.disk_bytes = static_cast<std::uint64_t>(disk.f_blocks) * disk.f_frsize;
  }
  std::ifstream memory("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  for (std::string unit; memory >> name >> kib; std::getline(memory, unit)) {
    if (name == "MemAvailable:") machine.memory_available_bytes = kib * 1024;
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) machine.file_limit = files.rlim_cur;
  timex clock{};
  machine.clock_synchronised = ::adjtimex(&clock) != TIME_ERROR;
  machine.now_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return machine;
}

Checks check_machine(const Machine& m, std::uint64_t largest_model_bytes, std::int64_t newest_s) {
  Checks checks;
  const std::uint64_t room = std::max<std::uint64_t>(2 * largest_model_bytes, 100 * kMiB);
  const std::string free = size_text(m.disk_free_bytes) + " free";
  if (m.disk_free_bytes < room) {
    checks.push_back(failed("disk", fmt::format("{}, {} are needed", free, size_text(room)), "make room"));
  } else if (m.disk_free_bytes < 10 * room || m.disk_free_bytes < m.disk_bytes / 20) {
    checks.push_back(warned("disk", free, "make room soon"));
  } else {
    checks.push_back(passed("disk", free));
  }
  const std::string memory = size_text(m.memory_available_bytes) + " available";
  checks.push_back(m.memory_available_bytes < std::max<std::uint64_t>(4 * largest_model_bytes, 256 * kMiB)
                       ? warned("memory", memory, "models need about four times their size while they train")
                       : passed("memory", memory));
  const std::string files = fmt::format("{} open files allowed", m.file_limit);
  checks.push_back(m.file_limit < 256 ? failed("files", files, "ulimit -n 65536, or LimitNOFILE= in the unit")
                   : m.file_limit < 1024
                       ? warned("files", files, "ulimit -n 65536, or LimitNOFILE= in the unit")
                       : passed("files", files));
  constexpr std::int64_t kBuilt = 1'735'689'600;  // 2025: this program did not exist before
  if (m.now_s < kBuilt || m.now_s + 300 < newest_s) {
    checks.push_back(
        failed("clock", "is before what this node has already seen", "timedatectl; is the battery flat?"));
  } else if (!m.clock_synchronised) {
    checks.push_back(warned("clock", "is not synchronised", "install chrony, or look at timedatectl"));
  } else {
    checks.push_back(passed("clock", "synchronised"));
  }
  return checks;
}

Checks check_ports(const config::NodeConfig& config) {
  Checks checks;
  const auto check = [&](const std::string& name, const std::string& endpoint) {
    if (endpoint.empty()) return;
    checks.push_back(can_listen(endpoint)
                         ? passed("port", fmt::format("{} {} is free", name, endpoint))
                         : failed("port", fmt::format("{} {} cannot be listened at", name, endpoint),
                                  "`ss -ltnp` shows who has it; hansa.toml names another"));
  };
  check("control", config.control);
  check("bulk", config.bulk);
  check("lobby", config.lobby);
  if (config.http_port != 0) check("http", fmt::format("127.0.0.1:{}", config.http_port));
  if (config.control.empty()) {
    checks.push_back(warned("port", "this node only dials out: it reaches nobody who only dials out, too",
                            "give one of two such members an endpoint"));
  }
  return checks;
}

Checks check_mesh(const MeshFacts& facts, std::int64_t now_s) {
  Checks checks;
  checks.push_back(facts.version == program_version()
                       ? passed("node", "answers, version " + facts.version)
                       : warned("node",
                                fmt::format("runs version {}, this is {}", facts.version, program_version()),
                                "restart the node after an upgrade"));
  if (facts.roster_version == 0) {
    checks.push_back(
        warned("roster", "there is none yet", "`hansa roster found --name NAME` or `hansa join TICKET`"));
    return checks;
  }
  checks.push_back(expiry("roster", facts.roster_expires_at, now_s, 14,
                          "`hansa roster propose --renew`, and the others approve"));
  if (facts.certificate_not_after > 0)
    checks.push_back(expiry("certificate", facts.certificate_not_after, now_s, 14, "`hansa node add`"));
  if (facts.rotation_due > 0) {
    const bool late = facts.rotation_due + 3 * kDay < now_s;
    checks.push_back(
        late
            ? warned("CURVE key",
                     fmt::format("was to be replaced {} days ago", (now_s - facts.rotation_due) / kDay),
                     "`hansa keys status`; look at the node's log")
            : passed("CURVE key", fmt::format("next rotation in {} days",
                                              std::max<std::int64_t>(0, facts.rotation_due - now_s) / kDay)));
  }
  checks.push_back(
      facts.fork.empty()
          ? passed("fork", "none")
          : failed("fork", facts.fork, "`hansa roster show`, then `hansa roster propose --settle HASH`"));
  checks.push_back(check_peers(facts));
  if (facts.recovering) {
    checks.push_back(warned("recovery", "this node was restored and signs nothing yet",
                            "wait until nodes of enough other organisations are connected"));
  }
  if (facts.evidence > 0) {
    checks.push_back(warned("evidence",
                            fmt::format("{} proofs of misbehaviour or damage are on file", facts.evidence),
                            "look at the dashboard, or at /api/v1/evidence"));
  }
  std::string reasons;
  for (const std::string& reason : facts.reasons) reasons += (reasons.empty() ? "" : "; ") + reason;
  checks.push_back(facts.ready ? passed("ready", "takes part in rounds")
                               : failed("ready", reasons, "`hansa status`"));
  return checks;
}

}  // namespace hansa::node
