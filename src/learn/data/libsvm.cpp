// libsvm files: one row a line, "label index:value index:value ...", indices from 1 and ascending, '#' starts
// a comment. The format of LIBSVM (Chang and Lin, ACM TIST 2011).
#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"
#include "src/learn/data/number.hpp"
#include "src/learn/data/parse.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace hansa::learn {
namespace {

class LibsvmParser {
 public:
  LibsvmParser(std::string_view origin, TaskKind task, std::uint32_t features, Dataset& dataset)
      : origin_(origin), task_(task), features_(features), dataset_(dataset) {}

  Result<void> line(std::string_view text, std::uint64_t number) {
    line_ = number;
    text = text.substr(0, text.find('#'));
    std::string_view token = next_token(text);
    if (token.empty()) return {};
    if (dataset_.label.size() >= kReadLimits.rows) return error("too many rows");
    if (Result<void> done = label(token); !done) return done;
    std::uint32_t previous = 0;
    for (token = next_token(text); !token.empty(); token = next_token(text)) {
      if (Result<void> done = entry(token, previous); !done) return done;
    }
    dataset_.row_begin.push_back(dataset_.column.size());
    return {};
  }

  [[nodiscard]] std::uint32_t largest_index() const noexcept { return largest_; }
  [[nodiscard]] std::uint32_t largest_class() const noexcept { return largest_class_; }

 private:
  static std::string_view next_token(std::string_view& text) noexcept {
    const std::size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
    const std::size_t end = std::min(text.find_first_of(" \t\r", begin), text.size());
    const std::string_view token = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return token;
  }

  [[nodiscard]] Error error(std::string_view message, std::string_view hint = "") const {
    return error_at(origin_, line_, message, hint);
  }

  Result<void> label(std::string_view token) {
    const std::optional<double> number = parse_number(token);
    if (!number)
      return error("label " + in_quotes(token) + " is not a number", "lines read: label index:value ...");
    double value = *number;
    if (!std::isfinite(value)) return error("label " + in_quotes(token) + " is not a finite number");
    if (task_ == TaskKind::binary) {
      if (value == -1) value = 0;
      if (value != 0 && value != 1) {
        return error("label " + in_quotes(token) + " is outside the range", "binary labels are 0/1 or -1/+1");
      }
    } else if (task_ == TaskKind::multiclass) {
      if (value < 0 || value >= kReadLimits.classes || value != std::floor(value)) {
        return error("label " + in_quotes(token) + " is outside the range",
                     "class labels are whole numbers from 0 to " + std::to_string(kReadLimits.classes - 1));
      }
      largest_class_ = std::max(largest_class_, static_cast<std::uint32_t>(value));
    }
    const float stored = static_cast<float>(value);
    if (!std::isfinite(stored)) return error("label " + in_quotes(token) + " is too large");
    dataset_.label.push_back(stored);
    return {};
  }

  Result<void> entry(std::string_view token, std::uint32_t& previous) {
    const std::size_t colon = token.find(':');
    std::uint32_t index = 0;
    const char* const end = token.data() + std::min(colon, token.size());
    const auto [stop, status] = std::from_chars(token.data(), end, index);
    if (colon == token.npos || stop != end || status == std::errc::invalid_argument) {
      return error("expected index:value, found " + in_quotes(token));
    }
    if (status == std::errc::result_out_of_range || index > kReadLimits.features) {
      return error("feature index " + in_quotes(token.substr(0, colon)) + " is too large",
                   "the largest possible is " + std::to_string(kReadLimits.features));
    }
    if (index == 0) return error("feature index 0", "libsvm counts features from 1");
    if (index <= previous) {
      return error("feature index " + std::to_string(index) + " after " + std::to_string(previous),
                   "indices must ascend within a line");
    }
    if (features_ != 0 && index > features_) {
      return error("feature index " + std::to_string(index) + " is above the number of features, " +
                       std::to_string(features_),
                   "correct data.features");
    }
    const std::optional<double> number = parse_number(token.substr(colon + 1));
    if (!number) return error("value of " + in_quotes(token) + " is not a number");
    const float value = static_cast<float>(*number);
    if (!std::isfinite(value)) return error("value of " + in_quotes(token) + " is not a finite number");
    previous = index;
    largest_ = std::max(largest_, index);
    if (value != 0.0f) {
      dataset_.column.push_back(index - 1);
      dataset_.value.push_back(value);
    }
    return {};
  }

  std::string_view origin_;
  TaskKind task_;
  std::uint32_t features_;
  Dataset& dataset_;
  std::uint64_t line_ = 0;
  std::uint32_t largest_ = 0;
  std::uint32_t largest_class_ = 1;
};

}  // namespace

Result<ParsedRows> parse_libsvm(std::string_view text, std::string_view origin, TaskKind task,
                                std::uint32_t features) {
  if (features > kReadLimits.features) {
    return Error{ErrorKind::usage, "more than " + std::to_string(kReadLimits.features) + " features", ""};
  }
  auto dataset = std::make_shared<Dataset>();
  dataset->task = task;
  dataset->storage = Storage::sparse;
  dataset->row_begin.push_back(0);
  LibsvmParser parser(origin, task, features, *dataset);
  std::uint64_t line = 0;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t end = std::min(text.find('\n', position), text.size());
    ++line;
    if (end - position > 64 * kReadLimits.line_bytes) return error_at(origin, line, "the line is too long");
    if (Result<void> done = parser.line(text.substr(position, end - position), line); !done) {
      return std::move(done).error();
    }
    position = end + 1;
  }
  dataset->rows = dataset->label.size();
  if (dataset->rows == 0)
    return Error{ErrorKind::bad_data, std::string(origin) + ":1: the file has no rows", ""};
  dataset->features = features != 0 ? features : parser.largest_index();
  if (dataset->features == 0) {
    return Error{ErrorKind::bad_data, std::string(origin) + ": no row has a feature",
                 "lines read: label index:value ..."};
  }
  dataset->classes = task == TaskKind::multiclass ? parser.largest_class() + 1
                     : task == TaskKind::binary   ? 2
                                                  : 1;
  ParsedRows parsed{dataset, std::vector<std::uint32_t>(dataset->rows)};
  for (std::size_t i = 0; i < dataset->rows; ++i) parsed.source_row[i] = static_cast<std::uint32_t>(i);
  return parsed;
}

Result<std::shared_ptr<const Dataset>> read_libsvm(const std::string& path, TaskKind task,
                                                   std::uint32_t features) {
  Result<std::string> text = read_file(path);
  if (!text) return std::move(text).error();
  Result<ParsedRows> parsed = parse_libsvm(*text, path, task, features);
  if (!parsed) return std::move(parsed).error();
  parsed->dataset->name = path;
  return std::shared_ptr<const Dataset>(std::move(parsed->dataset));
}

}  // namespace hansa::learn
