// The encoder does all look-ups by name once, in make(); per record it only walks its columns.
#include "src/learn/data/csv_encoder.hpp"

#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"
#include "src/learn/data/number.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace hansa::learn {
namespace {

using Kind = ColumnSchema::Kind;

Error schema_error(std::string message, std::string_view hint) {
  return Error{ErrorKind::usage, std::move(message), std::string(hint)};
}

/// FNV-1a, then mixed: the feature of a text must never change between versions or machines.
std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return mix64(hash);
}

/// Month 0..11 of YYYY-MM-DD (a time may follow), or -1.
int month_of(std::string_view date) noexcept {
  const auto digit = [&](std::size_t i) { return date[i] >= '0' && date[i] <= '9'; };
  if (date.size() < 10 || date[4] != '-' || date[7] != '-' || (date.size() > 10 && digit(10))) return -1;
  for (const std::size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (!digit(i)) return -1;
  }
  const int month = (date[5] - '0') * 10 + (date[6] - '0');
  return month >= 1 && month <= 12 ? month - 1 : -1;
}

std::string names_of(std::span<const std::string_view> header) {
  constexpr std::size_t kMost = 30;
  std::string text;
  for (std::size_t i = 0; i < std::min(header.size(), kMost); ++i) {
    text += (i > 0 ? ", " : "") + in_quotes(header[i]);
  }
  return header.size() > kMost ? text + ", ..." : text;
}

std::string category_name(const ColumnSchema& column, std::size_t i) {
  if (column.kind != Kind::bins) {
    return column.name + "=" + (i < column.categories.size() ? column.categories[i] : std::string("(other)"));
  }
  char edge[40];
  if (i < column.edges.size()) {
    std::snprintf(edge, sizeof edge, "<=%.9g", column.edges[i]);
  } else {
    std::snprintf(edge, sizeof edge, ">%.9g", column.edges.back());
  }
  return column.name + edge;
}

}  // namespace

std::uint64_t feature_count(const ColumnSchema& column) noexcept {
  const std::uint64_t missing = column.with_missing ? 1 : 0;
  switch (column.kind) {
    case Kind::zscore:
      return 1 + missing;
    case Kind::bins:
      return column.edges.size() + 1 + missing;
    case Kind::one_hot:
      return column.categories.size() + 1;
    case Kind::hashed:
      return column.buckets;
    case Kind::month:
      return 12 + missing;
    case Kind::ignore:
      return 0;
  }
  return 0;
}

Result<void> check_column(const ColumnSchema& column) {
  const auto bad = [&](std::string_view what) {
    return schema_error("column " + in_quotes(column.name) + ": " + std::string(what), "correct the schema");
  };
  const bool may_miss =
      column.kind == Kind::zscore || column.kind == Kind::bins || column.kind == Kind::month;
  if (column.with_missing && !may_miss) return bad("with_missing is for zscore, bins and month columns");
  switch (column.kind) {
    case Kind::zscore:
      if (!std::isfinite(column.mean)) return bad("mean must be a finite number");
      if (!std::isfinite(column.stddev) || column.stddev <= 0)
        return bad("stddev must be a finite number above 0");
      return {};
    case Kind::bins:
      if (column.edges.empty()) return bad("bins need at least one edge");
      for (std::size_t i = 0; i < column.edges.size(); ++i) {
        if (!std::isfinite(column.edges[i])) return bad("edges must be finite numbers");
        if (i > 0 && column.edges[i] <= column.edges[i - 1]) return bad("edges must ascend");
      }
      return {};
    case Kind::one_hot:
      if (column.categories.empty()) return bad("one_hot needs at least one category");
      return {};
    case Kind::hashed:
      if (column.buckets == 0) return bad("hashed needs at least one bucket");
      return {};
    case Kind::month:
    case Kind::ignore:
      return {};
  }
  return {};
}

Error CsvEncoder::bad_schema(std::string_view message, std::string_view hint) const {
  return schema_error(origin_ + ": " + std::string(message), hint);
}

Result<std::size_t> CsvEncoder::find_column(std::string_view name,
                                            std::span<const std::string_view> header) const {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  return schema_error(
      origin_ + ":1: the schema names a column " + in_quotes(name) + " that the file does not have",
      "the file has " + names_of(header) + "; is the separator right?");
}

Result<CsvEncoder> CsvEncoder::make(const CsvSchema& schema, std::span<const std::string_view> header,
                                    std::string_view origin) {
  CsvEncoder encoder(schema, origin);
  std::map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto [entry, inserted] = seen.emplace(header[i], i);
    if (!inserted) {
      return error_at(origin, 1,
                      "columns " + std::to_string(entry->second + 1) + " and " + std::to_string(i + 1) +
                          " are both called " + in_quotes(header[i]),
                      "column names must differ; is the first line really a header?");
    }
  }
  if (Result<void> done = encoder.check_label_and_groups(header); !done) return std::move(done).error();
  std::map<std::string_view, bool> used;
  for (const ColumnSchema& column : schema.columns) {
    if (!used.emplace(column.name, true).second) {
      return encoder.bad_schema("the schema lists column " + in_quotes(column.name) + " twice",
                                "remove one of them");
    }
    if (Result<void> done = encoder.add_column(column, header); !done) return std::move(done).error();
  }
  if (encoder.features_ == 0) {
    return encoder.bad_schema("the schema has no column that becomes a feature",
                              "list columns under [columns]");
  }
  return encoder;
}

