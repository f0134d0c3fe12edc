// CSV files: scanner and encoder put together.
#include "src/learn/data/csv_encoder.hpp"
#include "src/learn/data/csv_scanner.hpp"
#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"
#include "src/learn/data/parse.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

/// Appends one encoded row in the data set's storage.
void store_row(Dataset& dataset, const CsvEncoder::Row& row) {
  if (dataset.storage == Storage::dense) {
    const std::size_t begin = dataset.dense.size();
    dataset.dense.resize(begin + dataset.features, 0.0f);
    for (const auto& [feature, value] : row.features) dataset.dense[begin + feature] = value;
  } else {
    for (const auto& [feature, value] : row.features) {
      dataset.column.push_back(feature);
      dataset.value.push_back(value);
    }
    dataset.row_begin.push_back(dataset.column.size());
  }
  dataset.label.push_back(row.label);
}

Error no_rows(std::string_view origin, const CsvSchema& schema, std::uint64_t records) {
  const std::string where(origin);
  if (records == 0) return Error{ErrorKind::bad_data, where + ": a header but no rows", ""};
  return Error{ErrorKind::bad_data,
               where + ": none of the " + std::to_string(records) + " rows belongs to a group of the schema",
               "compare groups in the schema with column " + in_quotes(schema.group)};
}

}  // namespace

Result<ParsedRows> parse_csv(std::string_view text, std::string_view origin, const CsvSchema& schema) {
  const std::size_t nul = text.find('\0');
  if (nul != text.npos) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n') + 1;
    return error_at(origin, static_cast<std::uint64_t>(line), "a NUL byte; this is not a text file",
                    "CSV files are plain text in UTF-8, .gz allowed");
  }
  if (schema.separator == '"' || schema.separator == '\n' || schema.separator == '\r') {
    return Error{ErrorKind::usage, std::string(origin) + ": the separator may not be a quote or a line break",
                 ""};
  }
  CsvScanner scanner(text, origin, schema.separator);
  Result<bool> more = scanner.next();
  if (!more) return std::move(more).error();
  if (!*more) return Error{ErrorKind::bad_data, std::string(origin) + ":1: the file is empty", ""};
  const std::size_t width = scanner.fields().size();
  // The names must outlive the scanner's current record.
  const std::vector<std::string> names(scanner.fields().begin(), scanner.fields().end());
  const std::vector<std::string_view> header(names.begin(), names.end());
  Result<CsvEncoder> encoder = CsvEncoder::make(schema, header, origin);
  if (!encoder) return std::move(encoder).error();

  auto dataset = std::make_shared<Dataset>();
  dataset->task = schema.task;
  dataset->storage = encoder->all_zscore() ? Storage::dense : Storage::sparse;
  dataset->features = encoder->features();
  dataset->classes = encoder->classes();
  if (dataset->storage == Storage::sparse) dataset->row_begin.push_back(0);
  ParsedRows parsed{dataset, {}};
  CsvEncoder::Row row;
  std::uint64_t records = 0;
  for (;; ++records) {
    more = scanner.next();
    if (!more) return std::move(more).error();
    if (!*more) break;
    if (scanner.fields().size() != width) {
      return error_at(origin, scanner.line(),
                      "expected " + std::to_string(width) + " columns as in the header, found " +
                          std::to_string(scanner.fields().size()),
                      "every line must have the same number of separators");
    }
    if (records >= kReadLimits.rows) return error_at(origin, scanner.line(), "too many rows");
    if (Result<void> done = encoder->encode(scanner.fields(), scanner.line(), row); !done) {
      return std::move(done).error();
    }
    if (row.group == CsvEncoder::kDropped) continue;
    store_row(*dataset, row);
    if (encoder->has_groups()) dataset->group.push_back(row.group);
    parsed.source_row.push_back(static_cast<std::uint32_t>(records));
  }
  dataset->rows = dataset->label.size();
  if (dataset->rows == 0) return no_rows(origin, schema, records);
  dataset->feature_name = encoder->feature_names();
  dataset->group_name = encoder->group_names();
  return parsed;
}

Result<std::shared_ptr<const Dataset>> read_csv(const std::string& path, const CsvSchema& schema) {
  Result<std::string> text = read_file(path);
  if (!text) return std::move(text).error();
  Result<ParsedRows> parsed = parse_csv(*text, path, schema);
  if (!parsed) return std::move(parsed).error();
  parsed->dataset->name = path;
  return std::shared_ptr<const Dataset>(std::move(parsed->dataset));
}

}  // namespace hansa::learn
