// What can be wrong with a node, found before it hurts: its folder, its machine, its place in the mesh. Every
// finding says what was looked at and, unless all is well, what to do. Nothing is changed by looking.
#pragma once

#include "src/config/node_config.hpp"
#include "src/node/state_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::node {

enum class CheckState : std::uint8_t { ok, warn, fail };
[[nodiscard]] std::string_view check_state_name(CheckState state) noexcept;  ///< "ok", "warn", "fail"

struct Check {
  std::string name;  ///< what was looked at: a word or two
  CheckState state = CheckState::ok;
  std::string text;  ///< what was found
  std::string hint;  ///< what to do; empty if ok
};
using Checks = std::vector<Check>;

/// Modes, keys, database, audit log. Reads everything; may run beside the node.
[[nodiscard]] Checks check_folder(const StateFolder& folder);

/// What a machine offers, as numbers.
struct Machine {
  std::uint64_t disk_free_bytes = 0, disk_bytes = 0;
  std::uint64_t memory_available_bytes = 0;
  std::uint64_t file_limit = 0;    ///< RLIMIT_NOFILE
  bool clock_synchronised = true;  ///< as the kernel says
  std::int64_t now_s = 0;
};
[[nodiscard]] Machine look_at_machine(const std::filesystem::path& folder);
/// `largest_model_bytes`: of the files in models/; room for two more of them should be there. `roster_s`:
/// date of the newest thing that this node has from others, 0 if nothing; a clock before that is wrong.
[[nodiscard]] Checks check_machine(const Machine& machine, std::uint64_t largest_model_bytes,
                                   std::int64_t newest_s);

/// Whether the node could listen where its settings say. For a node that is not running.
[[nodiscard]] Checks check_ports(const config::NodeConfig& config);

/// What a running node says about itself and the others. Dates are 0 where there is none.
struct MeshFacts {
  struct Peer {
    std::string organisation;
    bool connected = false;
  };
  std::string version, organisation;
  std::uint32_t roster_version = 0;
  std::int64_t roster_expires_at = 0, certificate_not_after = 0, rotation_due = 0;
  std::size_t threshold = 0;  ///< organisations that must sign a change
  std::string fork;           ///< empty: none
  std::vector<Peer> peers;
  std::size_t evidence = 0;
  bool recovering = false, ready = false;
  std::vector<std::string> reasons;  ///< why it is not ready
};
[[nodiscard]] Checks check_mesh(const MeshFacts& facts, std::int64_t now_s);

}  // namespace hansa::node
