// A consortium of real `hansa up` processes on the loopback interface, to be broken: killed, stopped for a
// while, started again with less room on the disk, cut off from each other. What a test sees of a node is
// what its operator sees: its HTTP API, its exit status, its log and its folder.
#pragma once

#include "src/crypto/identity.hpp"
#include "src/http/client.hpp"
#include "src/node/sample_data.hpp"
#include "src/node/state_folder.hpp"
#include "tests/faults/wires.hpp"

#include <hansa/result.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hansa::faults {

using http::Json;
using Millis = std::chrono::milliseconds;

/// Looks again and again until `condition` holds; false when `patience` is over.
bool eventually(Millis patience, const std::function<bool()>& condition);

/// Not thread-safe. Its processes die with it, and with the test.
class ProcessMesh {
 public:
  ProcessMesh(std::filesystem::path base, std::size_t nodes);
  ~ProcessMesh();

  /// Keys, processes, tickets, votes: returns when every node is ready.
  Result<void> found();

  /// Starts node `i` and waits until it answers. `file_bytes_max`: the largest file that it can write.
  Result<void> start(std::size_t i, std::optional<std::uint64_t> file_bytes_max = {});
  /// SIGKILL.
  void kill(std::size_t i);
  /// SIGTERM, and the exit status; none if it had to be killed.
  std::optional<int> stop(std::size_t i);
  void pause(std::size_t i);   ///< SIGSTOP
  void resume(std::size_t i);  ///< SIGCONT
  /// How the process ended, if it has: exit status, or 128 + signal.
  std::optional<int> ended(std::size_t i);

  /// The parsed answer, or null.
  [[nodiscard]] Json get(std::size_t i, const std::string& path) const;
  Result<Json> post(std::size_t i, const std::string& path, const Json& body) const;

  /// Proposes `config` at node 0 and has everybody approve it with their own data.
  Result<std::string> begin_run(const std::string& config);
  [[nodiscard]] Json run(std::size_t i, const std::string& id) const { return get(i, "/api/v1/runs/" + id); }

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] node::StateFolder folder(std::size_t i) const { return members_[i].folder; }
  [[nodiscard]] const crypto::Identity& organisation(std::size_t i) const {
    return *members_[i].organisation;
  }
  [[nodiscard]] std::string name(std::size_t i) const { return members_[i].name; }
  [[nodiscard]] Wires& wires() { return wires_; }
  /// The end of the node's log.
  [[nodiscard]] std::string log(std::size_t i, std::size_t bytes = 4000) const;

 private:
  struct Member {
    std::string name;
    node::StateFolder folder;
    std::optional<crypto::Identity> organisation;
    std::array<int, 3> ports{};  ///< control, bulk, lobby
    pid_t pid = 0;
    std::optional<int> ended;
  };
  Result<void> make(std::size_t i);
  Result<void> settings(std::size_t i, bool dialled);
  Result<void> vote();

  std::filesystem::path base_;
  std::vector<Member> members_;
  node::SampleData data_;
  Wires wires_;
};

}  // namespace hansa::faults
