// A state folder has one owner at a time, and none once its owner is gone.
#include "src/store/folder_lock.hpp"

#include "tests/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FolderLockTest : public ::testing::Test {
 protected:
  const test::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(FolderLockTest, HasOneOwner) {
  {
    auto first = FolderLock::take(folder_);
    ASSERT_TRUE(first.ok()) << first.error().message;
    const FolderLock moved = std::move(first).value();
    const auto second = FolderLock::take(folder_);
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().message, HasSubstr(folder_.string()));
  }
  EXPECT_TRUE(FolderLock::take(folder_).ok());
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(FolderLock::take(folder_ / "missing").error().kind, ErrorKind::missing);
}

TEST_F(FolderLockTest, IsFreeOnceItsOwnerWasKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FolderLock::take(folder_);
    const char answer = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_FALSE(FolderLock::take(folder_).ok());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(FolderLock::take(folder_).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace hansa::store
