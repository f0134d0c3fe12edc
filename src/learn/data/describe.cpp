// A first look at a file: what format it is, what its columns hold, and a schema to start from. One pass,
// memory bounded by 10,000 distinct values per column.
#include "src/learn/data/csv_scanner.hpp"
#include "src/learn/data/file.hpp"
#include "src/learn/data/number.hpp"
#include "src/learn/data/parse.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

namespace hansa::learn {
namespace {

constexpr std::size_t kDistinctMax = 10'000;
constexpr std::size_t kMostCommon = 5;
constexpr std::size_t kOneHotMax = 100;  // more categories than this are hashed
constexpr std::size_t kClassesMax = 100;

/// Statistics of one column, value by value.
class ColumnStatistics {
 public:
  void add_text(std::string_view text) {
    ++rows_;
    const std::string_view bare = trimmed(text);
    if (bare.empty()) {
      ++missing_;
      return;
    }
    count(text);
    dates_ = dates_ && bare.size() >= 10 && bare[4] == '-' && bare[7] == '-';
    if (!numeric_) return;
    const std::optional<double> number = parse_number(bare);
    if (number && std::isfinite(*number)) {
      add_moment(*number);
    } else {
      numeric_ = false;
    }
  }

  void add_number(double value) {
    ++rows_;
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    count(std::string_view(text, static_cast<std::size_t>(end - text)));
    dates_ = false;
    add_moment(value);
  }

  [[nodiscard]] DataDescription::Column summary(std::string name) const {
    DataDescription::Column column;
    column.name = std::move(name);
    column.kind = numeric() ? "numeric" : "categorical";
    column.missing = missing_;
    column.distinct = counts_.size();
    if (numeric()) {
      column.min = min_;
      column.max = max_;
      column.mean = mean_;
      column.stddev = stddev();
    }
    column.most_common = by_count();
    column.most_common.resize(std::min(column.most_common.size(), kMostCommon));
    return column;
  }

  /// Values with their counts, the most frequent first, ties by text.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> by_count() const {
    std::vector<std::pair<std::string, std::uint64_t>> all(counts_.begin(), counts_.end());
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return all;
  }

  /// Distinct values in order of their text.
  [[nodiscard]] std::vector<std::string> values() const {
    std::vector<std::string> all;
    for (const auto& [text, times] : counts_) all.push_back(text);
    return all;
  }

  [[nodiscard]] bool numeric() const noexcept { return numeric_ && rows_ > missing_; }
  [[nodiscard]] bool dates() const noexcept { return dates_ && !numeric_ && rows_ > missing_; }
  [[nodiscard]] bool whole() const noexcept { return numeric() && whole_; }
  /// 1, 2, 3, ...: a row number, not a feature.
  [[nodiscard]] bool counts_rows() const noexcept {
    return whole() && steps_of_one_ && rows_ > 2 && missing_ == 0;
  }
  [[nodiscard]] std::size_t distinct() const noexcept { return counts_.size(); }
  [[nodiscard]] std::uint64_t missing() const noexcept { return missing_; }
  [[nodiscard]] double min() const noexcept { return min_; }
  [[nodiscard]] double max() const noexcept { return max_; }
  [[nodiscard]] double mean() const noexcept { return mean_; }
  [[nodiscard]] double stddev() const noexcept {
    return numbers_ > 0 ? std::sqrt(squares_ / static_cast<double>(numbers_)) : 0;
  }

 private:
  void count(std::string_view text) {
    const auto found = counts_.find(text);
    if (found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < kDistinctMax) {
      counts_.emplace(std::string(text), 1);
    }
  }

  void add_moment(double value) noexcept {  // Welford's update
    steps_of_one_ = steps_of_one_ && (numbers_ == 0 || value == last_ + 1);
    last_ = value;
    ++numbers_;
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(numbers_);
    squares_ += delta * (value - mean_);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    whole_ = whole_ && value == std::floor(value);
  }

