// The split rule against its definition, conversions between storages, loading from files, and the
// generators.
#include "src/learn/data/generate.hpp"
#include "src/learn/metrics.hpp"
#include "tests/learn/reader_support.hpp"

#include <hansa/rng.hpp>

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

namespace hansa::learn {
namespace {

using ::testing::ElementsAre;

TEST(Split, FollowsSplitMix64) {
  // First outputs of the reference SplitMix64 (Vigna's splitmix64.c) with the row number as its state.
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(mix64(1), 0x910A2DEC89025CC1ULL);
  std::size_t tests = 0;
  for (std::uint64_t row = 0; row < 45'211; ++row) {
    std::uint64_t z = row + 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    const bool expected = (z ^ (z >> 31)) % 10 < 3;
    ASSERT_EQ(is_test_row(row), expected) << row;
    tests += expected ? 1 : 0;
  }
  EXPECT_EQ(45'211 - tests, 31'586U);  // counted by an independent program
}

std::shared_ptr<Dataset> random_dense(std::size_t rows, std::size_t features, std::uint64_t seed) {
  auto data = std::make_shared<Dataset>();
  Rng rng(seed, Purpose::test);
  data->name = "random";
  data->rows = rows;
  data->features = features;
  for (std::size_t i = 0; i < rows * features; ++i) {
    data->dense.push_back(rng.below(3) == 0 ? static_cast<float>(rng.normal()) : 0.0f);
  }
  for (std::size_t i = 0; i < rows; ++i) data->label.push_back(static_cast<float>(rng.below(2)));
  return data;
}

TEST(Storages, ConvertThereAndBack) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto dense = random_dense(1 + seed, 1 + seed % 7, seed);
    const auto sparse = with_storage(dense, Storage::sparse).value();
    EXPECT_EQ(sparse->storage, Storage::sparse);
    EXPECT_EQ(sparse->row_begin.size(), dense->rows + 1);
    EXPECT_TRUE(std::none_of(sparse->value.begin(), sparse->value.end(), [](float v) { return v == 0; }));
    const auto back = with_storage(sparse, Storage::dense).value();
    EXPECT_EQ(back->dense, dense->dense);
    EXPECT_EQ(back->label, dense->label);
    EXPECT_EQ(with_storage(dense, Storage::dense).value().get(), dense.get());
  }
}

TEST(Storages, ScalePixels) {
  auto pixels = std::make_shared<Dataset>();
  pixels->storage = Storage::pixels;
  pixels->rows = 1;
  pixels->features = 3;
  pixels->pixels = {0, 255, 51};
  pixels->label = {0};
  EXPECT_THAT(with_storage(pixels, Storage::dense).value()->dense,
              ElementsAre(0.0f, 1.0f, 51 * (1.0f / 255.0f)));
  EXPECT_THAT(with_storage(pixels, Storage::sparse).value()->column, ElementsAre(1, 2));
}

TEST(Storages, RefuseWhatCannotBe) {
  auto wide = std::make_shared<Dataset>();
  wide->name = "wide";
  wide->storage = Storage::sparse;
  wide->rows = 1 << 20;
  wide->features = 1 << 20;
  expect_error(with_storage(wide, Storage::dense), ErrorKind::usage, "too large as a dense table");
  expect_error(with_storage(random_dense(2, 2, 1), Storage::pixels), ErrorKind::usage,
               "cannot become pixels");
}

class Load : public FolderTest {
 protected:
  std::string csv(const std::string& name, int rows, int first = 0) const {
    std::string text = "x,g,y\n";
    for (int i = first; i < first + rows; ++i) {
      text += std::to_string(i) +
              (i % 3 == 0   ? ",drop,"
               : i % 3 == 1 ? ",a,"
                            : ",b,") +
              std::to_string(i % 2) + "\n";
    }
    return write(name, text);
  }

  static DataOptions options(const std::string& dataset, const std::string& path) {
    DataOptions options;
    options.dataset = dataset;
    options.path = path;
    options.schema = simple_schema();
    return options;
  }
};

TEST_F(Load, SplitsCsvByRowNumberInTheFile) {
  DataOptions asked = options("csv", csv("a.csv", 300));
  asked.schema->group = "g";
  asked.schema->groups = {"a", "b"};
  const Result<LoadedData> loaded = load_data(asked);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const Dataset& data = *loaded->dataset;
  EXPECT_EQ(data.rows, 200U);
  EXPECT_EQ(data.name, "csv");
  EXPECT_EQ(loaded->train.size() + loaded->test.size(), 200U);
  // x holds the row number in the file.
  for (const std::uint32_t row : loaded->train)
    EXPECT_FALSE(is_test_row(static_cast<std::uint64_t>(data.dense[row])));
  for (const std::uint32_t row : loaded->test)
    EXPECT_TRUE(is_test_row(static_cast<std::uint64_t>(data.dense[row])));
}

