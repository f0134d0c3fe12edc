// ZeroMQ's C interface with owners: contexts, sockets and messages that release themselves, and errors as
// values. Private to src/net/.
#pragma once

#include <hansa/shared_bytes.hpp>
#include <hansa/types.hpp>

#include <zmq.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hansa::net {

/// A message part. Not copied.
class Part {
 public:
  Part() noexcept { zmq_msg_init(&message_); }
  /// Shares `bytes` with ZeroMQ, which lets go of them when they are sent; small ones are copied.
  explicit Part(const SharedBytes& bytes);
  ~Part() { zmq_msg_close(&message_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  [[nodiscard]] bool more() const noexcept { return zmq_msg_more(&message_) != 0; }
  /// The socket's file descriptor that it came from; -1 if it did not come over TCP.
  [[nodiscard]] int source() const noexcept { return zmq_msg_get(&message_, ZMQ_SRCFD); }
  /// A property of the connection, e.g. "User-Id"; none if it has no such property.
  [[nodiscard]] const char* property(const char* name) const noexcept {
    return zmq_msg_gets(&message_, name);
  }
  [[nodiscard]] zmq_msg_t* get() noexcept { return &message_; }

 private:
  mutable zmq_msg_t message_;
};

/// ZeroMQ's own; false if there are not enough file descriptors for it, and then no socket opens.
class Context {
 public:
  Context();
  ~Context() {
    if (context_ != nullptr) zmq_ctx_term(context_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  [[nodiscard]] void* get() const noexcept { return context_; }
  explicit operator bool() const noexcept { return context_ != nullptr; }

 private:
  void* context_;
};

/// One socket, used by one thread. LINGER is 0: closing drops what has not been sent.
class Socket {
 public:
  Socket() = default;
  Socket(const Context& context, int type);
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept { *this = std::move(other); }
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      socket_ = std::exchange(other.socket_, nullptr);
      fd_ = std::exchange(other.fd_, -1);
      stirred_ = std::exchange(other.stirred_, true);
    }
    return *this;
  }

  void close() noexcept;
  [[nodiscard]] void* get() const noexcept { return socket_; }
  explicit operator bool() const noexcept { return socket_ != nullptr; }

  void set(int option, int value) noexcept;
  void set(int option, std::int64_t value) noexcept;
  void set(int option, const std::string& value) noexcept;
  void set(int option, std::span<const std::byte> value) noexcept;

  [[nodiscard]] bool bind(const std::string& endpoint) noexcept;
  [[nodiscard]] bool connect(const std::string& endpoint) noexcept;
  /// What the last bind or connect came to, with the port.
  [[nodiscard]] std::string last_endpoint() const;
  /// What is possible now: ZMQ_POLLIN, ZMQ_POLLOUT, or both.
  [[nodiscard]] int events() noexcept;

  /// For poll(2) on many sockets at once: zmq_poll() costs four system calls for each, whether anything is
  /// there or not. The descriptor becomes readable when there may be news; see stirred().
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// The descriptor tells news once, and any call may have taken it. Where this is true, ask events() before
  /// waiting. To be able to send is news that receiving takes as well: whoever waits for it asks always.
  [[nodiscard]] bool stirred() const noexcept { return stirred_; }

  /// Without waiting. False if there is nothing, or no room (errno says why).
  [[nodiscard]] bool receive(Part& part) noexcept;
  bool send(Part& part, bool more) noexcept;
  bool send(std::span<const std::byte> bytes, bool more) noexcept;

 private:
  void* socket_ = nullptr;
  int fd_ = -1;
  bool stirred_ = true;
};

/// What happened on a socket's connections.
struct MonitorEvent {
  int event = 0;  ///< ZMQ_EVENT_*
  int value = 0;  ///< a file descriptor, an error or a status
};

/// Listens to the connection events of one socket. Destroy it after the socket: ZeroMQ's thread waits for
/// somebody to take its events, and closing the socket would wait for that thread.
class Monitor {
 public:
  Monitor() = default;
  Monitor(const Context& context, const Socket& watched);
  [[nodiscard]] std::optional<MonitorEvent> next() noexcept;
  [[nodiscard]] Socket& socket() noexcept { return pair_; }

 private:
  Socket pair_;
};

/// ZeroMQ counts in milliseconds.
[[nodiscard]] int milliseconds(Duration duration) noexcept;

/// Bytes that a message part of `size` bytes takes on a connection with CURVE (RFC 23 and 26).
[[nodiscard]] constexpr std::uint64_t wire_bytes(std::size_t size) noexcept {
  const std::uint64_t sealed = size + 33;  // "MESSAGE", nonce, authenticator, flags
  return sealed + (sealed > 255 ? 9 : 2);
}

}  // namespace hansa::net
