#include "src/net/connections.hpp"

#include <algorithm>
#include <cstring>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace hansa::net {
namespace {

/// Forgiven when a message arrives with hardly anything behind it: pings, the handshake.
constexpr std::int64_t kForgivenBytes = 64 * 1024;

/// Bytes that TCP has received on `fd` so far; none if it is not a live TCP connection.
std::optional<std::uint64_t> received_bytes(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) return std::nullopt;
  return info.tcpi_bytes_received;
}

}  // namespace

std::string remote_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return {reinterpret_cast<const char*>(&address), size};
}

void Connections::opened(int fd, Time now) {
  connections_[fd] = Connection{.remote = remote_of(fd), .since = now, .delivered_at = now, .key = {}};
}

std::optional<Connection> Connections::closed(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return std::nullopt;
  Connection connection = std::move(found->second);
  connections_.erase(found);
  return connection;
}

Connection* Connections::delivered(int fd, const CurvePublic& key, std::uint64_t bytes, Time now) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return nullptr;
  Connection& connection = found->second;
  connection.key = key;
  connection.delivered += bytes;
  connection.delivered_at = now;
  connection.fresh = true;
  return &connection;
}

std::optional<CurvePublic> Connections::key_of(int fd) const {
  const auto found = connections_.find(fd);
  return found == connections_.end() || found->second.cut ? std::nullopt : found->second.key;
}

bool Connections::cut(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end() || found->second.cut) return false;
  const std::string remote = remote_of(fd);
  if (remote.empty() || remote != found->second.remote) return false;
  found->second.cut = shutdown(fd, SHUT_RDWR) == 0;
  return found->second.cut;
}

std::size_t Connections::cut_all(const CurvePublic& key) {
  std::size_t count = 0;
  for (const auto& [fd, connection] : connections_) {
    if (connection.key == key && cut(fd)) ++count;
  }
  return count;
}

std::optional<int> Connections::oldest_unnamed() const {
  std::optional<int> oldest;
  for (const auto& [fd, connection] : connections_) {
    if (connection.key || connection.cut) continue;
    if (!oldest || connection.since < connections_.at(*oldest).since) oldest = fd;
  }
  return oldest;
}

bool Connections::over_budget(int fd, Connection& connection, Time now) const noexcept {
  const std::optional<std::uint64_t> received = received_bytes(fd);
  if (!received) return false;
  const std::int64_t held =
      static_cast<std::int64_t>(*received) - static_cast<std::int64_t>(connection.delivered);
  // Nothing is delivered in the middle of a message, so one message gains at most kForgivenBytes by this.
  // Without it the pings of a year would add up.
  const bool in_step = held < 0 || (connection.fresh && held <= kForgivenBytes);
  connection.fresh = false;
  if (in_step) {
    connection.delivered = *received;
    return false;
  }
  const double quiet = std::chrono::duration<double>(now - connection.delivered_at).count();
  const std::size_t budget = connection.key ? limits_.undelivered_bytes : limits_.undelivered_unnamed_bytes;
  const double allowed = static_cast<double>(budget) + quiet * limits_.heartbeat_bytes_per_second;
  return static_cast<double>(held) > allowed;
}

std::vector<Connections::Found> Connections::check(Time now) {
  std::vector<Found> found;
  for (auto& [fd, connection] : connections_) {
    if (connection.cut) continue;
    if (over_budget(fd, connection, now)) {
      found.push_back({fd, Finding::budget, connection.key});
    } else if (!connection.key && now - connection.since > limits_.unnamed) {
      found.push_back({fd, Finding::unnamed, std::nullopt});
    } else if (now - connection.delivered_at > limits_.quiet) {
      found.push_back({fd, Finding::quiet, connection.key});
    }
  }
  return found;
}

std::size_t Connections::size() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const auto& c) { return !c.second.cut; }));
}

}  // namespace hansa::net
