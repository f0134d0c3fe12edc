// The run folder as a whole, and models.bin against bytes written by hand.
#include "sim/report/models_file.hpp"
#include "sim/report/report.hpp"
#include "tests/report/sample_run.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

namespace hansa::sim {
namespace {

namespace fs = std::filesystem;

class RunFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ =
        fs::path(::testing::TempDir()) / ("hansa_report_" + std::to_string(::getpid()) + "_" + info->name());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  fs::path root_;
};

std::string encoded(const RunResult& run) {
  std::ostringstream out;
  EXPECT_TRUE(encode_models(out, run.models, run.models_hash));
  return out.str();
}

TEST_F(RunFolder, HoldsExactlyTheDocumentedFiles) {
  const fs::path folder = root_ / "a" / "b";
  const RunResult run = test::sample_run();
  const auto written = write_run_folder(run, folder.string());
  ASSERT_TRUE(written) << written.error().message;
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"config.toml", "summary.json", "rounds.jsonl", "accuracies.csv",
                                          "client_statistics.csv", "models.bin", "report.html"}));
  EXPECT_EQ(read(folder / "summary.json"), summary_json(run));
  EXPECT_EQ(read(folder / "report.html"), report_html(run));
  EXPECT_EQ(read(folder / "config.toml"), config::to_toml(run.config));
}

TEST_F(RunFolder, IsOverwrittenInPlace) {
  RunResult run = test::sample_run();
  ASSERT_TRUE(write_run_folder(run, root_.string()));
  run.config.seed = 99;
  ASSERT_TRUE(write_run_folder(run, root_.string()));
  EXPECT_EQ(read(root_ / "summary.json"), summary_json(run));
}

TEST_F(RunFolder, AFileInTheWayIsNamed) {
  write(root_ / "taken", "x");
  for (const fs::path& folder : {root_ / "taken", root_ / "taken" / "below"}) {
    const auto written = write_run_folder(test::sample_run(), folder.string());
    ASSERT_FALSE(written);
    EXPECT_NE(written.error().message.find(folder.string()), std::string::npos) << written.error().message;
    EXPECT_FALSE(written.error().hint.empty());
  }
}

TEST_F(RunFolder, AnUnwritableFileIsNamedAndNothingHalfWrittenStays) {
  // A folder under the final name makes the rename fail for every user, root included.
  fs::create_directories(root_ / "report.html" / "full");
  const auto written = write_run_folder(test::sample_run(), root_.string());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find((root_ / "report.html").string()), std::string::npos);
  EXPECT_FALSE(fs::exists(root_ / "report.html.tmp"));
  EXPECT_FALSE(fs::exists(root_ / "summary.json")) << "a folder with a summary is complete";
}

TEST_F(RunFolder, AFullDeviceIsAnErrorNotATruncatedFile) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  fs::create_symlink("/dev/full", root_ / "models.bin.tmp");
  const auto written = write_run_folder(test::sample_run(), root_.string());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("models.bin"), std::string::npos);
  EXPECT_FALSE(fs::exists(root_ / "models.bin"));
}

TEST_F(RunFolder, ModelsOfDifferentSizesAreRefused) {
  RunResult run = test::sample_run();
  run.models[2] = Parameters::zeros(6).freeze();
  const auto written = write_run_folder(run, root_.string());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("party 2"), std::string::npos);
}

TEST_F(RunFolder, ModelsRoundTrip) {
  RunResult run = test::sample_run();
  run.models[4] = ParametersRef();
  ASSERT_TRUE(write_run_folder(run, root_.string()));
  const auto file = read_models((root_ / "models.bin").string());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->parties, 12U);
  EXPECT_EQ(file->parameters, 5U);
  EXPECT_EQ(file->hash, run.models_hash);
  for (std::size_t party = 0; party < 12; ++party) {
    for (std::size_t k = 0; k < 5; ++k) {
      const float value = file->values[party * 5 + k];
      if (party == 4)
        EXPECT_TRUE(std::isnan(value));
      else
        EXPECT_EQ(value, run.models[party].data()[k]);
    }
  }
}

TEST_F(RunFolder, ModelsHaveTheDocumentedBytes) {
  RunResult run;
  for (const float value : {1.0f, -2.5f}) {
    run.models.push_back(Parameters::copy_of(std::vector<float>{value, 0}).freeze());
  }
  run.models_hash = "ab12";
  const unsigned char expected[] = {
      'H', 'A', 'N',  'S',  'A', 'M', 'D', 'L', 1, 0, 0,    0,    2, 0, 0, 0, 2, 0, 0, 0, 0,   0,   0,   0,
      0,   0,   0x80, 0x3f, 0,   0,   0,   0,   0, 0, 0x20, 0xc0, 0, 0, 0, 0, 4, 0, 0, 0, 'a', 'b', '1', '2'};
  const std::string bytes = encoded(run);
  ASSERT_EQ(bytes.size(), sizeof(expected));
  EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof(expected)), 0);
}

TEST_F(RunFolder, EveryTruncationOfModelsIsRefused) {
  const std::string whole = encoded(test::sample_run());
  const fs::path path = root_ / "models.bin";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(path, whole.substr(0, length));
    const auto file = read_models(path.string());
    ASSERT_FALSE(file) << length;
    ASSERT_NE(file.error().message.find(path.string()), std::string::npos);
  }
  write(path, whole + "x");
  EXPECT_FALSE(read_models(path.string()));
}

TEST_F(RunFolder, HostileModelHeadersAreRefused) {
  const fs::path path = root_ / "models.bin";
  const std::string whole = encoded(test::sample_run());
  struct Damage {
    std::size_t offset;
    std::string bytes;
  };
  for (const Damage& damage : {Damage{0, "X"}, Damage{8, "\x02"}, Damage{12, "\xff\xff\xff\xff"},
                               Damage{16, "\xff\xff\xff\xff\xff\xff\xff\xff"}, Damage{19, "\x40"},
                               Damage{24 + 12 * 5 * 4, "\xff\xff\xff\xff"}}) {
    std::string bytes = whole;
    bytes.replace(damage.offset, damage.bytes.size(), damage.bytes);
    write(path, bytes);
    EXPECT_FALSE(read_models(path.string())) << damage.offset;
  }
  EXPECT_EQ(read_models((root_ / "absent").string()).error().kind, ErrorKind::missing);
}

}  // namespace
}  // namespace hansa::sim
