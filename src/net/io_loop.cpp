// Start, poll, timers and commands of the transport's thread. A turn of the loop: wait for anything, run the
// commands of other threads, answer handshakes, receive a batch from each socket, send what can be sent, and
// every 50 ms let the guard look around.
#include "src/net/io_loop.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

namespace hansa::net {
namespace {

using namespace std::chrono_literals;

/// How many messages one socket may deliver before the others get their turn, and before answers leave.
/// Chunks go one by one: whoever asks for several must not wait until the last one is ready.
constexpr std::size_t batch_of(Channel channel) noexcept { return channel == Channel::bulk ? 1 : 64; }
constexpr Duration kRetrySoon = 2ms;

/// ZeroMQ needs a file descriptor per connection, and runs hot when there are none left.
void raise_open_files(std::size_t wanted) noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Time steady_now() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

Shared::Shared(const Limits& limits) : outbox(limits), event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Shared::~Shared() {
  if (event >= 0) close(event);
}

void Shared::post(std::function<void(IoLoop&)> command) {
  {
    const std::lock_guard lock(mutex);
    commands.push_back(std::move(command));
  }
  wake();
}

void Shared::wake() noexcept {
  if (awake.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event, &one, sizeof one);
}

std::size_t frame_bytes(const Limits& limits, Channel channel) noexcept {
  switch (channel) {
    case Channel::control:
      return limits.control_frame_bytes;
    case Channel::bulk:
      return limits.bulk_frame_bytes;
    case Channel::lobby:
      return limits.lobby_frame_bytes;
  }
  return 0;
}

void set_common_options(Socket& socket, const Limits& limits, Channel channel) {
  socket.set(ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(frame_bytes(limits, channel)));
  socket.set(ZMQ_SNDHWM, limits.high_water_mark);
  socket.set(ZMQ_RCVHWM, limits.high_water_mark);
  socket.set(ZMQ_HANDSHAKE_IVL, milliseconds(limits.handshake));
  socket.set(ZMQ_HEARTBEAT_IVL, milliseconds(limits.heartbeat_interval));
  socket.set(ZMQ_HEARTBEAT_TIMEOUT, milliseconds(limits.heartbeat_timeout));
  socket.set(ZMQ_HEARTBEAT_TTL, milliseconds(limits.heartbeat_timeout));
  socket.set(ZMQ_IMMEDIATE, 1);
  socket.set(ZMQ_IPV6, 1);
}

bool receive_parts(Socket& socket, bool routed, Part& id, Part& header, Part& body, std::size_t& parts,
                   std::uint64_t& bytes) {
  parts = 0;
  bytes = 0;
  if (routed && !socket.receive(id)) return false;
  for (bool more = true; more; ++parts) {
    Part spare;
    Part& part = parts == 0 ? header : parts == 1 ? body : spare;
    if (!socket.receive(part)) return false;
    bytes += wire_bytes(part.bytes().size());
    more = part.more();
  }
  return true;
}

IoLoop::IoLoop(const TransportOptions& options, Sink& sink, Shared& shared)
    : limits_(options.limits),
      consortium_(options.consortium),
      authenticate_(options.authenticate),
      asked_{options.control_endpoint, options.bulk_endpoint, ""},
      keys_(options.keys),
      previous_keys_(options.previous_keys),
      sink_(sink),
      shared_(shared),
      admission_(options.limits) {}

IoLoop::~IoLoop() = default;

Result<void> IoLoop::boot() {
  if (shared_.event < 0) return Error{ErrorKind::failed, "cannot create an eventfd", "raise 'ulimit -n'"};
  if (!context_) return Error{ErrorKind::failed, "cannot create a ZeroMQ context", "raise 'ulimit -n'"};
  if (zmq_has("curve") == 0) {
    return Error{ErrorKind::failed, "libzmq was built without CURVE", "install Debian's libzmq5"};
  }
  raise_open_files(limits_.open_files);
  if (authenticate_ && !zap_.bind(context_, consortium_)) {
    return Error{ErrorKind::failed, "cannot bind the authentication handler", ""};
  }
  for (const Channel channel : {Channel::control, Channel::bulk}) {
    const std::string& endpoint = asked_[static_cast<std::size_t>(channel)];
    if (endpoint.empty()) continue;
    if (auto listening = listen(channel, endpoint, Duration{0}); !listening) return listening;
  }
  return {};
}

void IoLoop::run() {
  tick_at_ = steady_now();
  while (!shared_.stop) {
    poll();
    run_commands();
    if (handshakes_wait_) serve_handshakes();
    // The monitor goes first: who has said something may have connected just now.
    for (auto& listener : listeners_) {
      if (!listener) continue;
      const Waiting waiting = listener->waiting;
      if (waiting.events || waiting.messages) drain_monitor(*listener);
      if (waiting.messages) receive(*listener, batch_of(listener->channel));
    }
    for (Link* const link : links()) {
      const Waiting waiting = link->waiting;
      if (waiting.events || waiting.messages) drain_monitor(*link);
      if (waiting.messages) receive(*link, batch_of(link->channel));
    }
    if (steady_now() >= tick_at_) tick();
    flush();  // last: what the sink sent in its calls leaves in the same turn
  }
  if (const Duration patience{shared_.linger_ns.load()}; patience > Duration{0}) farewell(patience);
}

/// The last words: what is queued for those who are connected goes to ZeroMQ, and closing the sockets waits
/// until that has sent it.
void IoLoop::farewell(Duration patience) {
  const Time give_up = steady_now() + patience;
  const auto unsent = [this] {
    for (const Outbox::Lane& lane : shared_.outbox.waiting()) {
      const Link* const link = link_to(lane);
      if (link != nullptr ? link->up : route_to(lane) != nullptr) return true;
    }
    return false;
  };
  flush();
  while (unsent() && steady_now() < give_up) {
    zmq_poll(nullptr, 0, 1);
    flush();
  }
  const int left_ms = milliseconds(std::max(Duration{1ms}, give_up - steady_now()));
  for (Link* const link : links()) {
    if (link->up) link->dealer.set(ZMQ_LINGER, left_ms);
  }
  for (auto& listener : listeners_) {
    if (listener) listener->router.set(ZMQ_LINGER, left_ms);
  }
}

namespace {

/// The sockets of one call of poll(2).
class Watch {
 public:
  explicit Watch(int event) : items_{{event, POLLIN, 0}} {}

