// docs/operations.md is true: its commands are run as they stand there, by three shells that share a machine,
// and what it shows is what they print. A `...` on the page stands for any text within a line. Like an
// operator, the test repeats what failed because the others were not ready yet, and looks again where the
// page only looks.
#include "tests/cli/run_command.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hansa::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

struct Command {
  std::string who;   ///< before the $
  std::string text;  ///< with line breaks, if it has several lines
  Lines expected;
  std::size_t line = 0;  ///< of the page
};
struct File {
  std::string name, content;
};

/// Everything that the page has in fences, in its order.
struct Page {
  std::vector<Command> commands;
  std::vector<File> files;
};

Page read_page(const fs::path& path) {
  Page page;
  std::ifstream in(path);
  const std::regex prompt(R"(([a-z]+)\$ (.*))");
  std::string line, fence;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.rfind("```", 0) == 0) {
      fence = fence.empty() ? line.substr(3) : "";
      if (fence == "toml") page.files.emplace_back();
      continue;
    }
    if (fence == "toml") {
      File& file = page.files.back();
      if (file.name.empty()) file.name = line.substr(2);  // "# strikes.toml"
      file.content += line + "\n";
    } else if (fence == "console") {
      std::smatch match;
      if (!page.commands.empty() && page.commands.back().text.ends_with('\\')) {
        page.commands.back().text += "\n" + line;
      } else if (std::regex_match(line, match, prompt)) {
        page.commands.push_back({match[1], match[2], {}, number});
      } else if (!page.commands.empty()) {
        page.commands.back().expected.push_back(line);
      }
    }
  }
  return page;
}

