// Graph files: both formats, every error with its place, and hostile input.
#include "topology/file.hpp"

#include <hansa/rng.hpp>

#include "tests/topology/make.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <tuple>

namespace hansa::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string complaint(std::string_view text, const TopologyOptions& options = {}) {
  const auto made = make_from_text("g", text, options);
  return made ? std::string() : made.error().message + " | " + made.error().hint;
}

std::unique_ptr<const Topology> parsed(std::string_view text, const TopologyOptions& options = {}) {
  auto made = make_from_text("g", text, options);
  if (!made) ADD_FAILURE() << made.error().message;
  return std::move(made).value();
}

TEST(GraphFile, ReadsTextWithCommentsBlanksAndCarriageReturns) {
  const auto topology = parsed("# four in a row\r\n4\r\n\r\n0 1\r\n1\t2 # the middle\r\n  3 2  ");
  EXPECT_EQ(topology->parties(), 4U);
  EXPECT_EQ(topology->promise(), Promise::symmetric_doubly_stochastic);
  EXPECT_THAT(edges(*topology, 0, true), ElementsAre(Edge{0, 1}, Edge{1, 2}, Edge{2, 3}));
}

TEST(GraphFile, CountsPartiesFromTheHeaderTheOptionsOrTheLinks) {
  TopologyOptions options;
  options.allow_disconnected = true;
  EXPECT_EQ(parsed("7\n0 1", options)->parties(), 7U);
  EXPECT_EQ(parsed("0 1\n4 1", options)->parties(), 5U);
  options.parties = 6;
  EXPECT_EQ(parsed("0 1\n4 1", options)->parties(), 6U);
  EXPECT_THAT(complaint("7\n0 1", options), HasSubstr("7 parties, but 6 are asked for | set parties = 7"));
}

TEST(GraphFile, ReadsJson) {
  const auto undirected = parsed(R"( {"parties": 3, "edges": [[0,1],[2,1]], "directed": false})");
  EXPECT_THAT(edges(*undirected, 0, true), ElementsAre(Edge{0, 1}, Edge{1, 2}));
  const auto ring = parsed(R"({"edges": [[0,1],[1,2],[2,0]], "directed": true})");
  EXPECT_EQ(ring->promise(), Promise::doubly_stochastic);
  EXPECT_THAT(edges(*ring, 0, false), ElementsAre(Edge{0, 1}, Edge{1, 2}, Edge{2, 0}));
}

TEST(GraphFile, IrregularDirectedGraphsNeedPushSum) {
  const char* text = R"({"edges": [[0,1],[1,2],[2,0],[0,2]], "directed": true})";
  EXPECT_THAT(complaint(text), HasSubstr("set weights = \"push-sum\""));
  TopologyOptions options;
  options.weights = "push-sum";
  const auto topology = parsed(text, options);
  EXPECT_EQ(topology->promise(), Promise::column_stochastic);
  EXPECT_DOUBLE_EQ(topology->in(0, PartyId{2})[0].weight, 1.0 / 3);
  EXPECT_DOUBLE_EQ(topology->in(0, PartyId{2})[1].weight, 0.5);
  options.weights = "uniform";
  EXPECT_EQ(parsed(text, options)->promise(), Promise::row_stochastic);
}

TEST(GraphFile, ErrorsNameFileAndLine) {
  EXPECT_THAT(complaint("0 1\n1 x\n"), HasSubstr("g:2: expected two party numbers"));
  EXPECT_THAT(complaint("0 1\n1 -2\n"), HasSubstr("g:2: expected two party numbers"));
  EXPECT_THAT(complaint("0 1\n1 2.5\n"), HasSubstr("g:2: expected two party numbers"));
  EXPECT_THAT(complaint("0 99999999999999999999\n"), HasSubstr("g:1: expected two party numbers"));
  EXPECT_THAT(complaint("3\n0 1\n2\n"), HasSubstr("g:3: expected two party numbers, found one"));
  EXPECT_THAT(complaint("0 1 2\n"), HasSubstr("g:1: expected two party numbers, found more than two"));
  EXPECT_THAT(complaint("3\n\n0 3\n"), HasSubstr("g:3: party 3 is not among the 3 parties"));
  EXPECT_THAT(complaint("0 1\n1 1\n"), HasSubstr("g:2: party 1 is linked to itself"));
  EXPECT_THAT(complaint("0 1\n2 1\n1 0\n"), HasSubstr("g:3: the link 1 0 is there already (g:1)"));
  EXPECT_THAT(complaint("4\n0 1\n2 3\n"), HasSubstr("not every party can reach every other"));
  EXPECT_THAT(complaint(""), HasSubstr("at least 2 parties"));
  EXPECT_THAT(complaint("4294967295\n0 1\n"), HasSubstr("neighbour entries"));
  EXPECT_THAT(complaint("0 4294967295\n"), HasSubstr("neighbour entries"));
  // Said at once, and not after building a graph of sixty million lonely parties.
  EXPECT_THAT(complaint("60000000\n0 1\n"), HasSubstr("not every party can reach every other"));
}

