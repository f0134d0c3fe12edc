// Any text as a configuration file: an error or a configuration, never a crash; and what is accepted survives
// being written out and read again.
#include "src/config/run_config.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = parse_run_config(text, "fuzz.toml", {});
  if (!config.ok()) return 0;
  const auto again = parse_run_config(to_toml(config.value()), "again.toml", {});
  if (!again.ok() || to_toml(again.value()) != to_toml(config.value())) std::abort();
  return 0;
}
