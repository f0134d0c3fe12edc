// The scanner walks the text once; line numbers are counted as it goes, so that every message can name its
// line.
#include "src/learn/data/csv_scanner.hpp"

#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"

#include <algorithm>

namespace hansa::learn {

CsvScanner::CsvScanner(std::string_view text, std::string_view origin, char separator)
    : text_(text), origin_(origin), separator_(separator) {
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
}

Error CsvScanner::at_line(std::uint64_t line, std::string_view message, std::string_view hint) const {
  return error_at(origin_, line, message, hint);
}

Result<bool> CsvScanner::next() {
  fields_.clear();
  unescaped_used_ = 0;
  while (position_ < text_.size()) {
    if (text_[position_] == '\n') {
      ++position_;
    } else if (text_.substr(position_, 2) == "\r\n") {
      position_ += 2;
    } else {
      break;
    }
    ++line_;
  }
  if (position_ >= text_.size()) return false;
  record_line_ = line_;
  const std::size_t begin = position_;
  for (;;) {
    if (position_ < text_.size() && text_[position_] == '"') {
      if (Result<void> done = quoted_field(); !done) return std::move(done).error();
    } else {
      plain_field();
    }
    if (position_ - begin > kReadLimits.line_bytes) {
      return at_line(record_line_, "record longer than " + std::to_string(kReadLimits.line_bytes) + " bytes",
                     "is this a CSV file, and is a quote missing?");
    }
    if (fields_.size() > kReadLimits.columns) {
      return at_line(record_line_, "more than " + std::to_string(kReadLimits.columns) + " columns",
                     "wide data belongs in a libsvm file");
    }
    if (position_ >= text_.size()) return true;
    if (text_[position_++] == separator_) continue;
    ++line_;  // the only other byte a field stops at is a line feed
    return true;
  }
}

void CsvScanner::plain_field() {
  const std::size_t begin = position_;
  const std::size_t size = text_.size();
  const char* const data = text_.data();
  std::size_t end = begin;
  while (end < size && data[end] != separator_ && data[end] != '\n') ++end;
  position_ = end;
  if ((end == size || data[end] == '\n') && end > begin && data[end - 1] == '\r') --end;
  fields_.push_back(text_.substr(begin, end - begin));
}

Result<void> CsvScanner::quoted_field() {
  const std::uint64_t opened = line_;
  const std::size_t begin = ++position_;
  const std::string_view window = text_.substr(0, std::min(text_.size(), begin + kReadLimits.line_bytes));
  std::string* copy = nullptr;
  std::size_t piece = begin;  // start of what is not yet in `copy`
  for (;;) {
    const std::size_t quote = window.find('"', position_);
    if (quote == window.npos) {
      return at_line(opened, "a quote opens here and is never closed",
                     "double the quotes inside a quoted field");
    }
    line_ += static_cast<std::uint64_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(position_),
                                                   text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
    position_ = quote + 1;
    const bool doubled = position_ < text_.size() && text_[position_] == '"';
    if (doubled) {
      if (copy == nullptr) {
        if (unescaped_used_ == unescaped_.size()) unescaped_.emplace_back();
        copy = &unescaped_[unescaped_used_++];
        copy->clear();
      }
      copy->append(text_.substr(piece, quote + 1 - piece));
      piece = ++position_;
      continue;
    }
    if (copy != nullptr) {
      copy->append(text_.substr(piece, quote - piece));
      fields_.push_back(*copy);
    } else {
      fields_.push_back(text_.substr(begin, quote - begin));
    }
    break;
  }
  if (text_.substr(position_, 2) == "\r\n" || text_.substr(position_) == "\r") ++position_;
  if (position_ < text_.size() && text_[position_] != separator_ && text_[position_] != '\n') {
    return at_line(line_, "text after a closing quote", "double the quotes inside a quoted field");
  }
  return {};
}

}  // namespace hansa::learn
