// What a running node owes to whoever started it: to end on a signal, and, under systemd, to say when it is
// up, what it is doing, that it is still alive, and that it is ending. The protocol is one datagram per
// message to the socket named by $NOTIFY_SOCKET, fixed for good by systemd's sd_notify(3); docs/adr/0016 says
// why it is spoken without libsystemd.
#pragma once

#include "src/http/node_api.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace hansa::cli {

/// The service manager, or nobody. Thread-safe.
class ServiceManager {
 public:
  /// From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. None of them set: nobody listens.
  static ServiceManager from_environment();

  [[nodiscard]] bool listening() const { return !address_.empty(); }
  /// How long the node may be silent before it is killed and started again.
  [[nodiscard]] std::optional<std::chrono::microseconds> patience() const { return patience_; }
  /// Lines of NAME=value. What cannot be delivered is dropped: the node's work does not depend on it.
  void tell(const std::string& lines) const;

 private:
  std::string address_;  ///< as in $NOTIFY_SOCKET: a path, or @ and an abstract name; empty: nobody
  std::optional<std::chrono::microseconds> patience_;
};

/// One line on what the node is doing, for `systemctl status`.
std::string service_status(const http::NodeView& view);

/// A thread that waits for SIGINT and SIGTERM, and speaks for the node meanwhile.
class Attendant {
 public:
  struct Node {
    std::function<std::uint64_t()>
        turns;  ///< grows while the node's thread works; five times a second or more
    std::function<std::string()> status;
    std::function<void()> stop;  ///< asks the node to end
  };

  /// Blocks both signals for this thread and all that it starts, so that they wait for the attendant. Call it
  /// before any other thread is started.
  static void block_signals();

  /// Says that the node is up, and attends until the node ends. The first signal stops the node, a second one
  /// ends the process at once.
  Attendant(ServiceManager manager, Node node);
  ~Attendant();
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;

  /// The node is ending, for whatever reason; none of its functions is called from now on.
  void leave();

 private:
  void run();
  [[nodiscard]] int next_signal() const;  ///< 0: it is time for a sign of life
  void sign_of_life();

  const ServiceManager manager_;
  const Node node_;
  std::mutex mutex_;  ///< held while a function of the node is called
  bool leaving_ = false;
  std::atomic<bool> done_ = false;
  std::uint64_t turns_ = 0;
  std::string status_;
  std::thread thread_;
};

}  // namespace hansa::cli
