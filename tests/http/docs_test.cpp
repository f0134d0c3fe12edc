// docs/api.md must list exactly the routes there are, and docs/metrics.md the metrics.
#include "src/http/api.hpp"
#include "src/http/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace hansa::http {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Lines of `text` that begin with `prefix`.
std::vector<std::string> rows(const std::string& text, const std::string& prefix) {
  std::vector<std::string> found;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (text.compare(begin, prefix.size(), prefix) == 0) found.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return found;
}

TEST(Docs, ListEveryRoute) {
  std::vector<std::string> expected;
  for (const Route& route : routes()) {
    const bool media = route.schema.find('/') != std::string_view::npos;
    expected.push_back("| " + std::string(route.method) + " | `" + std::string(route.path) + "` | " +
                       (media ? std::string(route.schema) : "hansa." + std::string(route.schema) + ".v1") +
                       " | " + (route.token ? "yes" : "") + " | " + std::string(route.fields) + " | " +
                       std::string(route.summary) + " |");
  }
  std::vector<std::string> documented;
  const std::string page = file_text("docs/api.md");
  for (const char* method : {"| GET |", "| POST |"})
    for (const std::string& row : rows(page, method)) documented.push_back(row);
  std::sort(expected.begin(), expected.end());
  std::sort(documented.begin(), documented.end());
  std::string wanted;
  for (const std::string& row : expected) wanted += row + "\n";
  EXPECT_EQ(documented, expected) << "the table should be:\n" << wanted;
}

}  // namespace
}  // namespace hansa::http
