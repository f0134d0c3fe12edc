// The transport's thread: every socket lives and dies here. Private to src/net/.
//
//   io_loop.cpp     start, poll, timers, commands
//   io_listen.cpp   listening sockets: handshakes, what arrives, the guard
//   io_dial.cpp     peers: the allow-list, dialled connections, what leaves
#pragma once

#include "src/net/admission.hpp"
#include "src/net/connections.hpp"
#include "src/net/outbox.hpp"
#include "src/net/transport.hpp"
#include "src/net/zap.hpp"
#include "src/net/zmq_socket.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hansa::net {

class IoLoop;

/// Counters that any thread may read and add to.
struct Counters {
  using Counter = std::atomic<std::uint64_t>;
  struct PerChannel {
    Counter messages_in, messages_out, bytes_in, bytes_out, queue_full, stale, connections;
  };
  std::array<PerChannel, kChannels> channels;
  std::array<Counter, kHandshakes> handshakes;
  std::array<Counter, kKicks> kicks;
  std::array<Counter, kRejections> rejected;
};

/// What the transport's callers and its thread share.
struct Shared {
  explicit Shared(const Limits& limits);
  ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  /// Runs `command` on the transport's thread, soon.
  void post(std::function<void(IoLoop&)> command);
  void wake() noexcept;

  Outbox outbox;
  Counters counters;
  std::atomic<bool> stop{false};
  std::atomic<bool> awake{false};  ///< whether the event is signalled already
  std::atomic<Duration::rep> linger_ns{0};
  int event = -1;  ///< eventfd

  std::mutex mutex;  ///< for what follows
  std::vector<std::function<void(IoLoop&)>> commands;
  std::array<std::string, kChannels> bound;
  std::vector<PeerStats> peers;
};

/// The time of a steady clock.
[[nodiscard]] Time steady_now() noexcept;

class IoLoop {
 public:
  IoLoop(const TransportOptions& options, Sink& sink, Shared& shared);
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  /// Binds and probes. Then run().
  [[nodiscard]] Result<void> boot();
  /// Until Shared::stop.
  void run();

  // Commands, on the transport's thread.
  void set_peers(std::vector<Peer> peers);
  void penalise(const CurvePublic& peer, int points);
  [[nodiscard]] Result<std::string> open_lobby(const std::string& endpoint);
  void close_lobby();
  void dial_lobby(std::optional<Peer> host);
  [[nodiscard]] Result<void> rotate(CurveKey keys);

 private:
  /// What the last poll() found at a socket and its monitor.
  struct Waiting {
    bool messages = false, events = false;
  };
  /// A listening socket.
  struct Listener {
    Listener(Channel c, const Limits& limits) : channel(c), connections(limits) {}
    Channel channel;
    Connections connections;
    Monitor monitor;
    Socket router;             // behind its monitor, so that it goes first
    std::string asked, bound;  ///< endpoints
    Waiting waiting;
  };
  /// A dialled connection.
  struct Link {
    explicit Link(const Limits& limits) : connections(limits) {}
    Connections connections;  ///< at most one
    Monitor monitor;
    Socket dealer;  // behind its monitor, so that it goes first
    CurvePublic peer{};
    Channel channel{};
    std::string endpoint;
    std::array<CurvePublic, 2> server_keys{};
    std::size_t key_count = 1, key_index = 0;
    bool with_previous = false;  ///< dialled with our previous key
    bool up = false;
    int failures = 0;  ///< in a row, with this key
    std::optional<Time> redial_at;
    Duration backoff{};
    Time dialled_at{};
    Waiting waiting;
  };
  /// How to answer on an accepted connection.
  struct Route {
    std::vector<std::byte> id;
    int fd = -1;
  };
  struct PeerState {
    Peer peer;
    std::array<std::unique_ptr<Link>, 2> links;
    std::array<std::optional<Route>, 2> routes;
    TokenBucket messages, sent;  ///< control, in and out
    std::uint64_t bytes_in = 0, bytes_out = 0;
    bool up = false;
  };
  struct Stranger {
    std::optional<Route> route;
    TokenBucket messages;
  };
  /// A message as it arrived.
  struct Arrived {
    Part id, header, body;
    std::size_t parts = 0;    ///< without the routing id
    std::uint64_t bytes = 0;  ///< on the wire
  };

