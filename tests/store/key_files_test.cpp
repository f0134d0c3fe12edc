// Key files on a real disk: modes that let others in are refused with the command that repairs them, nothing
// is overwritten by accident, a leftover of a crash does no harm.
#include "src/store/key_files.hpp"

#include "tests/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr crypto::StretchCost kCheap{.passes = 1, .memory_kib = 64};

class KeyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = temporary_.path();
    folder_ = base_ / "state";
    ASSERT_TRUE(ensure_private_folder(folder_).ok());
  }

  static unsigned mode(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  static void write(const fs::path& path, std::string_view text, mode_t mode = 0600) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }

  const test::TemporaryFolder temporary_;
  fs::path base_, folder_;
};

TEST_F(KeyFiles, WhatAKilledWriterLeftIsRemovedAndNothingElse) {
  fs::create_directories(folder_ / "run" / "quarantine");
  fs::create_directory(folder_ / "folder.tmp");
  for (const char* name :
       {"a.tmp", "run/b.checkpoint.tmp", "run/b.checkpoint", "tmp", "run/quarantine/c.tmpx"})
    write(folder_ / name, "x");
  write(base_ / "elsewhere.tmp", "x");
  fs::create_symlink(base_ / "elsewhere.tmp", folder_ / "link.tmp");
  fs::create_directory_symlink(base_, folder_ / "up");
  EXPECT_EQ(remove_leftovers(folder_), 2u);
  for (const char* name : {"run/b.checkpoint", "tmp", "run/quarantine/c.tmpx", "folder.tmp", "link.tmp"})
    EXPECT_TRUE(fs::exists(folder_ / name)) << name;
  EXPECT_EQ(remove_leftovers(folder_), 0u);
  EXPECT_EQ(remove_leftovers(folder_ / "missing"), 0u);
}

TEST_F(KeyFiles, RoundTripsWithPrivateModes) {
  const auto node = crypto::Identity::generate(), org = crypto::Identity::generate();
  const auto curve = crypto::CurveKey::generate();
  const mode_t before = ::umask(0);
  ASSERT_TRUE(save_node_key(folder_ / "node.key", node).ok());
  ASSERT_TRUE(save_curve_key(folder_ / "curve.key", curve, 3).ok());
  ASSERT_TRUE(save_organisation_key(folder_ / "org.key", org, crypto::SecretText("pass"), kCheap).ok());
  ::umask(before);
  EXPECT_EQ(mode(folder_), 0700u);
  for (const char* name : {"node.key", "curve.key", "org.key"})
    EXPECT_EQ(mode(folder_ / name), 0600u) << name;

  EXPECT_EQ(load_node_key(folder_ / "node.key").value().public_key(), node.public_key());
  EXPECT_EQ(load_curve_key(folder_ / "curve.key").value().key.public_key(), curve.public_key());
  EXPECT_EQ(load_curve_key(folder_ / "curve.key").value().epoch, 3u);
  EXPECT_EQ(load_organisation_key(folder_ / "org.key", crypto::SecretText("pass")).value().public_key(),
            org.public_key());
  EXPECT_EQ(read_key_info(folder_ / "org.key").value().public_key, org.public_key());
  const auto wrong = load_organisation_key(folder_ / "org.key", crypto::SecretText("psas"));
  EXPECT_THAT(wrong.error().message, HasSubstr("org.key: wrong passphrase"));
}

TEST_F(KeyFiles, WrongModesAreRefusedWithTheRepair) {
  const fs::path file = folder_ / "node.key";
  ASSERT_TRUE(save_node_key(file, crypto::Identity::generate()).ok());
  for (const mode_t bad : {0640, 0604, 0660, 0666, 0700, 0644}) {
    ::chmod(file.c_str(), bad);
    const auto loaded = load_node_key(file);
    ASSERT_FALSE(loaded.ok()) << std::oct << bad;
    EXPECT_EQ(loaded.error().hint, "chmod 600 '" + file.string() + "'");
  }
  ::chmod(file.c_str(), 0400);
  EXPECT_TRUE(load_node_key(file).ok());
  for (const mode_t bad : {0755, 0750, 0701, 0777}) {
    ::chmod(folder_.c_str(), bad);
    const auto loaded = load_node_key(file);
    ASSERT_FALSE(loaded.ok()) << std::oct << bad;
    EXPECT_EQ(loaded.error().hint, "chmod 700 '" + folder_.string() + "'");
    EXPECT_FALSE(ensure_private_folder(folder_).ok());
    EXPECT_FALSE(write_private_file(folder_ / "other", {}).ok());
  }
}

