// Small helpers for the reader tests: a schema by hand, files in a temporary folder, and what an error must
// say.
#pragma once

#include "src/learn/data/parse.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace hansa::learn {

inline ColumnSchema column(std::string name, ColumnSchema::Kind kind) {
  ColumnSchema schema;
  schema.name = std::move(name);
  schema.kind = kind;
  return schema;
}

inline ColumnSchema zscore(std::string name, double mean = 0, double stddev = 1) {
  ColumnSchema schema = column(std::move(name), ColumnSchema::Kind::zscore);
  schema.mean = mean;
  schema.stddev = stddev;
  return schema;
}

inline ColumnSchema one_hot(std::string name, std::vector<std::string> categories) {
  ColumnSchema schema = column(std::move(name), ColumnSchema::Kind::one_hot);
  schema.categories = std::move(categories);
  return schema;
}

inline ColumnSchema bins(std::string name, std::vector<double> edges) {
  ColumnSchema schema = column(std::move(name), ColumnSchema::Kind::bins);
  schema.edges = std::move(edges);
  return schema;
}

/// Label y, binary 0/1, and one z-score column x.
inline CsvSchema simple_schema() {
  CsvSchema schema;
  schema.label = "y";
  schema.columns = {zscore("x")};
  return schema;
}

template <class T>
void expect_error(const Result<T>& result, ErrorKind kind, std::string_view text,
                  std::string_view hint = "") {
  ASSERT_FALSE(result.ok()) << "expected an error with: " << text;
  EXPECT_EQ(result.error().kind, kind) << result.error().message;
  EXPECT_NE(result.error().message.find(text), std::string::npos)
      << "message: " << result.error().message << "\nshould contain: " << text;
  EXPECT_NE(result.error().hint.find(hint), std::string::npos)
      << "hint: " << result.error().hint << "\nshould contain: " << hint;
}

/// A folder of its own for each test, removed at the end.
class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("hansa_") + info->test_suite_name() + "_" + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FolderTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view bytes) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::filesystem::path folder_;
};

}  // namespace hansa::learn
