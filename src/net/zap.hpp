// The authentication handler of a ZeroMQ context (RFC 27): libzmq asks it about every handshake before a
// connection may carry messages. What it answers as User-Id comes with every message of that connection.
// Private to src/net/.
#pragma once

#include "src/net/transport.hpp"
#include "src/net/zmq_socket.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hansa::net {

/// The domain of a socket, e.g. "hansa/bank/control". The handler must know which door somebody knocks at.
[[nodiscard]] std::string zap_domain(std::string_view consortium, Channel channel);

class ZapHandler {
 public:
  using Decide = std::function<Handshake(Channel, const CurvePublic& key, std::string_view address)>;

  /// Binds the handler; there can be one per context, and it must be there before any server socket.
  [[nodiscard]] bool bind(const Context& context, std::string consortium);
  /// Answers all requests that wait. `decide` is asked about those that are well-formed.
  void serve(const Decide& decide);
  [[nodiscard]] Socket& socket() noexcept { return socket_; }

 private:
  [[nodiscard]] std::optional<Channel> channel_of(std::string_view domain) const;
  Socket socket_;
  std::string consortium_;
};

/// The key in a message's User-Id; none if it is not one that the handler gave.
[[nodiscard]] std::optional<CurvePublic> key_from_hex(const char* text) noexcept;

}  // namespace hansa::net
