// From a CSV schema to features: checks the schema against the header once, then turns one record after
// another into (feature, value) pairs, a label and a group. Features are numbered in the order of the
// schema's columns.
#pragma once

#include "src/learn/load.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::learn {

class CsvEncoder {
 public:
  static constexpr std::uint32_t kDropped = std::numeric_limits<std::uint32_t>::max();

  /// What one record becomes. `group` is kDropped for rows of a group that the schema leaves out; then the
  /// other members are not filled.
  struct Row {
    std::vector<std::pair<std::uint32_t, float>> features;  ///< ascending; no zeros
    float label = 0;
    std::uint32_t group = 0;
  };

  /// Checks `schema` and finds its columns in `header`. `schema` must outlive the encoder.
  static Result<CsvEncoder> make(const CsvSchema& schema, std::span<const std::string_view> header,
                                 std::string_view origin);

  /// Encodes one record of header.size() fields into `row`, whose memory is reused.
  Result<void> encode(std::span<const std::string_view> fields, std::uint64_t line, Row& row);

  [[nodiscard]] std::uint32_t features() const noexcept { return features_; }
  [[nodiscard]] std::size_t classes() const noexcept;
  [[nodiscard]] bool all_zscore() const noexcept { return all_zscore_; }
  [[nodiscard]] bool has_groups() const noexcept { return group_column_ != kNoColumn; }
  [[nodiscard]] std::vector<std::string> feature_names() const;
  /// Names in group order: the schema's, or those met so far in order of appearance.
  [[nodiscard]] const std::vector<std::string>& group_names() const noexcept { return group_names_; }

 private:
  static constexpr std::size_t kNoColumn = std::numeric_limits<std::size_t>::max();

  struct Column {
    const ColumnSchema* schema = nullptr;
    std::size_t source = 0;   ///< index in the header
    std::uint32_t first = 0;  ///< first feature
    std::uint32_t count = 0;  ///< number of features
    std::map<std::string_view, std::uint32_t> category;
  };

  CsvEncoder(const CsvSchema& schema, std::string_view origin) : schema_(&schema), origin_(origin) {}
  Result<void> check_label_and_groups(std::span<const std::string_view> header);
  Result<void> add_column(const ColumnSchema& column, std::span<const std::string_view> header);
  Result<std::size_t> find_column(std::string_view name, std::span<const std::string_view> header) const;
  Result<void> encode_column(const Column& column, std::string_view field, std::uint64_t line,
                             Row& row) const;
  Result<void> encode_label(std::string_view field, std::uint64_t line, Row& row) const;
  std::uint32_t group_of(std::string_view field);
  [[nodiscard]] Error bad_number(std::string_view column, std::string_view field, std::uint64_t line) const;
  [[nodiscard]] Error bad_schema(std::string_view message, std::string_view hint = "") const;

  const CsvSchema* schema_;
  std::string origin_;
  std::vector<Column> columns_;
  std::size_t label_column_ = kNoColumn;
  std::size_t group_column_ = kNoColumn;
  std::map<std::string_view, std::uint32_t> class_of_;
  std::map<std::string, std::uint32_t, std::less<>> group_index_;
  std::vector<std::string> group_names_;
  std::uint32_t features_ = 0;
  bool all_zscore_ = true;
};

/// Checks that hold for one column whatever the file: ascending edges, positive deviation, distinct
/// categories.
Result<void> check_column(const ColumnSchema& column);
/// Number of features that a column becomes.
std::uint64_t feature_count(const ColumnSchema& column) noexcept;

}  // namespace hansa::learn
