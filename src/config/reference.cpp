// What the schema says about itself: the resolved config.toml, docs/config.md and its JSON twin.
#include "src/config/schema.hpp"
#include "src/config/toml_node.hpp"

#include <nlohmann/json.hpp>

namespace hansa::config {

namespace {

constexpr std::string_view kMarkdownHead = R"(# Configuration reference

This page is the output of `hansa config reference`; a test compares the two, so it is never out of date.

A run is one TOML file. `hansa config check FILE` says what is wrong with it, and `--set KEY=VALUE` replaces
a key on the command line: the key is written with its table (`--set optimiser.learning_rate=0.05`), the value
as in the file, and plain words need no quotes (`--set model=mlp`). Relative paths are relative to the file's
folder, also in `--set`. Every run writes all keys with the values it used to `config.toml` in its folder;
running that file gives the same models, bit for bit.

Keys that the chosen model, strategy or data set does not read are checked and otherwise ignored, so that one
file serves for several. Unknown keys are errors.

The smallest file:

```toml
parties = 12
rounds = 30

[data]
dataset = "bank-marketing"
```
)";

std::string default_text(const Key& key, const RunConfig& defaults) {
  return key.required ? std::string() : to_toml_value(key.read(defaults));
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void append_choices(std::string& out, const Key& key) {
  out += "\n`" + std::string(key.name) + (key.type == KeyType::choices ? "` holds any of:" : "` is one of:");
  out += "\n\n| name | what it is |\n|---|---|\n";
  for (const Choice& choice : key.choice_list()) {
    out += "| `" + std::string(choice.name) + "` | " + cell(choice.summary) + " |\n";
  }
  if (key.name == "topology.name") {
    out += "| `file:PATH` | your own graph: an edge list (`from to` per line) or JSON |\n";
  }
}

void append_row(std::string& out, const Key& key, const RunConfig& defaults) {
  const std::string fallback = default_text(key, defaults);
  const bool named = key.choice_list != nullptr;
  out += "| `" + std::string(key.leaf()) + "` | " + std::string(type_name(key.type)) + " | " +
         (key.required ? "required" : "`" + fallback + "`") + " | " +
         (named ? "see below" : cell(allowed_text(key))) + " | " + cell(key.meaning) + " |\n";
}

/// Lines of `text` at most `width` wide, each behind "# ".
std::string comment(std::string_view text, std::size_t width) {
  std::string out, line = "#";
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (line.size() > 1 && line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line = "#";
    }
    line += ' ';
    line += word;
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  return out + line + "\n";
}

}  // namespace

std::string to_toml(const RunConfig& config) {
  std::string out = "# Every setting of this run. `hansa sim` on this file gives the same models.\n";
  for (const TableInfo& table : schema_tables()) {
    std::string body;
    for (const Key& key : schema()) {
      if (key.table() != table.name || (key.active != nullptr && !key.active(config))) continue;
      body += comment(key.meaning, 110);
      body += std::string(key.leaf()) + " = " + to_toml_value(key.read(config)) + "\n";
    }
    if (body.empty()) continue;
    out += "\n";
    if (!table.name.empty()) out += "[" + std::string(table.name) + "]\n";
    out += body;
  }
  return out;
}

std::string reference_markdown() {
  const RunConfig defaults;
  std::string out(kMarkdownHead);
  for (const TableInfo& table : schema_tables()) {
    out += "\n## " + (table.name.empty() ? std::string("Top level") : "`[" + std::string(table.name) + "]`");
    out += "\n\n" + std::string(table.meaning) + "\n\n";
    out += "| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n";
    for (const Key& key : schema()) {
      if (key.table() == table.name) append_row(out, key, defaults);
    }
    for (const Key& key : schema()) {
      if (key.table() == table.name && key.choice_list != nullptr) append_choices(out, key);
    }
  }
  return out;
}

std::string reference_json() {
  const RunConfig defaults;
  nlohmann::ordered_json keys = nlohmann::ordered_json::array();
  for (const Key& key : schema()) {
    nlohmann::ordered_json entry;
    entry["key"] = key.name;
    entry["table"] = key.table();
    entry["type"] = type_name(key.type);
    entry["required"] = key.required;
    if (key.required) {
      entry["default"] = nullptr;
    } else {
      std::visit([&](const auto& value) { entry["default"] = value; }, key.read(defaults));
    }
    entry["allowed"] = allowed_text(key);
    if (key.choice_list != nullptr) {
      nlohmann::ordered_json choices = nlohmann::ordered_json::array();
      for (const Choice& choice : key.choice_list()) choices.push_back(choice.name);
      entry["choices"] = std::move(choices);
    }
    entry["meaning"] = key.meaning;
    keys.push_back(std::move(entry));
  }
  return nlohmann::ordered_json{{"schema", "hansa.config_reference.v1"}, {"keys", std::move(keys)}}.dump(2) +
         "\n";
}

}  // namespace hansa::config
