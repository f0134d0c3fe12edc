// The node's HTTP server: cpp-httplib parses and formats, src/http/api answers. What the library leaves open
// is closed here: one request per connection, a deadline for every part of it, a bound on connections,
// threads and streams; when all are taken, whoever has been silent longest goes, so a crowd of slow clients
// cannot keep an operator out.
#pragma once

#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace hansa::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7720;     ///< 0: any free one
  std::string token;             ///< for X-Hansa-Token; at least 16 characters
  bool token_for_reads = false;  ///< needed to bind to anything but loopback
};

/// Answers until it is destroyed. Thread-safe.
class Server {
 public:
  /// Binds and starts answering. `node` must outlive the server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(NodeApi& node, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hansa::http
