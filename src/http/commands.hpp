// Decoding of what clients post. Bodies are JSON objects; anything that is not exactly what a command takes
// is refused with a sentence: wrong types, unknown fields, too long texts, nesting. Nothing here reads a
// socket, so fuzz/http_request_fuzz.cpp can feed it anything.
#pragma once

#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace hansa::http {

struct CommandLimits {
  std::size_t body_bytes_max = 64 * 1024;
  std::size_t keeper_body_bytes_max = 1024 * 1024;
  int depth_max = 4;                       ///< objects and arrays inside each other
  std::size_t text_bytes_max = 4096;       ///< of a path, a reason
  std::size_t toml_bytes_max = 48 * 1024;  ///< of a configuration or a schema
  std::size_t parties_max = 512;
  std::size_t records_max = 4096;
  double seconds_max = 366.0 * 24 * 3600;
};
constexpr CommandLimits kCommandLimits;

/// {manifest_toml, schema_toml?, parties?: [text], quorum?, approve_within_seconds?}
[[nodiscard]] Result<NodeApi::ProposeRun> read_propose_run(std::string_view body);
/// {data, labels?, test?, test_labels?}
[[nodiscard]] Result<NodeApi::BindRun> read_bind_run(std::string_view run, std::string_view body);
/// {reason?}
[[nodiscard]] Result<std::string> read_stop(std::string_view body);
/// {base, records: [[hex, hex]], messages?: [hex]}
[[nodiscard]] Result<NodeApi::KeeperChange> read_keeper_change(std::string_view body);
/// {seconds}
[[nodiscard]] Result<double> read_lobby(std::string_view body);
/// {level}
[[nodiscard]] Result<std::string> read_log_level(std::string_view body);
/// {} or nothing at all
[[nodiscard]] Result<void> read_nothing(std::string_view body);

}  // namespace hansa::http
