// The TCP connections of one socket as the guard sees them: which file descriptor, whose, how many bytes TCP
// has received on it and how many ZeroMQ has delivered. The difference is memory that a peer occupies; ZeroMQ
// has no limit for it, since a message of many parts counts as one.
//
// Cutting a connection means shutting its file descriptor down behind ZeroMQ's back. The number may have been
// closed and given to another connection meanwhile, so it is checked first: the monitor must not have
// reported its end, the remote address must be the one it was accepted from. What remains is a window of
// microseconds, in which at worst an honest dialler is cut off and comes back.
#pragma once

#include "src/net/limits.hpp"
#include "src/net/transport.hpp"

#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hansa::net {

/// One live connection.
struct Connection {
  std::string remote;              ///< address and port at its other end
  Time since{};                    ///< when it was accepted
  Time delivered_at{};             ///< when it last delivered a message
  std::uint64_t delivered = 0;     ///< bytes on the wire that arrived as messages
  bool fresh = false;              ///< delivered something since the last check
  bool cut = false;                ///< shut down; its end will be reported soon
  std::optional<CurvePublic> key;  ///< connection key of its peer; none until the first message
};

/// Not thread-safe.
class Connections {
 public:
  explicit Connections(const Limits& limits) noexcept : limits_(limits) {}

  void opened(int fd, Time now);
  /// Forgets `fd` and returns what it was.
  std::optional<Connection> closed(int fd);
  /// A message of `bytes` on the wire arrived from `key`. None if the connection is gone already.
  [[nodiscard]] Connection* delivered(int fd, const CurvePublic& key, std::uint64_t bytes, Time now);

  /// Whose connection `fd` is; none if that is not known, or it is gone or cut.
  [[nodiscard]] std::optional<CurvePublic> key_of(int fd) const;
  /// Shuts `fd` down if it is still the connection that we know. True if it was done.
  bool cut(int fd);
  /// Shuts down every connection of `key`, and returns how many.
  std::size_t cut_all(const CurvePublic& key);
  /// The connection that has been unnamed for longest and is not cut; none if all have names.
  [[nodiscard]] std::optional<int> oldest_unnamed() const;

  enum class Finding : std::uint8_t { budget, unnamed, quiet };
  struct Found {
    int fd = -1;
    Finding finding{};
    std::optional<CurvePublic> key;
  };
  /// Looks at every connection: who holds too much memory, has not said who it is, has been quiet for too
  /// long.
  [[nodiscard]] std::vector<Found> check(Time now);

  /// Open connections, those that have been cut not counted.
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  [[nodiscard]] bool over_budget(int fd, Connection& connection, Time now) const noexcept;

  Limits limits_;
  std::map<int, Connection> connections_;
};

/// Address and port of the other end of `fd`; empty if it is not connected.
[[nodiscard]] std::string remote_of(int fd);

}  // namespace hansa::net
