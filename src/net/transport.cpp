// The face of the transport: starts its thread, and turns calls from any thread into queue entries and
// commands.
#include "src/net/transport.hpp"

#include "src/net/io_loop.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace hansa::net {
namespace {

/// A value that one thread waits for and another gives.
template <class T>
class Answer {
 public:
  void give(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    given_.notify_all();
  }
  [[nodiscard]] T wait() {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

}  // namespace

std::string_view name_of(Channel channel) noexcept {
  constexpr std::array<std::string_view, kChannels> kNames = {"control", "bulk", "lobby"};
  return kNames[static_cast<std::size_t>(channel)];
}

std::string_view name_of(Handshake result) noexcept {
  constexpr std::array<std::string_view, kHandshakes> kNames = {
      "accepted", "unknown", "quarantined", "too_fast", "dialled", "denied", "failed"};
  return kNames[static_cast<std::size_t>(result)];
}

std::string_view name_of(Kick reason) noexcept {
  constexpr std::array<std::string_view, kKicks> kNames = {"removed", "budget",  "score",
                                                           "crowded", "unnamed", "quiet"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::string_view name_of(Rejection reason) noexcept {
  constexpr std::array<std::string_view, kRejections> kNames = {"unlisted", "quarantined", "frame_count",
                                                                "rate"};
  return kNames[static_cast<std::size_t>(reason)];
}

struct Transport::Impl {
  Impl(TransportOptions given, Sink& sink) : options(std::move(given)), shared(options.limits) {
    Answer<Result<void>> booted;
    thread = std::thread([this, &sink, &booted] {
      IoLoop loop(options, sink, shared);
      Result<void> result = loop.boot();
      const bool ok = result.ok();
      booted.give(std::move(result));
      if (ok) loop.run();
    });
    boot = booted.wait();
  }
  ~Impl() {
    shared.stop = true;
    shared.wake();
    thread.join();
  }

  TransportOptions options;
  Shared shared;
  std::mutex peers_mutex;  ///< so that the outbox and the thread see changes of the list in the same order
  std::thread thread;
  Result<void> boot;
};

Transport::Transport(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Transport::~Transport() = default;

Result<std::unique_ptr<Transport>> Transport::open(TransportOptions options, Sink& sink) {
  if (auto ready = crypto::initialise(); !ready) return ready.error();
  auto impl = std::make_unique<Impl>(std::move(options), sink);
  if (!impl->boot) return impl->boot.error();
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

void Transport::set_peers(std::vector<Peer> peers) {
  std::vector<CurvePublic> keys;
  std::map<CurvePublic, CurvePublic> others;
  for (const Peer& peer : peers) {
    keys.push_back(peer.key);
    if (peer.other_key) others.emplace(*peer.other_key, peer.key);
  }
  const std::lock_guard lock(impl_->peers_mutex);
  impl_->shared.outbox.set_peers(keys, std::move(others));
  impl_->shared.post([list = std::move(peers)](IoLoop& loop) { loop.set_peers(list); });
}

bool Transport::send(const CurvePublic& to, Channel channel, SharedBytes header, SharedBytes body) {
  Shared& shared = impl_->shared;
  switch (shared.outbox.push({channel, to}, {std::move(header), std::move(body), steady_now()})) {
    case Outbox::Pushed::yes:
      // From the sink's calls the queues are looked at in a moment anyway.
      if (std::this_thread::get_id() != impl_->thread.get_id()) shared.wake();
      return true;
    case Outbox::Pushed::full:
      ++shared.counters.channels[static_cast<std::size_t>(channel)].queue_full;
      return false;
    case Outbox::Pushed::unknown:
      return false;
  }
  return false;
}

void Transport::penalise(const CurvePublic& peer, Offence offence) {
  const Limits& limits = impl_->options.limits;
  const int points = offence == Offence::bad_signature ? limits.points_bad_signature
                     : offence == Offence::late_chunk  ? limits.points_late
                     : offence == Offence::false_chunk ? limits.points_false
                                                       : limits.points_invalid;
  impl_->shared.post([peer, points](IoLoop& loop) { loop.penalise(peer, points); });
}

Result<std::string> Transport::open_lobby(const std::string& endpoint) {
  Answer<Result<std::string>> answer;
  impl_->shared.post([&](IoLoop& loop) { answer.give(loop.open_lobby(endpoint)); });
  return answer.wait();
}

void Transport::close_lobby() {
  impl_->shared.post([](IoLoop& loop) { loop.close_lobby(); });
}

void Transport::dial_lobby(std::optional<Peer> host) {
  // At once, so that what is sent next waits for the connection instead of finding no lane.
  if (host) impl_->shared.outbox.open({Channel::lobby, host->key});
  impl_->shared.post([host = std::move(host)](IoLoop& loop) { loop.dial_lobby(host); });
}

void Transport::linger(Duration patience) { impl_->shared.linger_ns = patience.count(); }

Result<void> Transport::rotate(CurveKey keys) {
  Answer<Result<void>> answer;
  impl_->shared.post([&](IoLoop& loop) { answer.give(loop.rotate(std::move(keys))); });
  return answer.wait();
}

std::string Transport::control_endpoint() const {
  const std::lock_guard lock(impl_->shared.mutex);
  return impl_->shared.bound[static_cast<std::size_t>(Channel::control)];
}

std::string Transport::bulk_endpoint() const {
  const std::lock_guard lock(impl_->shared.mutex);
  return impl_->shared.bound[static_cast<std::size_t>(Channel::bulk)];
}

Stats Transport::stats() const {
  const Counters& counters = impl_->shared.counters;
  Stats stats;
  for (std::size_t i = 0; i < kChannels; ++i) {
    const Counters::PerChannel& from = counters.channels[i];
    stats.channels[i] = {from.messages_in, from.messages_out, from.bytes_in,   from.bytes_out,
                         from.queue_full,  from.stale,        from.connections};
  }
  for (std::size_t i = 0; i < kHandshakes; ++i) stats.handshakes[i] = counters.handshakes[i];
  for (std::size_t i = 0; i < kKicks; ++i) stats.kicks[i] = counters.kicks[i];
  for (std::size_t i = 0; i < kRejections; ++i) stats.rejected[i] = counters.rejected[i];
  return stats;
}

std::vector<PeerStats> Transport::peer_stats() const {
  const std::lock_guard lock(impl_->shared.mutex);
  return impl_->shared.peers;
}

}  // namespace hansa::net
