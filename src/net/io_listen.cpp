// Listening sockets: who gets in, what arrives, and the guard that watches those who are in.
#include "src/net/io_loop.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::net {
namespace {

using namespace std::chrono_literals;

// Refuses everybody if the handler cannot be asked. In libzmq 4.3 its name is hidden with the drafts, the
// option is not.
constexpr int kZapEnforceDomain = 93;
constexpr std::size_t kParts = 2;            // header and body
constexpr std::size_t kDrainMax = 4096;      // messages received before the guard counts bytes
constexpr std::size_t kStrangersMax = 1024;  // that are remembered; the oldest connections are gone by then

/// Where to dial to reach ourselves.
std::string loopback(std::string endpoint) {
  for (const auto& [any, local] :
       {std::pair<std::string_view, std::string_view>{"//0.0.0.0:", "//127.0.0.1:"},
        {"//[::]:", "//[::1]:"},
        {"//*:", "//127.0.0.1:"}}) {
    const std::size_t at = endpoint.find(any);
    if (at != std::string::npos) endpoint.replace(at, any.size(), local);
  }
  return endpoint;
}

/// "[::ffff:10.0.0.1]" is how a socket for both families reports "10.0.0.1".
std::string plain_ipv4(std::string endpoint) {
  constexpr std::string_view kMapped = "//[::ffff:";
  const std::size_t at = endpoint.find(kMapped);
  const std::size_t end = endpoint.find(']');
  if (at == std::string::npos || end == std::string::npos || endpoint.find('.') == std::string::npos)
    return endpoint;
  endpoint.erase(end, 1);
  endpoint.replace(at, kMapped.size(), "//");
  return endpoint;
}

/// Routing ids that the listener gave out have five bytes and begin with 0. Others were chosen by the client,
/// who may choose somebody else's; nothing is ever sent to those.
bool given_by_us(std::span<const std::byte> id) noexcept { return id.size() == 5 && id[0] == std::byte{0}; }

}  // namespace

void IoLoop::publish(const Listener& listener, const std::string& bound) {
  const std::lock_guard lock(shared_.mutex);
  shared_.bound[static_cast<std::size_t>(listener.channel)] = bound;
}

Result<void> IoLoop::listen(Channel channel, const std::string& endpoint, Duration patience) {
  auto listener = std::make_unique<Listener>(channel, limits_);
  const Time give_up = steady_now() + patience;
  for (bool bound = false; !bound;) {
    listener->router = Socket(context_, ZMQ_ROUTER);
    Socket& router = listener->router;
    if (!router) return Error{ErrorKind::failed, "cannot create a socket", "raise 'ulimit -n'"};
    set_common_options(router, limits_, channel);
    router.set(ZMQ_ROUTER_MANDATORY, 1);
    router.set(ZMQ_CURVE_SERVER, 1);
    router.set(ZMQ_CURVE_SECRETKEY, keys_.secret());
    if (authenticate_) {
      router.set(ZMQ_ZAP_DOMAIN, zap_domain(consortium_, channel));
      router.set(kZapEnforceDomain, 1);
    }
    listener->monitor = Monitor(context_, router);
    bound = router.bind(endpoint);
    if (bound) break;
    const int error = zmq_errno();
    if (error != EADDRINUSE || steady_now() >= give_up) {
      return Error{ErrorKind::failed, "cannot listen on " + endpoint + ": " + zmq_strerror(error),
                   "choose another port, or port 0 for any free one"};
    }
    zmq_poll(nullptr, 0, 10);  // our own old socket is still being closed
  }
  listener->asked = endpoint;
  listener->bound = plain_ipv4(listener->router.last_endpoint());
  if (auto probed = probe(*listener); !probed) return probed;
  publish(*listener, listener->bound);
  listeners_[static_cast<std::size_t>(channel)] = std::move(listener);
  return {};
}

