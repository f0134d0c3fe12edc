// The one place that sees toml++. Exceptions are switched off, so a syntax error arrives as a value; the
// result is copied into our own nodes because toml++ sorts tables by name and we report problems in the order
// of the file.
#include "src/config/toml_node.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hansa::config {

namespace {

constexpr std::size_t kDocumentBytesMax = std::size_t{1} << 20;  // the largest honest config is a few KiB
constexpr std::size_t kShownBytesMax = 60;                       // of a value inside a message

Node convert(const toml::node& node);

Node::Array convert_array(const toml::array& array) {
  Node::Array out;
  out.reserve(array.size());
  for (const toml::node& element : array) out.push_back(convert(element));
  return out;
}

Node::Table convert_table(const toml::table& table) {
  std::vector<std::pair<toml::source_position, Member>> placed;
  placed.reserve(table.size());
  for (const auto& [key, node] : table) {
    const toml::source_position place = key.source().begin;
    placed.emplace_back(place, Member{std::string(key.str()), convert(node), place.line});
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Node::Table out;
  out.reserve(placed.size());
  for (auto& [place, member] : placed) out.push_back(std::move(member));
  return out;
}

Node convert(const toml::node& node) {
  Node out;
  out.line = node.source().begin.line;
  if (const auto* boolean = node.as_boolean()) {
    out.value = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    out.value = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.value = real->get();
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* array = node.as_array()) {
    out.value = convert_array(*array);
  } else if (const auto* table = node.as_table()) {
    out.value = convert_table(*table);
  } else {
    out.value = Node::DateTime{};
  }
  return out;
}

std::string shown(const std::string& text) {
  if (text.size() <= kShownBytesMax) return toml_quoted(text);
  return toml_quoted(text.substr(0, kShownBytesMax) + "...");
}

struct Describer {
  std::string operator()(bool value) const { return value ? "the boolean true" : "the boolean false"; }
  std::string operator()(std::int64_t value) const { return "the integer " + std::to_string(value); }
  std::string operator()(double value) const { return "the number " + toml_number(value); }
  std::string operator()(const std::string& value) const { return "the string " + shown(value); }
  std::string operator()(const Node::DateTime&) const { return "a date or time"; }
  std::string operator()(const Node::Array&) const { return "a list"; }
  std::string operator()(const Node::Table&) const { return "a table"; }
};

}  // namespace

std::string Node::describe() const { return std::visit(Describer{}, value); }

Result<Node> parse_toml(std::string_view text, const std::string& origin) {
  if (text.size() > kDocumentBytesMax) {
    return Error{ErrorKind::usage, origin + ": the file is larger than 1 MiB", "is this the right file?"};
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{ErrorKind::usage,
                 origin + ":" + std::to_string(error.source().begin.line) + ":" +
                     std::to_string(error.source().begin.column) + ": " + std::string(error.description()),
                 "the file is TOML (https://toml.io): key = value, strings in quotes, [tables] in brackets"};
  }
  return convert(parsed.table());
}

std::string toml_quoted(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_number(double value) {
  std::array<char, 40> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), written.ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";  // 'n': nan and inf are TOML as they are
  return text;
}

}  // namespace hansa::config
