// The registry of data sets: one line each, and the few ways of loading that the lines share.
#include "src/learn/load.hpp"

#include "src/learn/data/file.hpp"
#include "src/learn/data/folder.hpp"
#include "src/learn/data/generate.hpp"
#include "src/learn/data/parse.hpp"

#include <filesystem>
#include <numeric>
#include <system_error>

namespace hansa::learn {
namespace {

constexpr const char* kFashionFolder = "/usr/share/datasets/fashion-mnist/";

Error usage(std::string message, std::string hint = "") {
  return Error{ErrorKind::usage, std::move(message), std::move(hint)};
}

/// Training and test rows by the split rule, which looks at row numbers of the file.
Result<LoadedData> split_by_rule(ParsedRows parsed) {
  LoadedData loaded;
  for (std::size_t row = 0; row < parsed.source_row.size(); ++row) {
    std::vector<std::uint32_t>& side = is_test_row(parsed.source_row[row]) ? loaded.test : loaded.train;
    side.push_back(static_cast<std::uint32_t>(row));
  }
  loaded.dataset = std::move(parsed.dataset);
  if (loaded.train.empty() || loaded.test.empty()) {
    return Error{ErrorKind::bad_data,
                 loaded.dataset->name + ": " + std::to_string(loaded.dataset->rows) +
                     " rows are too few; the split rule leaves no " +
                     (loaded.train.empty() ? "training" : "test") + " row",
                 "use more rows, or give data.test_path"};
  }
  return loaded;
}

/// All rows of `train` for training, and those of `test` appended after them for testing.
Result<LoadedData> split_by_file(ParsedRows train, const ParsedRows& test, std::string_view test_origin) {
  const std::size_t train_rows = train.dataset->rows;
  if (Result<void> done = append_rows(*train.dataset, *test.dataset, test_origin); !done) {
    return std::move(done).error();
  }
  LoadedData loaded;
  loaded.train.resize(train_rows);
  loaded.test.resize(test.dataset->rows);
  std::iota(loaded.train.begin(), loaded.train.end(), 0U);
  std::iota(loaded.test.begin(), loaded.test.end(), static_cast<std::uint32_t>(train_rows));
  loaded.dataset = std::move(train.dataset);
  return loaded;
}

/// Parses the training file and, if there is one, the test file, with the same `parse(text, path)`.
template <class Parse>
Result<LoadedData> load_text(const std::string& name, const std::string& path, const std::string& test_path,
                             const Parse& parse) {
  Result<std::string> text = read_file(path);
  if (!text) return std::move(text).error();
  Result<ParsedRows> train = parse(*text, path);
  if (!train) return std::move(train).error();
  train->dataset->name = name;
  if (test_path.empty()) return split_by_rule(std::move(train).value());
  text = read_file(test_path);
  if (!text) return std::move(text).error();
  Result<ParsedRows> test = parse(*text, test_path);
  if (!test) return std::move(test).error();
  return split_by_file(std::move(train).value(), *test, test_path);
}

Result<LoadedData> load_csv_files(const DataOptions& options, const std::string& path,
                                  const std::string& test_path) {
  if (!options.schema) {
    return usage("data set " + options.dataset + " needs a schema", "set data.schema to a schema file");
  }
  return load_text(options.dataset, path, test_path, [&](std::string_view text, const std::string& origin) {
    return parse_csv(text, origin, *options.schema);
  });
}

Result<LoadedData> load_bundled(const DataOptions& options) {
  return load_csv_files(options, find_data_file(options.dataset + ".csv.gz"), "");
}

/// The same for a set that `./dev data` exports, with an error that says so.
Result<LoadedData> load_exported(const DataOptions& options) {
  const std::string path = find_data_file("exported/" + options.dataset + ".csv.gz");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return Error{ErrorKind::missing,
                 "data set " + options.dataset + " is not here: " + path + " does not exist",
                 "run `./dev data " + options.dataset + "`"};
  }
  return load_csv_files(options, path, "");
}

Result<ParsedRows> parse_idx_files(const std::string& images_path, const std::string& labels_path) {
  Result<std::string> images = read_file(images_path);
  if (!images) return std::move(images).error();
  Result<std::string> labels = read_file(labels_path);
  if (!labels) return std::move(labels).error();
  return parse_idx(*images, images_path, *labels, labels_path);
}

Result<LoadedData> load_idx_files(const std::string& name, const std::string& images,
                                  const std::string& labels, const std::string& test_images,
                                  const std::string& test_labels) {
  Result<ParsedRows> train = parse_idx_files(images, labels);
  if (!train) return std::move(train).error();
  train->dataset->name = name;
  if (test_images.empty()) return split_by_rule(std::move(train).value());
  Result<ParsedRows> test = parse_idx_files(test_images, test_labels);
  if (!test) return std::move(test).error();
  return split_by_file(std::move(train).value(), *test, test_images);
}

Result<LoadedData> load_fashion_mnist(const DataOptions& options) {
  const std::string folder = kFashionFolder;
  Result<LoadedData> loaded = load_idx_files(
      options.dataset, folder + "train-images-idx3-ubyte.gz", folder + "train-labels-idx1-ubyte.gz",
      folder + "t10k-images-idx3-ubyte.gz", folder + "t10k-labels-idx1-ubyte.gz");
  if (!loaded && loaded.error().kind == ErrorKind::missing) {
    return Error{ErrorKind::missing, "data set fashion-mnist is not here: " + loaded.error().message,
                 "run `./dev data fashion-mnist`"};
  }
  return loaded;
}

Result<void> need_path(const DataOptions& options) {
  if (!options.path.empty()) return {};
  return usage("data set " + options.dataset + " needs a file", "set data.path");
}

Result<LoadedData> load_csv(const DataOptions& options) {
  if (Result<void> given = need_path(options); !given) return std::move(given).error();
  return load_csv_files(options, options.path, options.test_path);
}

Result<LoadedData> load_libsvm(const DataOptions& options) {
  if (Result<void> given = need_path(options); !given) return std::move(given).error();
  return load_text(options.dataset, options.path, options.test_path,
                   [&](std::string_view text, const std::string& origin) {
                     return parse_libsvm(text, origin, options.task, options.features);
                   });
}

Result<LoadedData> load_idx(const DataOptions& options) {
  if (Result<void> given = need_path(options); !given) return std::move(given).error();
  if (options.labels_path.empty()) return usage("data set idx needs a label file", "set data.labels_path");
  if (options.test_path.empty() != options.test_labels_path.empty()) {
    return usage("data.test_path and data.test_labels_path go together", "give both or none");
  }
  return load_idx_files(options.dataset, options.path, options.labels_path, options.test_path,
                        options.test_labels_path);
}

Result<LoadedData> split_generated(Result<Generated> made) {
  if (!made) return std::move(made).error();
  ParsedRows rows{std::move(made->dataset), {}};
  rows.source_row.resize(rows.dataset->rows);
  std::iota(rows.source_row.begin(), rows.source_row.end(), 0U);
  return split_by_rule(std::move(rows));
}

Result<LoadedData> load_synthetic_fm(const DataOptions& options) {
  return split_generated(generate_fm(options));
}

Result<LoadedData> load_synthetic_classification(const DataOptions& options) {
  return split_generated(generate_classification(options));
}

constexpr DatasetEntry kDatasets[] = {
    {"bank-marketing", "45,211 calls of a bank, 12 jobs as branches: will the client subscribe? (bundled)",
     "UCI Bank Marketing (Moro et al. 2014), Apache-2.0 package", "bank-marketing.schema.toml", load_bundled},
    {"birdstrikes", "7,935 wildlife strikes of 18 airlines: did they damage the aircraft? (bundled)",
     "US FAA, public domain", "birdstrikes.schema.toml", load_bundled},
    {"fashion-mnist", "60,000 + 10,000 images of clothing, 28 x 28, 10 classes (./dev data fashion-mnist)",
     "MIT (Zalando)", "", load_fashion_mnist},
    {"insteval", "73,421 lecture ratings, 14 departments: the rating, 1 to 5 (./dev data insteval)",
     "GPL-2+ (r-cran-lme4)", "insteval.schema.toml", load_exported},
    {"spambase", "4,601 messages, 57 statistics: is it spam? (./dev data spambase)",
     "GPL-2 (r-cran-kernlab), UCI", "spambase.schema.toml", load_exported},
    {"synthetic-fm",
     "sparse one-hot rows with labels from a hidden factorization machine (SYNTHETIC, seeded)",
     "Apache-2.0 (generated)", "", load_synthetic_fm},
    {"synthetic-classification",
     "small dense Gaussian classes, or a noisy linear function (SYNTHETIC, seeded)", "Apache-2.0 (generated)",
     "", load_synthetic_classification},
    {"csv", "your CSV file (data.path, .gz allowed) with a schema (data.schema)", "yours", "", load_csv},
    {"libsvm", "your libsvm file (data.path, .gz allowed)", "yours", "", load_libsvm},
    {"idx", "your IDX images and labels (data.path, data.labels_path, .gz allowed)", "yours", "", load_idx},
};

}  // namespace

std::span<const DatasetEntry> dataset_registry() noexcept { return kDatasets; }

Result<LoadedData> load_data(const DataOptions& options) {
  std::string known;
  for (const DatasetEntry& entry : kDatasets) {
    if (entry.name == options.dataset) return entry.load(options);
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  return usage("unknown data set " + in_quotes(options.dataset), "known: " + known);
}

}  // namespace hansa::learn
