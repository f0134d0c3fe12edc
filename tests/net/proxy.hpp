// A TCP proxy on the loopback interface that records what passes and can flip a bit: the attacker on the
// line.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hansa::net::testing {

class Proxy {
 public:
  /// Forwards connections to `port` of the loopback interface.
  explicit Proxy(int port) : target_(port), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 16);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Proxy() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  /// Flips a bit in the next bytes from the dialler.
  void flip_next() { flip_ = true; }
  [[nodiscard]] bool flipped() const { return flipped_; }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  /// Everything that has passed, both ways.
  [[nodiscard]] std::string recorded() {
    const std::lock_guard lock(mutex_);
    return recorded_;
  }

  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }

 private:
  void run() {
    std::vector<std::pair<int, int>> pairs;  // dialler, listener
    while (!stop_) {
      std::vector<pollfd> items{{listener_, POLLIN, 0}};
      for (const auto& [a, b] : pairs) {
        items.push_back({a, POLLIN, 0});
        items.push_back({b, POLLIN, 0});
      }
      if (poll(items.data(), items.size(), 20) <= 0) continue;
      std::vector<std::pair<int, int>> alive;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto [a, b] = pairs[i];
        const bool ok = (items[1 + 2 * i].revents == 0 || pass(a, b, true)) &&
                        (items[2 + 2 * i].revents == 0 || pass(b, a, false));
        if (ok) {
          alive.push_back(pairs[i]);
        } else {
          close(a);
          close(b);
        }
      }
      if ((items[0].revents & POLLIN) != 0) {
        const int a = accept(listener_, nullptr, nullptr);
        const int b = socket(AF_INET, SOCK_STREAM, 0);
        const sockaddr_in address = loopback(target_);
        connect(b, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        alive.emplace_back(a, b);
        ++connections_;
      }
      pairs = std::move(alive);
    }
    for (const auto& [a, b] : pairs) {
      close(a);
      close(b);
    }
  }

  bool pass(int from, int to, bool may_flip) {
    char buffer[65536];
    const ssize_t count = recv(from, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    if (may_flip && flip_.exchange(false)) {
      buffer[count - 1] = static_cast<char>(buffer[count - 1] ^ 4);  // in the sealed part, whatever it is
      flipped_ = true;
    }
    {
      const std::lock_guard lock(mutex_);
      recorded_.append(buffer, static_cast<std::size_t>(count));
    }
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t now = ::send(to, buffer + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += now;
    }
    return true;
  }

  int target_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stop_{false}, flip_{false}, flipped_{false};
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::string recorded_;
  std::thread thread_;
};

}  // namespace hansa::net::testing
