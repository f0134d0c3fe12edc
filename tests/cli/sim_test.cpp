// `hansa sim` from outside: small real runs, what they leave behind, and bad input that shows only with data.
#include "tests/cli/run_command.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace hansa::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kToy = R"(name = "Toy run"
parties = 4
rounds = 3
model = "logistic-regression"
[data]
dataset = "csv"
path = "rows.csv"
schema = "rows.schema.toml"
[topology]
name = "ring"
)";

constexpr std::string_view kSchema = R"(label = "y"
positive = ["yes"]
[columns]
a = { kind = "zscore", mean = 5, stddev = 3 }
b = { kind = "zscore", mean = 5, stddev = 3 }
)";

class Sim : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    write("toy.toml", kToy);
    write("rows.schema.toml", kSchema);
    write("rows.csv", rows(200));
  }

  /// Two features, of which the first tells the label most of the time.
  static std::string rows(int count) {
    std::string text = "a,b,y\n";
    for (int i = 0; i < count; ++i) {
      const int a = i * 7 % 11, b = i * 5 % 13;
      text += std::to_string(a) + "," + std::to_string(b) + "," + (a + i % 3 > 5 ? "yes" : "no") + "\n";
    }
    return text;
  }
};

TEST_F(Sim, WritesTheRunFolder) {
  const Outcome outcome = run("sim toy.toml --out deep/er/run --threads 1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* file : {"config.toml", "summary.json", "rounds.jsonl", "accuracies.csv",
                           "client_statistics.csv", "report.html"}) {
    EXPECT_TRUE(fs::is_regular_file(folder_ / "deep/er/run" / file)) << file;
  }
  EXPECT_THAT(outcome.out, HasSubstr("Toy run: 4 parties, 3 rounds"));
  EXPECT_THAT(outcome.out, HasSubstr("deep/er/run/report.html"));
  EXPECT_THAT(outcome.out, HasSubstr("all data pooled"));
  EXPECT_THAT(outcome.err, HasSubstr("round")) << "plain progress when not on a terminal";
  EXPECT_THAT(outcome.err, Not(HasSubstr("\x1b")));

  const json summary = json::parse(read_text(folder_ / "deep/er/run/summary.json"));
  EXPECT_EQ(summary.at("parties"), 4);
  EXPECT_EQ(summary.at("program").at("version"), json::parse(run("version --json").out).at("version"));

  // The resolved configuration gives the same models from anywhere, for any number of threads.
  const Outcome again = run("sim deep/er/run/config.toml --json --quiet --threads 2");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, IsEmpty());
  EXPECT_EQ(json::parse(again.out).at("models_hash"), summary.at("models_hash"));
  EXPECT_TRUE(fs::is_directory(folder_ / "runs")) << "the default folder";

  const Outcome other = run("sim toy.toml --seed 2 --json --quiet");
  EXPECT_NE(json::parse(other.out).at("models_hash"), summary.at("models_hash"));
  EXPECT_EQ(json::parse(other.out).at("seed"), 2);
}

TEST_F(Sim, TheWallClockGivesTheSameModels) {
  // Synchronous, no faults, deadlines that do not fire: the actors must end with the simulator's bits.
  for (const char* strategy : {"d-psgd", "push-sum", "epidemic", "cohort"}) {
    SCOPED_TRACE(strategy);
    const std::string arguments = std::string("sim toy.toml --json --quiet --set epidemic.fanout=2 --set ") +
                                  "cohort.size=2 --set strategy=" + strategy;
    const Outcome simulated = run(arguments), hosted = run(arguments + " --clock wall");
    ASSERT_EQ(simulated.code, 0) << simulated.err;
    ASSERT_EQ(hosted.code, 0) << hosted.err;
    EXPECT_EQ(json::parse(hosted.out).at("models_hash"), json::parse(simulated.out).at("models_hash"));
  }
}

TEST_F(Sim, ExistingFoldersAreRefusedWithoutForce) {
  fs::create_directories(folder_ / "full");
  write("full/notes.txt", "mine");
  const Outcome refused = run("sim toy.toml --out full");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("the folder full is not empty"));
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "full"), fs::directory_iterator()), 1);

  fs::create_directories(folder_ / "empty");
  EXPECT_EQ(run("sim toy.toml --quiet --out empty").code, 0);
  EXPECT_EQ(run("sim toy.toml --quiet --out full --force").code, 0);
  EXPECT_EQ(read_text(folder_ / "full/notes.txt"), "mine");

  const Outcome file = run("sim toy.toml --out toy.toml");
  EXPECT_EQ(file.code, 2);
  EXPECT_THAT(file.err, HasSubstr("is not a folder"));
}

