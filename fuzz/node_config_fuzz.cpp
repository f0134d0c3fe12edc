// Any text as a node's hansa.toml, alone and on top of a machine's: an error that names the place, or a node
// that survives being written out and read again.
#include "src/config/node_config.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // A zero byte ends the machine's file and begins the node's.
  const std::size_t end = std::min(text.find('\0'), size);
  const auto machine = parse_node_config(text.substr(0, end), "machine.toml");
  if (!machine.ok() && machine.error().message.find("machine.toml") == std::string::npos) std::abort();
  std::vector<NodeFile> files;
  if (machine.ok()) files.push_back({std::string(text.substr(0, end)), "machine.toml"});
  files.push_back({std::string(text.substr(std::min(end + 1, size))), "node.toml"});
  const auto node = resolve_node_config(files, {}, {});
  if (!node.ok()) return 0;
  const auto again = parse_node_config(to_toml(node->config), "again.toml");
  if (!again.ok() || to_toml(again.value()) != to_toml(node->config)) std::abort();
  return 0;
}
