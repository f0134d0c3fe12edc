// Schema files: what the columns of a CSV file mean. A few keys at the top and one inline table per column
// below [columns], in the order in which the features are numbered:
//
//   label = "y"
//   task = "binary"
//   positive = ["yes"]
//   group = "job"
//   groups = ["admin.", "services"]
//   [columns]
//   age = { kind = "bins", edges = [27, 30, 31] }
//   job = { kind = "one_hot", categories = ["admin.", "services"] }
#include "src/config/nearest.hpp"
#include "src/config/run_config.hpp"
#include "src/config/toml_node.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

namespace hansa::config {

namespace {

using learn::ColumnSchema;
using learn::CsvSchema;

constexpr std::array<std::string_view, 6> kKinds{"zscore", "bins",  "one_hot",
                                                 "hashed", "month", "ignore"};           // enum order
constexpr std::array<std::string_view, 3> kTasks{"binary", "multiclass", "regression"};  // enum order
constexpr std::array<std::string_view, 10> kTopKeys{
    "label",       "task",  "positive", "positive_at_least", "classes",
    "class_count", "group", "groups",   "separator",         "columns"};
constexpr std::array<std::string_view, 7> kColumnKeys{"kind",       "mean",    "stddev",      "edges",
                                                      "categories", "buckets", "with_missing"};
constexpr std::uint32_t kBucketsMax = 1U << 24;
constexpr std::size_t kFileBytesMax = (std::size_t{1} << 20) + 1;

/// Reads members into fields and keeps the first error, with its line.
class Reader {
 public:
  explicit Reader(std::string origin) : origin_(std::move(origin)) {}

  void fail(std::uint32_t line, const std::string& message, std::string hint = "") {
    if (error_.message.empty()) {
      error_ = {ErrorKind::usage, origin_ + ":" + std::to_string(line) + ": " + message, std::move(hint)};
    }
  }

  [[nodiscard]] bool failed() const { return !error_.message.empty(); }
  [[nodiscard]] const Error& error() const { return error_; }

  void text(const Member& member, std::string& out) {
    if (const auto* value = member.node.get_if<std::string>()) {
      out = *value;
    } else {
      expected(member, "a string");
    }
  }

  void number(const Member& member, double& out) {
    if (const auto value = as_number(member.node)) {
      out = *value;
    } else {
      expected(member, "a finite number");
    }
  }

  void count(const Member& member, std::uint32_t max, std::uint32_t& out) {
    const auto* value = member.node.get_if<std::int64_t>();
    if (value != nullptr && *value >= 1 && *value <= static_cast<std::int64_t>(max)) {
      out = static_cast<std::uint32_t>(*value);
    } else {
      expected(member, "an integer from 1 to " + std::to_string(max));
    }
  }

  void flag(const Member& member, bool& out) {
    if (const auto* value = member.node.get_if<bool>()) {
      out = *value;
    } else {
      expected(member, "true or false");
    }
  }

  void texts(const Member& member, std::vector<std::string>& out) {
    const auto* array = member.node.get_if<Node::Array>();
    if (array == nullptr) return expected(member, "a list of strings");
    for (const Node& element : *array) {
      const auto* value = element.get_if<std::string>();
      if (value == nullptr) {
        return fail(element.line, member.key + " must be a list of strings, found " + element.describe());
      }
      out.push_back(*value);
    }
    std::vector<std::string> sorted = out;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail(member.line, member.key + " names " + toml_quoted(*twice) + " twice");
  }

  void ascending(const Member& member, std::vector<double>& out) {
    const auto* array = member.node.get_if<Node::Array>();
    if (array == nullptr) return expected(member, "a list of numbers");
    for (const Node& element : *array) {
      const auto value = as_number(element);
      if (!value) return fail(element.line, member.key + " must be a list of finite numbers");
      if (!out.empty() && *value <= out.back()) {
        return fail(element.line, member.key + " must ascend, found " + toml_number(*value) + " after " +
                                      toml_number(out.back()));
      }
      out.push_back(*value);
    }
  }

  template <class Enum, std::size_t N>
  void name(const Member& member, const std::array<std::string_view, N>& names, Enum& out) {
    std::string value;
    text(member, value);
    const auto found = std::find(names.begin(), names.end(), value);
    if (found != names.end()) {
      out = static_cast<Enum>(found - names.begin());
    } else {
      fail(member.line, "unknown " + member.key + " " + toml_quoted(value) + did_you_mean(value, names),
           "known: " + joined(names));
    }
  }

  template <std::size_t N>
  void unknown(const Member& member, const std::array<std::string_view, N>& known) {
    fail(member.line, "unknown key " + toml_quoted(member.key) + did_you_mean(member.key, known),
         "known here: " + joined(known));
  }

 private:
  static std::optional<double> as_number(const Node& node) {
    if (const auto* value = node.get_if<std::int64_t>()) return static_cast<double>(*value);
    const auto* value = node.get_if<double>();
    if (value == nullptr || !std::isfinite(*value)) return std::nullopt;
    return *value;
  }

  void expected(const Member& member, const std::string& what) {
    fail(member.line, member.key + " must be " + what + ", found " + member.node.describe());
  }

