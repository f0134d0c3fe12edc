// `hansa explain privacy`: the words of the page, the numbers for programs, and the refusals of the run.
#include "tests/cli/run_command.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace hansa::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Explain : public CommandTest {};

const std::string kSecureBank = "'" HANSA_SOURCE_DIR "/examples/secure-bank.toml'";

TEST_F(Explain, ThePageShowsWhatIsPrinted) {
  const Outcome printed = run("explain privacy " + kSecureBank);
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_THAT(printed.err, IsEmpty());
  EXPECT_THAT(read_text(HANSA_SOURCE_DIR "/docs/explain-privacy.md"),
              HasSubstr("```text\n" + printed.out + "```"));
}

TEST_F(Explain, JsonOfTheSecureBank) {
  const json bank = json::parse(run("explain privacy " + kSecureBank + " --json").out);
  EXPECT_EQ(bank.at("protection"), "cohort_sums");
  EXPECT_EQ(bank.at("honest_sum_min"), 3);
  ASSERT_EQ(bank.at("sums").size(), 1U);
  const json expected = {{"members", 6},   {"count", 2},    {"colluders", 1},
                         {"threshold", 4}, {"dropouts", 2}, {"honest_min", 3}};
  EXPECT_EQ(bank["sums"][0], expected);
  EXPECT_TRUE(bank.at("exposure").is_null());
  EXPECT_TRUE(bank.at("topology").is_null());
  // 2 of 12 in one cohort of 6: C(10, 4) / C(12, 6)
  EXPECT_NEAR(bank.at("odds").at(1).at("exceeds_colluders").get<double>(), 210.0 / 924, 1e-12);

  const json larger = json::parse(run("explain privacy " + kSecureBank + " --set cohort.size=12 --json").out);
  EXPECT_EQ(larger.at("sums").at(0).at("members"), 12) << "--set as in hansa sim";
}

TEST_F(Explain, RefusesWhatTheRunRefuses) {
  write("empty.toml", "");
  write("typo.toml", "party = 3\n");
  write("graph.toml",
        "parties = 12\nrounds = 2\n[data]\ndataset = \"bank-marketing\"\n[topology]\nname = \"hypercube\"\n");
  const std::string refused[] = {
      kSecureBank + " --set cohort.size=2",
      kSecureBank + " --set secure.colluders=5",
      kSecureBank + " --set strategy=epidemic",
      kSecureBank + " --set strategy=gossip-learning",
      kSecureBank + " --set strategy=push-sum",
      kSecureBank + " --set strategy=d-psgd --set topology.name=ring",
      kSecureBank + " --set aggregation=robust",
      kSecureBank + " --set cohort.grid=true",
      "graph.toml",
      "empty.toml",
      "typo.toml",
      "no.toml",
      ".",
  };
  for (const std::string& arguments : refused) {
    SCOPED_TRACE(arguments);
    const Outcome explained = run("explain privacy " + arguments);
    const Outcome trained = run("sim " + arguments);
    EXPECT_NE(explained.code, 0);
    EXPECT_EQ(explained.code, trained.code);
    EXPECT_EQ(explained.err, trained.err);
    EXPECT_THAT(explained.out, IsEmpty());
  }
  EXPECT_EQ(run("explain privacy no.toml").code, 1);
  EXPECT_EQ(run("explain privacy typo.toml").code, 2);
  EXPECT_EQ(run("explain").code, 2);
  EXPECT_EQ(run("explain privacy").code, 2);
  const Outcome as_json = run("explain privacy typo.toml --json");
  EXPECT_THAT(json::parse(as_json.out).at("message").get<std::string>(), HasSubstr("party"));
}

TEST_F(Explain, PlainRunsAreSaidToHideNothing) {
  const Outcome outcome =
      run("explain privacy '" HANSA_SOURCE_DIR "/examples/toy.toml' --set topology.name=star");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("aggregation = \"plain\" hides no model."));
  EXPECT_THAT(outcome.out, HasSubstr("Everybody's models are seen by party 0."));
  EXPECT_THAT(outcome.out, HasSubstr("Degree 1: parties 1, 2, 3, 4, 5 and 2 more"));
}

}  // namespace
}  // namespace hansa::cli
