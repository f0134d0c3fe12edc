// ZeroMQ's C calls with their repetitions: interrupted calls go on, and options that cannot fail unless we
// are wrong are asserted on.
#include "src/net/zmq_socket.hpp"

#include <hansa/assert.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace hansa::net {
namespace {

constexpr std::size_t kCopiedBytesMax = 1024;  // below, a copy is cheaper than a counter shared by threads

void release(void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }

}  // namespace

Part::Part(const SharedBytes& bytes) {
  const std::size_t size = bytes.size();
  if (size <= kCopiedBytesMax) {
    const int failed = zmq_msg_init_size(&message_, size);
    HANSA_ASSERT(failed == 0);
    if (size != 0) std::memcpy(zmq_msg_data(&message_), bytes->data(), size);
    return;
  }
  auto* const hint = new std::shared_ptr<const void>(bytes.owner());
  // ZeroMQ only reads what it sends; its interface is older than const.
  auto* const data = const_cast<std::byte*>(bytes->data());
  const int failed = zmq_msg_init_data(&message_, data, size, release, hint);
  HANSA_ASSERT(failed == 0);
}

std::span<const std::byte> Part::bytes() const noexcept {
  return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
}

Context::Context() : context_(zmq_ctx_new()) {
  if (context_ == nullptr) return;
  zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, 8192);  // two per peer and channel
}

Socket::Socket(const Context& context, int type)
    : socket_(context ? zmq_socket(context.get(), type) : nullptr) {
  if (socket_ == nullptr) return;
  set(ZMQ_LINGER, 0);
  std::size_t size = sizeof fd_;
  const int failed = zmq_getsockopt(socket_, ZMQ_FD, &fd_, &size);
  HANSA_ASSERT(failed == 0);
}

void Socket::close() noexcept {
  if (socket_ == nullptr) return;
  zmq_socket_monitor(socket_, nullptr, 0);
  zmq_close(std::exchange(socket_, nullptr));
}

void Socket::set(int option, int value) noexcept {
  const int failed = zmq_setsockopt(socket_, option, &value, sizeof value);
  HANSA_ASSERT(failed == 0);
}

void Socket::set(int option, std::int64_t value) noexcept {
  const int failed = zmq_setsockopt(socket_, option, &value, sizeof value);
  HANSA_ASSERT(failed == 0);
}

void Socket::set(int option, const std::string& value) noexcept {
  const int failed = zmq_setsockopt(socket_, option, value.data(), value.size());
  HANSA_ASSERT(failed == 0);
}

void Socket::set(int option, std::span<const std::byte> value) noexcept {
  const int failed = zmq_setsockopt(socket_, option, value.data(), value.size());
  HANSA_ASSERT(failed == 0);
}

bool Socket::bind(const std::string& endpoint) noexcept {
  stirred_ = true;
  return zmq_bind(socket_, endpoint.c_str()) == 0;
}

bool Socket::connect(const std::string& endpoint) noexcept {
  stirred_ = true;
  return zmq_connect(socket_, endpoint.c_str()) == 0;
}

std::string Socket::last_endpoint() const {
  std::array<char, 512> text{};
  std::size_t size = text.size();
  if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size) != 0) return {};
  return text.data();
}

int Socket::events() noexcept {
  int events = 0;
  std::size_t size = sizeof events;
  stirred_ = zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0;
  return stirred_ ? 0 : events;
}

bool Socket::receive(Part& part) noexcept {
  int received = 0;
  do {
    received = zmq_msg_recv(part.get(), socket_, ZMQ_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  stirred_ = received >= 0;  // with nothing there ZeroMQ has looked for news, and has used them up
  return received >= 0;
}

bool Socket::send(Part& part, bool more) noexcept {
  stirred_ = true;
  int sent = 0;
  do {
    sent = zmq_msg_send(part.get(), socket_, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

bool Socket::send(std::span<const std::byte> bytes, bool more) noexcept {
  stirred_ = true;
  int sent = 0;
  do {
    sent = zmq_send(socket_, bytes.data(), bytes.size(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

Monitor::Monitor(const Context& context, const Socket& watched) {
  static std::atomic<std::uint64_t> counter{0};
  const std::string endpoint = "inproc://monitor-" + std::to_string(++counter);
  constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(watched.get(), endpoint.c_str(), kEvents) != 0) return;
  Socket pair(context, ZMQ_PAIR);
  // No limit: at one, ZeroMQ's own thread would stop until we have read on.
  pair.set(ZMQ_RCVHWM, 0);
  if (pair.connect(endpoint)) pair_ = std::move(pair);
}

std::optional<MonitorEvent> Monitor::next() noexcept {
  Part head;
  if (!pair_ || !pair_.receive(head)) return std::nullopt;
  MonitorEvent result;
  const auto bytes = head.bytes();
  if (bytes.size() == 6) {
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    std::memcpy(&event, bytes.data(), 2);
    std::memcpy(&value, bytes.data() + 2, 4);
    result = {event, static_cast<int>(value)};
  }
  Part address;
  for (bool more = head.more(); more; more = address.more()) {
    if (!pair_.receive(address)) break;
  }
  return result;
}

int milliseconds(Duration duration) noexcept {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace hansa::net
