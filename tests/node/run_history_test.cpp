// Lines of a run's history: what was written comes back, what was not is left out, and whatever happens to
// the file costs the lines it happened to.
#include "src/node/run_history.hpp"

#include "src/store/key_files.hpp"
#include "tests/temporary_folder.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
const crypto::Hash256 kRun = crypto::hash("test", {}), kOther = crypto::hash("other", {});

RoundReport report(Round round) {
  return {round, 0.5 * round, 1.0 / (1.0 + round), round % 2 == 0 ? 0.1 + round : kNone, 3, {}};
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }
bool same(const RoundReport& a, const RoundReport& b) {
  return a.round == b.round && same(a.seconds, b.seconds) && same(a.loss, b.loss) &&
         same(a.metric, b.metric) && a.participants == b.participants && a.missing == b.missing;
}

std::vector<Round> rounds_of(const RunHistory& history) {
  std::vector<Round> rounds;
  for (const RoundReport& each : history.rounds) rounds.push_back(each.round);
  return rounds;
}

std::vector<Round> numbers(Round first, Round last) {
  std::vector<Round> all;
  for (Round round = first; round <= last; ++round) all.push_back(round);
  return all;
}

TEST(HistoryLine, WhatWasWrittenComesBack) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const RoundReport table[] = {
      report(0),
      report(4'294'967'295),
      {7, 1e300, 0.1, 1.0 / 3, 64, {0, 63, 4'294'967'295}},
      {7, 5e-324, -0.0, -1e-300, 0, {}},
      {7, 0, kNone, kNone, 1, std::vector<std::uint32_t>(kHistoryMissingMax, 4'294'967'295)},
  };
  for (const RoundReport& each : table) {
    const std::string line = encode_history_line(each, "auc", kRun);
    EXPECT_LT(line.size(), kHistoryLineMax);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto read = decode_history_line(line, kRun);
    ASSERT_TRUE(read) << line;
    EXPECT_TRUE(same(read->report, each)) << line;
    EXPECT_EQ(read->metric_name, "auc");
    EXPECT_FALSE(decode_history_line(line, kOther)) << "a line of another run";
  }
  // JSON has no infinity, and a name that no metric has is not kept.
  const RoundReport diverged{1, 2, kInfinite, -kInfinite, 3, std::vector<std::uint32_t>(1000, 5)};
  const auto read = decode_history_line(encode_history_line(diverged, "<script>", kRun), kRun);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::isnan(read->report.loss) && std::isnan(read->report.metric));
  EXPECT_EQ(read->report.missing.size(), kHistoryMissingMax);
  EXPECT_EQ(read->metric_name, "");
}

TEST(HistoryLine, OthersAreRefused) {
  const auto line = [](const std::string& change, const std::string& to) {
    std::string fields = R"({"round":3,"seconds":1.5,"loss":0.5,"metric":0.7,"metric_name":"auc",)"
                         R"("participants":3,"missing":[1]})";
    if (!change.empty()) fields.replace(fields.find(change), change.size(), to);
    return seal_history_line(fields, kRun);
  };
  ASSERT_TRUE(decode_history_line(line("", ""), kRun));
  EXPECT_TRUE(decode_history_line(line("{", "{\"later\":{\"version\":2},"), kRun)) << "of a later version";
  const std::pair<const char*, const char*> table[] = {
      {"\"round\":3", "\"round\":-1"},
      {"\"round\":3", "\"round\":3.0"},
      {"\"round\":3", "\"round\":4294967296"},
      {"\"round\":3", "\"round\":\"3\""},
      {"\"round\":3", "\"turn\":3"},
      {"1.5", "-1"},
      {"1.5", "null"},
      {"0.5", "1e999"},
      {"0.5", "NaN"},
      {"0.5", "true"},
      {"\"metric\":0.7,", ""},
      {"\"auc\"", "\"A B\""},
      {"\"auc\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
      {"\"auc\"", "null"},
      {"\"participants\":3", "\"participants\":[3]"},
      {"[1]", "[-1]"},
      {"[1]", "{}"},
      {"[1]", "[[1]]"},
      {"[1]", "[1"},
      {"{", "["},
      {"{", ""},
  };
  for (const auto& [change, to] : table) {
    EXPECT_FALSE(decode_history_line(line(change, to), kRun)) << change << " -> " << to;
  }
  std::string many = "[0";
  for (std::size_t i = 0; i < kHistoryMissingMax; ++i) many += ",1";
  EXPECT_FALSE(decode_history_line(line("[1]", many + "]"), kRun));
  EXPECT_FALSE(decode_history_line(line("{", std::string(kHistoryLineMax, ' ') + "{"), kRun)) << "too long";
  for (const std::string text : {"", "{}", "null", "}", "\"}"}) {
    EXPECT_FALSE(decode_history_line(text, kRun)) << text;
    EXPECT_FALSE(decode_history_line(seal_history_line(text, kRun), kRun)) << text;
  }
}

TEST(HistoryLine, NoFlippedBitIsTakenForAnotherRound) {
  const std::string intact = encode_history_line({250, 2.5, 0.3, 0.7, 3, {1}}, "auc", kRun);
  for (std::size_t at = 0; at < intact.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string broken = intact;
      broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
      EXPECT_FALSE(decode_history_line(broken, kRun)) << broken;
    }
    EXPECT_FALSE(decode_history_line(intact.substr(0, at), kRun)) << at;
  }
}

TEST(RunHistory, ARoundThatComesAgainReplacesTheLaterOnes) {
  struct Case {
    std::vector<Round> come, kept;
  };
  const Case table[] = {
      {{}, {}},
      {{0, 1, 2}, {0, 1, 2}},
      {{0, 1, 2, 2}, {0, 1, 2}},
      {{0, 1, 2, 3, 2, 3}, {0, 1, 2, 3}},
      {{0, 1, 2, 3, 1}, {0, 1}},
      {{3, 5, 9, 4}, {3, 4}},  // some were never scored here
      {{1, 2, 3, 0, 1}, {0, 1}},
  };
  for (const Case& each : table) {
    RunHistory history;
    std::string text;
    double number = 0;
    for (const Round round : each.come) {
      RoundReport next = report(round);
      next.seconds = ++number;
      EXPECT_TRUE(add_round(history, next));
      text += encode_history_line(next, "auc", kRun) + "\n";
    }
    EXPECT_EQ(rounds_of(history), each.kept);
    const RunHistory read = decode_history(text, kRun);
    ASSERT_EQ(rounds_of(read), each.kept) << "in memory and on the disk the same rule holds";
    for (std::size_t i = 0; i < read.rounds.size(); ++i) {
      EXPECT_TRUE(same(read.rounds[i], history.rounds[i]));
    }
    EXPECT_EQ(seconds_until(history, ~Round{0}), number) << "the last to come counts";
  }
}

TEST(RunHistory, IsBounded) {
  RunHistory history;
  std::string text;
  for (Round round = 0; round < kHistoryMax + 10; ++round) {
    EXPECT_EQ(add_round(history, report(round)), round < kHistoryMax);
    text += encode_history_line(report(round), "auc", kRun) + "\n";
  }
  EXPECT_EQ(history.rounds.size(), kHistoryMax);
  EXPECT_LT(text.size(), kHistoryBytesMax / 8);
  EXPECT_EQ(rounds_of(decode_history(text, kRun)), rounds_of(history));
  EXPECT_EQ(seconds_until(history, 20), 10.0);
  EXPECT_EQ(seconds_until(history, ~Round{0}), 0.5 * (kHistoryMax - 1));
  EXPECT_EQ(seconds_until({}, 20), 0.0);
}

class HistoryFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.root = temporary_.path();
    file_ = folder_.histories() / (kRun.hex().substr(0, 16) + ".jsonl");
  }

  void append(Round first, Round last) const {
    for (const Round round : numbers(first, last)) {
      const auto done = HistoryFile(folder_, kRun).append(report(round), "auc");
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  }
  [[nodiscard]] std::vector<Round> loaded() const {
    const auto history = HistoryFile(folder_, kRun).load();
    EXPECT_TRUE(history.ok()) << history.error().message;
    return history.ok() ? rounds_of(*history) : std::vector<Round>();
  }
  [[nodiscard]] std::string text() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& text) const { std::ofstream(file_, std::ios::binary) << text; }

  const test::TemporaryFolder temporary_;
  StateFolder folder_;
  fs::path file_;
};

TEST_F(HistoryFileTest, IsPrivateAndReadBack) {
  EXPECT_EQ(loaded(), numbers(1, 0)) << "no folder yet";
  append(0, 20);
  EXPECT_EQ(loaded(), numbers(0, 20));
  EXPECT_EQ(HistoryFile(folder_, kRun).load()->metric_name, "auc");
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(folder_.histories()).permissions(), fs::perms::owner_all);
  RunHistory shorter = *HistoryFile(folder_, kRun).load();
  shorter.rounds.pop_back();
  ASSERT_TRUE(HistoryFile(folder_, kRun).rewrite(shorter).ok());
  EXPECT_EQ(loaded(), numbers(0, 19));
  append(20, 21);
  EXPECT_EQ(loaded(), numbers(0, 21));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.histories()), {}), 1) << "nothing is left over";
  EXPECT_TRUE(HistoryFile(folder_, kOther).load()->rounds.empty());
}