Result<void> CsvEncoder::check_label_and_groups(std::span<const std::string_view> header) {
  const CsvSchema& schema = *schema_;
  if (schema.label.empty()) return bad_schema("the schema names no label column", "add label = \"NAME\"");
  Result<std::size_t> label = find_column(schema.label, header);
  if (!label) return std::move(label).error();
  label_column_ = *label;
  if (schema.task == TaskKind::binary && !schema.positive.empty() && schema.positive_at_least) {
    return bad_schema("the schema has both positive and positive_at_least", "keep one of them");
  }
  if (schema.task == TaskKind::multiclass) {
    if (schema.classes.empty() == (schema.class_count == 0)) {
      return bad_schema("a multiclass schema needs either classes or class_count", "add classes = [...]");
    }
    const std::size_t classes = std::max<std::size_t>(schema.classes.size(), schema.class_count);
    if (classes < 2 || classes > kReadLimits.classes) {
      return bad_schema("the number of classes must lie between 2 and " +
                        std::to_string(kReadLimits.classes));
    }
    for (const std::string& name : schema.classes) {
      if (!class_of_.emplace(name, static_cast<std::uint32_t>(class_of_.size())).second) {
        return bad_schema("the schema lists class " + in_quotes(name) + " twice", "remove one of them");
      }
    }
  }
  if (schema.group.empty()) return {};
  Result<std::size_t> group = find_column(schema.group, header);
  if (!group) return std::move(group).error();
  group_column_ = *group;
  for (const std::string& name : schema.groups) {
    if (!group_index_.emplace(name, static_cast<std::uint32_t>(group_names_.size())).second) {
      return bad_schema("the schema lists group " + in_quotes(name) + " twice", "remove one of them");
    }
    group_names_.push_back(name);
  }
  return {};
}

Result<void> CsvEncoder::add_column(const ColumnSchema& schema, std::span<const std::string_view> header) {
  Result<std::size_t> source = find_column(schema.name, header);
  if (!source) return std::move(source).error();
  if (schema.kind == Kind::ignore) return {};
  if (*source == label_column_) {
    return bad_schema("column " + in_quotes(schema.name) + " is the label and a feature at once",
                      "the model would read the answer; remove it from [columns]");
  }
  if (Result<void> done = check_column(schema); !done)
    return bad_schema(done.error().message, done.error().hint);
  const std::uint64_t count = feature_count(schema);
  if (features_ + count > kReadLimits.features) {
    return bad_schema("more than " + std::to_string(kReadLimits.features) + " features", "use fewer buckets");
  }
  Column column;
  column.schema = &schema;
  column.source = *source;
  column.first = features_;
  column.count = static_cast<std::uint32_t>(count);
  for (const std::string& name : schema.categories) {
    if (schema.kind != Kind::one_hot) break;
    if (!column.category.emplace(name, static_cast<std::uint32_t>(column.category.size())).second) {
      return bad_schema(
          "column " + in_quotes(schema.name) + ": category " + in_quotes(name) + " is listed twice",
          "remove one of them");
    }
  }
  features_ += column.count;
  all_zscore_ = all_zscore_ && schema.kind == Kind::zscore && !schema.with_missing;
  columns_.push_back(std::move(column));
  return {};
}

std::size_t CsvEncoder::classes() const noexcept {
  switch (schema_->task) {
    case TaskKind::binary:
      return 2;
    case TaskKind::multiclass:
      return std::max<std::size_t>(schema_->classes.size(), schema_->class_count);
    case TaskKind::regression:
      return 1;
  }
  return 1;
}

std::vector<std::string> CsvEncoder::feature_names() const {
  static constexpr const char* kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                            "jul", "aug", "sep", "oct", "nov", "dec"};
  std::vector<std::string> names;
  names.reserve(features_);
  for (const Column& column : columns_) {
    const ColumnSchema& schema = *column.schema;
    const std::uint32_t regular = column.count - (schema.with_missing ? 1 : 0);
    for (std::uint32_t i = 0; i < regular; ++i) {
      switch (schema.kind) {
        case Kind::zscore:
          names.push_back(schema.name);
          break;
        case Kind::bins:
        case Kind::one_hot:
          names.push_back(category_name(schema, i));
          break;
        case Kind::hashed:
          names.push_back(schema.name + "#" + std::to_string(i));
          break;
        case Kind::month:
          names.push_back(schema.name + "=" + kMonths[i]);
          break;
        case Kind::ignore:
          break;
      }
    }
    if (schema.with_missing) names.push_back(schema.name + "=(missing)");
  }
  return names;
}