/// Dials our own door with a key that nobody can know. If that is let in, authentication is off, whatever the
/// reason, and everything else here is worth nothing.
Result<void> IoLoop::probe(Listener& listener) {
  const CurveKey stranger = CurveKey::generate();
  admission_.refuse(stranger.public_key());
  Monitor monitor;
  Socket dealer(context_, ZMQ_DEALER);  // behind its monitor, so that it goes first
  if (!dealer) return Error{ErrorKind::failed, "cannot create a socket", "raise 'ulimit -n'"};
  set_common_options(dealer, limits_, listener.channel);
  dealer.set(ZMQ_CURVE_SERVERKEY, keys_.public_key());
  dealer.set(ZMQ_CURVE_PUBLICKEY, stranger.public_key());
  dealer.set(ZMQ_CURVE_SECRETKEY, stranger.secret());
  monitor = Monitor(context_, dealer);
  const std::string where = std::string(name_of(listener.channel)) + " socket " + listener.bound;
  if (!dealer.connect(loopback(listener.bound))) {
    return Error{ErrorKind::failed, "cannot dial the " + where + " to test it", ""};
  }
  const Time deadline = steady_now() + limits_.probe_timeout;
  while (steady_now() < deadline) {
    std::array<zmq_pollitem_t, 2> items{
        {{monitor.socket().get(), 0, ZMQ_POLLIN, 0}, {zap_.socket().get(), 0, ZMQ_POLLIN, 0}}};
    zmq_poll(items.data(), zap_.socket().get() == nullptr ? 1 : 2, milliseconds(50ms));
    serve_handshakes();
    while (const auto event = monitor.next()) {
      if (event->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        admission_.refuse(std::nullopt);
        return {};
      }
      if (event->event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        return Error{ErrorKind::failed, "the " + where + " let a stranger in: authentication is off",
                     "do not run this build; check the libzmq package"};
      }
    }
  }
  return Error{ErrorKind::failed, "the " + where + " neither admitted nor refused a stranger in time",
               "the machine may be too busy; try again"};
}

void IoLoop::serve_handshakes() {
  zap_.serve([this](Channel channel, const CurvePublic& key, std::string_view address) {
    const Handshake verdict = admission_.decide(channel, key, address, steady_now());
    count(verdict);
    return verdict;
  });
}

void IoLoop::drain_monitor(Listener& listener) {
  while (const auto event = listener.monitor.next()) {
    if (event->event == ZMQ_EVENT_ACCEPTED) accept(listener, event->value);
    if (event->event == ZMQ_EVENT_DISCONNECTED) forget(listener, event->value);
  }
}

void IoLoop::accept(Listener& listener, int fd) {
  listener.connections.opened(fd, steady_now());
  const std::size_t most = listener.channel == Channel::lobby
                               ? limits_.lobby_connections
                               : limits_.connections_base + limits_.connections_per_peer * admission_.peers();
  // Those who came first and have not said a word make room: a crowd of silent connections must not keep an
  // honest one waiting.
  while (listener.connections.size() > most) {
    const std::optional<int> oldest = listener.connections.oldest_unnamed();
    if (!listener.connections.cut(oldest.value_or(fd))) break;
    count(Kick::crowded);
  }
  shared_.counters.channels[static_cast<std::size_t>(listener.channel)].connections =
      listener.connections.size();
}

void IoLoop::forget(Listener& listener, int fd) {
  const std::optional<Connection> gone = listener.connections.closed(fd);
  shared_.counters.channels[static_cast<std::size_t>(listener.channel)].connections =
      listener.connections.size();
  if (!gone || !gone->key) return;
  if (listener.channel == Channel::lobby) {
    const auto stranger = strangers_.find(*gone->key);
    if (stranger == strangers_.end() || !stranger->second.route || stranger->second.route->fd != fd) return;
    shared_.outbox.close({Channel::lobby, *gone->key});
    stranger->second.route.reset();  // but its rate is remembered
    return;
  }
  const auto owner = admission_.owner(*gone->key);
  const auto state = owner ? peers_.find(*owner) : peers_.end();
  if (state == peers_.end()) return;
  auto& route = state->second.routes[static_cast<std::size_t>(listener.channel)];
  if (!route || route->fd != fd) return;
  route.reset();
  update_up(state->second);
}

void IoLoop::receive(Listener& listener, std::size_t most) {
  for (std::size_t received = 0; received < most; ++received) {
    Arrived message;
    if (!receive_parts(listener.router, true, message.id, message.header, message.body, message.parts,
                       message.bytes)) {
      break;
    }
    take(listener, message);
  }
}

