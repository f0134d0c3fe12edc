// Schema files: the bundled ones, the round trip, and what people read when theirs is wrong.
#include "src/config/run_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace hansa::config {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Result<learn::CsvSchema> read_text(const std::string& text) {
  const fs::path path = fs::temp_directory_path() / "hansa-csv-schema-test.toml";
  std::ofstream(path) << text;
  auto schema = read_schema(path.string());
  fs::remove(path);
  return schema;
}

TEST(CsvSchema, KeepsEverythingAndTheOrderOfColumns) {
  const auto schema = read_text(
      "label = \"y\"\npositive_at_least = 4\ngroup = \"g\"\ngroups = [\"b\", \"a\"]\nseparator = \"\\t\"\n"
      "[columns]\nzebra = { kind = \"bins\", edges = [-1, 0.5, 3], with_missing = true }\n"
      "\"a b\" = { kind = \"one_hot\", categories = [\"x\", \"\\\"q\\\"\"] }\n"
      "mid = { kind = \"zscore\", mean = 2, stddev = 0.5 }\nh = { kind = \"hashed\", buckets = 64 }\n"
      "id = { kind = \"ignore\" }\nd = { kind = \"month\" }\n");
  ASSERT_TRUE(schema.ok()) << schema.error().message;
  ASSERT_EQ(schema->columns.size(), 6U);
  EXPECT_EQ(schema->columns[0].name, "zebra");
  EXPECT_EQ(schema->columns[0].edges, (std::vector<double>{-1, 0.5, 3}));
  EXPECT_TRUE(schema->columns[0].with_missing);
  EXPECT_EQ(schema->columns[1].name, "a b");
  EXPECT_EQ(schema->columns[1].categories[1], "\"q\"");
  EXPECT_EQ(schema->columns[2].stddev, 0.5);
  EXPECT_EQ(schema->columns[3].buckets, 64U);
  EXPECT_EQ(schema->columns[4].kind, learn::ColumnSchema::Kind::ignore);
  EXPECT_EQ(schema->columns[5].kind, learn::ColumnSchema::Kind::month);
  EXPECT_EQ(schema->groups, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(schema->separator, '\t');
  EXPECT_EQ(schema->positive_at_least, 4.0);

  const std::string written = schema_to_toml(*schema);
  const auto again = read_text(written);
  ASSERT_TRUE(again.ok()) << again.error().message << written;
  EXPECT_EQ(schema_to_toml(*again), written);
}

TEST(CsvSchema, BundledSchemasRoundTrip) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(std::string(HANSA_SOURCE_DIR) + "/data")) {
    if (!entry.path().string().ends_with(".schema.toml")) continue;
    SCOPED_TRACE(entry.path());
    const auto schema = read_schema(entry.path().string());
    ASSERT_TRUE(schema.ok()) << schema.error().message;
    const auto again = read_text(schema_to_toml(*schema));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(schema_to_toml(*again), schema_to_toml(*schema));
    ++count;
  }
  EXPECT_GT(count, 2);
}

TEST(CsvSchema, BadSchemasAreExplained) {
  const std::string fine = "[columns]\na = { kind = \"zscore\" }\n";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "label is missing"},
      {"label = \"y\"\npositive = [\"1\"]\n", "[columns] is missing"},
      {"label = \"y\"\ntask = \"multiclass\"\n" + fine, "needs classes"},
      {"label = 3\npositive = [\"1\"]\n" + fine, ":1: label must be a string, found the integer 3"},
      {"label = \"y\"\nlable = \"y\"\n" + fine, ":2: unknown key \"lable\"; did you mean \"label\"?"},
      {"label = \"y\"\ntask = \"bin\"\n" + fine, "unknown task \"bin\"; did you mean \"binary\"?"},
      {"label = \"y\"\nseparator = \"ab\"\n" + fine, "separator must be one character"},
      {"label = \"y\"\ngroups = [\"a\", \"a\"]\n" + fine, "groups names \"a\" twice"},
      {"label = \"y\"\npositive = [\"1\"]\n[columns]\na = 3\n", "column \"a\" must be a table"},
      {"label = \"y\"\npositive = [\"1\"]\n[columns]\na = {}\n", ":4: column \"a\" has no kind"},
      {"label = \"y\"\n[columns]\na = { kind = \"onehot\" }\n", "did you mean \"one_hot\"?"},
      {"label = \"y\"\n[columns]\na = { kind = \"one_hot\" }\n", "needs categories"},
      {"label = \"y\"\n[columns]\na = { kind = \"hashed\" }\n", "needs buckets"},
      {"label = \"y\"\n[columns]\na = { kind = \"hashed\", buckets = 0 }\n", "an integer from 1 to"},
      {"label = \"y\"\n[columns]\na = { kind = \"zscore\", stddev = 0 }\n", "stddev must be more than 0"},
      {"label = \"y\"\n[columns]\na = { kind = \"zscore\", mean = nan }\n", "mean must be a finite number"},
      {"label = \"y\"\n[columns]\na = { kind = \"bins\", edges = [2, 1] }\n", "edges must ascend"},
      {"label = \"y\"\n[columns]\na = { kind = \"bins\", bin = 1 }\n", "unknown key \"bin\""},
      {"label = ", ":1:"},
  };
  for (const auto& [text, expected] : table) {
    const auto schema = read_text(text);
    ASSERT_FALSE(schema.ok()) << text;
    EXPECT_THAT(schema.error().message, HasSubstr(expected)) << text;
    EXPECT_THAT(schema.error().message, HasSubstr("hansa-csv-schema-test.toml:"));
  }
}

}  // namespace
}  // namespace hansa::config
