// HTTP as bytes on a socket, for requests that no well-behaved client sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hansa::http::test {

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept : socket_(other.socket_) { other.socket_ = -1; }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void send(std::string_view bytes) const;
  /// Reads until `until` has come, the peer closes, or ten seconds are over.
  std::string receive(std::string_view until = {}) const;

 private:
  int socket_;
};

struct RawAnswer {
  int status = 0;
  std::string head, body;
};

/// One request with a loopback Host header unless `headers` has one.
RawAnswer ask(std::uint16_t port, std::string_view method, std::string_view path, std::string headers = {},
              std::string_view body = {});

}  // namespace hansa::http::test
