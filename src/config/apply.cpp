// Problems are sorted by line at the end: first the file from top to bottom, then the command line.
#include "src/config/apply.hpp"

#include "src/config/check.hpp"
#include "src/config/nearest.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace hansa::config {

namespace {

constexpr std::uint32_t kAfterTheFile = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kProblemsShownMax = 8;
constexpr std::size_t kListLengthMax = 64;

bool is_table(std::string_view name) {
  const auto tables = schema_tables();
  return !name.empty() && std::any_of(tables.begin(), tables.end(),
                                      [&](const TableInfo& table) { return table.name == name; });
}

std::vector<std::string_view> leaves_of(std::string_view table) {
  std::vector<std::string_view> names;
  for (const Key& key : schema()) {
    if (key.table() == table) names.push_back(key.leaf());
  }
  return names;
}

std::vector<std::string_view> table_names() {
  std::vector<std::string_view> names;
  for (const TableInfo& table : schema_tables()) {
    if (!table.name.empty()) names.push_back(table.name);
  }
  return names;
}

/// Another table that has a key of exactly this name: people often forget the table's header.
const Key* same_leaf_elsewhere(std::string_view leaf, std::string_view table) {
  for (const Key& key : schema()) {
    if (key.leaf() == leaf && key.table() != table) return &key;
  }
  return nullptr;
}

std::string quoted_name(std::string_view name) { return toml_quoted(name.substr(0, 80)); }

Error wrong_type(const Key& key, std::string_view expected, const std::string& found) {
  return Error{ErrorKind::usage,
               std::string(key.name) + " must be " + std::string(expected) + ", found " + found, ""};
}

template <class Element>
Result<Value> to_list(const Key& key, const Node& node, std::string_view expected) {
  const auto* array = node.get_if<Node::Array>();
  if (array == nullptr) return wrong_type(key, expected, node.describe());
  if (array->size() > kListLengthMax) {
    return wrong_type(key, std::string(expected) + " with at most 64 elements",
                      std::to_string(array->size()));
  }
  std::vector<Element> elements;
  for (const Node& element : *array) {
    const auto* value = element.get_if<Element>();
    if (value == nullptr) return wrong_type(key, expected, element.describe() + " in the list");
    elements.push_back(*value);
  }
  return Value(std::move(elements));
}

Result<Value> to_value(const Key& key, const Node& node) {
  switch (key.type) {
    case KeyType::boolean:
      if (const auto* value = node.get_if<bool>()) return Value(*value);
      return wrong_type(key, "true or false", node.describe());
    case KeyType::integer:
      if (const auto* value = node.get_if<std::int64_t>()) return Value(*value);
      return wrong_type(key, "an integer", node.describe());
    case KeyType::real:
      if (const auto* value = node.get_if<double>()) return Value(*value);
      if (const auto* value = node.get_if<std::int64_t>()) return Value(static_cast<double>(*value));
      return wrong_type(key, "a number", node.describe());
    case KeyType::text:
    case KeyType::path:
    case KeyType::choice:
      if (const auto* value = node.get_if<std::string>()) return Value(*value);
      return wrong_type(key, "a string", node.describe());
    case KeyType::integers:
      return to_list<std::int64_t>(key, node, "a list of integers");
    case KeyType::choices:
      return to_list<std::string>(key, node, "a list of strings");
  }
  return wrong_type(key, "something else", node.describe());
}

bool takes_text(const Key& key) {
  return key.type == KeyType::text || key.type == KeyType::path || key.type == KeyType::choice;
}

/// The text after `--set key=`: TOML if it is, otherwise a bare word. A string key takes any unquoted text as
/// it is, so that `name=42` and `data.path=my file.csv` need no quotes inside quotes.
Node override_node(const Key& key, const std::string& text) {
  const bool quoted = !text.empty() && (text.front() == '"' || text.front() == '\'');
  Node bare;
  bare.value = text;
  if (takes_text(key) && !quoted) return bare;
  if (text.find_first_of("\r\n") != std::string::npos) return bare;
  Result<Node> parsed = parse_toml("value = " + text, "");
  if (!parsed) return bare;
  const auto* table = parsed->get_if<Node::Table>();
  if (table == nullptr || table->size() != 1) return bare;
  return table->front().node;
}

}  // namespace

void Applier::report(std::string place, std::uint32_t line, Error error) {
  problems_.push_back({line, std::move(place), std::move(error)});
}

void Applier::store(const Key& key, Result<Value> value, const std::string& place, std::uint32_t line) {
  if (!value) return report(place, line, value.error());
  if (Result<void> checked = check_value(key, *value); !checked) return report(place, line, checked.error());
  settings_[key.name] = {std::move(*value), place, line};
}

void Applier::read_document(const Node& document) {
  const auto* table = document.get_if<Node::Table>();
  HANSA_ASSERT(table != nullptr);
  if (table->empty()) {
    report(origin_, 0,
           {ErrorKind::usage, "the configuration is empty",
            "a run needs at least parties, rounds and [data] dataset; examples/toy.toml is a start, "
            "`hansa config reference` lists every key"});
  }
  read_table(*table, "");
}

