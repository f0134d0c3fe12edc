// The bundled and installed data sets with their schemas: shapes and counts that an independent program
// found, and the schema a description suggests must be one that works.
#include "src/config/run_config.hpp"
#include "src/learn/load.hpp"
#include "src/learn/partition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace hansa::learn {
namespace {

const std::string kData = HANSA_SOURCE_DIR "/data/";

Result<LoadedData> load_with(const std::string& dataset, const std::string& schema_file) {
  DataOptions options;
  options.dataset = dataset;
  if (!schema_file.empty()) {
    Result<CsvSchema> schema = config::read_schema(kData + schema_file);
    if (!schema) return schema.error();
    options.schema = schema.value();
  }
  return load_data(options);
}

std::vector<std::size_t> train_rows_by_group(const LoadedData& data) {
  std::vector<std::size_t> count(data.dataset->group_name.size());
  for (const std::uint32_t row : data.train) ++count[data.dataset->group[row]];
  return count;
}

/// Storages without holes, finite values, labels of the task.
void expect_sound(const Dataset& data) {
  ASSERT_EQ(data.label.size(), data.rows);
  for (const float label : data.label) {
    ASSERT_TRUE(data.task == TaskKind::regression ||
                (label >= 0 && label < static_cast<float>(data.classes)));
  }
  if (data.storage == Storage::sparse) {
    ASSERT_EQ(data.row_begin.size(), data.rows + 1);
    for (std::size_t row = 0; row < data.rows; ++row) {
      for (std::uint64_t k = data.row_begin[row] + 1; k < data.row_begin[row + 1]; ++k) {
        ASSERT_LT(data.column[k - 1], data.column[k]);
      }
    }
    ASSERT_LT(*std::max_element(data.column.begin(), data.column.end()), data.features);
    ASSERT_EQ(data.feature_name.size(), data.features);
  }
}

struct Shape {
  const char* dataset;
  const char* schema;
  std::size_t rows;
  std::size_t train;
  std::size_t features;  ///< without the "(other)" feature of each text column
  std::size_t groups;
  double positive;  ///< share of label 1, or mean label
};

TEST(Bundled, HaveTheShapesOfTheReadme) {
  const Shape shapes[] = {
      {"bank-marketing", "bank-marketing.schema.toml", 45'211, 31'586, 107, 12, 0.11698},
      {"bank-marketing", "bank-marketing-zscore.schema.toml", 45'211, 31'586, 50, 12, 0.11698},
      {"birdstrikes", "birdstrikes.schema.toml", 7'935, 5'521, 234, 18, 0.10649},
      {"birdstrikes", "birdstrikes-zscore.schema.toml", 7'935, 5'521, 221, 18, 0.10649},
  };
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.schema);
    const Result<LoadedData> loaded = load_with(shape.dataset, shape.schema);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const Dataset& data = *loaded->dataset;
    expect_sound(data);
    const auto others = std::count_if(data.feature_name.begin(), data.feature_name.end(),
                                      [](const std::string& name) { return name.ends_with("=(other)"); });
    EXPECT_EQ(data.rows, shape.rows);
    EXPECT_EQ(loaded->train.size(), shape.train);
    EXPECT_EQ(loaded->train.size() + loaded->test.size(), data.rows);
    EXPECT_EQ(data.features - static_cast<std::size_t>(others), shape.features);
    EXPECT_EQ(data.group_name.size(), shape.groups);
    const double sum = std::accumulate(data.label.begin(), data.label.end(), 0.0);
    EXPECT_NEAR(sum / static_cast<double>(data.rows), shape.positive, 5e-4);
    for (const std::size_t rows : train_rows_by_group(*loaded)) EXPECT_GE(rows, 50U);
    PartitionOptions options;
    options.parties = static_cast<std::uint32_t>(shape.groups);
    EXPECT_TRUE(partition("by-column", data, loaded->train, options).ok());
  }
}

TEST(Bundled, NeverShowTheAnswer) {
  const auto bank = load_with("bank-marketing", "bank-marketing.schema.toml");
  const auto birds = load_with("birdstrikes", "birdstrikes.schema.toml");
  ASSERT_TRUE(bank.ok() && birds.ok());
  for (const std::string& name : bank->dataset->feature_name)
    EXPECT_FALSE(name.starts_with("duration")) << name;
  for (const std::string& name : birds->dataset->feature_name) {
    EXPECT_FALSE(name.starts_with("Cost") || name.starts_with("Effect")) << name;
  }
}

