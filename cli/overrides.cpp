// The key is checked later, against the schema, where the nearest known name can be suggested.
#include "cli/overrides.hpp"

namespace hansa::cli {

void add_set_option(CLI::App& verb, std::vector<std::string>& texts) {
  verb.add_option("--set", texts,
                  "Replace a key of the file, e.g. --set optimiser.learning_rate=0.05; repeatable")
      ->option_text("KEY=VALUE ...")
      ->allow_extra_args(false);
}

Result<std::vector<config::Override>> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<config::Override> overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorKind::usage, "--set " + text + ": expected KEY=VALUE",
                   "as in --set rounds=10 or --set topology.name=torus"};
    }
    overrides.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return overrides;
}

}  // namespace hansa::cli
