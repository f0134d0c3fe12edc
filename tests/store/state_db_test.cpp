// Promises survive reopening and are never contradicted; bit rot is found wherever it strikes, row or page.
#include "src/store/state_db.hpp"

#include "src/store/key_files.hpp"
#include "tests/temporary_folder.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;

Bytes bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span(text.data(), text.size()));
  return {view.begin(), view.end()};
}

class StateDbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = temporary_.path();
    file_ = folder_ / "state.db";
  }

  const test::TemporaryFolder temporary_;
  fs::path folder_, file_;
};

/// As after a flipped bit: a counter that nobody can have reached would overflow, and is as good as lost.
TEST_F(StateDbTest, ACounterThatCannotBeRightBeginsAgain) {
  auto db = StateDb::open(file_);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(db->next("boot", (std::uint64_t{1} << 62) + 1).ok());
  EXPECT_EQ(*db->counter("boot"), 0u);
  EXPECT_EQ(db->bad_rows(), 1u);
  EXPECT_EQ(*db->next("boot", 9), 9u);
  EXPECT_EQ(*db->next("boot"), 10u);
}

TEST_F(StateDbTest, RemembersRowsCountersAndPromises) {
  {
    auto db = StateDb::open(file_);
    ASSERT_TRUE(db.ok()) << db.error().message;
    EXPECT_FALSE(db->was_damaged());
    EXPECT_EQ(*db->next("boot"), 1u);
    EXPECT_EQ(*db->next("boot", 100), 100u);
    ASSERT_TRUE(db->put("roster", bytes("v1"), bytes("genesis")).ok());
    ASSERT_TRUE(db->put("roster", bytes("v2"), bytes("")).ok());
    ASSERT_TRUE(db->put("roster", bytes("v1"), bytes("the genesis")).ok());
    ASSERT_TRUE(db->put_all("run", {{bytes("b"), bytes("2")}, {bytes("a"), bytes("1")}}).ok());
    EXPECT_EQ(*db->promise(bytes("run 1 approve"), crypto::hash("test", bytes("yes")), "said", bytes("yes")),
              Promise::fresh);
  }
  auto db = StateDb::open(file_);
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(*db->next("boot"), 101u);
  EXPECT_EQ(*db->counter("boot"), 101u);
  EXPECT_EQ(*db->counter("other"), 0u);
  EXPECT_EQ(*db->get("roster", bytes("v1")), bytes("the genesis"));
  EXPECT_EQ(*db->get("roster", bytes("v2")), bytes(""));
  EXPECT_FALSE(db->get("run", bytes("v1"))->has_value());
  const auto rows = db->all("run");
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].key, bytes("a"));
  ASSERT_TRUE(db->erase("run", bytes("a")).ok());
  EXPECT_EQ(db->all("run")->size(), 1u);
  EXPECT_EQ(*db->promise(bytes("run 1 approve"), crypto::hash("test", bytes("yes")), "said", bytes("yes")),
            Promise::same);
  EXPECT_EQ(*db->promise(bytes("run 1 approve"), crypto::hash("test", bytes("no")), "said", bytes("no")),
            Promise::different);
  EXPECT_EQ(db->bad_rows(), 0u);
}

TEST_F(StateDbTest, CopiesAreWholeAndNeverOverwrite) {
  auto db = StateDb::open(file_);
  ASSERT_TRUE(db->put("roster", bytes("v1"), bytes("genesis")).ok());
  ASSERT_TRUE(db->copy_to(folder_ / "copy.db").ok());
  EXPECT_FALSE(db->copy_to(folder_ / "copy.db").ok());
  auto copy = StateDb::open(folder_ / "copy.db");
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(*copy->get("roster", bytes("v1")), bytes("genesis"));
}

TEST_F(StateDbTest, RefusesAFolderThatOthersCanRead) {
  fs::permissions(folder_, fs::perms::others_read, fs::perm_options::add);
  const auto db = StateDb::open(file_);
  ASSERT_FALSE(db.ok());
  EXPECT_NE(db.error().hint.find("chmod"), std::string::npos) << db.error().hint;
}

