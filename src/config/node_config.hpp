// A live node's hansa.toml: where it listens and what it is called. Few keys, checked like a run's: an
// unknown one names the nearest.
#pragma once

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace hansa::config {

struct NodeConfig {
  std::string organisation;                ///< [node] organisation: for people
  std::string control = "127.0.0.1:7717";  ///< [listen] control; empty: it only dials out
  std::string bulk = "127.0.0.1:7718";     ///< [listen] bulk
  std::string lobby = "127.0.0.1:7719";    ///< [listen] lobby: opened while tickets are out
  std::string advertise = "127.0.0.1";     ///< [listen] advertise: the host that others dial
  std::uint16_t http_port = 7720;          ///< [http] port; 0 takes a free one
};

/// What is not in `text` stays as in `base`. Errors name `origin`, the line and what can stand there.
Result<NodeConfig> parse_node_config(std::string_view text, const std::string& origin,
                                     const NodeConfig& base = {});
/// As a file that gives the same node.
std::string to_toml(const NodeConfig& config);

}  // namespace hansa::config
