// Datagrams and signals by hand: what is said to systemd is a handful of lines, and nothing here may fail
// loudly, since a node does the same work whether somebody listens or not.
#include "cli/service.hpp"

#include "cli/cli.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hansa::cli {
namespace {

using std::chrono::microseconds;

/// How old the line in `systemctl status` may be.
constexpr microseconds kStatusAge = std::chrono::seconds(2);

std::string text_of(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::int64_t> number_of(const char* name) {
  const std::string text = text_of(name);
  std::int64_t number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  const std::string address = text_of("NOTIFY_SOCKET");
  const bool usable = (address.starts_with('/') || address.starts_with('@')) && address.size() > 1 &&
                      address.size() < sizeof(sockaddr_un::sun_path);
  if (!usable) return manager;
  manager.address_ = address;
  // A watchdog that was set for another process of ours is not for us.
  const auto pid = number_of("WATCHDOG_PID");
  const auto patience = number_of("WATCHDOG_USEC");
  if (patience && *patience > 0 && (!pid || *pid == ::getpid())) manager.patience_ = microseconds(*patience);
  return manager;
}

void ServiceManager::tell(const std::string& lines) const {
  if (!listening()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  // A path ends with a zero; an abstract name is as long as the address says.
  const std::size_t length = offsetof(sockaddr_un, sun_path) + address_.size() + (address_[0] == '/' ? 1 : 0);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  [[maybe_unused]] const auto sent =
      ::sendto(fd, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
               static_cast<socklen_t>(length));
  ::close(fd);
}

std::string service_status(const http::NodeView& view) {
  if (view.roster.version == 0) return "in no consortium yet";
  const auto connected =
      std::count_if(view.peers.begin(), view.peers.end(), [](const auto& peer) { return peer.connected; });
  std::string text = fmt::format("{} of {} peers connected", connected, view.peers.size());
  const auto running = std::find_if(view.runs.begin(), view.runs.end(),
                                    [](const auto& run) { return run.state == "running"; });
  if (running != view.runs.end()) {
    text +=
        fmt::format("; run {}: round {} of {}", running->id.substr(0, 8), running->round, running->rounds);
  }
  if (!view.ready && !view.not_ready_because.empty()) text += "; " + view.not_ready_because.front();
  // One line: names in it come from other organisations.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

void Attendant::block_signals() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Attendant::Attendant(ServiceManager manager, Node node)
    : manager_(std::move(manager)), node_(std::move(node)) {
  turns_ = node_.turns();
  status_ = node_.status();
  manager_.tell(fmt::format("READY=1\nSTATUS={}\nMAINPID={}", status_, ::getpid()));
  thread_ = std::thread([this] { run(); });
}

Attendant::~Attendant() {
  leave();
  done_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);  // it waits for that and sees that it is done
  thread_.join();
}

void Attendant::leave() {
  const std::lock_guard lock(mutex_);
  if (!leaving_) manager_.tell("STOPPING=1\nSTATUS=stopping");
  leaving_ = true;
}

int Attendant::next_signal() const {
  const sigset_t signals = ending_signals();
  int signal = 0;
  if (!manager_.listening()) {
    do {
      signal = ::sigwaitinfo(&signals, nullptr);
    } while (signal < 0 && errno == EINTR);
    return signal;
  }
  const microseconds pause = std::min(kStatusAge, manager_.patience().value_or(2 * kStatusAge) / 2);
  const timespec span{pause / std::chrono::seconds(1), (pause % std::chrono::seconds(1)).count() * 1000};
  do {
    signal = ::sigtimedwait(&signals, nullptr, &span);
  } while (signal < 0 && errno == EINTR);
  return std::max(signal, 0);
}

void Attendant::sign_of_life() {
  const std::lock_guard lock(mutex_);
  if (leaving_) return;
  // Only if the node's thread has moved since: a thread of its own always could say that all is well.
  const std::uint64_t turns = node_.turns();
  std::string lines = turns != turns_ && manager_.patience() ? "WATCHDOG=1\n" : "";
  turns_ = turns;
  if (std::string status = node_.status(); status != status_) {
    lines += "STATUS=" + status + "\n";
    status_ = std::move(status);
  }
  if (!lines.empty()) manager_.tell(lines);
}

void Attendant::run() {
  for (;;) {
    const int signal = next_signal();
    if (done_) return;
    if (signal == 0) {
      sign_of_life();
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (leaving_) ::_exit(128 + signal);  // told twice
    manager_.tell("STOPPING=1\nSTATUS=stopping");
    leaving_ = true;
    node_.stop();
  }
}

}  // namespace hansa::cli