  std::uint64_t rows_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t numbers_ = 0;
  bool numeric_ = true;
  bool whole_ = true;
  bool steps_of_one_ = true;
  bool dates_ = true;
  double last_ = 0;
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = -std::numeric_limits<double>::infinity();
  double mean_ = 0;
  double squares_ = 0;
  std::map<std::string, std::uint64_t, std::less<>>
      counts_;  // ordered: the description must not depend on hashing
};

/// The separator that occurs most often in the first line.
char guess_separator(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  char best = ',';
  for (const char candidate : {',', ';', '\t', '|'}) {
    if (std::count(line.begin(), line.end(), candidate) > std::count(line.begin(), line.end(), best))
      best = candidate;
  }
  return best;
}

bool looks_like_libsvm(std::string_view text) {
  constexpr std::size_t kEnough = 4096;
  std::string_view line = text.substr(0, std::min(text.find('\n'), kEnough));
  const std::size_t blank = line.find(' ');
  if (blank == line.npos || !parse_number(line.substr(0, blank))) return false;
  const std::string_view entry = trimmed(line.substr(blank));
  const std::size_t digits = entry.find_first_not_of("0123456789");
  return digits != entry.npos && digits > 0 && entry[digits] == ':';
}

/// The column to learn: one with a telling name, otherwise the last one that is never empty.
std::size_t guess_label(const std::vector<std::string>& names, const std::vector<ColumnStatistics>& columns) {
  for (const std::string_view telling : {"y", "label", "class", "target", "type"}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::string lower = names[i];
      for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (lower == telling) return i;
    }
  }
  for (std::size_t i = names.size(); i > 0; --i) {
    if (columns[i - 1].missing() == 0) return i - 1;
  }
  return names.size() - 1;
}

void suggest_label(const std::string& name, const ColumnStatistics& column, CsvSchema& schema) {
  schema.label = name;
  const bool zero_one = column.whole() && column.min() == 0 && column.max() == 1;
  if (column.distinct() == 2) {
    schema.task = TaskKind::binary;
    if (!zero_one)
      schema.positive = {column.by_count().back().first};  // the rarer value is usually the event
  } else if (!column.numeric()) {
    schema.task = TaskKind::multiclass;
    schema.classes = column.values();
  } else if (column.whole() && column.min() == 0 && column.max() > 0 && column.max() < kClassesMax) {
    schema.task = TaskKind::multiclass;
    schema.class_count = static_cast<std::uint32_t>(column.max()) + 1;
  } else {
    schema.task = TaskKind::regression;
  }
}

ColumnSchema suggest_column(const std::string& name, const ColumnStatistics& column) {
  ColumnSchema schema;
  schema.name = name;
  if (column.distinct() < 2 || column.counts_rows()) return schema;  // says nothing: ignored
  if (column.numeric()) {
    schema.kind = ColumnSchema::Kind::zscore;
    schema.mean = column.mean();
    schema.stddev = column.stddev();
    schema.with_missing = column.missing() > 0;
  } else if (column.dates()) {
    schema.kind = ColumnSchema::Kind::month;
    schema.with_missing = column.missing() > 0;
  } else if (column.distinct() <= kOneHotMax) {
    schema.kind = ColumnSchema::Kind::one_hot;
    schema.categories = column.values();
  } else {
    schema.kind = ColumnSchema::Kind::hashed;
    schema.buckets = static_cast<std::uint32_t>(std::bit_ceil(column.distinct()));
  }
  return schema;
}

Result<DataDescription> describe_csv(std::string_view text, std::string_view origin) {
  CsvSchema schema;
  schema.separator = guess_separator(text);
  CsvScanner scanner(text, origin, schema.separator);
  Result<bool> more = scanner.next();
  if (!more) return std::move(more).error();
  if (!*more) return Error{ErrorKind::bad_data, std::string(origin) + ":1: the file is empty", ""};
  const std::vector<std::string> names(scanner.fields().begin(), scanner.fields().end());
  std::vector<ColumnStatistics> columns(names.size());
  DataDescription description;
  description.format = "csv";
  for (;; ++description.rows) {
    more = scanner.next();
    if (!more) return std::move(more).error();
    if (!*more) break;
    if (scanner.fields().size() != names.size()) {
      return error_at(origin, scanner.line(),
                      "expected " + std::to_string(names.size()) + " columns as in the header, found " +
                          std::to_string(scanner.fields().size()),
                      "every line must have the same number of separators");
    }
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].add_text(scanner.fields()[i]);
  }
  const std::size_t label = guess_label(names, columns);
  suggest_label(names[label], columns[label], schema);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    description.columns.push_back(columns[i].summary(names[i]));
    if (i != label) schema.columns.push_back(suggest_column(names[i], columns[i]));
  }
  description.schema_toml = csv_schema_toml(schema);
  return description;
}

