// The schema: one entry per configuration key, and everything else is computed from it: reading and checking
// files, `--set`, the resolved config.toml, `hansa config reference` and the suggestions in error messages.
// To add a key, add a field to RunConfig and one entry to schema_run.cpp or schema_world.cpp.
#pragma once

#include "src/config/run_config.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hansa::config {

/// A key's value outside of TOML and outside of RunConfig.
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                           std::vector<std::string>>;

enum class KeyType {
  boolean,   ///< true or false
  integer,   ///< 64-bit, within [integer_min, integer_max]
  real,      ///< finite, within [real_min, real_max]; an integer in the file is fine
  text,      ///< any string
  path,      ///< a file name; made absolute against the config file's folder
  choice,    ///< one of choices()
  integers,  ///< a list of integers, each within the range
  choices,   ///< a list without repetition, each one of choices()
};

/// One allowed name and what it means.
struct Choice {
  std::string_view name;
  std::string_view summary;
};

struct Key {
  std::string_view name;  ///< dotted: "parties", "optimiser.learning_rate"
  KeyType type = KeyType::text;
  std::string_view meaning = {};  ///< one sentence (or two) for people

  std::int64_t integer_min = 0;
  std::int64_t integer_max = 0;
  bool integer_doubles = false;  ///< only integer_min, twice that, four times, ... integer_max
  double real_min = 0;
  double real_max = 0;
  bool real_min_excluded = false;
  bool real_max_excluded = false;
  std::vector<Choice> (*choice_list)() = nullptr;
  std::string_view noun = {};  ///< choice: what is chosen, e.g. "topology"

  bool required = false;  ///< has no default: the file must give it
  bool (*active)(const RunConfig&) =
      nullptr;  ///< keys that share a field: which of them speaks; null = always

  Value (*read)(const RunConfig&) = nullptr;
  void (*write)(RunConfig&, const Value&) = nullptr;  ///< the value has been checked before

  /// "optimiser" of "optimiser.learning_rate", empty at top level; and the rest.
  [[nodiscard]] std::string_view table() const noexcept;
  [[nodiscard]] std::string_view leaf() const noexcept;
};

/// One [table] of the file.
struct TableInfo {
  std::string_view name;  ///< empty for the keys before the first table
  std::string_view meaning;
};

/// All keys, grouped by table, in the order of the reference. Thread-safe.
std::span<const Key> schema();
/// All tables, in the same order.
std::span<const TableInfo> schema_tables();
/// The key called `name`, or null.
const Key* find_key(std::string_view name);
/// What a choice key accepts. Besides these, topology.name takes "file:PATH".
std::vector<Choice> aggregation_choices();
std::vector<Choice> optimiser_choices();

/// The value as TOML.
std::string to_toml_value(const Value& value);
/// "integer", "list of integers", ...
std::string_view type_name(KeyType type);
/// "1 to 16777216", "> 0", "d-psgd, push-sum, ..."; empty if anything goes.
std::string allowed_text(const Key& key);
/// Checks type-independent limits: the range or the list of names. An error has no place in front yet.
Result<void> check_value(const Key& key, const Value& value);

}  // namespace hansa::config
