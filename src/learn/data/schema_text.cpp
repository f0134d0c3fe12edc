// Writes a CSV schema as TOML, by hand: the format is small, and this folder stays free of a TOML library.
#include "src/learn/load.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>

namespace hansa::learn {
namespace {

constexpr std::size_t kWidth = 110;

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// The shortest decimal that reads back as the same number.
std::string toml_number(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  std::string out(text, end);
  return error == std::errc() && std::isfinite(value) ? out : std::string("0");
}

std::string toml_key(std::string_view name) {
  bool bare = !name.empty();
  for (const char c : name) {
    bare = bare && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-');
  }
  return bare ? std::string(name) : toml_text(name);
}

/// An array; wrapped if long (TOML allows line breaks inside arrays, even in inline tables).
template <class T>
std::string toml_array(const std::vector<T>& items, const std::function<std::string(const T&)>& write) {
  std::string flat = "[";
  std::string wrapped = "[\n   ";
  std::size_t line = 4;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = write(items[i]) + (i + 1 < items.size() ? "," : "");
    flat += (i > 0 ? " " : "") + item;
    if (line + item.size() + 2 > kWidth) {
      wrapped += "\n   ";
      line = 4;
    }
    wrapped += " " + item;
    line += item.size() + 1;
  }
  return flat.size() <= 70 ? flat + "]" : wrapped + "]";
}

std::string texts(const std::vector<std::string>& items) {
  return toml_array<std::string>(items, [](const std::string& s) { return toml_text(s); });
}

std::string column_toml(const ColumnSchema& column) {
  using Kind = ColumnSchema::Kind;
  std::string out = toml_key(column.name) + " = { kind = ";
  switch (column.kind) {
    case Kind::zscore:
      out += "\"zscore\", mean = " + toml_number(column.mean) + ", stddev = " + toml_number(column.stddev);
      break;
    case Kind::bins:
      out += "\"bins\", edges = " + toml_array<double>(column.edges, toml_number);
      break;
    case Kind::one_hot:
      out += "\"one_hot\", categories = " + texts(column.categories);
      break;
    case Kind::hashed:
      out += "\"hashed\", buckets = " + std::to_string(column.buckets);
      break;
    case Kind::month:
      out += "\"month\"";
      break;
    case Kind::ignore:
      out += "\"ignore\"";
      break;
  }
  return out + (column.with_missing ? ", with_missing = true }\n" : " }\n");
}

}  // namespace

std::string csv_schema_toml(const CsvSchema& schema) {
  std::string out = "label = " + toml_text(schema.label) + "\ntask = ";
  switch (schema.task) {
    case TaskKind::binary:
      out += "\"binary\"\n";
      break;
    case TaskKind::multiclass:
      out += "\"multiclass\"\n";
      break;
    case TaskKind::regression:
      out += "\"regression\"\n";
      break;
  }
  if (!schema.positive.empty()) out += "positive = " + texts(schema.positive) + "\n";
  if (schema.positive_at_least) out += "positive_at_least = " + toml_number(*schema.positive_at_least) + "\n";
  if (!schema.classes.empty()) out += "classes = " + texts(schema.classes) + "\n";
  if (schema.class_count != 0) out += "class_count = " + std::to_string(schema.class_count) + "\n";
  if (!schema.group.empty()) out += "group = " + toml_text(schema.group) + "\n";
  if (!schema.groups.empty()) out += "groups = " + texts(schema.groups) + "\n";
  out += "separator = " + toml_text(std::string(1, schema.separator)) + "\n\n[columns]\n";
  for (const ColumnSchema& column : schema.columns) out += column_toml(column);
  return out;
}

}  // namespace hansa::learn