TEST(GraphFile, JsonErrorsNameTheirPlace) {
  EXPECT_THAT(complaint("{\n\"edges\": [\n[0 1]]}"), HasSubstr("g:3: not valid JSON"));
  EXPECT_THAT(complaint("{"), HasSubstr("g:1: not valid JSON"));
  EXPECT_THAT(complaint(R"({"edges": [[0,1],[1,2,3]]})"), HasSubstr("g: edges[1]: expected a pair"));
  EXPECT_THAT(complaint(R"({"edges": [[0,1.5]]})"), HasSubstr("g: edges[0]: expected a pair"));
  EXPECT_THAT(complaint(R"({"edges": [[0,-1]]})"), HasSubstr("g: edges[0]: expected a pair"));
  EXPECT_THAT(complaint(R"({"edges": {"a": 1}})"), HasSubstr("must be a list of pairs"));
  EXPECT_THAT(complaint(R"({"parties": 3})"), HasSubstr("must be a list of pairs"));
  EXPECT_THAT(complaint(R"({"parties": "3", "edges": []})"), HasSubstr("\"parties\" must be a whole number"));
  EXPECT_THAT(complaint(R"({"directed": 1, "edges": []})"), HasSubstr("\"directed\" must be true or false"));
  EXPECT_THAT(complaint(R"({"nodes": 3, "edges": []})"), HasSubstr("unknown key \"nodes\""));
  EXPECT_THAT(complaint(R"({"edges": [[0,1],[0,1]], "directed": true})"),
              HasSubstr("edges[1]: the link 0 1"));
  TopologyOptions options;
  options.weights = "push-sum";
  EXPECT_THAT(complaint(R"({"edges": [[0,1]], "directed": true})", options),
              HasSubstr("not every party can reach"));
}

TEST(GraphFile, SurvivesMutatedAndNestedInput) {
  const std::string good[] = {"4\n0 1\n1 2 # x\n2 3\n",
                              R"({"parties": 3, "edges": [[0,1],[1,2]], "directed": false})"};
  Rng rng(5, Purpose::test);
  std::size_t refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = good[round % 2];
    for (std::uint64_t change = 1 + rng.below(3); change > 0; --change) {
      const std::size_t at = rng.below(text.size());
      switch (rng.below(3)) {
        case 0:
          text[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          text.erase(at, 1 + rng.below(4));
          break;
        default:
          text.insert(at, 1, "0123 \n[]{},:\"#-."[rng.below(16)]);
          break;
      }
      if (text.empty()) text = "0";
    }
    const auto made = make_from_text("g", text, {});
    if (!made) ++refused;
    if (made) {
      EXPECT_TRUE(is_connected(**made));
    }
    if (!made) {
      EXPECT_FALSE(made.error().message.empty());
    }
  }
  EXPECT_GT(refused, 1000U);
  EXPECT_FALSE(make_from_text("g", "{\"edges\":" + std::string(1'000'000, '['), {}).ok());
}

class GraphFileOnDisk : public ::testing::Test {
 protected:
  GraphFileOnDisk() {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ =
        std::filesystem::temp_directory_path() / ("hansa_topology_" + name + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~GraphFileOnDisk() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(GraphFileOnDisk, IsUnderstoodByMakeTopology) {
  const std::string path = (folder_ / "ring.txt").string();
  std::ofstream(path) << "3\n0 1\n1 2\n2 0\n";
  EXPECT_EQ(edges(*testing::make("file:" + path, TopologyOptions{}), 0, true).size(), 3U);
}

TEST(GraphFile, BundledGraphsAreRegular) {
  const std::string folder = std::string(HANSA_SOURCE_DIR) + "/data/graphs/";
  for (const auto& [name, parties, degree] : {std::tuple{"reg4_16", 16U, 4U},
                                              {"reg4_64", 64U, 4U},
                                              {"reg4_256", 256U, 4U},
                                              {"reg20_1000", 1000U, 20U}}) {
    const auto topology = testing::make("file:" + folder + name + ".edges", TopologyOptions{});
    ASSERT_EQ(topology->parties(), parties);
    for (std::uint32_t i = 0; i < parties; ++i) ASSERT_EQ(topology->in(0, PartyId{i}).size(), degree);
  }
  // networkx made it with seed 1, and numpy found this gap.
  EXPECT_NEAR(spectral_gap(*testing::make("file:" + folder + "reg4_64.edges", TopologyOptions{})), 0.14089,
              1e-5);
}

TEST_F(GraphFileOnDisk, MissingFilesAndFoldersAreErrors) {
  const auto missing = make_topology("file:" + (folder_ / "none").string(), {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind, ErrorKind::missing);
  EXPECT_THAT(missing.error().message, HasSubstr("none: no such file"));
  const auto folder = make_topology("file:" + folder_.string(), {});
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().message, HasSubstr("not a file"));
}

TEST_F(GraphFileOnDisk, TooLargeFilesAreRefusedUnread) {
  const auto path = folder_ / "large";
  std::ofstream(path) << "x";
  std::filesystem::resize_file(path, kGraphFileBytesMax + 1);  // sparse: takes no space
  EXPECT_THAT(testing::complaint("file:" + path.string(), {}), HasSubstr("may have at most"));
}

}  // namespace
}  // namespace hansa::topology
