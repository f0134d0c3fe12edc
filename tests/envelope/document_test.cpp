// The chapter "Between nodes" of docs/wire-format.md promises tables to other implementations; they are
// compared with the code.
#include "protocols/bulk/layout.hpp"
#include "protocols/envelope/types.hpp"
#include "src/wire/envelope.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::envelope::Plane;

/// Groups of `pattern` on the lines behind `from`.
std::vector<std::vector<std::string>> rows(const std::string& from, const std::string& pattern) {
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/docs/wire-format.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::vector<std::string>> result;
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return result;
  std::istringstream section(text.substr(begin));
  const std::regex row(pattern);
  std::smatch match;
  for (std::string line; std::getline(section, line);) {
    if (std::regex_match(line, match, row)) result.emplace_back(match.begin() + 1, match.end());
  }
  return result;
}

TEST(NodeDocument, TypeTableIsTheCodes) {
  const auto documented =
      rows("# Between nodes", R"(\| (\d+) \| `(\w+)` \| (control|bulk|lobby) \| (yes)? ?\| (yes)? ?\|)");
  const auto& actual = protocols::envelope::kTypes;
  ASSERT_EQ(documented.size(), actual.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(documented[i][0], std::to_string(static_cast<int>(actual[i].type)));
    EXPECT_EQ(documented[i][1], actual[i].name);
    const char* const planes[] = {"control", "bulk", "lobby"};
    EXPECT_EQ(documented[i][2], planes[static_cast<int>(actual[i].plane)]) << actual[i].name;
    EXPECT_EQ(documented[i][3] == "yes", actual[i].must_sign) << actual[i].name;
    EXPECT_EQ(documented[i][4] == "yes", actual[i].in_run) << actual[i].name;
  }
}

TEST(NodeDocument, EveryRefusalHasARow) {
  const auto documented =
      rows("A receiver checks in this order", R"(\| `(\w+)` \| (?:has|is|came|belongs) .*\|)");
  std::vector<std::string> names;
  for (const auto& row : documented) names.push_back(row[0]);
  ASSERT_EQ(names.size(), kEnvelopeErrors - 1);
  for (std::size_t i = 1; i < kEnvelopeErrors; ++i) {
    EXPECT_NE(std::find(names.begin(), names.end(), name_of(static_cast<EnvelopeError>(i))), names.end())
        << name_of(static_cast<EnvelopeError>(i));
  }
}

TEST(NodeDocument, LimitsAreTheDocumentedOnes) {
  const EnvelopeLimits limits;
  EXPECT_EQ(limits.header_bytes, 256u);
  EXPECT_EQ(limits.control_body_bytes, 64u * 1024);
  EXPECT_EQ(limits.bulk_body_bytes, 257u * 1024);
  EXPECT_EQ(limits.lobby_body_bytes, 15u * 1024);
  EXPECT_EQ(protocols::envelope::kReplayWindow, 8192u);
  EXPECT_EQ(protocols::bulk::kChunkBytes, 262144u);
  EXPECT_EQ(protocols::bulk::kBlobBytesMax, std::uint64_t{1} << 31);
}

}  // namespace
}  // namespace hansa::wire