/// Flips one bit of a closed database at a time. It must never return a row that was not written, and a
/// promise must never turn into permission to sign something else.
TEST_F(StateDbTest, BitFlipsAreFoundAndNeverAllowASecondSignature) {
  {
    auto db = StateDb::open(file_);
    for (int i = 0; i < 10; ++i) {
      const std::string key = "scope " + std::to_string(i);
      ASSERT_EQ(*db->promise(bytes(key), crypto::hash("test", bytes("yes")), "said", bytes("yes")),
                Promise::fresh);
      ASSERT_TRUE(db->put("roster", bytes(key), bytes("value " + std::to_string(i))).ok());
    }
  }
  std::ifstream in(file_, std::ios::binary);
  const std::string intact{std::istreambuf_iterator<char>(in), {}};
  Rng rng(3, Purpose::test);
  std::size_t found = 0, silent = 0;
  for (int trial = 0; trial < 100; ++trial) {
    std::string broken = intact;
    const std::size_t at = rng.below(broken.size());
    broken[at] = static_cast<char>(broken[at] ^ (1 << rng.below(8)));
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry.path());
    std::ofstream(file_, std::ios::binary) << broken;
    fs::permissions(file_, fs::perms::owner_read | fs::perms::owner_write);
    auto db = StateDb::open(file_);
    ASSERT_TRUE(db.ok()) << db.error().message;
    bool noticed = db->was_damaged();
    const auto rows = db->all("roster");
    noticed = noticed || !rows.ok();
    if (rows.ok()) {
      noticed = noticed || rows->size() != 10;
      for (const auto& row : *rows) {
        const std::string number(reinterpret_cast<const char*>(row.key.data()) + 6, row.key.size() - 6);
        EXPECT_EQ(row.value, bytes("value " + number)) << "byte " << at;
      }
    }
    for (int i = 0; i < 10; ++i) {
      const auto promise = db->promise(bytes("scope " + std::to_string(i)), crypto::hash("test", bytes("no")),
                                       "said", bytes("no"));
      if (!promise.ok()) {
        noticed = true;
        continue;
      }
      // Forgetting is possible only where the node is told so.
      EXPECT_TRUE(*promise == Promise::different || db->was_damaged() || noticed) << "byte " << at;
      noticed = noticed || *promise != Promise::different;
    }
    noticed = noticed || db->bad_rows() > 0;
    ++(noticed ? found : silent);
  }
  // Free space and the like may change without meaning; what means something must not.
  EXPECT_GT(found, 10u) << silent << " flips changed nothing that was read";
}

TEST_F(StateDbTest, ATornWriteAheadLogLosesOnlyWhatHadNotReturned) {
  auto db = StateDb::open(file_);
  ASSERT_TRUE(db->put("roster", bytes("v1"), bytes("genesis")).ok());
  const fs::path log = file_.string() + "-wal";
  // A copy as a power cut in the middle of the second write would leave it.
  const fs::path cut = folder_ / "cut.db";
  fs::copy_file(file_, cut);
  ASSERT_TRUE(db->put("roster", bytes("v2"), bytes("second")).ok());
  fs::copy_file(log, cut.string() + "-wal");
  fs::resize_file(cut.string() + "-wal", fs::file_size(log) / 2);
  auto after = StateDb::open(cut);
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_FALSE(after->was_damaged());
  EXPECT_EQ(*after->get("roster", bytes("v1")), bytes("genesis"));
  EXPECT_FALSE(after->get("roster", bytes("v2"))->has_value());
}

TEST_F(StateDbTest, APromiseKeepsItsTextAndNoOther) {
  auto db = StateDb::open(file_);
  const Bytes text = bytes("yes"), other = bytes("no");
  const auto digest = crypto::hash("test", text), other_digest = crypto::hash("test", other);
  EXPECT_EQ(*db->promise(bytes("scope"), digest, "run", text), Promise::fresh);
  EXPECT_EQ(*db->promise(bytes("scope"), digest, "run", text), Promise::same);
  EXPECT_EQ(*db->promise(bytes("scope"), other_digest, "run", other), Promise::different);
  EXPECT_EQ(*db->get("run", digest.bytes), text);
  EXPECT_FALSE(db->get("run", other_digest.bytes)->has_value());
}

