// What load_run_config adds to parsing: the disk. Paths, missing files, and the schema of a CSV set.
#include "src/config/run_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace hansa::config {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Load : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() /
        ("hansa-config-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  fs::path folder_;
};

TEST_F(Load, PathsAreRelativeToTheFile) {
  write("s.toml", "label = \"y\"\npositive = [\"1\"]\n[columns]\na = { kind = \"zscore\" }\n");
  const std::string path = write("run.toml",
                                 "parties = 2\nrounds = 1\n[topology]\nname = \"file:../g.txt\"\n[data]\n"
                                 "dataset = \"csv\"\npath = \"rows.csv\"\nschema = \"s.toml\"\n"
                                 "test_path = \"/abs/t.csv\"\n");
  const auto config = load_run_config(path, {});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->data.path, (folder_ / "rows.csv").string());
  EXPECT_EQ(config->data.test_path, "/abs/t.csv");
  EXPECT_EQ(config->topology.name, "file:" + (folder_.parent_path() / "g.txt").string());
  EXPECT_EQ(config->name, "run");
  ASSERT_TRUE(config->data.schema.has_value());
  EXPECT_EQ(config->data.schema->columns.size(), 1U);

  // The resolved file may lie anywhere and still means the same.
  fs::create_directories(folder_ / "elsewhere");
  const auto again = load_run_config(write("elsewhere/config.toml", to_toml(*config)), {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(to_toml(*again), to_toml(*config));
}

TEST_F(Load, BundledSetsBringTheirSchema) {
  const std::string path =
      write("run.toml", "parties = 12\nrounds = 1\n[data]\ndataset = \"bank-marketing\"\n");
  const auto config = load_run_config(path, {});
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_TRUE(config->data.schema.has_value());
  EXPECT_EQ(config->data.schema->label, "y");
  EXPECT_EQ(config->schema_path, "") << "the resolved file names the data set, not a path of this machine";
}

TEST_F(Load, WhatCannotBeRead) {
  const auto missing = load_run_config((folder_ / "no.toml").string(), {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind, ErrorKind::missing);
  EXPECT_THAT(missing.error().message, HasSubstr("no.toml: No such file or directory"));

  const auto folder = load_run_config(folder_.string(), {});
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().message, HasSubstr("is a folder"));

  const auto large = load_run_config(write("large.toml", std::string(2 << 20, '#')), {});
  ASSERT_FALSE(large.ok());
  EXPECT_THAT(large.error().message, HasSubstr("larger than 1 MiB"));

  const auto binary = load_run_config(write("binary.toml", std::string("a = \0\x01\xff", 7)), {});
  ASSERT_FALSE(binary.ok());
  EXPECT_THAT(binary.error().message, HasSubstr("binary.toml:1:"));

  const auto schema = load_run_config(
      write("csv.toml", "parties = 2\nrounds = 1\n[data]\ndataset = \"csv\"\npath = \"a\"\nschema = \"b\"\n"),
      {});
  ASSERT_FALSE(schema.ok());
  EXPECT_EQ(schema.error().kind, ErrorKind::missing);
  EXPECT_THAT(schema.error().message, HasSubstr("cannot read the schema " + (folder_ / "b").string()));
}

}  // namespace
}  // namespace hansa::config
