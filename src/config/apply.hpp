// From TOML nodes and `--set` texts to a RunConfig, key by key along the schema. All problems are collected,
// so that one run of `hansa config check` shows everything there is to mend.
#pragma once

#include "src/config/run_config.hpp"
#include "src/config/schema.hpp"
#include "src/config/toml_node.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::config {

/// Gathers settings and problems. Use: read_document, apply_override (any number), finish.
class Applier {
 public:
  explicit Applier(std::string origin) : origin_(std::move(origin)) {}

  /// Takes every key of a parsed file.
  void read_document(const Node& document);
  /// Takes one `--set`; it replaces what the file says.
  void apply_override(const Override& override_);
  /// Writes the settings into a fresh RunConfig and checks it as a whole.
  Result<RunConfig> finish();

 private:
  struct Setting {
    Value value;
    std::string place;  ///< "bank.toml:12" or "--set rounds=0"
    std::uint32_t line = 0;
  };
  struct Problem {
    std::uint32_t line = 0;
    std::string place;
    Error error;  ///< message without the place
  };

  void read_table(const Node::Table& table, std::string_view name);
  void read_member(const Member& member, std::string_view table);
  void store(const Key& key, Result<Value> value, const std::string& place, std::uint32_t line);
  void report(std::string place, std::uint32_t line, Error error);
  void report_unknown_member(const Member& member, std::string_view table);
  void check_required();
  void check_together(const RunConfig& config);
  Error all_problems();
  [[nodiscard]] std::string at(std::uint32_t line) const { return origin_ + ":" + std::to_string(line); }

  std::string origin_;
  std::map<std::string_view, Setting> settings_;  // by full key name (which the schema owns)
  std::vector<Problem> problems_;
};

}  // namespace hansa::config