  /// `readable` becomes whether something can be received when wait() is over; `sends`: return as soon as
  /// something can be sent as well.
  void add(Socket& socket, bool& readable, bool sends = false) {
    readable = false;
    if (!socket) return;
    if (socket.stirred() || sends) {
      const int events = socket.events();
      readable = (events & ZMQ_POLLIN) != 0;
      at_once_ = at_once_ || readable || (sends && (events & ZMQ_POLLOUT) != 0);
    }
    items_.push_back({socket.fd(), POLLIN, 0});
    watched_.emplace_back(&socket, &readable);
  }
  /// Whether the event itself was signalled.
  bool wait(int wait_ms) {
    ::poll(items_.data(), items_.size(), at_once_ ? 0 : wait_ms);
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      if (items_[i + 1].revents == 0) continue;
      const auto [socket, readable] = watched_[i];
      *readable = (socket->events() & ZMQ_POLLIN) != 0;
    }
    return items_.front().revents != 0;
  }

 private:
  std::vector<pollfd> items_;
  std::vector<std::pair<Socket*, bool*>> watched_;
  bool at_once_ = false;
};

}  // namespace

void IoLoop::poll() {
  Watch watch(shared_.event);
  watch.add(zap_.socket(), handshakes_wait_);
  for (const auto& listener : listeners_) {
    if (!listener) continue;
    watch.add(listener->monitor.socket(), listener->waiting.events);
    watch.add(listener->router, listener->waiting.messages);
  }
  const std::vector<Outbox::Lane> waiting = shared_.outbox.waiting();
  for (Link* const link : links()) {
    const Outbox::Lane lane{link->channel, link->peer};
    const TokenBucket* const pace = pace_of(lane);
    const bool sends = link->up && std::find(waiting.begin(), waiting.end(), lane) != waiting.end() &&
                       (pace == nullptr || pace->ready(limits_.control_sent, steady_now()));
    watch.add(link->monitor.socket(), link->waiting.events);
    watch.add(link->dealer, link->waiting.messages, sends);
  }
  Duration patience = std::max(Duration{0}, tick_at_ - steady_now());
  if (retry_soon_) patience = std::min(patience, kRetrySoon);
  if (more_to_send_) patience = Duration{0};
  // Rounded up, or the last millisecond before each tick would be spent spinning.
  if (watch.wait(milliseconds(patience + 999us))) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(shared_.event, &count, sizeof count);
  }
  shared_.awake = false;  // before the queues are looked at: who adds to them from here on signals again
}

void IoLoop::run_commands() {
  std::vector<std::function<void(IoLoop&)>> commands;
  {
    const std::lock_guard lock(shared_.mutex);
    commands.swap(shared_.commands);
  }
  for (const auto& command : commands) command(*this);
}

void IoLoop::tick() {
  const Time now = steady_now();
  tick_at_ = now + limits_.budget_interval;
  for (auto& listener : listeners_) {
    if (listener) guard(*listener, now);
  }
  for (Link* const link : links()) {
    guard(*link, now);
    retry(*link, now);
  }
  if (now >= publish_at_) publish_peers(now);
  const auto stale = shared_.outbox.expire(now);
  for (std::size_t i = 0; i < kChannels; ++i) shared_.counters.channels[i].stale += stale[i];
  if (now >= prune_at_) {
    admission_.prune(now);
    prune_at_ = now + 60s;
  }
}

void IoLoop::publish_peers(Time now) {
  publish_at_ = now + 500ms;
  std::vector<PeerStats> stats;
  stats.reserve(peers_.size());
  for (const auto& [key, state] : peers_) {
    const auto& link = state.links[static_cast<std::size_t>(Channel::control)];
    const bool dialled_us = state.routes[static_cast<std::size_t>(Channel::control)].has_value();
    stats.push_back({key, state.bytes_in, state.bytes_out, admission_.score(key, now),
                     admission_.quarantined(key, now),
                     dialled_us || (link && link->up && !link->with_previous)});
  }
  const std::lock_guard lock(shared_.mutex);
  shared_.peers = std::move(stats);
}

void IoLoop::count(Handshake result) noexcept {
  ++shared_.counters.handshakes[static_cast<std::size_t>(result)];
}

void IoLoop::count(Kick reason, std::uint64_t times) noexcept {
  shared_.counters.kicks[static_cast<std::size_t>(reason)] += times;
}

void IoLoop::reject(Rejection reason) {
  ++shared_.counters.rejected[static_cast<std::size_t>(reason)];
  sink_.on_rejected(reason);
}

}  // namespace hansa::net