TEST_F(Sim, UnwritableFoldersAreFoundBeforeTraining) {
  for (const char* folder : {"/proc/hansa/run", "toy.toml/run", "/dev/null/run"}) {
    const Outcome outcome = run(std::string("sim toy.toml --out ") + folder);
    EXPECT_EQ(outcome.code, 1) << folder;
    EXPECT_THAT(outcome.err, HasSubstr(folder));
    EXPECT_THAT(outcome.err, HasSubstr("--out"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("round")));
  }
}

struct BadData {
  std::string what;
  std::string file;       ///< written in place of rows.csv
  std::string arguments;  ///< after `sim toy.toml`
  std::vector<std::string> message;
};

TEST_F(Sim, BadDataIsExplained) {
  const std::string good = rows(200);
  const std::vector<BadData> table = {
      {"ragged row", "a,b,y\n1,2,yes\n3,no\n", "", {"rows.csv:3"}},
      {"text for a number", "a,b,y\n1,2,yes\n3,four,no\n", "", {"rows.csv:3", "four"}},
      {"NaN", "a,b,y\n1,2,yes\nnan,2,no\n", "", {"rows.csv:3"}},
      {"no such label column", "a,b,z\n1,2,yes\n", "", {"rows.csv", "y"}},
      {"nothing", "", "", {"rows.csv"}},
      {"more parties than rows", rows(5), "--set parties=100", {"100"}},
      {"missing file", good, "--set data.path=none.csv", {"none.csv"}},
      {"labels out of range", good, "--set data.dataset=libsvm --set data.path=bad.svm", {"bad.svm:2"}},
      {"images wanted", good, "--set model=cnn", {"cnn"}},
      {"disconnected graph", good, "--set topology.name=file:two.txt", {"connect"}},
      {"groups wanted", good, "--set partition.kind=by-column", {"by-column"}},
      {"truncated gzip", good, "--set data.path=cut.csv.gz", {"cut.csv.gz"}},
  };
  write("bad.svm", "1 1:1\n7 1:2\n0 2:1\n");
  write("two.txt", "0 1\n2 3\n");
  const std::string zip = "gzip -c '" + (folder_ / "rows.csv").string() + "' | head -c 300 > '" +
                          (folder_ / "cut.csv.gz").string() + "'";
  ASSERT_EQ(std::system(zip.c_str()), 0);
  for (const BadData& bad : table) {
    SCOPED_TRACE(bad.what);
    write("rows.csv", bad.file);
    const Outcome outcome = run("sim toy.toml --quiet " + bad.arguments);
    EXPECT_TRUE(outcome.code == 1 || outcome.code == 2) << outcome.code << outcome.out << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("hansa: "));
    for (const std::string& piece : bad.message) EXPECT_THAT(outcome.err, HasSubstr(piece));
    EXPECT_FALSE(fs::exists(folder_ / "runs")) << "a run that never started leaves nothing behind";
  }
}

/// Starts `hansa sim`, waits until it has printed `lines` lines of progress, then sends SIGINT.
Outcome interrupt_after(const std::string& folder, std::vector<std::string> arguments, int lines) {
  const std::string out = folder + "/.stdout";
  int progress[2];
  EXPECT_EQ(pipe(progress), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(progress[1], STDERR_FILENO);
    close(progress[0]);
    if (chdir(folder.c_str()) != 0 || freopen(out.c_str(), "w", stdout) == nullptr) _exit(99);
    std::vector<char*> argv{const_cast<char*>(HANSA_BINARY)};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(HANSA_BINARY, argv.data());
    _exit(99);
  }
  close(progress[1]);
  Outcome outcome;
  char c = 0;
  while (read(progress[0], &c, 1) == 1) {
    outcome.err += c;
    if (c == '\n' && --lines == 0) kill(child, SIGINT);
  }
  close(progress[0]);
  int status = 0;
  waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = read_text(out);
  return outcome;
}

TEST_F(Sim, InterruptKeepsWhatThereIs) {
  const Outcome outcome = interrupt_after(
      folder_.string(),
      {"sim", "toy.toml", "--out", "run", "--set", "rounds=1000000", "--set", "eval.every=10"}, 5);
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("hansa: stopping"));
  EXPECT_THAT(outcome.out, HasSubstr("interrupted: Toy run"));
  EXPECT_TRUE(fs::is_regular_file(folder_ / "run/report.html"));
  EXPECT_TRUE(json::accept(read_text(folder_ / "run/summary.json")));
  EXPECT_THAT(read_text(folder_ / "run/rounds.jsonl"), HasSubstr("\n"));
}

}  // namespace
}  // namespace hansa::cli
