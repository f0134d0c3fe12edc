// Peers: the allow-list, the connections that we dial, and what leaves.
#include "src/net/io_loop.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cerrno>

namespace hansa::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSendBatch = 32;  // messages per lane and turn
constexpr std::size_t kDrainMax = 4096;
constexpr int kFailuresPerKey = 2;  // then the peer's other key is tried

constexpr std::array kDialled = {Channel::control, Channel::bulk};

const std::string& endpoint_of(const Peer& peer, Channel channel) noexcept {
  return channel == Channel::control ? peer.control_endpoint : peer.bulk_endpoint;
}

bool same_keys(const Peer& a, const Peer& b) noexcept { return a.key == b.key && a.other_key == b.other_key; }

bool has_key(const Peer& peer, const CurvePublic& key) noexcept {
  return peer.key == key || peer.other_key == key;
}

}  // namespace

void IoLoop::set_peers(std::vector<Peer> peers) {
  std::erase_if(peers, [this](const Peer& peer) { return peer.key == keys_.public_key(); });
  admission_.set_peers(peers);
  std::map<CurvePublic, Peer> wanted;
  for (Peer& peer : peers) wanted.insert_or_assign(peer.key, std::move(peer));

  rename_peers(wanted);
  for (auto it = peers_.begin(); it != peers_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    cut_peer(it->first, Kick::removed);
    it = peers_.erase(it);
  }
  const Time now = steady_now();
  for (auto& [key, peer] : wanted) {
    PeerState& state = peers_[key];
    const Peer before = std::exchange(state.peer, peer);
    if (!same_keys(before, peer)) adopt_keys(state, before);
    for (const Channel channel : kDialled) {
      auto& link = state.links[static_cast<std::size_t>(channel)];
      const std::string& endpoint = endpoint_of(peer, channel);
      if (endpoint.empty()) {
        link.reset();
      } else if (!link || endpoint != endpoint_of(before, channel)) {
        link = std::make_unique<Link>(limits_);
        link->peer = key;
        link->channel = channel;
        link->endpoint = endpoint;
        link->server_keys = {key, peer.other_key.value_or(key)};
        link->key_count = peer.other_key ? 2 : 1;
        dial(*link);
      } else if (!link->up && link->redial_at && !admission_.quarantined(key, now)) {
        link->redial_at = now;  // our list has changed; perhaps theirs has, too
      }
    }
    update_up(state);
  }
}

/// A peer that is listed under another of its keys than before is still the same.
void IoLoop::rename_peers(const std::map<CurvePublic, Peer>& wanted) {
  for (const auto& [key, peer] : wanted) {
    if (peers_.contains(key)) continue;
    const auto old =
        std::find_if(peers_.begin(), peers_.end(), [&, key = key, &peer = peer](const auto& entry) {
          return !wanted.contains(entry.first) &&
                 (entry.first == peer.other_key || has_key(entry.second.peer, key));
        });
    if (old == peers_.end()) continue;
    admission_.rename(old->first, key);
    auto node = peers_.extract(old);
    node.key() = key;
    for (const auto& link : node.mapped().links) {
      if (link) link->peer = key;
    }
    peers_.insert(std::move(node));
  }
}

/// Connections whose keys are still listed stay; the others end.
void IoLoop::adopt_keys(PeerState& state, const Peer& before) {
  const Peer& peer = state.peer;
  if (!has_key(peer, before.key)) cut_key(state, before.key);
  if (before.other_key && !has_key(peer, *before.other_key)) cut_key(state, *before.other_key);
  for (const auto& link : state.links) {
    if (!link) continue;
    const CurvePublic used = link->server_keys[link->key_index];
    link->server_keys = {peer.key, peer.other_key.value_or(peer.key)};
    link->key_count = peer.other_key ? 2 : 1;
    link->key_index = used == peer.other_key ? 1 : 0;
    const bool barred = admission_.quarantined(peer.key, steady_now());
    if (barred || (link->up && has_key(peer, used))) continue;
    link->key_index = 0;  // the newest first
    dial(*link);
  }
}

