// A consortium of real processes for a test, made by `hansa dev up` and given commands by the program as an
// operator gives them.
#pragma once

#include "tests/cli/run_command.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace hansa::cli {

/// Founds three organisations in the folder "mesh" of the test; each has its rows in mesh/org-I.csv.
class MeshTest : public CommandTest {
 protected:
  static constexpr int kOrganisations = 3;

  void SetUp() override {
    CommandTest::SetUp();
    up = run("dev up --orgs 3 --rounds 1 --wait --dir mesh");
    ASSERT_EQ(up.code, 0) << up.out << up.err;
  }
  Outcome up;  ///< of `dev up`

  void TearDown() override {
    if (HasFailure()) {
      for (int i = 0; i < kOrganisations; ++i) {
        std::printf("org-%d:\n%s\n", i, read_text(folder_ / dir(i) / "node.log").c_str());
      }
    }
    const Outcome down = run("dev down --dir mesh");
    EXPECT_EQ(down.out, "3 nodes stopped\n") << down.err;
    CommandTest::TearDown();
  }

  [[nodiscard]] static std::string dir(int i) { return "mesh/org-" + std::to_string(i); }
  [[nodiscard]] Outcome at(int i, const std::string& arguments) const {
    return run(arguments + " --dir " + dir(i));
  }
  /// What a command at an organisation prints with --json.
  [[nodiscard]] nlohmann::json ask(int i, const std::string& arguments) const {
    const Outcome outcome = at(i, arguments + " --json");
    EXPECT_EQ(outcome.code, 0) << arguments << ": " << outcome.err;
    auto document = nlohmann::json::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << arguments << ": " << outcome.out;
    return document;
  }

  /// Proposes a configuration, approves it everywhere with everybody's own rows and follows it to its end.
  /// Returns the run's ID.
  [[nodiscard]] std::string train(const std::string& config) const {
    write("run.toml", config);
    const std::string id = ask(0, "run propose run.toml --schema mesh/bank.schema.toml").value("run", "");
    for (int i = 0; i < kOrganisations; ++i) {
      // The proposal is on its way; an operator would try again as well.
      Outcome approved;
      for (int attempt = 0; attempt < 100 && approved.code != 0; ++attempt) {
        approved = at(
            i, "run approve " + id + " --data mesh/org-" + std::to_string(i) + ".csv --test mesh/test.csv");
      }
      EXPECT_EQ(approved.code, 0) << approved.err;
    }
    for (int i = 0; i < kOrganisations; ++i) {
      const Outcome watched = at(i, "run watch " + id);
      EXPECT_EQ(watched.code, 0) << watched.out << watched.err;
    }
    return id;
  }
};

}  // namespace hansa::cli
