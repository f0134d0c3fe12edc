// A peer that keeps no rules: a bare ZeroMQ socket with a key, and whatever options and frames a test wants.
#pragma once

#include "src/net/transport.hpp"
#include "src/net/zmq_socket.hpp"

#include <string>
#include <string_view>

namespace hansa::net::testing {

struct RawPeer {
  /// Dials `endpoint` of the node with `server` key.
  RawPeer(const CurveKey& keys, const CurvePublic& server, const std::string& endpoint,
          std::string_view routing_id = {})
      : socket(context, ZMQ_DEALER) {
    if (!routing_id.empty()) socket.set(ZMQ_ROUTING_ID, std::string(routing_id));
    socket.set(ZMQ_CURVE_SERVERKEY, server);
    socket.set(ZMQ_CURVE_PUBLICKEY, keys.public_key());
    socket.set(ZMQ_CURVE_SECRETKEY, keys.secret());
    socket.set(ZMQ_RECONNECT_IVL, 50);
    socket.set(ZMQ_SNDHWM, 0);
    monitor = Monitor(context, socket);
    connected = socket.connect(endpoint);
  }

  bool send(std::string_view header, std::string_view body) {
    return socket.send(std::as_bytes(std::span(header)), true) &&
           socket.send(std::as_bytes(std::span(body)), false);
  }
  /// Whether the monitor has reported `event` since the last call.
  bool happened(int event) {
    bool found = false;
    while (const auto next = monitor.next()) found = found || next->event == event;
    return found;
  }
  /// The body of a message that has arrived; empty if there is none.
  std::string receive() {
    Part part;
    std::string last;
    while (socket.receive(part)) {
      last.assign(reinterpret_cast<const char*>(part.bytes().data()), part.bytes().size());
    }
    return last;
  }

  Context context;
  Monitor monitor;
  Socket socket;  // closed before the monitor and the context
  bool connected = false;
};

}  // namespace hansa::net::testing
