// A live node's hansa.toml: where it listens and what it is called. Few keys, checked like a run's: an
// unknown one names the nearest. What the command line sets goes before the environment, that before the
// folder's file, that before the machine's, and that before the defaults; of every value it is known where it
// came from.
#pragma once

#include "src/config/run_config.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::config {

struct NodeConfig {
  std::string organisation;                ///< [node] organisation: for people
  std::string control = "127.0.0.1:7717";  ///< [listen] control; empty: it only dials out
  std::string bulk = "127.0.0.1:7718";     ///< [listen] bulk
  std::string lobby = "127.0.0.1:7719";    ///< [listen] lobby: opened while tickets are out
  std::string advertise = "127.0.0.1";     ///< [listen] advertise: the host that others dial
  std::uint16_t http_port = 7720;          ///< [http] port; 0 takes a free one
};

/// One value and its origin: "--set", "HANSA_HTTP_PORT", "/var/lib/hansa/hansa.toml:12" or "default".
struct NodeSetting {
  std::string key, value, origin;
};
struct ResolvedNodeConfig {
  NodeConfig config;
  std::vector<NodeSetting> settings;  ///< every key, in the order of the file that `hansa init` writes
};

/// A file's content, and its name for messages.
struct NodeFile {
  std::string text, origin;
};
using Environment = std::vector<std::pair<std::string, std::string>>;

/// `files`: the later the stronger. Errors name the place and what can stand there. `environment`: variables
/// of any name; those that are keys
/// ("HANSA_LISTEN_CONTROL" for listen.control) count, and those that look like one but are none are errors.
Result<ResolvedNodeConfig> resolve_node_config(const std::vector<NodeFile>& files,
                                               const Environment& environment,
                                               const std::vector<Override>& overrides);
/// One file alone.
Result<NodeConfig> parse_node_config(std::string_view text, const std::string& origin);
/// "HANSA_LISTEN_CONTROL"
std::string variable_of(std::string_view key);
/// As a file that gives the same node.
std::string to_toml(const NodeConfig& config);

}  // namespace hansa::config