void IoLoop::take(Listener& listener, Arrived& message) {
  const std::optional<CurvePublic> key = key_from_hex(message.header.property("User-Id"));
  const int fd = message.header.source();
  if (!key) return reject(Rejection::unlisted);
  const Time now = steady_now();
  Connection* connection = listener.connections.delivered(fd, *key, message.bytes, now);
  if (connection == nullptr) {  // it may have been accepted since the monitor was read
    drain_monitor(listener);
    connection = listener.connections.delivered(fd, *key, message.bytes, now);
  }
  if (listener.channel == Channel::lobby) return take_lobby(listener, *key, message);
  const std::optional<CurvePublic> peer = admission_.owner(*key);
  const auto found = peer ? peers_.find(*peer) : peers_.end();
  if (found == peers_.end()) {
    if (listener.connections.cut(fd)) count(Kick::removed);
    return reject(Rejection::unlisted);
  }
  if (admission_.quarantined(*peer, now)) {
    if (listener.connections.cut(fd)) count(Kick::score);
    return reject(Rejection::quarantined);
  }
  if (message.parts != kParts) {
    reject(Rejection::frame_count);
    return penalise(*peer, limits_.points_invalid);
  }
  PeerState& state = found->second;
  const auto channel = static_cast<std::size_t>(listener.channel);
  if (connection != nullptr) learn_route(state.routes[channel], message);
  // It knows us by now: if we were refused before, it is time to try again.
  for (const auto& link : state.links) {
    if (link && !link->up && now - link->dialled_at > limits_.reconnect_min) link->redial_at = now;
    if (link && link->with_previous) {  // it has our newest key by now: it has dialled it
      link->with_previous = false;
      link->redial_at = now;
    }
  }
  update_up(state);
  if (message.header.bytes().empty() && message.body.bytes().empty()) return;  // the greeting
  if (listener.channel == Channel::control && !state.messages.take(limits_.control_messages, now)) {
    reject(Rejection::rate);
    return penalise(*peer, limits_.points_flood);
  }
  deliver(*peer, listener.channel, message);
}

void IoLoop::take_lobby(Listener& listener, const CurvePublic& key, Arrived& message) {
  const Time now = steady_now();
  const int fd = message.header.source();
  if (strangers_.size() >= kStrangersMax && !strangers_.contains(key)) {
    std::erase_if(strangers_, [](const auto& entry) { return !entry.second.route; });
  }
  Stranger& stranger = strangers_[key];
  learn_route(stranger.route, message);
  shared_.outbox.open({Channel::lobby, key});
  if (message.parts != kParts) {
    if (listener.connections.cut(fd)) count(Kick::score);
    return reject(Rejection::frame_count);
  }
  if (message.header.bytes().empty() && message.body.bytes().empty()) return;
  if (!stranger.messages.take(limits_.lobby_messages, now)) return reject(Rejection::rate);
  deliver(key, Channel::lobby, message);
}

void IoLoop::learn_route(std::optional<Route>& route, const Arrived& message) {
  const auto id = message.id.bytes();
  const int fd = message.header.source();
  if (!given_by_us(id) || (route && route->fd == fd)) return;
  route = Route{{id.begin(), id.end()}, fd};
}

void IoLoop::guard(Listener& listener, Time now) {
  // What ZeroMQ has ready is not held against anybody: it is this thread that was slow.
  receive(listener, kDrainMax);
  for (const Connections::Found& found : listener.connections.check(now)) {
    if (!listener.connections.cut(found.fd)) continue;
    switch (found.finding) {
      case Connections::Finding::budget: {
        count(Kick::budget);
        const auto peer = found.key ? admission_.owner(*found.key) : std::nullopt;
        if (peer) {
          admission_.quarantine(*peer, now);
          cut_peer(*peer, Kick::budget);
        }
        break;
      }
      case Connections::Finding::unnamed:
        count(Kick::unnamed);
        break;
      case Connections::Finding::quiet:
        count(Kick::quiet);
        break;
    }
  }
}

/// Cuts every connection that `peer` dialled, and those that we dialled to it.
void IoLoop::cut_peer(const CurvePublic& peer, Kick reason) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  PeerState& state = found->second;
  for (auto& listener : listeners_) {
    if (!listener) continue;
    drain_monitor(*listener);
    count(reason, listener->connections.cut_all(state.peer.key));
    if (state.peer.other_key) count(reason, listener->connections.cut_all(*state.peer.other_key));
  }
  for (auto& route : state.routes) route.reset();
  for (auto& link : state.links) {
    if (!link) continue;
    if (link->up) count(reason);
    hang_up(*link);
    link->redial_at = steady_now() + limits_.quarantine;
  }
  update_up(state);
}

}  // namespace hansa::net