TEST_F(HistoryFileTest, AfterACrashInTheMiddleOfALineOnlyThatOneIsLost) {
  append(0, 5);
  const std::string whole = text();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = last; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    const bool complete = size + 1 == whole.size();  // but for its end
    EXPECT_EQ(loaded(), numbers(0, complete ? 5 : 4)) << size;
    append(6, 7);
    std::vector<Round> expected = numbers(0, complete ? 5 : 4);
    expected.insert(expected.end(), {6, 7});
    EXPECT_EQ(loaded(), expected) << size;
  }
}

TEST_F(HistoryFileTest, AFlippedBitCostsAtMostTheLinesItTouches) {
  append(0, 30);
  const std::string intact = text();
  Rng rng(6, Purpose::test);
  for (int trial = 0; trial < 300; ++trial) {
    std::string broken = intact;
    const std::size_t at = rng.below(broken.size());
    broken[at] = static_cast<char>(broken[at] ^ (1 << rng.below(8)));
    put(broken);
    const std::vector<Round> rounds = loaded();
    EXPECT_GE(rounds.size(), intact[at] == '\n' ? 29u : 30u) << at;
    const auto history = HistoryFile(folder_, kRun).load();
    for (const RoundReport& each : history->rounds) EXPECT_TRUE(same(each, report(each.round)));
  }
}