Error CsvEncoder::bad_number(std::string_view column, std::string_view field, std::uint64_t line) const {
  if (trimmed(field).empty()) {
    return error_at(origin_, line, "column " + in_quotes(column) + " is empty where a number is expected",
                    "set with_missing = true for this column in the schema, or fill the field");
  }
  const bool not_finite = parse_number(field).has_value();
  return error_at(origin_, line,
                  "column " + in_quotes(column) + ": " + in_quotes(field) +
                      (not_finite ? " is not a finite number" : " is not a number"),
                  not_finite ? "remove or replace NaN and infinite values before training" : "");
}

Result<void> CsvEncoder::encode_column(const Column& column, std::string_view field, std::uint64_t line,
                                       Row& row) const {
  const ColumnSchema& schema = *column.schema;
  const auto add = [&](std::uint64_t offset, float value = 1.0f) {
    row.features.emplace_back(column.first + static_cast<std::uint32_t>(offset), value);
  };
  if (schema.with_missing && trimmed(field).empty()) {
    add(column.count - 1);
    return {};
  }
  switch (schema.kind) {
    case Kind::zscore:
    case Kind::bins: {
      const std::optional<double> number = parse_number(field);
      if (!number || !std::isfinite(*number)) return bad_number(schema.name, field, line);
      if (schema.kind == Kind::bins) {
        add(static_cast<std::uint64_t>(std::lower_bound(schema.edges.begin(), schema.edges.end(), *number) -
                                       schema.edges.begin()));
        return {};
      }
      const float value = static_cast<float>((*number - schema.mean) / schema.stddev);
      if (!std::isfinite(value)) {
        return error_at(origin_, line,
                        "column " + in_quotes(schema.name) + ": " + in_quotes(field) + " is too large");
      }
      if (value != 0.0f) add(0, value);
      return {};
    }
    case Kind::one_hot: {
      const auto found = column.category.find(field);
      add(found != column.category.end() ? found->second : schema.categories.size());
      return {};
    }
    case Kind::hashed:
      add(hash_text(field) % schema.buckets);
      return {};
    case Kind::month: {
      const int month = month_of(trimmed(field));
      if (month < 0) {
        return error_at(origin_, line,
                        "column " + in_quotes(schema.name) + ": " + in_quotes(field) + " is not a date",
                        "dates are written YYYY-MM-DD");
      }
      add(static_cast<std::uint64_t>(month));
      return {};
    }
    case Kind::ignore:
      return {};
  }
  return {};
}

Result<void> CsvEncoder::encode_label(std::string_view field, std::uint64_t line, Row& row) const {
  const CsvSchema& schema = *schema_;
  if (trimmed(field).empty()) {
    return error_at(origin_, line, "the label (column " + in_quotes(schema.label) + ") is empty",
                    "remove the row");
  }
  if (schema.task == TaskKind::binary && !schema.positive.empty()) {
    row.label =
        std::find(schema.positive.begin(), schema.positive.end(), field) != schema.positive.end() ? 1 : 0;
    return {};
  }
  if (schema.task == TaskKind::multiclass && !schema.classes.empty()) {
    const auto found = class_of_.find(field);
    if (found == class_of_.end()) {
      return error_at(origin_, line,
                      "unknown label " + in_quotes(field) + " in column " + in_quotes(schema.label),
                      "add it to classes in the schema, or remove the row");
    }
    row.label = static_cast<float>(found->second);
    return {};
  }
  const std::optional<double> number = parse_number(field);
  if (!number || !std::isfinite(*number)) return bad_number(schema.label, field, line);
  double value = *number;
  if (schema.task == TaskKind::binary && schema.positive_at_least)
    value = value >= *schema.positive_at_least ? 1 : 0;
  const double last = static_cast<double>(classes()) - 1;
  if (schema.task != TaskKind::regression && (value < 0 || value > last || value != std::floor(value))) {
    return error_at(origin_, line,
                    "label " + in_quotes(field) + " in column " + in_quotes(schema.label) +
                        " is not one of 0 to " + std::to_string(classes() - 1),
                    schema.task == TaskKind::binary ? "name the texts that count as 1: positive = [...]"
                                                    : "check class_count in the schema");
  }
  row.label = static_cast<float>(value);
  if (!std::isfinite(row.label))
    return error_at(origin_, line, "label " + in_quotes(field) + " is too large");
  return {};
}

std::uint32_t CsvEncoder::group_of(std::string_view field) {
  const auto found = group_index_.find(field);
  if (found != group_index_.end()) return found->second;
  if (!schema_->groups.empty()) return kDropped;
  const auto number = static_cast<std::uint32_t>(group_names_.size());
  group_index_.emplace(std::string(field), number);
  group_names_.emplace_back(field);
  return number;
}

Result<void> CsvEncoder::encode(std::span<const std::string_view> fields, std::uint64_t line, Row& row) {
  row.features.clear();
  row.group = has_groups() ? group_of(fields[group_column_]) : 0;
  if (row.group == kDropped) return {};
  if (Result<void> done = encode_label(fields[label_column_], line, row); !done) return done;
  for (const Column& column : columns_) {
    if (Result<void> done = encode_column(column, fields[column.source], line, row); !done) return done;
  }
  return {};
}

}  // namespace hansa::learn