/// Killed at any moment: whoever finds a promise finds what was promised as well, or it could never keep it.
TEST_F(StateDbTest, NoKillLeavesAPromiseWithoutItsText) {
  constexpr int kTrials = 32;  // at as many moments of a write
  std::size_t found = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // says one byte per promise until it is killed
      auto db = StateDb::open(file_);
      for (std::uint64_t i = 0; db; ++i) {
        const Bytes text = bytes(std::to_string(trial) + " " + std::to_string(i));
        if (!db->promise(text, crypto::hash("test", text), "run", text)) break;
        if (::write(told[1], "x", 1) != 1) break;
      }
      ::_exit(1);
    }
    ::close(told[1]);
    char byte = 0;
    std::chrono::steady_clock::time_point before, after;
    for (int i = 0; i < 3; ++i) {
      before = std::exchange(after, std::chrono::steady_clock::now());
      ASSERT_EQ(::read(told[0], &byte, 1), 1);
    }
    const auto kill_at = std::chrono::steady_clock::now() + (after - before) * trial / kTrials;
    while (std::chrono::steady_clock::now() < kill_at) {
    }
    ::kill(child, SIGKILL);
    ::close(told[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));

    auto db = StateDb::open(file_);
    ASSERT_TRUE(db.ok()) << db.error().message;
    const auto promises = db->all("promises");
    ASSERT_TRUE(promises.ok());
    for (const StateDb::Row& promise : *promises) {
      EXPECT_TRUE(db->get("run", promise.value)->has_value()) << "trial " << trial;
    }
    EXPECT_GT(promises->size(), found);
    found = promises->size();
  }
}

/// As after kill -9, when the log is still there: what it held is in the database already.
TEST_F(StateDbTest, ABitFlipInTheWriteAheadLogLosesNothing) {
  auto db = StateDb::open(file_);
  for (int i = 0; i < 10; ++i) {
    const std::string key = "scope " + std::to_string(i);
    ASSERT_EQ(*db->promise(bytes(key), crypto::hash("test", bytes("yes")), "said", bytes("yes")),
              Promise::fresh);
  }
  const fs::path log = file_.string() + "-wal";
  ASSERT_GT(fs::file_size(log), 0u);
  Rng rng(4, Purpose::test);
  for (int trial = 0; trial < 50; ++trial) {
    const fs::path copy = folder_ / ("copy-" + std::to_string(trial) + ".db");
    fs::copy_file(file_, copy);
    std::ifstream in(log, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = rng.below(content.size());
    content[at] = static_cast<char>(content[at] ^ (1 << rng.below(8)));
    std::ofstream(copy.string() + "-wal", std::ios::binary) << content;
    auto after = StateDb::open(copy);
    ASSERT_TRUE(after.ok()) << after.error().message;
    EXPECT_FALSE(after->was_damaged()) << "byte " << at;
    for (int i = 0; i < 10; ++i) {
      const auto promise = after->promise(bytes("scope " + std::to_string(i)),
                                          crypto::hash("test", bytes("no")), "said", bytes("no"));
      EXPECT_TRUE(promise.ok() && *promise == Promise::different) << "byte " << at << " scope " << i;
    }
  }
}

/// The header says how all else is read, and has no checksum.
TEST_F(StateDbTest, NoFlippedBitInTheHeaderStopsANode) {
  {
    auto db = StateDb::open(file_);
    ASSERT_TRUE(db->put("roster", bytes("v1"), bytes("genesis")).ok());
    ASSERT_TRUE(db->save_spare().ok());
    ASSERT_EQ(*db->promise(bytes("scope"), crypto::hash("test", bytes("yes")), "said", bytes("yes")),
              Promise::fresh);
  }
  std::ifstream in(file_, std::ios::binary);
  const std::string intact{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::pair<std::size_t, int>> flips;
  for (std::size_t at = 0; at < 100; ++at) {
    // All bits where SQLite refuses what it does not know, and of our version; one of the others.
    const bool all = at == 18 || at == 19 || at == 47 || (at >= 60 && at < 64);
    for (int bit = 0; bit < 8; ++bit) {
      if (all || static_cast<int>(at % 8) == bit) flips.emplace_back(at, bit);
    }
  }
  for (const auto& [at, bit] : flips) {
    SCOPED_TRACE("byte " + std::to_string(at) + ", bit " + std::to_string(bit));
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() != ".spare") fs::remove(entry.path());
    }
    std::string broken = intact;
    broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
    std::ofstream(file_, std::ios::binary) << broken;
    auto db = StateDb::open(file_);
    ASSERT_TRUE(db.ok()) << db.error().message;
    EXPECT_EQ(*db->get("roster", bytes("v1")), bytes("genesis"));
    const auto promise = db->promise(bytes("scope"), crypto::hash("test", bytes("no")), "said", bytes("no"));
    ASSERT_TRUE(promise.ok()) << promise.error().message;
    EXPECT_TRUE(*promise == Promise::different || db->was_damaged());
    if (at >= 60 && at < 64) {
      EXPECT_EQ(*promise, Promise::different) << "no row was lost";
      EXPECT_TRUE(db->was_damaged());
    }
  }
}

