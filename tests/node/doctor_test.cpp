// Each check can find what it is there for, and says nothing where all is well.
#include "src/node/doctor.hpp"

#include "src/crypto/random.hpp"
#include "src/node/roster_change.hpp"
#include "src/store/audit_log.hpp"
#include "src/store/state_db.hpp"
#include "tests/temporary_folder.hpp"

#include <hansa/version.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// The worst state of the checks of that name; ok if there is none.
CheckState state_of(const Checks& checks, const std::string& name) {
  CheckState worst = CheckState::ok;
  for (const Check& each : checks) {
    if (each.name == name) worst = std::max(worst, each.state);
    EXPECT_EQ(each.hint.empty() && each.state != CheckState::ok, false) << each.name << " says nothing to do";
  }
  return worst;
}

class Doctor : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = temporary_.path();
    folder_.root = base_ / "node";
    constexpr crypto::StretchCost kCheap{.passes = 1, .memory_kib = 64};
    ASSERT_TRUE(make_state_folder(folder_, crypto::SecretText("pass"), kCheap).ok());
    auto db = store::StateDb::open(folder_.database());
    for (std::uint8_t i = 0; i < 200; ++i) {
      const std::byte key{i};
      const std::vector<std::byte> value(300, key);
      ASSERT_TRUE(db->put("roster", {&key, 1}, value).ok());
    }
    ASSERT_TRUE(store::AuditLog::open(folder_.audit(), load_node_keys(folder_)->node->public_key()).ok());
  }

  const test::TemporaryFolder temporary_;
  fs::path base_;
  StateFolder folder_;
};

TEST_F(Doctor, AHealthyFolderIsHealthy) {
  for (const Check& each : check_folder(folder_))
    EXPECT_EQ(each.state, CheckState::ok) << each.name << each.text;
}

