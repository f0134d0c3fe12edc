// A consortium of live nodes in one process, founded as operators would found it: keys, tickets, requests,
// votes, each node with its own folder and real sockets on loopback.
#pragma once

#include "src/node/core.hpp"
#include "src/node/governance.hpp"
#include "src/node/wall_clock.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace hansa::node::testing {

struct Member {
  std::string name;
  StateFolder folder;
  std::optional<NodeKeys> keys;
  std::unique_ptr<crypto::Identity> organisation;
  std::unique_ptr<Core> core;
  std::string control_endpoint, bulk_endpoint;  ///< the same after a restart

  /// What its nodes have logged so far, "level text" each.
  [[nodiscard]] std::vector<std::string> log() const {
    const std::lock_guard lock(log_mutex);
    return log_lines;
  }
  mutable std::mutex log_mutex;  ///< they log on their own threads
  std::vector<std::string> log_lines;
};

class Consortium {
 public:
  /// Folders below `base`; nodes are started, nothing is founded yet.
  Consortium(const std::filesystem::path& base, std::size_t members);
  ~Consortium();
  /// Version 1 of the roster, signed by all.
  void found();

  void start(std::size_t member);
  void stop(std::size_t member);   ///< in order: it says that it leaves
  void crash(std::size_t member);  ///< as if its process was killed
  [[nodiscard]] Core& core(std::size_t member) { return *members_[member]->core; }
  [[nodiscard]] Member& operator[](std::size_t member) { return *members_[member]; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }

  /// Works on a member's keeper with its organisation's key, as its operator.
  void decide(std::size_t member,
              const std::function<void(protocols::roster::RosterKeeper&, protocols::roster::KeeperEffects&)>&
                  decision);

  protocols::membership::Options membership;   ///< of nodes that are started from now on
  std::atomic<std::int64_t> clock_ahead_s{0};  ///< all nodes' clocks, at once

 private:
  std::filesystem::path base_;
  std::vector<std::unique_ptr<Member>> members_;
};

/// Waits until `condition` holds, looking whenever something may have changed; false after `patience`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::seconds patience = std::chrono::seconds(60));

}  // namespace hansa::node::testing