/// Cuts the connections that `state`'s peer made with `key`.
void IoLoop::cut_key(PeerState& state, const CurvePublic& key) {
  for (const Channel channel : kDialled) {
    const auto i = static_cast<std::size_t>(channel);
    if (!listeners_[i]) continue;
    drain_monitor(*listeners_[i]);
    if (state.routes[i] && listeners_[i]->connections.key_of(state.routes[i]->fd) == key)
      state.routes[i].reset();
    count(Kick::removed, listeners_[i]->connections.cut_all(key));
  }
}

void IoLoop::penalise(const CurvePublic& peer, int points) {
  const auto owner = admission_.owner(peer);
  if (!owner) return;
  if (admission_.penalise(*owner, points, steady_now())) cut_peer(*owner, Kick::score);
}

void IoLoop::dial_lobby(std::optional<Peer> host) {
  if (lobby_link_ && !(host && host->key == lobby_link_->peer)) {
    shared_.outbox.close({Channel::lobby, lobby_link_->peer});
  }
  lobby_link_.reset();
  if (!host) return;
  lobby_link_ = std::make_unique<Link>(limits_);
  lobby_link_->peer = host->key;
  lobby_link_->channel = Channel::lobby;
  lobby_link_->endpoint = host->control_endpoint;
  lobby_link_->server_keys = {host->key, host->other_key.value_or(host->key)};
  lobby_link_->key_count = host->other_key ? 2 : 1;
  shared_.outbox.open({Channel::lobby, host->key});
  dial(*lobby_link_);
}

Result<std::string> IoLoop::open_lobby(const std::string& endpoint) {
  close_lobby();
  if (auto listening = listen(Channel::lobby, endpoint, 2s); !listening) return listening.error();
  return listeners_[static_cast<std::size_t>(Channel::lobby)]->bound;
}

void IoLoop::close_lobby() {
  auto& lobby = listeners_[static_cast<std::size_t>(Channel::lobby)];
  if (!lobby) return;
  publish(*lobby, "");
  lobby.reset();
  for (const auto& [key, stranger] : strangers_) shared_.outbox.close({Channel::lobby, key});
  strangers_.clear();
  shared_.counters.channels[static_cast<std::size_t>(Channel::lobby)].connections = 0;
}

Result<void> IoLoop::rotate(CurveKey keys) {
  previous_keys_ = std::exchange(keys_, std::move(keys));
  for (auto& listener : listeners_) {
    if (!listener) continue;
    const Channel channel = listener->channel;
    const std::string bound = listener->bound;  // the same port, also if it was a free one at first
    listener.reset();
    for (auto& [key, state] : peers_) {
      if (channel != Channel::lobby) state.routes[static_cast<std::size_t>(channel)].reset();
    }
    if (auto listening = listen(channel, bound, 5s); !listening) return listening;
  }
  for (auto& [key, stranger] : strangers_) stranger.route.reset();
  const Time now = steady_now();
  for (Link* const link : links()) {
    hang_up(*link);
    link->with_previous = false;
    link->redial_at = now;
  }
  for (auto& [key, state] : peers_) update_up(state);
  publish_peers(now);
  return {};
}

std::vector<IoLoop::Link*> IoLoop::links() {
  std::vector<Link*> result;
  for (auto& [key, state] : peers_) {
    for (const auto& link : state.links) {
      if (link) result.push_back(link.get());
    }
  }
  if (lobby_link_) result.push_back(lobby_link_.get());
  return result;
}

void IoLoop::dial(Link& link) {
  hang_up(link);
  link.redial_at.reset();
  link.dialled_at = steady_now();
  link.dealer = Socket(context_, ZMQ_DEALER);
  bool dialled = false;
  if (link.dealer) {
    set_common_options(link.dealer, limits_, link.channel);
    link.dealer.set(ZMQ_RECONNECT_IVL, milliseconds(limits_.reconnect_min));
    link.dealer.set(ZMQ_RECONNECT_IVL_MAX, milliseconds(limits_.reconnect_max));
    link.dealer.set(ZMQ_CURVE_SERVERKEY, link.server_keys[link.key_index]);
    const CurveKey& own = link.with_previous ? *previous_keys_ : keys_;
    link.dealer.set(ZMQ_CURVE_PUBLICKEY, own.public_key());
    link.dealer.set(ZMQ_CURVE_SECRETKEY, own.secret());
    link.monitor = Monitor(context_, link.dealer);
    dialled = link.dealer.connect(link.endpoint);
  }
  if (!dialled) {  // an endpoint that cannot be, or no descriptors left
    count(Handshake::failed);
    link.dealer.close();
    link.backoff = limits_.reconnect_max;
    link.redial_at = link.dialled_at + link.backoff;
  }
}

