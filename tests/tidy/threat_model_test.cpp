// docs/threat-model.md promises a test for every threat. A promise of a test that was renamed or removed is
// worth nothing, so the names are looked up in the sources.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::tidy {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// "net.Attack.X" for every test in the sources, "fuzz.NAME" for every fuzz target.
std::set<std::string> tests_in(const fs::path& root) {
  std::set<std::string> names;
  const std::regex test(R"(\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))");
  for (const auto& room : fs::directory_iterator(root / "tests")) {
    if (!room.is_directory()) continue;
    for (const auto& file : fs::directory_iterator(room.path())) {
      if (!file.path().string().ends_with("_test.cpp")) continue;
      const std::string text = read(file.path());
      for (std::sregex_iterator at(text.begin(), text.end(), test), end; at != end; ++at) {
        names.insert(room.path().filename().string() + "." + (*at)[1].str() + "." + (*at)[2].str());
      }
    }
  }
  for (const auto& file : fs::directory_iterator(root / "fuzz")) {
    const std::string name = file.path().filename().string();
    if (name.ends_with("_fuzz.cpp")) names.insert("fuzz." + name.substr(0, name.size() - 9));
  }
  return names;
}

/// The tests that the rows of the table name, by row.
std::map<int, std::vector<std::string>> rows_of(const std::string& page) {
  std::map<int, std::vector<std::string>> rows;
  const std::regex row(R"(^\| (\d+) \|.*\|([^|]*)\|$)"), name(R"(`([a-z_]+\.[\w.]+)`)");
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    auto& tests = rows[std::stoi(match[1])];
    const std::string cell = match[2];
    for (std::sregex_iterator at(cell.begin(), cell.end(), name), end; at != end; ++at) {
      tests.push_back((*at)[1]);
    }
  }
  return rows;
}

TEST(ThreatModel, EveryThreatHasATestThatExists) {
  const fs::path root = HANSA_SOURCE_DIR;
  const std::set<std::string> known = tests_in(root);
  ASSERT_GT(known.size(), 500U);
  const auto rows = rows_of(read(root / "docs" / "threat-model.md"));
  ASSERT_EQ(rows.size(), 28U);
  const std::set<int> open = {17, 25, 28};  // the page says so, too
  for (const auto& [number, tests] : rows) {
    EXPECT_EQ(tests.empty(), open.contains(number)) << "row " << number;
    for (const std::string& test : tests) {
      EXPECT_TRUE(known.contains(test)) << "row " << number << " names " << test << ", which does not exist";
    }
  }
}

}  // namespace
}  // namespace hansa::tidy
