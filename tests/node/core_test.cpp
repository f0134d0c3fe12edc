// Live nodes with real sockets: they found a roster, agree on a run, train it, and end with the bits of the
// simulator; a node that is killed comes back and ends with the others.
#include "src/node/core.hpp"

#include "sim/experiment.hpp"
#include "src/node/sample_data.hpp"
#include "tests/node/consortium.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using testing::Consortium;
using testing::eventually;

class LiveNodes : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "hansa-node-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    fs::create_directory(base_ / "data");
    auto data = write_sample_data(base_ / "data", kOrganisations);
    ASSERT_TRUE(data.ok()) << data.error().message;
    data_ = std::move(data).value();
  }
  void TearDown() override { fs::remove_all(base_); }

  [[nodiscard]] std::string manifest(const std::string& strategy, const std::string& aggregation,
                                     int rounds) const {
    std::ostringstream out;
    out << "name = \"bank\"\nrounds = " << rounds << "\nparties = 3\nseed = 5\nmodel = \"fm\"\nstrategy = \""
        << strategy << "\"\naggregation = \"" << aggregation
        << "\"\n[data]\ndataset = \"bank-marketing\"\n[topology]\nname = \"complete\"\nweights = "
           "\"sample-count\"\n[cohort]\nsize = 3\n[local]\nbatch_size = 8\n[eval]\nevery = 1\n";
    return out.str();
  }
  std::string propose_and_approve(Consortium& mesh, const std::string& text) {
    const auto run = mesh.core(0).propose_run({.manifest_toml = text, .schema_toml = schema()});
    EXPECT_TRUE(run.ok()) << run.error().message;
    if (!run.ok()) return "";
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      EXPECT_TRUE(eventually(
          [&] { return !mesh.core(i).view()->runs.empty() && mesh.core(i).view()->runs[0].id == *run; }));
      const auto approved = mesh.core(i).approve_run(
          {.run = *run, .data = data_.parties[i].string(), .test = data_.test.string()});
      EXPECT_TRUE(approved.ok()) << approved.error().message;
    }
    return *run;
  }
  [[nodiscard]] std::string schema() const {
    std::ifstream in(data_.schema);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string state(Consortium& mesh, std::size_t i) { return mesh.core(i).view()->runs[0].state; }

  static constexpr std::uint32_t kOrganisations = 3;
  fs::path base_;
  SampleData data_;
};

TEST_F(LiveNodes, FoundTrainAndEndWithOneModel) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  for (const auto& [strategy, aggregation] : {std::pair("d-psgd", "plain"), std::pair("cohort", "secure")}) {
    SCOPED_TRACE(aggregation);
    const std::string run = propose_and_approve(mesh, manifest(strategy, aggregation, 3));
    for (std::size_t i = 0; i < kOrganisations; ++i) {
      EXPECT_TRUE(eventually([&] { return state(mesh, i) == "complete"; })) << state(mesh, i);
    }
    const auto first = mesh.core(0).final_model(run);
    ASSERT_TRUE(first.ok()) << first.error().message;
    for (std::size_t i = 1; i < kOrganisations; ++i) {
      EXPECT_EQ(mesh.core(i).final_model(run)->values, first->values);
    }
  }
}

}  // namespace
}  // namespace hansa::node
