// What a node costs that has nothing to do, with room for a busy machine and a slow one; hansa_bench measures
// a whole consortium, without the room.
#include "src/http/client.hpp"
#include "tests/cli/run_command.hpp"

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

namespace hansa::cli {
namespace {

/// `hansa up --dir DIR`, killed at the end.
class Node {
 public:
  explicit Node(const std::string& folder) {
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool quiet =
          ::freopen("/dev/null", "w", stdout) != nullptr && ::freopen("/dev/null", "w", stderr);
      if (quiet) ::execl(HANSA_BINARY, "hansa", "up", "--dir", folder.c_str(), nullptr);
      ::_exit(127);
    }
    watch_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }
  ~Node() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(watch_);
  }

  /// False if it has ended before that.
  [[nodiscard]] bool lives_for(std::chrono::milliseconds time) const {
    pollfd ended{watch_, POLLIN, 0};
    return ::poll(&ended, 1, static_cast<int>(time.count())) == 0;
  }
  [[nodiscard]] double resident_mib() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    double total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
  }
  /// User and system time so far.
  [[nodiscard]] double cpu_seconds() const {
    std::string line = read_text("/proc/" + std::to_string(pid_) + "/stat");
    std::istringstream fields(line.substr(line.rfind(')') + 2));  // the name may hold anything
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

 private:
  pid_t pid_ = -1;
  int watch_ = -1;
};

using Idle = CommandTest;

TEST_F(Idle, ANodeWithNothingToDoTakesLittleMemoryAndTime) {
  const Outcome made =
      run("init --org Alfa --outbound-only --http-port 0 --dir node", "env HANSA_PASSPHRASE=walnut");
  ASSERT_EQ(made.code, 0) << made.err;
  const Node node((folder_ / "node").string());
  bool up = false;
  for (int attempt = 0; attempt < 600 && !up; ++attempt) {
    ASSERT_TRUE(node.lives_for(std::chrono::milliseconds(50)));
    const auto client = http::Client::of_folder(folder_ / "node");
    up = client && client->text("/livez").ok();
  }
  ASSERT_TRUE(up);
  const double before = node.cpu_seconds();
  ASSERT_TRUE(node.lives_for(std::chrono::seconds(3)));
  const double share = (node.cpu_seconds() - before) / 3;
  EXPECT_LE(share, 0.04) << "of one processor; about 0.003 is usual";
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LE(node.resident_mib(), 56) << "about 25 is usual";
#endif
  EXPECT_GT(node.resident_mib(), 1) << "it is looked at in the wrong place";
}

}  // namespace
}  // namespace hansa::cli
