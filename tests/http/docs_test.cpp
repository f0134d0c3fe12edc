// docs/api.md must list exactly the routes there are, docs/metrics.md the metrics, and deploy/ must use no
// others.
#include "src/http/api.hpp"
#include "src/http/metrics.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
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

TEST(Docs, ListEveryMetric) {
  std::vector<std::string> expected;
  for (const Metric& metric : metrics()) {
    std::string row = "| `" + std::string(metric.name) + "`";
    for (const std::string_view cell : {metric.type, metric.labels, metric.unit, metric.source, metric.help})
      row += " | " + std::string(cell);
    expected.push_back(row + " |");
  }
  EXPECT_EQ(rows(file_text("docs/metrics.md"), "| `"), expected);
}

/// Names of metrics in a text of queries; what histograms are made of counts as the histogram.
std::set<std::string> names_in(const std::string& text) {
  std::set<std::string> names;
  const std::regex pattern("\\b(hansa|process)_[a-z_]+");
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    std::string name = it->str();
    for (const std::string suffix : {"_bucket", "_sum", "_count"})
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    names.insert(name);
  }
  return names;
}

TEST(Deploy, AsksOnlyForMetricsThereAre) {
  std::set<std::string> known;
  for (const Metric& metric : metrics()) known.insert(std::string(metric.name));
  std::size_t asked = 0;
  const auto dashboard =
      nlohmann::json::parse(file_text("deploy/grafana-dashboard.json"), nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(dashboard.is_object());
  std::string queries;
  for (const auto& panel : dashboard["panels"])
    for (const auto& target : panel["targets"]) queries += target["expr"].get<std::string>() + "\n";
  for (const std::string& line : rows(file_text("deploy/alerts.yml"), "        expr:"))
    queries += line + "\n";
  for (const std::string& name : names_in(queries)) {
    EXPECT_TRUE(known.contains(name)) << name;
    ++asked;
  }
  EXPECT_GT(asked, 15u);
}

}  // namespace
}  // namespace hansa::http