Result<DataDescription> describe_libsvm(std::string_view text, std::string_view origin) {
  Result<ParsedRows> parsed = parse_libsvm(text, origin, TaskKind::regression, 0);
  if (!parsed) return std::move(parsed).error();
  const Dataset& dataset = *parsed->dataset;
  ColumnStatistics label;
  ColumnStatistics per_row;
  ColumnStatistics values;
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    label.add_number(static_cast<double>(dataset.label[row]));
    per_row.add_number(static_cast<double>(dataset.row_begin[row + 1] - dataset.row_begin[row]));
  }
  for (const float value : dataset.value) values.add_number(static_cast<double>(value));
  DataDescription description;
  description.format = "libsvm";
  description.rows = dataset.rows;
  description.columns.push_back(label.summary("label"));
  description.columns.push_back(per_row.summary("non-zeros per row"));
  if (!dataset.value.empty()) {
    description.columns.push_back(
        values.summary("value, of " + std::to_string(dataset.features) + " features"));
  }
  return description;
}

Result<DataDescription> describe_idx(std::string_view bytes, std::string_view origin) {
  Result<std::vector<std::uint32_t>> shape = idx_shape(bytes, origin);
  if (!shape) return std::move(shape).error();
  std::uint64_t counts[256] = {};
  for (const char c : bytes.substr(4 + 4 * shape->size())) ++counts[static_cast<unsigned char>(c)];
  DataDescription::Column column;
  column.name = shape->size() == 1 ? "label" : "pixel";
  for (std::size_t i = 1; i < shape->size(); ++i) {
    column.name +=
        (i == 1 ? ", " : " x ") + std::to_string((*shape)[i]) + (i + 1 == shape->size() ? " per row" : "");
  }
  column.kind = "numeric";
  double total = 0;
  double sum = 0;
  double squares = 0;
  column.min = 255;
  for (std::size_t v = 0; v < 256; ++v) {
    if (counts[v] == 0) continue;
    const double value = static_cast<double>(v);
    const double times = static_cast<double>(counts[v]);
    column.min = std::min(column.min, value);
    column.max = value;
    total += times;
    sum += times * value;
    squares += times * value * value;
    ++column.distinct;
    column.most_common.emplace_back(std::to_string(v), counts[v]);
  }
  column.mean = sum / total;
  column.stddev = std::sqrt(std::max(0.0, squares / total - column.mean * column.mean));
  std::stable_sort(column.most_common.begin(), column.most_common.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  column.most_common.resize(std::min(column.most_common.size(), kMostCommon));
  DataDescription description;
  description.format = "idx";
  description.rows = shape->front();
  description.columns.push_back(std::move(column));
  return description;
}

}  // namespace

Result<DataDescription> describe_bytes(std::string_view bytes, std::string_view origin) {
  if (bytes.size() >= 4 && bytes[0] == '\0' && bytes[1] == '\0') return describe_idx(bytes, origin);
  if (bytes.find('\0') != bytes.npos) {
    return Error{ErrorKind::bad_data, std::string(origin) + ": neither text nor IDX",
                 "known formats: CSV, libsvm, IDX; each may be gzipped"};
  }
  return looks_like_libsvm(bytes) ? describe_libsvm(bytes, origin) : describe_csv(bytes, origin);
}

Result<DataDescription> describe_file(const std::string& path) {
  Result<std::string> bytes = read_file(path);
  if (!bytes) return std::move(bytes).error();
  return describe_bytes(*bytes, path);
}

}  // namespace hansa::learn
