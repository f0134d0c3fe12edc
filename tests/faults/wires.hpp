// The network between the processes of a test: every node is reached through a proxy of its own on the
// loopback interface, so that a test can cut the wires between two groups of nodes and join them again. Who
// dials is found out from the kernel's tables: the process that holds the other end of the connection.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace hansa::faults {

/// Thread-safe.
class Wires {
 public:
  /// Two proxies for each of `nodes` nodes: one for each of the ports that others dial.
  explicit Wires(std::size_t nodes);
  ~Wires();
  Wires(const Wires&) = delete;
  Wires& operator=(const Wires&) = delete;

  static constexpr std::size_t kPorts = 2;  ///< control, bulk
  /// What others dial to reach port number `which` of `node`.
  [[nodiscard]] int port(std::size_t node, std::size_t which) const;
  /// Where `node` itself listens.
  void lead_to(std::size_t node, const std::array<int, kPorts>& ports);
  /// The process that `node` is now; 0 if it does not run.
  void is_process(std::size_t node, pid_t pid);

  /// Cuts what lies between nodes of different groups; `group[i]` is that of node i.
  void split(const std::vector<int>& group);
  void heal();

 private:
  struct Socket {
    int fd = -1;
    int port = 0;
    std::atomic<int> target{0};
  };
  struct Pair {
    int dialler = -1, listener = -1;
    std::size_t from = 0, to = 0;
  };
  void run();
  void accept_at(std::size_t index);
  [[nodiscard]] bool severed(std::size_t a, std::size_t b);
  [[nodiscard]] std::size_t dialler_of(int source_port, int destination_port) const;

  std::size_t nodes_;
  std::vector<Socket> sockets_;              ///< node * kPorts + which
  std::vector<std::atomic<pid_t>> process_;  ///< by node
  std::mutex mutex_;
  std::vector<int> group_;   ///< guarded by mutex_; empty: whole
  std::vector<Pair> pairs_;  ///< of the thread
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace hansa::faults