  std::string origin_;
  Error error_;
};

void check_column(Reader& reader, const Member& member, const ColumnSchema& column) {
  using Kind = ColumnSchema::Kind;
  const std::string where = "column " + toml_quoted(column.name);
  if (column.kind == Kind::zscore && !(column.stddev > 0)) {
    reader.fail(member.line, where + ": stddev must be more than 0", "a constant column is better ignored");
  }
  if (column.kind == Kind::one_hot && column.categories.empty()) {
    reader.fail(member.line, where + ": kind \"one_hot\" needs categories");
  }
  if (column.kind == Kind::hashed && column.buckets == 0) {
    reader.fail(member.line, where + ": kind \"hashed\" needs buckets");
  }
}

void read_column(Reader& reader, const Member& member, CsvSchema& schema) {
  ColumnSchema column;
  column.name = member.key;
  const auto* table = member.node.get_if<Node::Table>();
  if (table == nullptr) {
    return reader.fail(
        member.line,
        "column " + toml_quoted(member.key) + " must be a table, found " + member.node.describe(),
        "as in age = { kind = \"bins\", edges = [30, 40] }");
  }
  bool has_kind = false;
  for (const Member& field : *table) {
    if (field.key == "kind") {
      reader.name(field, kKinds, column.kind);
      has_kind = true;
    } else if (field.key == "mean") {
      reader.number(field, column.mean);
    } else if (field.key == "stddev") {
      reader.number(field, column.stddev);
    } else if (field.key == "edges") {
      reader.ascending(field, column.edges);
    } else if (field.key == "categories") {
      reader.texts(field, column.categories);
    } else if (field.key == "buckets") {
      reader.count(field, kBucketsMax, column.buckets);
    } else if (field.key == "with_missing") {
      reader.flag(field, column.with_missing);
    } else {
      reader.unknown(field, kColumnKeys);
    }
  }
  if (!has_kind) {
    reader.fail(member.line, "column " + toml_quoted(member.key) + " has no kind",
                "kinds: " + joined(kKinds));
  }
  check_column(reader, member, column);
  schema.columns.push_back(std::move(column));
}

void read_separator(Reader& reader, const Member& member, char& separator) {
  std::string text;
  reader.text(member, text);
  if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r') {
    separator = text[0];
  } else {
    reader.fail(member.line, "separator must be one character, as in \",\" or \";\" or \"\\t\"");
  }
}

void read_top(Reader& reader, const Member& member, CsvSchema& schema) {
  if (member.key == "label") {
    reader.text(member, schema.label);
  } else if (member.key == "task") {
    reader.name(member, kTasks, schema.task);
  } else if (member.key == "positive") {
    reader.texts(member, schema.positive);
  } else if (member.key == "positive_at_least") {
    double value = 0;
    reader.number(member, value);
    schema.positive_at_least = value;
  } else if (member.key == "classes") {
    reader.texts(member, schema.classes);
  } else if (member.key == "class_count") {
    reader.count(member, 1U << 20, schema.class_count);
  } else if (member.key == "group") {
    reader.text(member, schema.group);
  } else if (member.key == "groups") {
    reader.texts(member, schema.groups);
  } else if (member.key == "separator") {
    read_separator(reader, member, schema.separator);
  } else if (member.key == "columns") {
    const auto* table = member.node.get_if<Node::Table>();
    if (table == nullptr) return reader.fail(member.line, "columns must be a table: [columns]");
    for (const Member& column : *table) read_column(reader, column, schema);
  } else {
    reader.unknown(member, kTopKeys);
  }
}

void check_schema(Reader& reader, const CsvSchema& schema) {
  if (schema.label.empty()) reader.fail(1, "label is missing: the name of the column to be predicted");
  if (schema.columns.empty()) reader.fail(1, "[columns] is missing: no column would become a feature");
  if (schema.task == learn::TaskKind::multiclass && schema.classes.empty() && schema.class_count == 0) {
    reader.fail(1, "a multiclass task needs classes (the label texts) or class_count (labels 0 .. n-1)");
  }
  if (schema.group.empty() && !schema.groups.empty())
    reader.fail(1, "groups without group: which column is it?");
}

}  // namespace

Result<learn::CsvSchema> read_schema(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{ErrorKind::missing, "cannot read the schema " + path + ": " + std::strerror(errno),
                 "`hansa data describe FILE --schema` writes a schema to start from"};
  }
  std::string content(kFileBytesMax, '\0');
  file.read(content.data(), static_cast<std::streamsize>(kFileBytesMax));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return parse_schema(content, path);
}

Result<learn::CsvSchema> parse_schema(std::string_view text, const std::string& origin) {
  Result<Node> document = parse_toml(text, origin);
  if (!document) return document.error();
  Reader reader(origin);
  CsvSchema schema;
  for (const Member& member : *document->get_if<Node::Table>()) read_top(reader, member, schema);
  check_schema(reader, schema);
  if (reader.failed()) return reader.error();
  return schema;
}

std::string schema_to_toml(const learn::CsvSchema& schema) { return learn::csv_schema_toml(schema); }

}  // namespace hansa::config