TEST_F(Load, AppendsATestFile) {
  DataOptions asked = options("csv", csv("a.csv", 30));
  asked.test_path = csv("b.csv", 12, 100);
  asked.schema->group = "g";
  const Result<LoadedData> loaded = load_data(asked);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->dataset->rows, 42U);
  EXPECT_EQ(loaded->train.size(), 30U);
  EXPECT_EQ(loaded->test.front(), 30U);
  EXPECT_EQ(loaded->dataset->dense[30], 100.0f);
  // The groups appear in another order in the second file, and are matched by name.
  EXPECT_THAT(loaded->dataset->group_name, ElementsAre("drop", "a", "b"));
  for (std::size_t row = 0; row < 42; ++row) {
    EXPECT_EQ(loaded->dataset->group[row], static_cast<std::uint32_t>(loaded->dataset->dense[row]) % 3);
  }
}

TEST_F(Load, AppendsSparseRowsOfOtherWidth) {
  DataOptions asked = options("libsvm", write("a.svm", "1 1:1\n0 2:5\n"));
  asked.test_path = write("b.svm", "1 9:3\n0 1:1 2:2\n");
  const Result<LoadedData> loaded = load_data(asked);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->dataset->features, 9U);
  EXPECT_THAT(loaded->dataset->row_begin, ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(loaded->test, ElementsAre(2, 3));
}

TEST_F(Load, SaysWhatIsMissing) {
  expect_error(load_data(options("nope", "")), ErrorKind::usage, "unknown data set 'nope'", "bank-marketing");
  expect_error(load_data(options("csv", "")), ErrorKind::usage, "needs a file", "data.path");
  DataOptions asked = options("csv", csv("a.csv", 30));
  asked.schema.reset();
  expect_error(load_data(asked), ErrorKind::usage, "needs a schema", "data.schema");
  asked = options("idx", "images");
  expect_error(load_data(asked), ErrorKind::usage, "needs a label file");
  asked.labels_path = "labels";
  asked.test_path = "more";
  expect_error(load_data(asked), ErrorKind::usage, "go together");
  expect_error(load_data(options("csv", csv("b.csv", 1))), ErrorKind::bad_data, "too few");
  expect_error(load_data(options("libsvm", "/none/such")), ErrorKind::missing, "cannot open /none/such");
}

TEST_F(Load, NamesTheCommandThatExportsAMissingSet) {
  const char* const before = std::getenv("HANSA_DATA");
  const std::string saved = before != nullptr ? before : "";
  ::setenv("HANSA_DATA", folder_.c_str(), 1);
  EXPECT_EQ(data_folder(), folder_.string());
  const DataOptions asked = options("insteval", "");
  const Result<LoadedData> loaded = load_data(asked);
  before != nullptr ? ::setenv("HANSA_DATA", saved.c_str(), 1) : ::unsetenv("HANSA_DATA");
  // A checkout may hold the exported file; then the wrong schema is the complaint.
  ASSERT_FALSE(loaded.ok());
  if (loaded.error().kind == ErrorKind::missing) {
    expect_error(loaded, ErrorKind::missing, "data set insteval is not here", "run `./dev data insteval`");
  } else {
    expect_error(loaded, ErrorKind::usage, "insteval.csv.gz:1: the schema names a column 'x'");
  }
}