TEST_F(KeyFiles, LinksAndFoldersAreNotKeys) {
  const fs::path file = folder_ / "node.key", link = folder_ / "link.key";
  ASSERT_TRUE(save_node_key(file, crypto::Identity::generate()).ok());
  fs::create_symlink(file, link);
  EXPECT_THAT(load_node_key(link).error().message, HasSubstr("links are not followed"));
  fs::create_directory(folder_ / "dir.key");
  EXPECT_FALSE(load_node_key(folder_ / "dir.key").ok());
  ASSERT_EQ(::mkfifo((folder_ / "pipe.key").c_str(), 0600), 0);
  EXPECT_THAT(load_node_key(folder_ / "pipe.key").error().message, HasSubstr("not a regular file"));
  EXPECT_EQ(load_node_key(folder_ / "none.key").error().kind, ErrorKind::missing);
  fs::create_directory_symlink(folder_, base_ / "alias");
  EXPECT_FALSE(ensure_private_folder(base_ / "alias").ok());
}

TEST_F(KeyFiles, KeysAreNotOverwrittenByAccident) {
  const fs::path file = folder_ / "node.key";
  const auto first = crypto::Identity::generate(), second = crypto::Identity::generate();
  ASSERT_TRUE(save_node_key(file, first).ok());
  EXPECT_THAT(save_node_key(file, second).error().message, HasSubstr("not overwritten"));
  EXPECT_EQ(load_node_key(file).value().public_key(), first.public_key());
  ASSERT_TRUE(save_node_key(file, second, true).ok());
  EXPECT_EQ(load_node_key(file).value().public_key(), second.public_key());
}

TEST_F(KeyFiles, ACrashWhileWritingLeavesTheOldFile) {
  const fs::path file = folder_ / "node.key";
  const auto key = crypto::Identity::generate();
  ASSERT_TRUE(save_node_key(file, key).ok());
  write(folder_ / "node.key.tmp", "half a k");
  EXPECT_EQ(load_node_key(file).value().public_key(), key.public_key());
  ASSERT_TRUE(save_node_key(file, crypto::Identity::generate(), true).ok());
  EXPECT_FALSE(fs::exists(folder_ / "node.key.tmp"));
  write(file, "hansakey and then rubbish");
  EXPECT_THAT(load_node_key(file).error().message, StartsWith(file.string()));
}

TEST_F(KeyFiles, PassphrasesComeFromFilesAndTheEnvironment) {
  write(folder_ / "pass", "copper lantern\nsecond line\n");
  EXPECT_EQ(passphrase_from_file(folder_ / "pass").value().reveal(), "copper lantern");
  write(folder_ / "open", "copper\n", 0644);
  EXPECT_THAT(passphrase_from_file(folder_ / "open").error().hint, StartsWith("chmod 600"));
  write(folder_ / "empty", "\n");
  EXPECT_FALSE(passphrase_from_file(folder_ / "empty").ok());

  ::setenv("HANSA_TEST_PASSPHRASE", "river basil", 1);
  EXPECT_EQ(passphrase_from_environment("HANSA_TEST_PASSPHRASE").value().reveal(), "river basil");
  EXPECT_EQ(std::getenv("HANSA_TEST_PASSPHRASE"), nullptr) << "a child process would inherit it";
  EXPECT_FALSE(passphrase_from_environment("HANSA_TEST_PASSPHRASE").ok());
}

}  // namespace
}  // namespace hansa::store
