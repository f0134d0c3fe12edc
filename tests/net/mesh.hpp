// A few transports in one process, and sinks that remember what happened. Tests wait for conditions, with a
// deadline that is far beyond what a busy machine needs.
#pragma once

#include "src/net/transport.hpp"
#include "tests/eventually.hpp"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::net::testing {

using namespace std::chrono_literals;
inline constexpr auto kPatience = 20s;

inline std::shared_ptr<const Bytes> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Remembers frames (bodies up to 1 KiB, sizes of all) and who is up.
class RecordingSink : public Sink {
 public:
  struct Frame {
    CurvePublic from{};
    Channel channel{};
    std::string header, body;
    std::size_t body_bytes = 0;
  };

  void on_frame(const CurvePublic& from, Channel channel, std::span<const std::byte> header,
                std::span<const std::byte> body) override {
    if (reaction) reaction(from, channel, header, body);
    const std::lock_guard lock(mutex_);
    frames_.push_back({from, channel, text_of(header),
                       text_of(body.first(std::min<std::size_t>(body.size(), 1024))), body.size()});
    changed_.notify_all();
  }
  void on_peer(const CurvePublic& peer, bool up) override {
    const std::lock_guard lock(mutex_);
    up_[peer] = up;
    changed_.notify_all();
  }
  void on_rejected(Rejection reason) override {
    const std::lock_guard lock(mutex_);
    ++rejected_[reason];
    changed_.notify_all();
  }

  /// Waits until `condition` holds; false if it does not within `patience`. Called with the lock held.
  template <class Condition>
  bool wait(Condition condition, std::chrono::nanoseconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, condition);
  }
  bool wait_up(const CurvePublic& peer, bool up = true) {
    return wait([&] { return up_.contains(peer) && up_.at(peer) == up; });
  }
  bool wait_frames(std::size_t count) {
    return wait([&] { return frames_.size() >= count; });
  }
  /// Waits for a frame with this body, and returns it.
  std::optional<Frame> wait_body(std::string_view body) {
    std::optional<Frame> found;
    wait([&] {
      for (const Frame& frame : frames_) {
        if (frame.body == body) found = frame;
      }
      return found.has_value();
    });
    return found;
  }
  std::vector<Frame> frames() {
    const std::lock_guard lock(mutex_);
    return frames_;
  }
  std::size_t count_from(const CurvePublic& peer) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const Frame& frame : frames_) count += frame.from == peer ? 1 : 0;
    return count;
  }

  /// Called first, on the transport's thread. Set it before the transport is opened.
  std::function<void(const CurvePublic&, Channel, std::span<const std::byte>, std::span<const std::byte>)>
      reaction;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Frame> frames_;
  std::map<CurvePublic, bool> up_;
  std::map<Rejection, std::size_t> rejected_;
};

/// Polls until `condition` holds, for what no sink reports.
template <class Condition>
bool eventually(Condition condition, std::chrono::nanoseconds patience = kPatience) {
  return test::eventually(condition, patience, 5ms);
}

/// Quick to reconnect, and generous to one address, since here everybody has the same.
inline Limits test_limits() {
  Limits limits;
  limits.reconnect_min = 50ms;
  limits.reconnect_max = 500ms;
  limits.handshakes = {1000, 1000};
  limits.control_messages = {1e6, 1e6};
  return limits;
}

inline TransportOptions options_for(const CurveKey& keys, bool listens = true) {
  TransportOptions options;
  options.keys = keys;
  options.consortium = "test";
  if (listens) options.control_endpoint = options.bulk_endpoint = "tcp://127.0.0.1:0";
  options.limits = test_limits();
  return options;
}

/// A transport with its sink. Asserts that it opened.
struct Node {
  explicit Node(bool listens = true, std::function<void(TransportOptions&)> adjust = {})
      : keys(CurveKey::generate()) {
    TransportOptions options = options_for(keys, listens);
    if (adjust) adjust(options);
    auto opened = Transport::open(std::move(options), sink);
    if (!opened) throw std::runtime_error(opened.error().message);
    transport = std::move(*opened);
  }
  /// As others list it; without endpoints if it does not listen.
  [[nodiscard]] Peer peer() const {
    return {keys.public_key(), std::nullopt, transport->control_endpoint(), transport->bulk_endpoint()};
  }
  bool send(const Node& to, Channel channel, std::string_view body, std::string_view header = "h") {
    return transport->send(to.keys.public_key(), channel, bytes_of(header), bytes_of(body));
  }
  [[nodiscard]] const CurvePublic& key() const { return keys.public_key(); }

  CurveKey keys;
  RecordingSink sink;  // outlives the transport
  std::unique_ptr<Transport> transport;
};

[[nodiscard]] inline int port_of(const std::string& endpoint) {
  return std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
}

/// Everybody lists everybody.
inline void introduce(std::initializer_list<Node*> nodes) {
  std::vector<Peer> peers;
  for (const Node* node : nodes) peers.push_back(node->peer());
  for (Node* node : nodes) node->transport->set_peers(peers);
}

}  // namespace hansa::net::testing