TEST(Exported, HaveTheShapesOfTheReadme) {
  const Shape shapes[] = {
      {"insteval", "insteval.schema.toml", 73'421, 51'372, 4'126, 14, 3.2057},
      {"insteval", "insteval-like.schema.toml", 73'421, 51'372, 4'126, 14, 0.44504},
      {"spambase", "spambase.schema.toml", 4'601, 3'203, 57, 0, 0.39404},
  };
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.schema);
    if (!std::filesystem::exists(kData + "exported/" + shape.dataset + ".csv.gz")) {
      const Result<LoadedData> loaded = load_with(shape.dataset, shape.schema);
      ASSERT_FALSE(loaded.ok());
      EXPECT_EQ(loaded.error().hint, std::string("run `./dev data ") + shape.dataset + "`");
      continue;
    }
    const Result<LoadedData> loaded = load_with(shape.dataset, shape.schema);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const Dataset& data = *loaded->dataset;
    expect_sound(data);
    EXPECT_EQ(data.rows, shape.rows);
    EXPECT_EQ(loaded->train.size(), shape.train);
    EXPECT_EQ(data.group_name.size(), shape.groups);
    const double sum = std::accumulate(data.label.begin(), data.label.end(), 0.0);
    EXPECT_NEAR(sum / static_cast<double>(data.rows), shape.positive, 5e-4);
    const auto others = std::count_if(data.feature_name.begin(), data.feature_name.end(),
                                      [](const std::string& name) { return name.ends_with("=(other)"); });
    EXPECT_EQ(data.features - static_cast<std::size_t>(others), shape.features);
  }
}

TEST(FashionMnist, LoadsOrNamesTheCommand) {
  const Result<LoadedData> loaded = load_with("fashion-mnist", "");
  if (!loaded.ok()) {
    EXPECT_EQ(loaded.error().kind, ErrorKind::missing) << loaded.error().message;
    EXPECT_EQ(loaded.error().hint, "run `./dev data fashion-mnist`");
    return;
  }
  const Dataset& data = *loaded->dataset;
  expect_sound(data);
  EXPECT_EQ(data.storage, Storage::pixels);
  EXPECT_EQ(data.rows, 70'000U);
  EXPECT_EQ(data.features, 784U);
  EXPECT_EQ(data.image_height, 28U);
  EXPECT_EQ(data.image_width, 28U);
  EXPECT_EQ(data.image_channels, 1U);
  EXPECT_EQ(data.classes, 10U);
  EXPECT_EQ(loaded->train.size(), 60'000U);
  EXPECT_EQ(loaded->test.size(), 10'000U);
  EXPECT_EQ(loaded->test.front(), 60'000U);
  std::vector<std::size_t> count(10);
  for (const std::uint32_t row : loaded->test) ++count[static_cast<std::size_t>(data.label[row])];
  EXPECT_EQ(count, std::vector<std::size_t>(10, 1'000));
}

TEST(Describe, SuggestsASchemaThatWorks) {
  for (const char* file : {"bank-marketing.csv.gz", "birdstrikes.csv.gz"}) {
    const Result<DataDescription> description = describe_file(kData + file);
    ASSERT_TRUE(description.ok()) << description.error().message;
    const std::string path = ::testing::TempDir() + "hansa_suggested.schema.toml";
    std::ofstream(path) << description->schema_toml;
    const Result<CsvSchema> schema = config::read_schema(path);
    ASSERT_TRUE(schema.ok()) << schema.error().message << "\n" << description->schema_toml;
    const auto data = read_csv(kData + file, schema.value());
    ASSERT_TRUE(data.ok()) << data.error().message << "\n" << description->schema_toml;
    EXPECT_EQ((*data)->rows, description->rows);
    std::filesystem::remove(path);
  }
}

// The schema text written here and the one written by the configuration must read back alike.
TEST(SchemaText, ReadsBackAsWritten) {
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    if (entry.path().extension() != ".toml") continue;
    const Result<CsvSchema> schema = config::read_schema(entry.path().string());
    ASSERT_TRUE(schema.ok()) << schema.error().message;
    const std::string path = ::testing::TempDir() + "hansa_again.schema.toml";
    std::ofstream(path) << csv_schema_toml(schema.value());
    const Result<CsvSchema> again = config::read_schema(path);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(csv_schema_toml(again.value()), csv_schema_toml(schema.value())) << entry.path();
    EXPECT_EQ(config::schema_to_toml(again.value()), config::schema_to_toml(schema.value())) << entry.path();
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace hansa::learn