TEST(Registry, IsComplete) {
  std::set<std::string_view> names;
  for (const DatasetEntry& entry : dataset_registry()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_FALSE(entry.licence.empty());
    EXPECT_NE(entry.load, nullptr);
    if (!entry.schema_file.empty()) {
      EXPECT_TRUE(
          std::filesystem::exists(std::string(HANSA_SOURCE_DIR "/data/") + std::string(entry.schema_file)));
    }
  }
  for (const char* name : {"bank-marketing", "birdstrikes", "fashion-mnist", "insteval", "spambase",
                           "synthetic-fm", "synthetic-classification", "csv", "libsvm", "idx"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

DataOptions synthetic(std::uint64_t rows, std::uint32_t features, std::uint32_t non_zeros,
                      std::uint64_t seed = 3) {
  DataOptions options;
  options.dataset = "synthetic-fm";
  options.rows = rows;
  options.features = features;
  options.non_zeros = non_zeros;
  options.seed = seed;
  return options;
}

TEST(Generate, FmRowsAreSortedScaledAndSkewed) {
  const Generated made = generate_fm(synthetic(4'000, 3'000, 30)).value();
  const Dataset& data = *made.dataset;
  ASSERT_EQ(data.rows, 4'000U);
  ASSERT_EQ(data.features, 3'000U);
  std::vector<std::size_t> uses(data.features);
  for (std::size_t row = 0; row < data.rows; ++row) {
    ASSERT_EQ(data.row_begin[row + 1] - data.row_begin[row], 30U);
    double squares = 0;
    for (std::uint64_t k = data.row_begin[row]; k < data.row_begin[row + 1]; ++k) {
      ASSERT_LT(data.column[k], data.features);
      ASSERT_TRUE(k == data.row_begin[row] || data.column[k - 1] < data.column[k]);
      squares += static_cast<double>(data.value[k]) * static_cast<double>(data.value[k]);
      ++uses[data.column[k]];
    }
    ASSERT_NEAR(squares, 1, 1e-5);
  }
  // The first value of a field of 100 has probability log 2 / log 101 = .150, the tenth .0206, the last
  // .0022.
  EXPECT_NEAR(static_cast<double>(uses[0]) / 4'000, 0.150, 0.025);
  EXPECT_NEAR(static_cast<double>(uses[109]) / 4'000, 0.0206, 0.010);
  EXPECT_LT(uses[99], 40U);
}

TEST(Generate, FmLabelsCanBeLearned) {
  const Generated made = generate_fm(synthetic(20'000, 10'000, 30)).value();
  const double best = auc(made.hidden_score, made.dataset->label);
  EXPECT_GT(best, 0.75);
  EXPECT_LT(best, 0.95);
  double positive = 0;
  for (const float y : made.dataset->label) positive += static_cast<double>(y);
  EXPECT_NEAR(positive / 20'000, 0.32, 0.10);
}

TEST(Generate, FollowsTheSeedAndGrows) {
  const Generated a = generate_fm(synthetic(50, 100, 5)).value();
  const Generated longer = generate_fm(synthetic(80, 100, 5)).value();
  const Generated other = generate_fm(synthetic(50, 100, 5, 4)).value();
  EXPECT_TRUE(std::equal(a.dataset->column.begin(), a.dataset->column.end(), longer.dataset->column.begin()));
  EXPECT_TRUE(std::equal(a.dataset->label.begin(), a.dataset->label.end(), longer.dataset->label.begin()));
  EXPECT_NE(a.dataset->column, other.dataset->column);
}

TEST(Generate, ClassesCanBeLearned) {
  DataOptions options;
  options.dataset = "synthetic-classification";
  options.seed = 5;
  const Generated binary = generate_classification(options).value();
  EXPECT_EQ(binary.dataset->rows, 2'000U);
  EXPECT_EQ(binary.dataset->features, 20U);
  EXPECT_GT(auc(binary.hidden_score, binary.dataset->label), 0.85);
  options.task = TaskKind::multiclass;
  const Generated classes = generate_classification(options).value();
  EXPECT_EQ(classes.dataset->classes, 4U);
  std::size_t count[4] = {};
  for (const float y : classes.dataset->label) ++count[static_cast<std::size_t>(y)];
  for (const std::size_t c : count) EXPECT_NEAR(static_cast<double>(c), 500, 80);
  options.task = TaskKind::regression;
  const Generated line = generate_classification(options).value();
  const Metrics fit = compute_metrics(TaskKind::regression, 1, line.hidden_score, line.dataset->label);
  EXPECT_NEAR(metric(fit, "rmse"), 0.1, 0.01);
}

TEST(Generate, RefusesImpossibleSizes) {
  expect_error(generate_fm(synthetic(10, 5, 6)), ErrorKind::usage, "data.non_zeros = 6 is more than");
  expect_error(generate_fm(synthetic(1ULL << 40, 5, 5)), ErrorKind::usage, "too large");
  DataOptions classes = synthetic(10, 50, 5);
  classes.task = TaskKind::multiclass;
  expect_error(generate_fm(classes), ErrorKind::usage, "binary");
  expect_error(generate_fm(synthetic(10, 0xFFFFFFFF, 5)), ErrorKind::usage, "above the limit");
}

TEST(Generate, LoadsThroughTheRegistry) {
  const Result<LoadedData> loaded = load_data(synthetic(1'000, 200, 4));
  ASSERT_TRUE(loaded.ok());
  EXPECT_NEAR(static_cast<double>(loaded->test.size()), 300, 50);
  EXPECT_EQ(loaded->dataset->name, "synthetic-fm");
}

}  // namespace
}  // namespace hansa::learn