void IoLoop::hang_up(Link& link) {
  link.dealer.close();
  link.monitor = Monitor();
  link.connections = Connections(limits_);
  link.up = false;
}

void IoLoop::drain_monitor(Link& link) {
  const bool was_up = link.up;
  const Time now = steady_now();
  while (const auto event = link.monitor.next()) {
    switch (event->event) {
      case ZMQ_EVENT_CONNECTED:
        link.connections.opened(event->value, now);
        break;
      case ZMQ_EVENT_DISCONNECTED:
        static_cast<void>(link.connections.closed(event->value));
        if (link.up && link.key_index != 0) {  // perhaps because it took its newest key just now
          link.key_index = 0;
          link.redial_at = now + limits_.reconnect_min / 5;
        }
        link.up = false;
        break;
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        count(Handshake::dialled);
        link.up = true;
        link.failures = 0;
        link.backoff = Duration{0};
        link.dealer.send({}, true);  // the greeting
        link.dealer.send({}, false);
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        // Refused, and ZeroMQ will never try again by itself.
        count(Handshake::denied);
        if (previous_keys_ && link.channel != Channel::lobby) link.with_previous = !link.with_previous;
        link.backoff = std::clamp(2 * link.backoff, limits_.reconnect_min, limits_.reconnect_max);
        link.redial_at = now + link.backoff;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        count(Handshake::failed);
        if (++link.failures < kFailuresPerKey || link.key_count < 2) break;
        link.failures = 0;
        link.key_index = 1 - link.key_index;  // perhaps it has taken its other key
        link.redial_at = now + limits_.reconnect_min;
        break;
      default:
        break;
    }
  }
  if (link.up == was_up || link.channel == Channel::lobby) return;
  update_up(peers_.at(link.peer));
}

void IoLoop::receive(Link& link, std::size_t most) {
  for (std::size_t received = 0; link.dealer && received < most; ++received) {
    Arrived message;
    if (!receive_parts(link.dealer, false, message.id, message.header, message.body, message.parts,
                       message.bytes)) {
      break;
    }
    static_cast<void>(
        link.connections.delivered(message.header.source(), link.peer, message.bytes, steady_now()));
    if (message.parts != 2) {
      reject(Rejection::frame_count);
      penalise(link.peer, limits_.points_invalid);
      continue;
    }
    if (message.header.bytes().empty() && message.body.bytes().empty()) continue;
    if (link.channel == Channel::control &&
        !peers_.at(link.peer).messages.take(limits_.control_messages, steady_now())) {
      reject(Rejection::rate);
      penalise(link.peer, limits_.points_flood);
      continue;
    }
    deliver(link.peer, link.channel, message);
  }
}

void IoLoop::guard(Link& link, Time now) {
  receive(link, kDrainMax);
  for (const Connections::Found& found : link.connections.check(now)) {
    // A dialled connection carries our messages; that nothing comes back on it is no fault.
    if (found.finding != Connections::Finding::budget) continue;
    count(Kick::budget);
    admission_.quarantine(link.peer, now);
    if (link.channel == Channel::lobby) {
      hang_up(link);
      link.redial_at = now + limits_.quarantine;
    } else {
      cut_peer(link.peer, Kick::budget);
    }
    return;
  }
}

void IoLoop::retry(Link& link, Time now) {
  if (link.redial_at && *link.redial_at <= now) dial(link);
}

