// Numbers from text, independent of the locale.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace hansa::learn {

/// `text` without blanks at either end.
inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The number that the whole of `text` (blanks at the ends aside) spells, possibly infinite or NaN ("inf",
/// "nan"); nothing if it is not a number. Too large becomes infinite, too small zero.
inline std::optional<double> parse_number(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which way; an exponent with a minus sign can only have become too small.
    const bool small = text.find("e-") != text.npos || text.find("E-") != text.npos;
    return small ? 0.0 : __builtin_inf();
  }
  if (error != std::errc()) return std::nullopt;
  return value;
}

}  // namespace hansa::learn
