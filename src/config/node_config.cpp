#include "src/config/node_config.hpp"

#include "src/config/nearest.hpp"
#include "src/config/toml_node.hpp"

#include <array>
#include <limits>

namespace hansa::config {
namespace {

constexpr std::array<std::string_view, 3> kTables = {"node", "listen", "http"};
constexpr std::array<std::string_view, 6> kKeys = {"node.organisation", "listen.control",   "listen.bulk",
                                                   "listen.lobby",      "listen.advertise", "http.port"};

Error at(const std::string& origin, std::uint32_t line, std::string what) {
  return {ErrorKind::usage, origin + ":" + std::to_string(line) + ": " + std::move(what),
          "keys: " + joined(kKeys)};
}

std::string* text_field(NodeConfig& config, std::string_view key) {
  if (key == "node.organisation") return &config.organisation;
  if (key == "listen.control") return &config.control;
  if (key == "listen.bulk") return &config.bulk;
  if (key == "listen.lobby") return &config.lobby;
  if (key == "listen.advertise") return &config.advertise;
  return nullptr;
}

}  // namespace

Result<NodeConfig> parse_node_config(std::string_view text, const std::string& origin,
                                     const NodeConfig& base) {
  auto document = parse_toml(text, origin);
  if (!document) return document.error();
  NodeConfig config = base;
  for (const Member& table : *document->get_if<Node::Table>()) {
    const auto* members = table.node.get_if<Node::Table>();
    if (members == nullptr) {
      return at(origin, table.line,
                "\"" + table.key + "\" is not a table" + did_you_mean(table.key, kTables));
    }
    for (const Member& member : *members) {
      const std::string key = table.key + "." + member.key;
      if (std::string* field = text_field(config, key)) {
        const auto* value = member.node.get_if<std::string>();
        if (value == nullptr)
          return at(origin, member.line, key + " wants a text, not " + member.node.describe());
        *field = *value;
      } else if (key == "http.port") {
        const auto* value = member.node.get_if<std::int64_t>();
        if (value == nullptr || *value < 0 || *value > std::numeric_limits<std::uint16_t>::max()) {
          return at(origin, member.line, key + " wants a port from 0 to 65535");
        }
        config.http_port = static_cast<std::uint16_t>(*value);
      } else {
        return at(origin, member.line, "unknown key " + key + did_you_mean(key, kKeys));
      }
    }
  }
  return config;
}

std::string to_toml(const NodeConfig& config) {
  return "[node]\norganisation = " + toml_quoted(config.organisation) +
         "\n\n[listen]                 # empty control: this node only dials out\ncontrol = " +
         toml_quoted(config.control) + "\nbulk = " + toml_quoted(config.bulk) +
         "\nlobby = " + toml_quoted(config.lobby) + "\nadvertise = " + toml_quoted(config.advertise) +
         "\n\n[http]\nport = " + std::to_string(config.http_port) + "\n";
}

}  // namespace hansa::config