IoLoop::Link* IoLoop::link_to(const Outbox::Lane& lane) {
  if (lane.first == Channel::lobby) {
    return lobby_link_ && lobby_link_->peer == lane.second ? lobby_link_.get() : nullptr;
  }
  const auto found = peers_.find(lane.second);
  return found == peers_.end() ? nullptr : found->second.links[static_cast<std::size_t>(lane.first)].get();
}

IoLoop::Route* IoLoop::route_to(const Outbox::Lane& lane) {
  std::optional<Route>* route = nullptr;
  if (lane.first == Channel::lobby) {
    const auto found = strangers_.find(lane.second);
    if (found != strangers_.end()) route = &found->second.route;
  } else {
    const auto found = peers_.find(lane.second);
    if (found != peers_.end()) route = &found->second.routes[static_cast<std::size_t>(lane.first)];
  }
  return route != nullptr && *route ? &**route : nullptr;
}

/// What spares the peer of a lane, if anything does: faster senders are taken for attackers.
TokenBucket* IoLoop::pace_of(const Outbox::Lane& lane) {
  if (lane.first != Channel::control) return nullptr;
  const auto peer = peers_.find(lane.second);
  return peer == peers_.end() ? nullptr : &peer->second.sent;
}

void IoLoop::flush() {
  retry_soon_ = more_to_send_ = false;
  for (const Outbox::Lane& lane : shared_.outbox.waiting()) {
    TokenBucket* const pace = pace_of(lane);
    const Time now = steady_now();
    for (std::size_t i = 0; i < kSendBatch; ++i) {
      if (pace != nullptr && !pace->ready(limits_.control_sent, now)) {
        retry_soon_ = true;
        break;
      }
      std::optional<Outgoing> message = shared_.outbox.pop(lane);
      if (!message) break;
      const std::size_t size = message->size();
      const Sent sent = send(lane, *message);
      if (sent == Sent::later) {
        shared_.outbox.give_back(lane, std::move(*message));
        break;
      }
      auto& counters = shared_.counters.channels[static_cast<std::size_t>(lane.first)];
      if (sent == Sent::never) {
        ++counters.stale;
        continue;
      }
      ++counters.messages_out;
      counters.bytes_out += size;
      if (pace != nullptr) static_cast<void>(pace->take(limits_.control_sent, now));
      const auto peer = peers_.find(lane.second);
      if (peer != peers_.end()) peer->second.bytes_out += size;
      if (i + 1 == kSendBatch) more_to_send_ = true;  // come back without waiting
    }
  }
}

IoLoop::Sent IoLoop::send(const Outbox::Lane& lane, const Outgoing& message) {
  Socket* socket = nullptr;
  if (Link* const link = link_to(lane)) {
    if (!link->up) return Sent::later;
    socket = &link->dealer;
  } else {
    Route* const route = route_to(lane);
    auto& listener = listeners_[static_cast<std::size_t>(lane.first)];
    if (route == nullptr || !listener) return Sent::later;
    socket = &listener->router;
    if (!socket->send(route->id, true)) {
      if (errno == EAGAIN) retry_soon_ = true;
      return Sent::later;  // busy, or just gone: the monitor will tell
    }
  }
  Part header(message.header), body(message.body);
  if (!socket->send(header, true)) return Sent::later;
  return socket->send(body, false) ? Sent::yes : Sent::never;
}

void IoLoop::update_up(PeerState& state) {
  const auto& link = state.links[static_cast<std::size_t>(Channel::control)];
  const bool up = link ? link->up : state.routes[static_cast<std::size_t>(Channel::control)].has_value();
  if (up == state.up) return;
  state.up = up;
  sink_.on_peer(state.peer.key, up);
}

void IoLoop::deliver(const CurvePublic& from, Channel channel, const Arrived& message) {
  const auto header = message.header.bytes();
  const auto body = message.body.bytes();
  auto& counters = shared_.counters.channels[static_cast<std::size_t>(channel)];
  ++counters.messages_in;
  counters.bytes_in += header.size() + body.size();
  if (const auto peer = peers_.find(from); channel != Channel::lobby && peer != peers_.end())
    peer->second.bytes_in += header.size() + body.size();
  sink_.on_frame(from, channel, header, body);
}

}  // namespace hansa::net
