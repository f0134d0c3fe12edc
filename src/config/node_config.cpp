// Every source of settings is a layer over the one before; what a layer sets, it also signs with its place.
#include "src/config/node_config.hpp"

#include "src/config/nearest.hpp"
#include "src/config/toml_node.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>

namespace hansa::config {
namespace {

constexpr std::array<std::string_view, 3> kTables = {"node", "listen", "http"};
constexpr std::string_view kPort = "http.port";  // the one key that is a number
constexpr std::array<std::string_view, 6> kKeys = {"node.organisation", "listen.control",   "listen.bulk",
                                                   "listen.lobby",      "listen.advertise", kPort};

Error at(const std::string& place, std::string what) {
  return {ErrorKind::usage, place + ": " + std::move(what), "keys: " + joined(kKeys)};
}

std::string* text_field(NodeConfig& config, std::string_view key) {
  if (key == "node.organisation") return &config.organisation;
  if (key == "listen.control") return &config.control;
  if (key == "listen.bulk") return &config.bulk;
  if (key == "listen.lobby") return &config.lobby;
  if (key == "listen.advertise") return &config.advertise;
  return nullptr;
}

bool is_key(std::string_view key) { return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end(); }

std::string value_of(const NodeConfig& config, std::string_view key) {
  NodeConfig copy = config;
  const std::string* text = text_field(copy, key);
  return text != nullptr ? *text : std::to_string(config.http_port);
}

/// Gathers values; the later the call, the stronger.
class Layers {
 public:
  Result<void> set_number(std::string_view key, std::int64_t value, const std::string& place) {
    if (key != kPort)
      return at(place, std::string(key) + " wants a text, not the number " + std::to_string(value));
    if (value < 0 || value > std::numeric_limits<std::uint16_t>::max())
      return at(place, std::string(key) + " wants a port from 0 to 65535");
    config_.http_port = static_cast<std::uint16_t>(value);
    origins_[std::string(key)] = place;
    return {};
  }
  Result<void> set_text(std::string_view key, const std::string& value, const std::string& place) {
    std::string* field = text_field(config_, key);
    if (field == nullptr) return at(place, std::string(key) + " wants a port from 0 to 65535");
    *field = value;
    origins_[std::string(key)] = place;
    return {};
  }
  /// From where everything is text.
  Result<void> set(std::string_view key, const std::string& value, const std::string& place) {
    if (key != kPort) return set_text(key, value, place);
    std::int64_t number = -1;
    const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), number);
    return set_number(key, bad == std::errc() && end == value.data() + value.size() ? number : -1, place);
  }
  [[nodiscard]] ResolvedNodeConfig finish() const {
    ResolvedNodeConfig out{config_, {}};
    for (const std::string_view key : kKeys) {
      const auto origin = origins_.find(key);
      out.settings.push_back(
          {std::string(key), value_of(config_, key), origin == origins_.end() ? "default" : origin->second});
    }
    return out;
  }

 private:
  NodeConfig config_;
  std::map<std::string, std::string, std::less<>> origins_;
};

Result<void> read_file(std::string_view text, const std::string& origin, Layers& out) {
  auto document = parse_toml(text, origin);
  if (!document) return document.error();
  for (const Member& table : *document->get_if<Node::Table>()) {
    const auto place = [&](const Member& member) { return origin + ":" + std::to_string(member.line); };
    const auto* members = table.node.get_if<Node::Table>();
    if (members == nullptr)
      return at(place(table), "\"" + table.key + "\" is not a table" + did_you_mean(table.key, kTables));
    for (const Member& member : *members) {
      const std::string key = table.key + "." + member.key;
      if (!is_key(key)) return at(place(member), "unknown key " + key + did_you_mean(key, kKeys));
      Result<void> done;
      if (const auto* value = member.node.get_if<std::string>()) {
        done = out.set_text(key, *value, place(member));
      } else if (const auto* number = member.node.get_if<std::int64_t>()) {
        done = out.set_number(key, *number, place(member));
      } else {
        done = at(place(member),
                  key + " wants " + (key == kPort ? "a port" : "a text") + ", not " + member.node.describe());
      }
      if (!done) return done;
    }
  }
  return {};
}

Result<void> read_environment(const Environment& environment, Layers& out) {
  std::vector<std::string> names;
  for (const std::string_view key : kKeys) names.push_back(variable_of(key));
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const auto& [name, value] : environment) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) {
      const auto done = out.set(kKeys[static_cast<std::size_t>(found - names.begin())], value, name);
      if (!done) return done;
      continue;
    }
    const bool meant = std::any_of(kTables.begin(), kTables.end(), [&name = name](std::string_view table) {
      return name.starts_with(variable_of(table) + "_");
    });
    if (meant) return at(name, "is no key" + did_you_mean(name, views));
  }
  return {};
}

}  // namespace

std::string variable_of(std::string_view key) {
  std::string name = "HANSA_";
  for (const char c : key) {
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

Result<ResolvedNodeConfig> resolve_node_config(const std::vector<NodeFile>& files,
                                               const Environment& environment,
                                               const std::vector<Override>& overrides) {
  Layers layers;
  for (const NodeFile& file : files) {
    if (const auto read = read_file(file.text, file.origin, layers); !read) return read.error();
  }
  if (const auto read = read_environment(environment, layers); !read) return read.error();
  for (const Override& each : overrides) {
    if (!is_key(each.key)) return at("--set", "unknown key " + each.key + did_you_mean(each.key, kKeys));
    if (const auto set = layers.set(each.key, each.value, "--set"); !set) return set.error();
  }
  return layers.finish();
}

Result<NodeConfig> parse_node_config(std::string_view text, const std::string& origin) {
  auto resolved = resolve_node_config({{std::string(text), origin}}, {}, {});
  if (!resolved) return resolved.error();
  return std::move(resolved->config);
}

std::string to_toml(const NodeConfig& config) {
  return "[node]\norganisation = " + toml_quoted(config.organisation) +
         "\n\n[listen]                 # empty control: this node only dials out\ncontrol = " +
         toml_quoted(config.control) + "\nbulk = " + toml_quoted(config.bulk) +
         "\nlobby = " + toml_quoted(config.lobby) + "\nadvertise = " + toml_quoted(config.advertise) +
         "\n\n[http]\nport = " + std::to_string(config.http_port) + "\n";
}

}  // namespace hansa::config