/// Leaves a database with `version` in the row, and `number` as SQLite's user_version.
void write_layout(const fs::path& file, const std::string& version, int number) {
  {
    auto db = StateDb::open(file);
    ASSERT_TRUE(db.ok()) << db.error().message;
    if (version.empty()) {
      ASSERT_TRUE(db->erase("layout", bytes("version")).ok());
    } else {
      ASSERT_TRUE(db->put("layout", bytes("version"), bytes(version)).ok());
    }
  }
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(60);
  for (const int shift : {24, 16, 8, 0}) out.put(static_cast<char>(number >> shift));
}

TEST_F(StateDbTest, ALaterLayoutIsToldFromAFlippedBit) {
  struct Case {
    std::string version;
    int number;
    bool opens, damaged;
  };
  const Case table[] = {
      {"1", 1, true, false},    {"1", 3, true, true},   {"1", 0, true, true},
      {"2", 2, false, false},   {"2", 1, false, false},  // the row counts
      {"12", 12, false, false}, {"", 1, true, false},    // from before there was a row
      {"", 0, true, false},     {"", 5, true, true},
  };
  for (const Case& each : table) {
    SCOPED_TRACE("row \"" + each.version + "\", number " + std::to_string(each.number));
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry.path());
    write_layout(file_, each.version, each.number);
    const auto content = [&] {
      std::ifstream in(file_, std::ios::binary);
      return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    const std::string before = content();
    {
      auto db = StateDb::open(file_);
      ASSERT_EQ(db.ok(), each.opens);
      if (!db.ok()) {
        EXPECT_NE(db.error().message.find("later version"), std::string::npos) << db.error().message;
        EXPECT_EQ(content(), before) << "nothing was changed";
        continue;
      }
      EXPECT_EQ(db->was_damaged(), each.damaged);
      EXPECT_EQ(*db->get("layout", bytes("version")), bytes("1"));
    }
    EXPECT_FALSE(StateDb::open(file_)->was_damaged()) << "it is mended";
  }
}

TEST_F(StateDbTest, TheSpareGivesBackWhatWasDamaged) {
  {
    auto db = StateDb::open(file_);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(db->put("roster", bytes("key " + std::to_string(i)), bytes(std::string(100, 'x'))).ok());
    }
    ASSERT_TRUE(db->save_spare().ok());
    ASSERT_TRUE(db->put("roster", bytes("later"), bytes("not in the spare")).ok());
  }
  std::ifstream in(file_, std::ios::binary);
  const std::string intact{std::istreambuf_iterator<char>(in), {}};
  std::size_t moved = 0, repaired = 0;
  Rng rng(5, Purpose::test);
  for (int trial = 0; trial < 60; ++trial) {
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() != ".spare") fs::remove(entry.path());
    }
    std::string broken = intact;
    const std::size_t at = trial == 0 ? 1 : rng.below(broken.size());  // first the header: no database at all
    broken[at] = static_cast<char>(broken[at] ^ (1 << rng.below(8)));
    std::ofstream(file_, std::ios::binary) << broken;
    auto db = StateDb::open(file_);
    ASSERT_TRUE(db.ok()) << db.error().message;
    const auto rows = db->all("roster");
    ASSERT_TRUE(rows.ok());
    EXPECT_GE(rows->size(), 200u) << "byte " << at;
    EXPECT_TRUE(db->was_damaged() || rows->size() == 201u) << "byte " << at;
    (db->bad_rows() > 0 ? repaired : moved) += db->was_damaged() ? 1 : 0;
  }
  EXPECT_GT(moved, 0u);
  EXPECT_GT(repaired, 10u);
}

}  // namespace
}  // namespace hansa::store
