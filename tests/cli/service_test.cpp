// The node and its service manager: a socket of ours stands for systemd's, and the real program is started
// with it; what it must not say is tried on the attendant alone, with a node that stands still.
#include "cli/service.hpp"
#include "tests/cli/run_command.hpp"

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hansa::cli {
namespace {

/// The end of the conversation that systemd has. Lines are kept in the order of their arrival.
class FakeManager {
 public:
  explicit FakeManager(const std::string& address) {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, address.data(), address.size());
    if (at.sun_path[0] == '@') at.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), length), 0) << address;
  }
  ~FakeManager() { ::close(fd_); }

  /// Reads until a line begins with `start`, and returns it; nothing if nobody speaks for 30 s.
  std::optional<std::string> wait_for(const std::string& start) {
    for (;;) {
      while (next_ < lines_.size()) {
        const std::string& line = lines_[next_++];
        if (line.starts_with(start)) return line;
      }
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 30'000) != 1) return std::nullopt;
      char datagram[4096];
      const auto size = ::recv(fd_, datagram, sizeof datagram, 0);
      if (size <= 0) return std::nullopt;
      std::stringstream text(std::string(datagram, static_cast<std::size_t>(size)));
      for (std::string line; std::getline(text, line);) lines_.push_back(line);
    }
  }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  int fd_ = -1;
  std::size_t next_ = 0;
  std::vector<std::string> lines_;
};

/// `hansa` with `arguments` and some variables more; ended by the destructor if the test has not.
class Program {
 public:
  Program(const std::vector<std::string>& arguments,
          const std::vector<std::pair<std::string, std::string>>& variables) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    if (::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(126);
    std::vector<char*> argv{const_cast<char*>("hansa")};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(HANSA_BINARY, argv.data());
    ::_exit(127);
  }
  ~Program() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Its exit code.
  int end() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

class Service : public CommandTest {
 protected:
  /// A node that dials out only, so that no port can be taken.
  std::string make_node() const {
    const Outcome made =
        run("init --org Alfa --outbound-only --http-port 0 --dir node", "env HANSA_PASSPHRASE=walnut");
    EXPECT_EQ(made.code, 0) << made.err;
    return (folder_ / "node").string();
  }
};

TEST_F(Service, ANodeSaysThatItIsUpAliveAndEnding) {
  const std::string node = make_node();
  const std::string address = (folder_ / "notify").string();
  FakeManager manager(address);
  Program program({"up", "--dir", node}, {{"NOTIFY_SOCKET", address}, {"WATCHDOG_USEC", "1000000"}});
  ASSERT_TRUE(manager.wait_for("READY=1"));
  EXPECT_EQ(manager.lines().front(), "READY=1") << "nothing comes before it is up";
  EXPECT_EQ(manager.wait_for("STATUS="), "STATUS=in no consortium yet");
  EXPECT_EQ(manager.wait_for("MAINPID="), "MAINPID=" + std::to_string(program.pid()));
  const Outcome status = run("status --json --dir node");  // up means that it answers
  EXPECT_NE(status.out.find("hansa.status.v1"), std::string::npos) << status.out << status.err;
  EXPECT_TRUE(manager.wait_for("WATCHDOG=1"));
  EXPECT_TRUE(manager.wait_for("WATCHDOG=1"));
  ::kill(program.pid(), SIGTERM);
  EXPECT_TRUE(manager.wait_for("STOPPING=1"));
  EXPECT_EQ(program.end(), 0);
  EXPECT_FALSE(std::filesystem::exists(node + "/node.pid"));
}

/// The disk is full, played by a limit on the size of files: the node ends as failed, so that it is started
/// again.
TEST_F(Service, ANodeThatCannotKeepItsPromisesFails) {
  const std::string node = make_node();
  const std::string address = (folder_ / "notify").string();
  FakeManager manager(address);
  const auto before = ::signal(SIGXFSZ, SIG_IGN);  // inherited: writes fail instead of ending the process
  Program program({"up", "--dir", node}, {{"NOTIFY_SOCKET", address}});
  ::signal(SIGXFSZ, before);
  ASSERT_TRUE(manager.wait_for("READY=1"));
  const rlimit nothing{0, 0};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_FSIZE, &nothing, nullptr), 0);
  const Outcome founding = run("roster found --name x --dir node", "timeout 20 env HANSA_PASSPHRASE=walnut");
  EXPECT_NE(founding.code, 0) << "it said yes to what it could not keep";
  EXPECT_TRUE(manager.wait_for("STOPPING=1"));
  EXPECT_EQ(program.end(), 1);
}