/// A shell that lives on between commands, with what it printed.
class Shell {
 public:
  explicit Shell(const fs::path& folder) {
    int in[2], out[2];
    EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);  // the nodes that it starts end with it
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(out[1], 2);
      if (::chdir(folder.c_str()) != 0) ::_exit(126);
      ::execlp("bash", "bash", "--norc", "--noprofile", nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  ~Shell() {
    ::close(to_);
    ::close(from_);
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  /// Exit code and lines; nothing if it took longer than a minute.
  std::optional<std::pair<int, Lines>> run(const std::string& command) {
    const std::string mark = "-- done " + std::to_string(++count_) + " ";
    const std::string text = command + "\necho \"" + mark + "$?\"\n";
    if (::write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return std::nullopt;
    const auto end = Clock::now() + 60s;
    for (;;) {
      const std::size_t at = heard_.find(mark);
      const std::size_t newline = at == std::string::npos ? at : heard_.find('\n', at);
      if (newline != std::string::npos) {
        const int code = std::stoi(heard_.substr(at + mark.size()));
        const std::string said = heard_.substr(0, at);
        heard_.erase(0, newline + 1);
        return std::pair(code, lines_of(said));
      }
      pollfd ready{from_, POLLIN, 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
      if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) return std::nullopt;
      char buffer[4096];
      const ssize_t n = ::read(from_, buffer, sizeof buffer);
      if (n <= 0) return std::nullopt;
      heard_.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  static Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::size_t count_ = 0;
  std::string heard_;
};

/// Columns are as wide as what is in them.
std::string without_padding(const std::string& line) {
  return std::regex_replace(line, std::regex(" +"), " ");
}

/// Whether `line` is what the page says, with `...` for anything.
bool matches(const std::string& line, const std::string& pattern) {
  std::size_t at = 0, from = 0;
  for (bool first = true;; first = false) {
    const std::size_t dots = pattern.find("...", from);
    const std::string part = pattern.substr(from, dots == std::string::npos ? dots : dots - from);
    if (dots == std::string::npos) {
      if (first) return line == part;
      return line.size() >= at + part.size() && line.ends_with(part);
    }
    const std::size_t found = first ? (line.starts_with(part) ? 0 : std::string::npos) : line.find(part, at);
    if (found == std::string::npos) return false;
    at = found + part.size();
    from = dots + 3;
  }
}

/// Each line of the page stands for one that was printed, and none is left. Lists come in any order.
bool matches(Lines printed, const Lines& expected) {
  if (printed.size() != expected.size()) return false;
  for (const std::string& pattern : expected) {
    const auto found = std::find_if(printed.begin(), printed.end(), [&](const std::string& line) {
      return matches(without_padding(line), without_padding(pattern));
    });
    if (found == printed.end()) return false;
    printed.erase(found);
  }
  return true;
}

/// Commands that change nothing may be repeated until they show what the page shows.
bool only_looks(const std::string& command) {
  static const std::regex looking(
      "hansa (status|peers|requests|roster (show|log|verify)|run ls|invite ls|doctor|audit|keys "
      "status|monitor|"
      "backup --check).*|curl .*");
  return std::regex_match(command, looking);
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

class Operations : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    // The page's ports are fixed: one walk-through at a time on a machine.
    lock_ = ::open((fs::temp_directory_path() / "hansa-operations-test.lock").c_str(),
                   O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    ASSERT_GE(lock_, 0);
    ASSERT_EQ(::flock(lock_, LOCK_EX), 0);
    fs::create_directory(folder_ / "bin");
    fs::create_symlink(HANSA_BINARY, folder_ / "bin" / "hansa");
  }
  void TearDown() override {
    shells_.clear();
    if (lock_ >= 0) ::close(lock_);
    CommandTest::TearDown();
  }
  Shell& shell(const std::string& who) {
    auto& place = shells_[who];
    if (place == nullptr) {
      place = std::make_unique<Shell>(folder_);
      place->run("export PATH=\"$PWD/bin:$PATH\" HANSA_DATA='" HANSA_SOURCE_DIR "/data'");
    }
    return *place;
  }
  /// Runs a command of the page until it works and shows what it should, for half a minute at most.
  void obey(const Command& command) {
    const auto end = Clock::now() + 30s;
    for (;;) {
      const auto outcome = shell(command.who).run(command.text);
      ASSERT_TRUE(outcome) << "line " << command.line << ": " << command.text << "\ndid not end";
      const auto& [code, printed] = *outcome;
      const bool as_shown = matches(printed, command.expected);
      if (code == 0 && as_shown) return;
      const bool again = code != 0 || only_looks(command.text);
      ASSERT_TRUE(again && Clock::now() < end) << "docs/operations.md:" << command.line << ": " << command.who
                                               << "$ " << command.text << "\nexit " << code << ", printed\n"
                                               << joined(printed) << "the page says\n"
                                               << joined(command.expected) << logs();
      shell(command.who).run("read -t 0.1 <> <(:)");
    }
  }
  [[nodiscard]] std::string logs() const {
    std::string text;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".log") {
        text += entry.path().filename().string() + ":\n" + read_text(entry.path());
      }
    }
    return text;
  }

  int lock_ = -1;
  std::map<std::string, std::unique_ptr<Shell>> shells_;
};

TEST_F(Operations, TheWalkThroughWorksAsItIsWritten) {
  const Page page = read_page(HANSA_SOURCE_DIR "/docs/operations.md");
  ASSERT_GT(page.commands.size(), 25U);
  for (const File& file : page.files) write(file.name, file.content);
  for (const Command& command : page.commands) {
    const auto begun = Clock::now();
    obey(command);
    if (HasFatalFailure()) return;
    const auto took = std::chrono::duration<double>(Clock::now() - begun).count();
    if (took > 2) std::printf("%6.1f s  %s$ %s\n", took, command.who.c_str(), command.text.c_str());
  }
  EXPECT_TRUE(fs::exists(folder_ / "strikes.npz"));
}

TEST(OperationsPage, PatternsMatchWhatTheyShould) {
  EXPECT_TRUE(matches("abc", "abc"));
  EXPECT_FALSE(matches("abcd", "abc"));
  EXPECT_TRUE(matches("version 12 of x", "version ... of ..."));
  EXPECT_FALSE(matches("version 12 of x", "version ... in ..."));
  EXPECT_TRUE(matches("abc", "a...c"));
  EXPECT_FALSE(matches("a", "a...a")) << "one letter is not two";
  EXPECT_TRUE(matches(Lines{"b 1", "a 2"}, Lines{"a ...", "b ..."}));
  EXPECT_FALSE(matches(Lines{"a 1", "a 2"}, Lines{"a ..."}));
}

}  // namespace
}  // namespace hansa::cli
