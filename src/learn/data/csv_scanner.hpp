// Cuts CSV text into records and fields (RFC 4180: quotes, doubled quotes, line breaks inside quotes, CRLF),
// plus a byte-order mark, any one-byte separator and blank lines between records. Fields are views into the
// text where possible; only fields with doubled quotes are copied.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::learn {

class CsvScanner {
 public:
  /// `text` and `origin` (for messages) must outlive the scanner.
  CsvScanner(std::string_view text, std::string_view origin, char separator);

  /// Moves to the next record; false at the end. Errors name the line: unterminated quote, text after a
  /// closing quote, over-long record, too many columns.
  Result<bool> next();

  /// The fields of the current record; valid until the next call of next().
  [[nodiscard]] std::span<const std::string_view> fields() const noexcept { return fields_; }
  /// The line (from 1) on which the current record begins.
  [[nodiscard]] std::uint64_t line() const noexcept { return record_line_; }

 private:
  Result<void> quoted_field();
  void plain_field();
  [[nodiscard]] Error at_line(std::uint64_t line, std::string_view message, std::string_view hint = "") const;

  std::string_view text_;
  std::string_view origin_;
  char separator_;
  std::size_t position_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t record_line_ = 1;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unescaped_;  // a deque, because views into its strings must survive growth
  std::size_t unescaped_used_ = 0;
};

}  // namespace hansa::learn