TEST_F(Service, ANameWithoutAFileIsUnderstood) {
  const std::string node = make_node();
  const std::string address = "@hansa-service-test-" + std::to_string(::getpid());
  FakeManager manager(address);
  Program program({"up", "--dir", node}, {{"NOTIFY_SOCKET", address}});
  EXPECT_TRUE(manager.wait_for("READY=1"));
  ::kill(program.pid(), SIGINT);
  EXPECT_TRUE(manager.wait_for("STOPPING=1"));
  EXPECT_EQ(program.end(), 0);
  for (const std::string& line : manager.lines()) EXPECT_NE(line, "WATCHDOG=1") << "nobody asked for it";
}

TEST_F(Service, WithoutAManagerNothingIsSaidAndNothingFails) {
  const std::string node = make_node();
  for (const char* address : {"", "no-such-form", "/no/such/socket"}) {
    Program program({"up", "--dir", node}, {{"NOTIFY_SOCKET", address}, {"WATCHDOG_USEC", "x"}});
    const auto is_up = [&] {
      return run("status --dir node").code != 3 && std::filesystem::exists(node + "/node.pid");
    };
    for (int i = 0; i < 500 && !is_up(); ++i) ::poll(nullptr, 0, 20);
    EXPECT_TRUE(is_up()) << address;
    ::kill(program.pid(), SIGTERM);
    EXPECT_EQ(program.end(), 0) << address;
  }
}

/// The variables of this process while a test runs.
class Variables {
 public:
  explicit Variables(const std::vector<std::pair<std::string, std::string>>& variables) {
    for (const auto& [name, value] : variables) {
      names_.push_back(name);
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~Variables() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }

 private:
  std::vector<std::string> names_;
};

TEST_F(Service, ANodeThatStandsStillIsNotSaidToBeAlive) {
  const std::string address = (folder_ / "notify").string();
  FakeManager manager(address);
  const Variables variables({{"NOTIFY_SOCKET", address}, {"WATCHDOG_USEC", "20000"}});
  std::atomic<std::uint64_t> turns = 0;
  std::atomic<int> looks = 0;
  Attendant::block_signals();
  Attendant attendant(ServiceManager::from_environment(),
                      {.turns = [&] { return turns.load(); },
                       .status = [&] { return "look " + std::to_string(looks++); },
                       .stop = [] {}});
  // Each look is said, so a line says as well that there was an occasion for WATCHDOG=1.
  EXPECT_TRUE(manager.wait_for("STATUS=look 0"));
  EXPECT_TRUE(manager.wait_for("STATUS=look 5"));
  for (const std::string& line : manager.lines()) EXPECT_NE(line, "WATCHDOG=1");
  ++turns;
  EXPECT_TRUE(manager.wait_for("WATCHDOG=1"));
}

TEST_F(Service, AWatchdogForAnotherProcessIsNotOurs) {
  const Variables variables(
      {{"NOTIFY_SOCKET", "/run/x"}, {"WATCHDOG_USEC", "5000000"}, {"WATCHDOG_PID", "1"}});
  EXPECT_FALSE(ServiceManager::from_environment().patience());
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager::from_environment().patience(), std::chrono::seconds(5));
}

TEST(ServiceStatus, IsOneLineWhateverNamesAreInIt) {
  http::NodeView view;
  EXPECT_EQ(service_status(view), "in no consortium yet");
  view.roster.version = 1;
  view.peers.resize(2);
  view.peers[1].connected = true;
  view.ready = true;
  EXPECT_EQ(service_status(view), "1 of 2 peers connected");
  view.runs.resize(1);
  view.runs[0].id = "0123456789abcdef";
  view.runs[0].state = "running";
  view.runs[0].round = 3;
  view.runs[0].rounds = 10;
  EXPECT_EQ(service_status(view), "1 of 2 peers connected; run 01234567: round 3 of 10");
  view.ready = false;
  view.not_ready_because = {"fork\nREADY=1"};
  EXPECT_EQ(service_status(view), "1 of 2 peers connected; run 01234567: round 3 of 10; fork READY=1");
}

