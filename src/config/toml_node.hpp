// A parsed TOML document as plain values with their places. It is the seam to toml++: only toml_node.cpp
// knows that library, and everything else in this folder works on these few types.
#pragma once

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hansa::config {

struct Member;

/// A value and the line where it stands (1-based). Dates and times, which no key uses, are kept as their kind
/// only.
struct Node {
  struct DateTime {};
  using Array = std::vector<Node>;
  using Table = std::vector<Member>;  ///< in the order of the file

  std::variant<bool, std::int64_t, double, std::string, DateTime, Array, Table> value;
  std::uint32_t line = 0;

  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&value);
  }
  /// For messages: `the string "fast"`, "the number 0.5", "a table".
  [[nodiscard]] std::string describe() const;
};

/// One `key = value` (or `[key]`) and the line of the key.
struct Member {
  std::string key;
  Node node;
  std::uint32_t line = 0;
};

/// Parses a whole document into a table node. Documents above 1 MiB, control characters and everything else
/// that TOML forbids are errors of the form "bank.toml:3:7: ...". Does not touch the disk.
Result<Node> parse_toml(std::string_view text, const std::string& origin);

/// `text` as a TOML string: quoted, with the necessary escapes.
std::string toml_quoted(std::string_view text);
/// The shortest decimal that reads back as the same double, always with a point or an exponent.
std::string toml_number(double value);

}  // namespace hansa::config
