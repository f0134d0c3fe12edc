// docs/wire-format.md is a promise to other implementations: its table of types, its reasons and its example
// frames are compared with the code.
#include "src/wire/codec.hpp"
#include "tests/wire/random_messages.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::Message;
using protocols::MessageType;

std::string document() {
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/docs/wire-format.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// First groups of `pattern` on the lines of the document between two headings.
std::vector<std::vector<std::string>> rows(const std::string& from, const std::string& to,
                                           const std::string& pattern) {
  const std::string text = document();
  const std::size_t begin = text.find(from);
  const std::size_t end = text.find(to, begin);
  std::vector<std::vector<std::string>> result;
  if (begin == std::string::npos || end == std::string::npos) return result;
  std::istringstream section(text.substr(begin, end - begin));
  const std::regex row(pattern);
  std::smatch match;
  for (std::string line; std::getline(section, line);) {
    if (std::regex_match(line, match, row)) result.emplace_back(match.begin() + 1, match.end());
  }
  return result;
}

protocols::Slice slice(std::vector<float> values) {
  return protocols::Slice::whole(Parameters::copy_of(values).freeze());
}

std::shared_ptr<const std::vector<std::byte>> packet(const std::string& letters) {
  const auto bytes = std::as_bytes(std::span(letters));
  return std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
}

/// The messages of the section "Examples".
std::map<std::string, Message> examples() {
  return {
      {"model", protocols::ModelMessage{7, 1.5, 300, 0, slice({1.0f, -2.0f})}},
      {"chunk", protocols::ChunkMessage{200, 70000, 12, slice({0.5f})}},
      {"mean_chunk", protocols::MeanChunkMessage{0, 0, 36, slice({0.25f})}},
      {"share_ack", protocols::ShareAck{3}},
      {"secure_packet", protocols::SecurePacketMessage{130, 1, packet("hansa")}},
      {"relayed_packet", protocols::RelayedPacketMessage{130, PartyId{300}, 0b101, packet("hansa")}},
      {"beacon_packet", protocols::BeaconPacketMessage{2, packet("hansa")}},
  };
}

TEST(Document, TypeTableIsTheEnumeration) {
  std::map<std::string, int> documented;
  for (const auto& row : rows("## Messages", "## One message", R"(\| (\d+) \| `(\w+)` \|.*)")) {
    documented[row[1]] = std::stoi(row[0]);
  }
  std::map<std::string, int> actual;
  for (const auto& [name, message] : examples()) actual[name] = static_cast<int>(protocols::type_of(message));
  EXPECT_EQ(documented, actual);
  EXPECT_EQ(actual.size(), std::variant_size_v<Message>) << "give the new message a row and an example";
}

TEST(Document, ExampleFramesAreWhatTheCodecWritesAndReads) {
  const std::string text = document();
  for (const auto& [name, message] : examples()) {
    const std::string fence = "```hex " + name + "\n";
    const std::size_t begin = text.find(fence);
    ASSERT_NE(begin, std::string::npos) << name;
    std::istringstream block(
        text.substr(begin + fence.size(), text.find("```", begin + 3) - begin - fence.size()));
    std::vector<std::byte> frame;
    for (std::string byte; block >> byte;)
      frame.push_back(static_cast<std::byte>(std::stoul(byte, nullptr, 16)));
    EXPECT_EQ(encode(message), frame) << name;
    const Result<Message> decoded = decode(frame);
    ASSERT_TRUE(decoded.ok()) << name << ": " << decoded.error().message;
    EXPECT_TRUE(testing::same_bits(decoded.value(), message)) << name;
  }
}

TEST(Document, EveryReasonForRefusalHasARowInTheOrderOfTheEnumeration) {
  const auto documented = rows("## What a receiver checks", "## Examples", R"(\| `(\w+)` \| (.*) \|)");
  ASSERT_EQ(documented.size(), kDecodeErrorCount - 1) << "all but `none`";
  // The document says in words what describe() says; the names are compared with the header that declares
  // them.
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/src/wire/codec.hpp");
  const std::string header{std::istreambuf_iterator<char>(file), {}};
  std::size_t at = header.find("enum class DecodeError");
  for (const auto& row : documented) {
    const std::size_t found = header.find("  " + row[0] + ",", at);
    EXPECT_NE(found, std::string::npos) << row[0] << " is missing or out of order";
    if (found != std::string::npos) at = found;
  }
}

TEST(Document, DefaultLimitsAreTheDocumentedOnes) {
  const Limits limits;
  EXPECT_EQ(limits.floats_max, 1u << 28);
  EXPECT_EQ(limits.packet_bytes_max, 1u << 30);
  EXPECT_EQ(limits.beacon_bytes_max, 1u << 16);
  EXPECT_EQ(limits.header_bytes_max, 64u);
  EXPECT_EQ(limits.frame_bytes_max, 10 + 64 + (std::size_t{1} << 30));
  EXPECT_EQ(limits.round_max, 4294967294u);
  EXPECT_EQ(limits.counter_max, std::uint64_t{1} << 53);
  EXPECT_TRUE(limits.finite_only);
}

}  // namespace
}  // namespace hansa::wire
