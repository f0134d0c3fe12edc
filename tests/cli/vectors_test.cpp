// `hansa vectors secure-sum` prints what docs/wire-format.md promises to other implementations.
#include "tests/cli/run_command.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace hansa::cli {
namespace {

using ::testing::HasSubstr;

class Vectors : public CommandTest {};

TEST_F(Vectors, AreThoseOfTheWireFormatPage) {
  const Outcome printed = run("vectors secure-sum --members 4 --threshold 3 --length 16 --chunk 4");
  EXPECT_EQ(printed.code, 0);
  EXPECT_EQ(printed.out.substr(0, 11), "all chunks\n");
  EXPECT_THAT(read_text(HANSA_SOURCE_DIR "/docs/wire-format.md"),
              HasSubstr("```text\n" + printed.out + "```"));
}

TEST_F(Vectors, TheBeaconsAreThoseOfTheWireFormatPage) {
  const Outcome printed = run("vectors beacon --members 4");
  EXPECT_EQ(printed.code, 0);
  EXPECT_EQ(printed.out.substr(0, 9), "manifest ");
  EXPECT_THAT(read_text(HANSA_SOURCE_DIR "/docs/wire-format.md"),
              HasSubstr("```text\n" + printed.out + "```"));
  const Outcome other = run("vectors beacon --members 9 --seed-label other --json");
  EXPECT_EQ(other.code, 0);
  const auto document = nlohmann::json::parse(other.out);
  EXPECT_EQ(document["lines"].size(), 2 + 3 * 9 + 7u);
  EXPECT_EQ(run("vectors beacon --members 2").code, 2);
}

TEST_F(Vectors, AnySizesAndLabels) {
  const Outcome other =
      run("vectors secure-sum --members 12 --threshold 7 --length 100 --chunk 30 --seed-label other --json");
  EXPECT_EQ(other.code, 0);
  const auto document = nlohmann::json::parse(other.out);
  EXPECT_EQ(document["seed_label"], "other");
  EXPECT_EQ(document["lines"].size(), 1 + 2 + 3 * 12 + 2 + 11 + 3u);
  const Outcome wrong = run("vectors secure-sum --members 4 --threshold 5");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("threshold"));
}

}  // namespace
}  // namespace hansa::cli
