// Every example loads, and runs for two rounds wherever its data is present.
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

std::vector<std::string> examples() {
  std::vector<std::string> files;
  for (const char* folder : {"examples", "bench"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(HANSA_SOURCE_DIR "/") + folder)) {
      if (entry.path().extension() == ".toml") {
        files.push_back(std::string(folder) + "/" + entry.path().stem().string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

class Examples : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Files, Examples, ::testing::ValuesIn(examples()), [](const auto& param) {
  std::string name = param.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '/'; }, '_');
  return name;
});

TEST_P(Examples, LoadsAndRunsTwoRounds) {
  const std::string path = HANSA_SOURCE_DIR "/" + GetParam() + ".toml";
  // Two rounds, one of them without training where the example has such; few rows to score.
  std::vector<config::Override> overrides{
      {"rounds", "2"}, {"eval.rows_max", "500"}, {"eval.baseline_rounds", "1"}};
  auto whole = config::load_run_config(path, {});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  if (whole->local.finish_rounds > 0) overrides.push_back({"local.finish_rounds", "1"});
  if (whole->data.dataset == "fashion-mnist") {
    overrides.push_back({"local.steps", "1"});
    overrides.push_back({"eval.baselines", "[]"});
  }
  if (whole->data.dataset == "synthetic-fm") overrides.push_back({"data.rows", "2000"});
  const auto config = config::load_run_config(path, overrides);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rounds, 2u);

  const auto result = run_experiment(*config, {.threads = 2});
  if (!result && result.error().kind == ErrorKind::missing) {
    EXPECT_NE(result.error().hint.find("./dev data"), std::string::npos) << result.error().hint;
    GTEST_SKIP() << result.error().message << "; " << result.error().hint;
  }
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->models.size(), config->parties);
  ASSERT_FALSE(result->rounds.empty());
  EXPECT_EQ(result->rounds.back().round, 2u);
  for (const ParametersRef& model : result->models) {
    for (const float x : model.span()) ASSERT_TRUE(std::isfinite(x));
  }
}

TEST_P(Examples, ItsResolvedFormIsTheSameRun) {
  const std::string path = HANSA_SOURCE_DIR "/" + GetParam() + ".toml";
  const auto config = config::load_run_config(path, {});
  ASSERT_TRUE(config.ok());
  const std::string text = config::to_toml(*config);
  const auto again = config::parse_run_config(text, "resolved", {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(config::to_toml(*again), text);
}

}  // namespace
}  // namespace hansa::sim