void Applier::read_table(const Node::Table& table, std::string_view name) {
  for (const Member& member : table) read_member(member, name);
}

void Applier::read_member(const Member& member, std::string_view table) {
  const std::string full = table.empty() ? member.key : std::string(table) + "." + member.key;
  if (table.empty() && is_table(member.key)) {
    if (const auto* inner = member.node.get_if<Node::Table>()) return read_table(*inner, member.key);
    const std::vector<std::string_view> leaves = leaves_of(member.key);
    return report(at(member.line), member.line,
                  {ErrorKind::usage, member.key + " is a table, found " + member.node.describe(),
                   "write [" + member.key + "] and below it its keys: " + joined(leaves)});
  }
  const Key* key = find_key(full);
  if (key == nullptr) return report_unknown_member(member, table);
  store(*key, to_value(*key, member.node), at(member.line), member.line);
}

void Applier::report_unknown_member(const Member& member, std::string_view table) {
  const bool unknown_table = table.empty() && member.node.get_if<Node::Table>() != nullptr;
  const std::vector<std::string_view> known = unknown_table ? table_names() : leaves_of(table);
  const Key* elsewhere = same_leaf_elsewhere(member.key, table);
  std::string message = unknown_table ? "unknown table [" + member.key.substr(0, 80) + "]"
                                      : "unknown key " + quoted_name(member.key);
  if (!table.empty()) message += " in [" + std::string(table) + "]";
  const std::string_view close = nearest(member.key, known);
  if (!close.empty()) {
    message += unknown_table ? "; did you mean [" + std::string(close) + "]?"
                             : "; did you mean \"" + std::string(close) + "\"?";
  } else if (elsewhere != nullptr && !unknown_table) {
    message += "; did you mean \"" + std::string(elsewhere->leaf()) + "\" " +
               (elsewhere->table().empty() ? "before the first table?"
                                           : "in [" + std::string(elsewhere->table()) + "]?");
  }
  const std::string hint = (unknown_table   ? "tables: "
                            : table.empty() ? "keys before the first table: "
                                            : "keys of [" + std::string(table) + "]: ") +
                           joined(known);
  report(at(member.line), member.line, {ErrorKind::usage, std::move(message), hint});
}

void Applier::apply_override(const Override& override_) {
  const std::string place = "--set " + override_.key.substr(0, 80) + "=" + override_.value.substr(0, 80);
  const Key* key = find_key(override_.key);
  if (key == nullptr) {
    std::vector<std::string_view> names;
    for (const Key& known : schema()) names.push_back(known.name);
    std::string message = "unknown key " + quoted_name(override_.key);
    const Key* elsewhere = same_leaf_elsewhere(override_.key, "");
    if (elsewhere != nullptr) {
      message += "; did you mean " + toml_quoted(elsewhere->name) + "?";
    } else {
      message += did_you_mean(override_.key, names);
    }
    return report(place, kAfterTheFile,
                  {ErrorKind::usage, std::move(message),
                   "keys are written with their table, as in --set optimiser.learning_rate=0.05; "
                   "`hansa config reference` lists them"});
  }
  if (!parse_toml("text = " + toml_quoted(override_.value), "")) {
    return report("--set " + override_.key, kAfterTheFile, {ErrorKind::usage, "the value is not UTF-8", ""});
  }
  store(*key, to_value(*key, override_node(*key, override_.value)), place, kAfterTheFile);
}

void Applier::check_required() {
  for (const Key& key : schema()) {
    if (!key.required || settings_.count(key.name) > 0) continue;
    const std::string header = key.table().empty() ? "" : "[" + std::string(key.table()) + "] ";
    report(origin_, 0,
           {ErrorKind::usage, header + std::string(key.leaf()) + " is missing: it has no default",
            std::string(key.meaning) + " Allowed: " + allowed_text(key)});
  }
}

void Applier::check_together(const RunConfig& config) {
  for (Finding& finding : check_combinations(config)) {
    const auto setting = settings_.find(finding.key);
    if (setting == settings_.end()) {
      report(origin_, 0, std::move(finding.error));
    } else {
      report(setting->second.place, setting->second.line, std::move(finding.error));
    }
  }
}

Error Applier::all_problems() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  Error all = problems_.front().error;
  all.message.clear();
  for (std::size_t i = 0; i < problems_.size() && i < kProblemsShownMax; ++i) {
    if (i > 0) all.message += '\n';
    all.message += problems_[i].place + ": " + problems_[i].error.message;
  }
  if (problems_.size() > kProblemsShownMax) {
    all.message += "\n... and " + std::to_string(problems_.size() - kProblemsShownMax) + " more problems";
  }
  return all;
}

Result<RunConfig> Applier::finish() {
  if (problems_.empty()) check_required();
  if (!problems_.empty()) return all_problems();
  RunConfig config;
  for (const Key& key : schema()) {  // in this order, so that `model` is known before the models' own tables
    const auto setting = settings_.find(key.name);
    if (setting == settings_.end() || (key.active != nullptr && !key.active(config))) continue;
    key.write(config, setting->second.value);
  }
  check_together(config);
  if (!problems_.empty()) return all_problems();
  return config;
}

}  // namespace hansa::config
