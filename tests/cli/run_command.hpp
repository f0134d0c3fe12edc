// Runs the real program the way a shell does, and keeps what it printed and how it ended.
#pragma once

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace hansa::cli {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A fresh folder per test, removed afterwards, which is also the working directory of the commands.
class CommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("hansa-cli-") + info->test_suite_name() + "-" + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// `arguments` as written in a shell; `prefix` goes before the program ("timeout 5").
  [[nodiscard]] Outcome run(const std::string& arguments, const std::string& prefix = "") const {
    const std::string err = (folder_ / ".stderr").string();
    const std::string command = "cd '" + folder_.string() + "' && HANSA_DATA='" HANSA_SOURCE_DIR "/data' " +
                                prefix + " '" HANSA_BINARY "' " + arguments + " </dev/null 2>'" + err + "'";
    Outcome outcome;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return outcome;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
      outcome.out.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.err = read_text(err);
    std::filesystem::remove(err);
    return outcome;
  }

  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return name;
  }

  std::filesystem::path folder_;
};

}  // namespace hansa::cli
