// `--set key=value`, shared by the verbs that read a configuration.
#pragma once

#include "src/config/run_config.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace hansa::cli {

/// Adds --set (repeatable) to `verb`.
void add_set_option(CLI::App& verb, std::vector<std::string>& texts);
/// Splits each at its first "=". The value may be empty; the key may not.
Result<std::vector<config::Override>> parse_overrides(const std::vector<std::string>& texts);

}  // namespace hansa::cli
