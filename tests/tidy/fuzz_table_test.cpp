// The table of docs/testing.md that says which fuzz target enters which decoder: each row has its target, the
// target has seeds and really names that decoder, and no target is missing from the table.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = HANSA_SOURCE_DIR;

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The words in backticks of a cell.
std::vector<std::string> quoted(const std::string& cell) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> words;
  for (std::sregex_iterator it(cell.begin(), cell.end(), kQuoted), end; it != end; ++it)
    words.push_back((*it)[1]);
  return words;
}

struct Row {
  std::string target;
  std::vector<std::string> decoders;
  std::string seconds, executions;
};

/// Rows below the heading "target | decoder | seconds | executions".
std::vector<Row> table() {
  std::ifstream in(kRoot / "docs/testing.md");
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| target | decoder | seconds | executions |")) {
      inside = true;
      continue;
    }
    if (!inside || line.starts_with("|---")) continue;
    static const std::regex kRow(R"(\| `(\w+)` \| (.*) \| (\d+) \| ([\d,]+) \|)");
    std::smatch cells;
    if (!std::regex_match(line, cells, kRow)) break;
    rows.push_back({cells[1], quoted(cells[2]), cells[3], cells[4]});
  }
  return rows;
}

/// Decoders that are entered only through another, which the table has.
const std::set<std::string> kWithin = {
    "decode_body",         // of a roster: decode_signed_roster
    "decode_head",         // audit::decode
    "decode_cosignature",  // audit::decode
    "decode_evidence",     // audit::decode
    "parse_propose",       // a packet's body: decode_packet, on_packet
    "parse_toml",          // parse_run_config, parse_node_config, parse_schema
    "parse_libsvm",        // read_libsvm
    "parse_number",        // a field of CSV or libsvm: parse_csv
};

/// Names of functions in our headers that make something of bytes or text.
std::set<std::string> decoders() {
  static const std::regex kDecoder(
      R"(\b((try_)?decode(_\w+)?|parse_\w+|read_statement|read_model|make_from_text|gunzip)\(\s*)"
      R"((BytesView|std::span<const std::byte>|std::string_view|envelope::Type)\b)");
  std::set<std::string> names;
  for (const char* folder : {"protocols", "src", "topology", "sim"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (entry.path().extension() != ".hpp") continue;
      const std::string text = read(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), kDecoder), end; it != end; ++it)
        names.insert((*it)[1]);
    }
  }
  return names;
}

TEST(FuzzTable, EveryDecoderIsInTheTable) {
  std::set<std::string> listed = kWithin;
  for (const Row& row : table()) {
    for (const std::string& decoder : row.decoders) listed.insert(decoder.substr(decoder.rfind(':') + 1));
  }
  const auto all = decoders();
  EXPECT_GE(all.size(), 20u);
  for (const std::string& name : all) {
    EXPECT_TRUE(listed.contains(name))
        << name << "() reads bytes from outside: give it a fuzz target and a row in "
        << "docs/testing.md, or say in kWithin what enters it";
  }
}

TEST(FuzzTable, EveryDecoderHasItsTarget) {
  const auto rows = table();
  ASSERT_GE(rows.size(), 17u) << "docs/testing.md has no table `target | decoder | seconds | executions`";
  std::set<std::string> listed;
  for (const Row& row : rows) {
    EXPECT_TRUE(listed.insert(row.target).second) << row.target << " is in the table twice";
    const std::string source = read(kRoot / "fuzz" / (row.target + "_fuzz.cpp"));
    EXPECT_NE(source.find("LLVMFuzzerTestOneInput"), std::string::npos) << "no fuzz target " << row.target;
    std::error_code error;
    EXPECT_FALSE(fs::is_empty(kRoot / "fuzz/corpus" / row.target, error) || error)
        << row.target << " has no seeds in fuzz/corpus";
    EXPECT_FALSE(row.decoders.empty()) << row.target << " names no decoder";
    for (const std::string& decoder : row.decoders) {
      const std::string name = decoder.substr(decoder.rfind(':') + 1);
      EXPECT_NE(source.find(name), std::string::npos)
          << "fuzz/" << row.target << "_fuzz.cpp does not enter " << decoder;
    }
    EXPECT_GE(std::stoi(row.seconds), 30) << row.target;
  }
  for (const auto& entry : fs::directory_iterator(kRoot / "fuzz")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with("_fuzz.cpp")) continue;
    EXPECT_TRUE(listed.contains(name.substr(0, name.size() - 9))) << name << " is not in docs/testing.md";
  }
}

}  // namespace
