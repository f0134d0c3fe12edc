// From files to data sets. Every reader decodes with limits and names file and line in its errors.
#pragma once

#include "src/learn/dataset.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::learn {

/// How one CSV column becomes features. Everything here is fixed before any row is seen, so that parties can
/// encode alike without sharing rows.
struct ColumnSchema {
  enum class Kind {
    zscore,   ///< number -> (v - mean) / stddev
    bins,     ///< number -> one of edges.size() + 1 features
    one_hot,  ///< text -> one of categories.size() + 1 features
    hashed,   ///< text -> one of `buckets` features
    month,    ///< date YYYY-MM-DD -> one of 12 features
    ignore,   ///< no feature
  };
  std::string name;
  Kind kind = Kind::ignore;
  double mean = 0;                      ///< zscore
  double stddev = 1;                    ///< zscore
  std::vector<double> edges;            ///< bins: ascending upper edges; v goes to the first edge >= v,
                                        ///< or to one more bin above the last
  std::vector<std::string> categories;  ///< one_hot: known values; others go to one extra "other" feature
  std::uint32_t buckets = 0;            ///< hashed: number of features
  bool with_missing = false;            ///< zscore, bins, month: an empty field is allowed, own feature
};

/// What a CSV file means: the label column, the group column and every feature column. Columns of the file
/// that are not listed are ignored.
struct CsvSchema {
  std::string label;  ///< name of the label column
  TaskKind task = TaskKind::binary;
  std::vector<std::string> positive;        ///< binary: label texts that count as 1; all others are 0;
                                            ///< without it and positive_at_least: the column holds 0 and 1
  std::optional<double> positive_at_least;  ///< binary from a number: 1 iff value >= this
  std::vector<std::string> classes;  ///< multiclass: label texts in class order; empty: 0 .. n-1 as numbers
  std::uint32_t class_count = 0;     ///< multiclass with numeric labels
  std::string group;                 ///< name of the group column, or empty
  std::vector<std::string> groups;   ///< group texts in party order; rows of other groups are dropped;
                                     ///< empty: all groups, in order of appearance
  char separator = ',';
  std::vector<ColumnSchema> columns;
};

/// Which data a run asks for; the configuration's [data] table.
struct DataOptions {
  std::string dataset;      ///< a name in dataset_registry()
  std::string path;         ///< csv, libsvm, idx: the training file; relative to the config file's folder
  std::string test_path;    ///< optional: a file with the test rows; otherwise the split rule
  std::string labels_path;  ///< idx: label file of `path`
  std::string test_labels_path;      ///< idx: label file of `test_path`
  std::optional<CsvSchema> schema;   ///< csv sets: read by config::read_schema, see DatasetEntry::schema_file
  TaskKind task = TaskKind::binary;  ///< libsvm
  std::uint64_t seed = 0;            ///< generators
  std::uint64_t rows = 0;            ///< generators: rows; 0 = the generator's default
  std::uint32_t features = 0;        ///< generators, libsvm: number of features; 0 = default / from the file
  std::uint32_t non_zeros = 0;       ///< generators
};

/// Training and test rows of one data set. Fixed test files are appended to the same Dataset.
struct LoadedData {
  std::shared_ptr<const Dataset> dataset;
  std::vector<std::uint32_t> train;  ///< row numbers
  std::vector<std::uint32_t> test;
};

struct DatasetEntry {
  std::string_view name;
  std::string_view summary;  ///< rows x features, what is learned, where it comes from
  std::string_view licence;
  std::string_view schema_file;  ///< csv-based sets: schema file inside data_folder(); empty if there is none
  Result<LoadedData> (*load)(const DataOptions& options);
};

/// bank-marketing, birdstrikes (bundled), fashion-mnist, insteval, spambase (from Debian packages),
/// synthetic-fm (generated), csv, libsvm, idx (your files).
std::span<const DatasetEntry> dataset_registry() noexcept;
Result<LoadedData> load_data(const DataOptions& options);

/// Where bundled data lies: $HANSA_DATA, or data/ beside the sources the program was built from, or the
/// installed share/hansa/data. `./dev data NAME` puts exported sets into the first writable one.
std::string data_folder();

/// A schema as TOML, in the format of data/README.md.
std::string csv_schema_toml(const CsvSchema& schema);

Result<std::shared_ptr<const Dataset>> read_csv(const std::string& path, const CsvSchema& schema);
Result<std::shared_ptr<const Dataset>> read_libsvm(const std::string& path, TaskKind task,
                                                   std::uint32_t features);
/// IDX images and labels, plain or .gz.
Result<std::shared_ptr<const Dataset>> read_idx(const std::string& images_path,
                                                const std::string& labels_path);

/// What `hansa data describe FILE` prints: rows, columns, kinds, ranges, missing fields, label balance; and a
/// schema to start from.
struct DataDescription {
  struct Column {
    std::string name;
    std::string kind;  ///< "numeric" or "categorical"
    std::uint64_t missing = 0;
    std::uint64_t distinct = 0;  ///< up to 10,000
    double min = 0, max = 0, mean = 0, stddev = 0;
    std::vector<std::pair<std::string, std::uint64_t>> most_common;  ///< up to 5
  };
  std::string format;  ///< csv, libsvm or idx
  std::uint64_t rows = 0;
  std::vector<Column> columns;
  std::string schema_toml;  ///< csv only
};
Result<DataDescription> describe_file(const std::string& path);

}  // namespace hansa::learn