  // io_loop.cpp
  void poll();
  void run_commands();
  void tick();
  void publish_peers(Time now);
  void farewell(Duration patience);
  void count(Handshake result) noexcept;
  void count(Kick reason, std::uint64_t times = 1) noexcept;
  void reject(Rejection reason);

  // io_listen.cpp
  [[nodiscard]] Result<void> listen(Channel channel, const std::string& endpoint, Duration patience);
  [[nodiscard]] Result<void> probe(Listener& listener);
  void serve_handshakes();
  void drain_monitor(Listener& listener);
  void accept(Listener& listener, int fd);
  void forget(Listener& listener, int fd);
  /// Receives up to `most` messages.
  void receive(Listener& listener, std::size_t most);
  void take(Listener& listener, Arrived& message);
  void take_lobby(Listener& listener, const CurvePublic& key, Arrived& message);
  void learn_route(std::optional<Route>& route, const Arrived& message);
  void guard(Listener& listener, Time now);
  void cut_peer(const CurvePublic& peer, Kick reason);
  void publish(const Listener& listener, const std::string& bound);

  // io_dial.cpp
  void rename_peers(const std::map<CurvePublic, Peer>& wanted);
  void adopt_keys(PeerState& state, const Peer& before);
  void cut_key(PeerState& state, const CurvePublic& key);
  void dial(Link& link);
  void hang_up(Link& link);
  void drain_monitor(Link& link);
  void receive(Link& link, std::size_t most);
  void guard(Link& link, Time now);
  void retry(Link& link, Time now);
  [[nodiscard]] std::vector<Link*> links();
  [[nodiscard]] Link* link_to(const Outbox::Lane& lane);
  [[nodiscard]] Route* route_to(const Outbox::Lane& lane);
  void flush();
  [[nodiscard]] TokenBucket* pace_of(const Outbox::Lane& lane);
  enum class Sent : std::uint8_t { yes, later, never };
  [[nodiscard]] Sent send(const Outbox::Lane& lane, const Outgoing& message);
  void update_up(PeerState& state);
  void deliver(const CurvePublic& from, Channel channel, const Arrived& message);

  const Limits limits_;
  const std::string consortium_;
  const bool authenticate_;
  std::array<std::string, kChannels> asked_;
  CurveKey keys_;
  std::optional<CurveKey> previous_keys_;
  Sink& sink_;
  Shared& shared_;

  Context context_;
  ZapHandler zap_;
  Admission admission_;
  std::array<std::unique_ptr<Listener>, kChannels> listeners_;
  std::map<CurvePublic, PeerState> peers_;
  std::map<CurvePublic, Stranger> strangers_;
  std::unique_ptr<Link> lobby_link_;
  Time tick_at_{};
  Time prune_at_{}, publish_at_{};
  bool retry_soon_ = false;  ///< something could not leave just now: a socket was full, or a peer is spared
  bool more_to_send_ = false;
  bool handshakes_wait_ = false;
};

/// The limits of one message on `channel`.
[[nodiscard]] std::size_t frame_bytes(const Limits& limits, Channel channel) noexcept;
/// Options that both ends of a connection have.
void set_common_options(Socket& socket, const Limits& limits, Channel channel);
/// Receives one message; false if there is none. With a routing id if `routed`.
[[nodiscard]] bool receive_parts(Socket& socket, bool routed, Part& id, Part& header, Part& body,
                                 std::size_t& parts, std::uint64_t& bytes);

}  // namespace hansa::net