TEST_F(Doctor, FindsWhatIsWrongWithAFolder) {
  fs::permissions(folder_.node_key(), fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(state_of(check_folder(folder_), "modes"), CheckState::fail);
  EXPECT_EQ(state_of(check_folder(folder_), "keys"), CheckState::fail);
  fs::permissions(folder_.node_key(), fs::perms::owner_read | fs::perms::owner_write);
  {
    std::fstream file(folder_.curve_key(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.put('?');
  }
  EXPECT_EQ(state_of(check_folder(folder_), "keys"), CheckState::fail);
  {
    std::fstream file(folder_.database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    for (int i = 0; i < 4096; ++i) file.put('\xff');
  }
  EXPECT_EQ(state_of(check_folder(folder_), "database"), CheckState::fail);
  std::ofstream(folder_.audit() / "log", std::ios::binary | std::ios::trunc) << std::string(200, 'x');
  EXPECT_EQ(state_of(check_folder(folder_), "audit log"), CheckState::fail);
  std::ofstream(folder_.root / "state.db.damaged-1") << "x";
  EXPECT_EQ(state_of(check_folder(folder_), "quarantine"), CheckState::warn);
  fs::permissions(folder_.root, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(state_of(check_folder(folder_), "folder"), CheckState::fail);
  EXPECT_EQ(state_of(check_folder({base_ / "none"}), "folder"), CheckState::fail);
}

TEST_F(Doctor, MeasuresTheMachine) {
  const Machine here = look_at_machine(base_);
  EXPECT_GT(here.disk_bytes, 0U);
  EXPECT_GT(here.memory_available_bytes, 0U);
  EXPECT_GT(here.file_limit, 0U);
  constexpr std::uint64_t kGiB = 1u << 30;
  const Machine good{100 * kGiB, 200 * kGiB, 8 * kGiB, 65'536, true, 1'800'000'000};
  struct Case {
    std::string name;
    CheckState state;
    Machine machine;
    std::uint64_t model = 0;
    std::int64_t newest = 0;
  };
  std::vector<Case> cases = {{"disk", CheckState::ok, good},
                             {"disk", CheckState::fail, good, 60 * kGiB},
                             {"memory", CheckState::warn, good, 3 * kGiB},
                             {"clock", CheckState::fail, good, 0, 1'800'001'000}};
  for (const auto& [name, state] :
       {std::pair("disk", CheckState::warn), std::pair("files", CheckState::warn),
        std::pair("files", CheckState::fail), std::pair("clock", CheckState::warn),
        std::pair("clock", CheckState::fail)}) {
    cases.push_back({name, state, good});
  }
  cases[4].machine.disk_free_bytes = 5 * kGiB;
  cases[5].machine.file_limit = 512;
  cases[6].machine.file_limit = 64;
  cases[7].machine.clock_synchronised = false;
  cases[8].machine.now_s = 1'000;
  for (const Case& each : cases) {
    EXPECT_EQ(state_of(check_machine(each.machine, each.model, each.newest), each.name), each.state)
        << each.name;
  }
}

TEST_F(Doctor, FindsPortsThatAreTaken) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  config::NodeConfig config{.control = "127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                            .bulk = "127.0.0.1:0",
                            .lobby = "127.0.0.1:0",
                            .http_port = 0};
  EXPECT_EQ(state_of(check_ports(config), "port"), CheckState::fail);
  ::close(fd);
  EXPECT_EQ(state_of(check_ports(config), "port"), CheckState::ok);
  config.control = config.bulk = config.lobby = "";
  EXPECT_EQ(state_of(check_ports(config), "port"), CheckState::warn);
}

TEST_F(Doctor, JudgesThePlaceInTheMesh) {
  constexpr std::int64_t kNow = 1'800'000'000, kDay = 86'400;
  MeshFacts good;
  good.version = program_version();
  good.organisation = "A";
  good.roster_version = 3;
  good.roster_expires_at = kNow + 60 * kDay;
  good.threshold = 2;
  good.peers = {{"B", true}, {"C", true}};
  good.ready = true;
  good.certificate_not_after = kNow + 300 * kDay;
  good.rotation_due = kNow + 10 * kDay;
  for (const Check& each : check_mesh(good, kNow))
    EXPECT_EQ(each.state, CheckState::ok) << each.name << each.text;
  struct Case {
    std::string name;
    CheckState state;
    std::function<void(MeshFacts&)> change;
  };
  const std::vector<Case> cases = {
      {"node", CheckState::warn, [](MeshFacts& f) { f.version = "0.0.1"; }},
      {"roster", CheckState::warn, [](MeshFacts& f) { f.roster_version = 0; }},
      {"roster", CheckState::warn, [](MeshFacts& f) { f.roster_expires_at = kNow + 5 * kDay; }},
      {"roster", CheckState::fail, [](MeshFacts& f) { f.roster_expires_at = kNow - 1; }},
      {"certificate", CheckState::fail, [](MeshFacts& f) { f.certificate_not_after = kNow; }},
      {"CURVE key", CheckState::warn, [](MeshFacts& f) { f.rotation_due = kNow - 4 * kDay; }},
      {"fork", CheckState::fail, [](MeshFacts& f) { f.fork = "version 4 has 2 branches"; }},
      {"peers", CheckState::warn, [](MeshFacts& f) { f.peers[1].connected = false; }},
      {"peers", CheckState::fail, [](MeshFacts& f) { f.peers[0].connected = f.peers[1].connected = false; }},
      {"recovery", CheckState::warn, [](MeshFacts& f) { f.recovering = true; }},
      {"evidence", CheckState::warn, [](MeshFacts& f) { f.evidence = 2; }},
      {"ready", CheckState::fail,
       [](MeshFacts& f) {
         f.ready = false;
         f.reasons = {"the node is draining"};
       }},
  };
  for (const Case& each : cases) {
    MeshFacts facts = good;
    each.change(facts);
    EXPECT_EQ(state_of(check_mesh(facts, kNow), each.name), each.state) << each.name;
  }
}

TEST(RosterChange, NamesAndLimits) {
  ASSERT_TRUE(crypto::initialise().ok());
  protocols::roster::Roster roster;
  for (const char* name : {"Alfa Air", "Bravo Jet", "Bravissimo"}) {
    roster.organisations.push_back({.key = crypto::Identity::generate().public_key(), .name = name});
  }
  EXPECT_EQ(*find_organisation(roster, "alfa AIR"), roster.organisations[0].key);
  EXPECT_EQ(*find_organisation(roster, "bravo"), roster.organisations[1].key);
  EXPECT_THAT(find_organisation(roster, "brav").error().message, HasSubstr("more than one"));
  EXPECT_THAT(find_organisation(roster, "zulu").error().hint, HasSubstr("Bravissimo"));
  EXPECT_FALSE(find_organisation(roster, "").ok());

  const auto changed = apply({.policy = "unanimous",
                              .removal = "all-others",
                              .remove = "Bravissimo",
                              .revoke = true,
                              .pause = {"alfa"},
                              .max_nodes = {"Bravo Jet=7"},
                              .weight_cap = {"Bravo Jet=0.25"}},
                             roster);
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_EQ(changed->policy, protocols::roster::Policy::unanimous);
  EXPECT_EQ(changed->removal, protocols::roster::RemovalPolicy::all_others);
  EXPECT_EQ(changed->organisations.size(), 2U);
  EXPECT_EQ(changed->revoked, std::vector{roster.organisations[2].key});
  EXPECT_EQ(changed->organisations[0].status, protocols::roster::OrganisationStatus::paused);
  EXPECT_EQ(changed->organisations[1].max_nodes, 7);
  EXPECT_EQ(changed->organisations[1].weight_cap, 250'000U);
  const std::vector<RosterChange> wrong = {{.policy = "most"},         {.removal = "nobody"},
                                           {.remove = "zulu"},         {.revoke = true},
                                           {.pause = {"zulu"}},        {.max_nodes = {"Alfa Air"}},
                                           {.max_nodes = {"alfa=0"}},  {.max_nodes = {"alfa=65"}},
                                           {.resume = {"xray"}},       {.weight_cap = {"alfa=1.5"}},
                                           {.weight_cap = {"alfa=0"}}, {.weight_cap = {"alfa=x"}},
                                           {.max_nodes = {"alfa=3x"}}, {.weight_cap = {"="}}};
  for (const RosterChange& each : wrong) EXPECT_FALSE(apply(each, roster).ok());
}

}  // namespace
}  // namespace hansa::node
