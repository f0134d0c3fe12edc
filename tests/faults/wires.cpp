// One thread moves all bytes; what a cut leaves in the buffers is lost with the connection, as on a real
// wire.
#include "tests/faults/wires.hpp"

#include <hansa/assert.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hansa::faults {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// Passes on what is there; false once either side is gone.
bool pass(int from, int to) {
  char buffer[65536];
  const ssize_t count = ::recv(from, buffer, sizeof buffer, 0);
  if (count <= 0) return false;
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t now = ::send(to, buffer + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return true;
}

/// The inode of the socket on this machine that is bound to `local` and connected to `remote`. An IPv6 socket
/// can be connected to an IPv4 address.
std::string inode_of(int local, int remote) {
  const auto port_in = [](const std::string& address) {
    return std::stoi(address.substr(address.find(':') + 1), nullptr, 16);
  };
  for (const char* name : {"/proc/net/tcp6", "/proc/net/tcp"}) {
    std::ifstream table(name);
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
      std::istringstream columns(line);
      std::string slot, here, there, state, queues, timer, retransmits, uid, timeout, inode;
      columns >> slot >> here >> there >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
      if (port_in(here) == local && port_in(there) == remote) return inode;
    }
  }
  return {};
}

bool holds(pid_t pid, const std::string& inode) {
  std::error_code error;
  const std::string wanted = "socket:[" + inode + "]";
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    if (std::filesystem::read_symlink(entry.path(), error) == wanted) return true;
  }
  return false;
}

}  // namespace

Wires::Wires(std::size_t nodes) : nodes_(nodes), sockets_(nodes * kPorts), process_(nodes) {
  for (Socket& each : sockets_) {
    each.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    const bool ready = each.fd >= 0 && ::bind(each.fd, any, size) == 0 && ::listen(each.fd, 64) == 0 &&
                       ::getsockname(each.fd, any, &size) == 0;
    HANSA_ASSERT(ready);
    each.port = ntohs(address.sin_port);
  }
  thread_ = std::thread([this] { run(); });
}

Wires::~Wires() {
  over_ = true;
  thread_.join();
  for (const Socket& each : sockets_) ::close(each.fd);
  for (const Pair& pair : pairs_) {
    ::close(pair.dialler);
    ::close(pair.listener);
  }
}

int Wires::port(std::size_t node, std::size_t which) const { return sockets_[node * kPorts + which].port; }

void Wires::lead_to(std::size_t node, const std::array<int, kPorts>& ports) {
  for (std::size_t which = 0; which < kPorts; ++which) sockets_[node * kPorts + which].target = ports[which];
}

void Wires::is_process(std::size_t node, pid_t pid) { process_[node] = pid; }

void Wires::split(const std::vector<int>& group) {
  const std::lock_guard lock(mutex_);
  group_ = group;
}

void Wires::heal() { split({}); }

bool Wires::severed(std::size_t a, std::size_t b) {
  const std::lock_guard lock(mutex_);
  return !group_.empty() && group_[a] != group_[b];
}

std::size_t Wires::dialler_of(int source_port, int destination_port) const {
  const std::string inode = inode_of(source_port, destination_port);
  if (inode.empty()) return nodes_;
  for (std::size_t node = 0; node < nodes_; ++node) {
    const pid_t pid = process_[node];
    if (pid > 0 && holds(pid, inode)) return node;
  }
  return nodes_;
}

void Wires::accept_at(std::size_t index) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  const int dialler =
      ::accept4(sockets_[index].fd, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC);
  if (dialler < 0) return;
  const std::size_t from = dialler_of(ntohs(address.sin_port), sockets_[index].port);
  const std::size_t to = index / kPorts;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in target = loopback(sockets_[index].target);
  const bool open = from < nodes_ && !severed(from, to) &&
                    ::connect(listener, reinterpret_cast<const sockaddr*>(&target), sizeof target) == 0;
  if (open) {
    pairs_.push_back({dialler, listener, from, to});
  } else {
    ::close(dialler);
    ::close(listener);
  }
}

void Wires::run() {
  while (!over_) {
    std::vector<pollfd> items;
    for (const Socket& each : sockets_) items.push_back({each.fd, POLLIN, 0});
    for (const Pair& pair : pairs_) {
      items.push_back({pair.dialler, POLLIN, 0});
      items.push_back({pair.listener, POLLIN, 0});
    }
    const int ready = ::poll(items.data(), items.size(), 20);
    if (ready < 0) continue;
    std::vector<Pair> alive;
    const std::size_t first = sockets_.size();
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      const bool ok = !severed(pair.from, pair.to) &&
                      (items[first + 2 * i].revents == 0 || pass(pair.dialler, pair.listener)) &&
                      (items[first + 2 * i + 1].revents == 0 || pass(pair.listener, pair.dialler));
      if (ok) {
        alive.push_back(pair);
      } else {
        ::close(pair.dialler);
        ::close(pair.listener);
      }
    }
    pairs_ = std::move(alive);
    for (std::size_t i = 0; i < first; ++i) {
      if ((items[i].revents & POLLIN) != 0) accept_at(i);
    }
  }
}

}  // namespace hansa::faults