/// /etc/hansa/hansa.toml, by another name.
TEST_F(Service, AMachinesSettingsHoldUnlessTheNodeHasItsOwn) {
  write("machine.toml", "[listen]\nadvertise = \"fl.alfa.example\"\n[http]\nport = 7999\n");
  const std::string with = "env HANSA_PASSPHRASE=walnut HANSA_CONFIG=machine.toml";
  ASSERT_EQ(run("init --org Alfa --dir a", with).code, 0);
  EXPECT_NE(read_text(folder_ / "a/hansa.toml").find("port = 7999"), std::string::npos);
  EXPECT_NE(read_text(folder_ / "a/hansa.toml").find("fl.alfa.example"), std::string::npos);
  ASSERT_EQ(run("init --org Bravo --dir b --http-port 0 --endpoint localhost:9000", with).code, 0);
  EXPECT_NE(read_text(folder_ / "b/hansa.toml").find("port = 0"), std::string::npos);
  EXPECT_NE(read_text(folder_ / "b/hansa.toml").find("localhost"), std::string::npos);
  write("machine.toml", "[http]\nprot = 7999\n");
  const Outcome wrong = run("up --dir a", with);
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("machine.toml:2: unknown key http.prot; did you mean"), std::string::npos)
      << wrong.err;
  const Outcome absent = run("init --org C --dir c", "env HANSA_PASSPHRASE=walnut HANSA_CONFIG=none.toml");
  EXPECT_EQ(absent.code, 1) << absent.err;
}

/// The file that the package installs must be one that the program accepts, with every key switched on as
/// well.
TEST_F(Service, TheInstalledConfigurationIsRight) {
  std::string text = read_text(HANSA_SOURCE_DIR "/deploy/debian/hansa.toml");
  write("machine.toml", text);
  const std::string with = "env HANSA_PASSPHRASE=walnut HANSA_CONFIG=machine.toml";
  EXPECT_EQ(run("init --org Alfa --dir a", with).code, 0);
  ASSERT_EQ(run("init --org Alfa --dir plain", "env HANSA_PASSPHRASE=walnut").code, 0);
  for (std::size_t at = 0; (at = text.find("\n# ", at)) != std::string::npos; ++at) {
    if (text.find(" = ", at) < text.find('\n', at + 1)) text.erase(at + 1, 2);
  }
  write("machine.toml", text);
  EXPECT_EQ(run("init --org Alfa --dir b", with).code, 0);
  for (const char* node : {"a", "b"})  // what it shows as defaults are the defaults
    EXPECT_EQ(read_text(folder_ / node / "hansa.toml"), read_text(folder_ / "plain/hansa.toml")) << node;
}

/// What systemd says of the unit, with this program in the place of the installed one.
TEST_F(Service, SystemdUnderstandsTheUnit) {
  if (std::system("command -v systemd-analyze >/dev/null") != 0)
    GTEST_SKIP() << "systemd-analyze is not installed (Debian: systemd)";
  std::string unit = read_text(HANSA_SOURCE_DIR "/deploy/hansa.service");
  const std::string installed = "ExecStart=/usr/bin/hansa ";
  const std::size_t at = unit.find(installed);
  ASSERT_NE(at, std::string::npos);
  unit.replace(at, installed.size(), "ExecStart=" HANSA_BINARY " ");
  // The manual is in the package, not necessarily on this machine.
  const std::size_t documentation = unit.find("Documentation=");
  unit.erase(documentation, unit.find('\n', documentation) + 1 - documentation);
  write("hansa.service", unit);
  const std::string file = (folder_ / "hansa.service").string();
  const auto ask = [&](const std::string& question) {
    FILE* pipe = ::popen(("systemd-analyze " + question + " '" + file + "' 2>&1").c_str(), "r");
    std::string text;
    char chunk[4096];
    for (std::size_t n; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) text.append(chunk, n);
    const int status = ::pclose(pipe);
    return Outcome{WEXITSTATUS(status), text, ""};
  };
  const Outcome verified = ask("verify --man=no");
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_EQ(verified.out.find("hansa.service:"), std::string::npos) << verified.out;
  // 0 is a service that can do nothing, 10 one that can do everything; the threshold is in tenths.
  const Outcome exposure = ask("security --offline=true --no-pager --threshold=20");
  EXPECT_EQ(exposure.code, 0) << exposure.out;
}

}  // namespace
}  // namespace hansa::cli