TEST_F(HistoryFileTest, WhatIsNoHistoryIsNeitherReadNorWritten) {
  append(0, 3);
  fs::resize_file(file_, kHistoryBytesMax + 1);
  EXPECT_FALSE(HistoryFile(folder_, kRun).load().ok());
  EXPECT_FALSE(HistoryFile(folder_, kRun).append(report(4), "auc").ok());
  EXPECT_EQ(fs::file_size(file_), kHistoryBytesMax + 1) << "it grows no further";
  fs::resize_file(file_, kHistoryBytesMax - 200);  // zeros are no lines
  append(4, 4);
  EXPECT_EQ(loaded(), numbers(0, 4));
  fs::remove(file_);
  fs::create_symlink(folder_.root / "elsewhere", file_);
  EXPECT_FALSE(HistoryFile(folder_, kRun).append(report(4), "auc").ok());
  EXPECT_FALSE(fs::exists(folder_.root / "elsewhere"));
  fs::remove_all(folder_.histories());
  std::ofstream(folder_.histories()) << "not a folder";
  EXPECT_FALSE(HistoryFile(folder_, kRun).append(report(4), "auc").ok());
  EXPECT_FALSE(HistoryFile(folder_, kRun).load().ok());
  EXPECT_FALSE(HistoryFile(folder_, kRun).rewrite({}).ok());
}

}  // namespace
}  // namespace hansa::node
