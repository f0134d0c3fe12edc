// The verbs of live nodes, each with its effect on real processes: a consortium of `hansa dev up`, worked on
// as its operators would. Founding takes seconds, so that few tests do much each.
#include "cli/cli.hpp"
#include "tests/cli/run_command.hpp"
#include "tests/eventually.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hansa::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

bool eventually(const std::function<bool()>& condition,
                std::chrono::seconds patience = std::chrono::seconds(60)) {
  return test::eventually(condition, patience, std::chrono::milliseconds(50));
}

class Live : public CommandTest {
 protected:
  void TearDown() override {
    if (HasFailure()) {
      for (int i = 0; i < 4; ++i)
        std::cout << read_text(folder_ / "dev" / ("org-" + std::to_string(i)) / "node.log");
    }
    static_cast<void>(run("dev down --dir dev"));
    for (const pid_t extra : extra_) {
      ::kill(extra, SIGKILL);
      ::waitpid(extra, nullptr, 0);
    }
    CommandTest::TearDown();
  }
  void up(const std::string& options) {
    const Outcome outcome = run("dev up --orgs 3 --dir dev " + options);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
  static std::string dir(int i) { return " --dir dev/org-" + std::to_string(i); }
  static std::string key(int i) {
    return dir(i) + " --passphrase-file dev/org-" + std::to_string(i) + "/passphrase";
  }

  /// The document of a verb that works.
  [[nodiscard]] json ask(const std::string& arguments, int code = 0) const {
    const Outcome outcome = run(arguments + " --json");
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    json document = json::parse(outcome.out, nullptr, false);
    EXPECT_TRUE(document.is_object() && document.contains("schema")) << arguments << "\n" << outcome.out;
    return document;
  }
  [[nodiscard]] bool has_version(int i, int version) const {
    const Outcome outcome = run("roster show --json" + dir(i));
    return outcome.code == 0 && json::parse(outcome.out).at("version") == version;
  }
  /// `hansa up` as a process of its own; ends with the test.
  void start_node(const std::string& folder) {
    const std::string dir = (folder_ / folder).string(), log = dir + "/node.log";
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(out, 1);
      ::dup2(out, 2);
      ::execl(HANSA_BINARY, "hansa", "up", "--dir", dir.c_str(), nullptr);
      ::_exit(127);
    }
    extra_.push_back(child);
    EXPECT_TRUE(eventually([&] { return run("peers --dir " + folder).code == 0; }, std::chrono::seconds(30)))
        << read_text(log);
  }

  std::vector<pid_t> extra_;
};

TEST_F(Live, VotesChangeTheRoster) {
  up("--no-run");
  EXPECT_EQ(ask("roster log" + dir(0)).at("entries").size(), 1U);
  const json checked = ask("roster verify" + dir(1));
  EXPECT_EQ(checked.at("versions").at(0).at("signers").size(), 3U);
  EXPECT_EQ(run("roster propose" + key(0)).code, kExitUsage) << "nothing is asked for";
  const Outcome nobody = run("roster propose --remove Zeta" + key(0));
  EXPECT_EQ(nobody.code, kExitUsage);
  for (const char* name : {"Org A", "Org B", "Org C"}) EXPECT_THAT(nobody.err, HasSubstr(name));

  // One wants a majority, another promises never to approve that; so the first may sign something else.
  const json first = ask("roster propose --policy majority" + key(0)).at("proposals").at(0);
  EXPECT_EQ(first.at("needed"), 3);
  EXPECT_EQ(first.at("missing").size(), 2U);
  const std::string id = first.at("proposal");
  ASSERT_TRUE(eventually([&] { return run("roster reject " + id + key(1)).code == 0; }));
  ASSERT_TRUE(eventually([&] {
    return run("roster propose --renew --max-nodes \"org b=2\" --pause \"Org C\"" + key(0)).code == 0;
  }));
  const json open = ask("roster show" + dir(0)).at("proposals");
  ASSERT_EQ(open.size(), 2U);
  const json& second = open[0].at("id") == id ? open[1] : open[0];
  // A renewal within the second of the founding changes no date, and is then no change.
  EXPECT_GE(second.at("changes").size(), 2U) << second;
  const std::string chosen = second.at("id");
  EXPECT_EQ(run("roster approve ffffffff" + key(1)).code, kExitFailed) << "there is none of that name";
  ASSERT_TRUE(eventually([&] { return run("roster approve " + chosen + key(1)).code == 0; }));
  EXPECT_EQ(run("roster approve " + chosen + key(1)).code, kExitUsage) << "approved already";
  ASSERT_TRUE(
      eventually([&] { return run("roster approve " + chosen + key(2) + " --wait-seconds 30").code == 0; }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eventually([&] { return has_version(i, 2); })) << i;
    EXPECT_EQ(ask("roster verify" + dir(i)).at("versions").size(), 2U);
  }
  const Outcome late = run("roster propose --resume \"Org C\" --wait-seconds 0.3 --json" + key(2));
  EXPECT_EQ(late.code, kExitWaiting) << late.out << late.err;
  EXPECT_EQ(run("roster show --dir dev/org-0 --passphrase-file x").code, kExitUsage);

  // Two demands suspend, one does not.
  EXPECT_EQ(ask("roster suspend \"Org C\" --reason test" + key(0)).at("in_force"), false);
  ASSERT_TRUE(eventually(
      [&] { return ask("roster suspend org-c --reason test" + key(1), kExitUsage).contains("code"); }));
  ASSERT_TRUE(eventually([&] {
    const Outcome demand = run("roster suspend \"org c\" --reason test --json" + key(1));
    return demand.code == 0 && json::parse(demand.out).at("in_force") == true;
  }));
  EXPECT_TRUE(eventually([&] { return ask("roster show" + dir(0)).at("suspensions").size() == 1; }));
}

TEST_F(Live, InvitesRequestsAndNodes) {
  up("--no-run");
  // Draining is seen, and ends.
  EXPECT_EQ(run("status" + dir(0)).code, 0);
  EXPECT_EQ(run("node drain" + dir(0)).code, 0);
  const json drained = ask("status" + dir(0), kExitFailed);
  EXPECT_THAT(drained.at("reasons").dump(), HasSubstr("draining"));
  EXPECT_EQ(run("node resume" + dir(0)).code, 0);
  EXPECT_EQ(run("status" + dir(0)).code, 0);
  EXPECT_EQ(ask("node add" + key(0)).at("serial"), 2);

  const json tickets = ask("invite --count 2" + key(0)).at("tickets");
  ASSERT_EQ(tickets.size(), 2U);
  json list = ask("invite ls" + dir(0)).at("invites");
  ASSERT_EQ(list.size(), 4U) << "two of them from the founding";
  int used = 0;
  for (const json& each : list) used += each.at("state") == "used" ? 1 : 0;
  EXPECT_EQ(used, 2);
  const std::string second_ticket_id = list[3].at("id");
  EXPECT_EQ(run("invite revoke " + second_ticket_id + key(0)).code, 0);
  EXPECT_EQ(ask("invite ls" + dir(0)).at("invites").at(3).at("state"), "revoked");
  EXPECT_EQ(run("invite revoke " + list[0].at("id").get<std::string>() + key(0)).code, kExitUsage) << "used";

  // A fourth organisation: the revoked ticket is worth nothing, the other one files a request.
  fs::create_directory(folder_ / "d");
  for (const char* name : {"d/one", "d/two"}) {
    fs::create_directory(folder_ / name);
    fs::permissions(folder_ / name, fs::perms::owner_all);
    write(std::string(name) + "/pass", "correct horse\n");
    fs::permissions(folder_ / name / "pass", fs::perms::owner_read | fs::perms::owner_write);
    ASSERT_EQ(run(std::string("init --org \"Org D\" --outbound-only --http-port 0 --dir ") + name +
                  " --passphrase-file " + name + "/pass")
                  .code,
              0);
    start_node(name);
  }
  ASSERT_EQ(run("join " + tickets[1].get<std::string>() + " --dir d/one --passphrase-file d/one/pass").code,
            0);
  ASSERT_EQ(run("join " + tickets[0].get<std::string>() + " --dir d/two --passphrase-file d/two/pass").code,
            0);
  json requests;
  ASSERT_TRUE(eventually([&] {
    requests = ask("requests" + dir(2)).at("requests");
    return !requests.empty();
  })) << "every member hears of it";
  ASSERT_EQ(requests.size(), 1U) << "nobody hears of the one with the revoked ticket";
  const std::string id = requests[0].at("id");
  const json request = ask("requests show " + id + dir(1));
  EXPECT_EQ(request.at("inviter"), "Org A");
  EXPECT_EQ(request.at("words"), requests[0].at("words"));
  EXPECT_EQ(run("roster reject " + id + key(2)).code, 0);
  EXPECT_TRUE(
      eventually([&] { return !ask("requests" + dir(0)).at("requests").at(0).at("rejections").empty(); }));

  // Its rejection binds nobody else, and three of three are needed here: it stays outside.
  EXPECT_EQ(run("roster approve " + id + key(0) + " --wait-seconds 0.3").code, kExitWaiting);
  EXPECT_EQ(run("roster leave" + key(1)).code, kExitUsage) << "needs --yes";
  EXPECT_EQ(run("roster leave --yes" + key(1)).code, 0);
  EXPECT_TRUE(eventually([&] { return run("status" + dir(1)).code == kExitFailed; }));
}

TEST_F(Live, DoctorKeysMonitorBackupAndRestore) {
  up("--no-run");
  const json health = ask("doctor" + dir(0));
  EXPECT_EQ(health.at("failed"), 0) << health;
  EXPECT_GE(health.at("passed"), 12) << health;
  EXPECT_THAT(run("doctor" + dir(0)).out, HasSubstr("ok    peers        2 of 2 connected"));
  fs::permissions(folder_ / "dev" / "org-1" / "curve.key", fs::perms::group_read, fs::perm_options::add);
  const Outcome sick = run("doctor" + dir(1));
  EXPECT_EQ(sick.code, kExitFailed);
  EXPECT_THAT(sick.out, HasSubstr("FAIL  modes"));
  EXPECT_THAT(sick.out, HasSubstr("-> chmod go= "));
  fs::permissions(folder_ / "dev" / "org-1" / "curve.key", fs::perms::owner_read | fs::perms::owner_write);

  const json keys = ask("keys status" + dir(0));
  EXPECT_EQ(keys.at("keys").size(), 3U);
  EXPECT_EQ(keys.at("keys").at(0).at("words"), ask("status" + dir(0)).at("words"));
  EXPECT_EQ(keys.at("curve").at("epoch"), 1);
  EXPECT_EQ(keys.at("curve").at("rotation_due_at").get<std::int64_t>() -
                keys.at("curve").at("issued_at").get<std::int64_t>(),
            15 * 86'400);
  EXPECT_EQ(run("keys rotate" + dir(0)).code, 0);
  EXPECT_TRUE(eventually([&] { return ask("keys status" + dir(0)).at("curve").at("epoch") == 2; }));
  write("dev/new", "another one\n");
  fs::permissions(folder_ / "dev" / "new", fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(run("keys passphrase --new-passphrase-file dev/new" + key(0)).code, 0);
  EXPECT_EQ(run("invite" + key(0)).code, kExitDenied) << "the old passphrase";
  EXPECT_EQ(run("invite --passphrase-file dev/new" + dir(0)).code, 0);
  EXPECT_EQ(run("keys passphrase --new-passphrase-file dev/new" + dir(0)).code, kExitUsage);

  EXPECT_THAT(run("monitor --once" + dir(0)).out, HasSubstr("Org B"));
  EXPECT_EQ(ask("monitor --once" + dir(0)).at("peers").size(), 2U);
  const json served = ask("config show" + dir(0)).at("values");
  EXPECT_EQ(served.at(0).at("value"), "Org A");

  // A backup of the running node; back in another folder it is the same node, and recovers.
  ASSERT_EQ(ask("backup --with-keys --keys-passphrase-file dev/new -o saved" + dir(2)).at("has_keys"), true);
  EXPECT_EQ(ask("backup --check saved").at("node_key"),
            ask("keys status" + dir(2)).at("keys").at(1).at("public_key"));
  EXPECT_EQ(run("backup -o saved" + dir(2)).code, kExitUsage) << "nothing is overwritten";
  EXPECT_EQ(run("restore saved" + dir(2)).code, kExitUsage) << "a node is running there";
  EXPECT_EQ(run("roster leave --yes --dir nowhere").code, kExitUsage) << "no passphrase, no terminal";
  EXPECT_EQ(run("dev down --dir dev").code, 0);
  EXPECT_EQ(run("doctor" + dir(0)).code, 0) << "a node that is not running is only a warning";
  EXPECT_EQ(ask("roster verify" + dir(0)).at("versions").size(), 1U) << "from the database";
  EXPECT_EQ(run("restore saved" + dir(2)).code, kExitUsage) << "its state is still there";
  const json restored = ask("restore saved --with-keys --keys-passphrase-file dev/new --dir dev/back");
  EXPECT_EQ(restored.at("keys_missing"), false);
  start_node("dev/back");
  fs::copy_file(folder_ / "dev" / "org-2" / "passphrase", folder_ / "dev" / "back" / "passphrase");
  const Outcome early = run("roster propose --renew --dir dev/back --passphrase-file dev/back/passphrase");
  EXPECT_EQ(early.code, kExitUsage);
  EXPECT_THAT(early.err, HasSubstr("was restored"));
  EXPECT_THAT(run("doctor --dir dev/back").out, HasSubstr("was restored and signs nothing yet"));
  start_node("dev/org-0");
  start_node("dev/org-1");
  EXPECT_TRUE(eventually([&] {
    return run("roster propose --renew --dir dev/back --passphrase-file dev/back/passphrase").code == 0;
  })) << "once enough others are there";
}

TEST_F(Live, DevUpStopsItsNodesIfItFails) {
  fs::create_directory(folder_ / "dev");
  fs::permissions(folder_ / "dev", fs::perms::all);  // empty and open: taken, and closed
  const Outcome outcome = run("dev up --orgs 3 --dir dev --wait --rounds 1000 --timeout-seconds 0.1 --json");
  EXPECT_EQ(outcome.code, kExitTimeout) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("code"), "timeout");
  EXPECT_THAT(outcome.err, HasSubstr("3 nodes were stopped again"));
  EXPECT_EQ(fs::status(folder_ / "dev").permissions(), fs::perms::owner_all);
  EXPECT_EQ(ask("dev down --dir dev").at("stopped"), 0);
  EXPECT_EQ(run("dev up --dir dev").code, kExitUsage) << "it holds a consortium";
  fs::create_directory(folder_ / "other");
  write("other/file", "");
  fs::permissions(folder_ / "other", fs::perms::all);
  EXPECT_THAT(run("dev up --dir other").err, HasSubstr("chmod 700"));
}

TEST_F(Live, ARunIsProposedWithTheSchemaThatItsConfigurationNames) {
  up("--rounds 1 --wait");
  fs::create_directory(folder_ / "conf");
  fs::path data;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "dev")) {
    if (entry.path().extension() == ".csv" && data.empty()) data = entry.path();
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "dev")) {
    const std::string name = entry.path().filename().string();
    if (name.find("schema") != std::string::npos && name.find("pooled") == std::string::npos)
      fs::copy_file(entry.path(), folder_ / "conf" / "mine.toml", fs::copy_options::overwrite_existing);
  }
  ASSERT_TRUE(fs::exists(folder_ / "conf" / "mine.toml"));
  write("conf/run.toml",
        "name = \"mine\"\nparties = 3\nrounds = 1\nseed = 1\nmodel = \"logistic-regression\"\nstrategy = "
        "\"d-psgd\"\n"
        "[data]\ndataset = \"csv\"\npath = \"none.csv\"\nschema = \"mine.toml\"\n[topology]\nname = "
        "\"complete\"\n");
  const json proposed = ask("run propose conf/run.toml" + dir(1));
  const std::string id = proposed.at("run").get<std::string>().substr(0, 8);
  EXPECT_EQ(run("run approve " + id + " --data '" + data.string() + "'" + dir(1)).code, 0);
  write("conf/run.toml", "name = \"x\"\n[data]\ndataset = \"csv\"\npath = \"n\"\nschema = \"none.toml\"\n");
  const Outcome missing = run("run propose conf/run.toml" + dir(1));
  EXPECT_EQ(missing.code, kExitFailed);
  EXPECT_THAT(missing.err, HasSubstr("conf/none.toml"));
}

TEST_F(Live, AnOrganisationAddsASecondNodeAndRetiresIt) {
  up("--rounds 1 --wait");
  const std::string second = " --dir second";
  const std::string id = ask("keys status" + dir(0)).at("keys").at(0).at("id");
  EXPECT_EQ(run("init --org \"Org A\" --node-of " + id.substr(0, 30) + " --outbound-only" + second).code,
            kExitUsage)
      << "half an ID";
  const json made = ask("init --org \"Org A\" --node-of " + id + " --outbound-only --http-port 0" + second);
  EXPECT_EQ(made.at("words"), ask("status" + dir(0)).at("words"));
  EXPECT_EQ(run("up" + second).code, kExitWaiting) << "nobody has admitted it";
  EXPECT_EQ(run("doctor" + second).code, kExitFailed);
  EXPECT_EQ(run("node request -o nothing" + dir(0)).code, kExitUsage) << "this node has the key";
  const json asked = ask("node request -o request" + second);
  EXPECT_EQ(asked.at("node_id"), made.at("node_id"));
  const json added = ask("node add request -o admission" + key(0));
  EXPECT_EQ(added.at("node_words"), asked.at("node_words"));
  EXPECT_EQ(run("node add request -o admission" + key(0)).code, kExitUsage) << "nothing is overwritten";
  EXPECT_EQ(run("node add request" + key(0)).code, kExitUsage) << "no -o";
  EXPECT_EQ(run("node add request -o other" + key(1)).code, kExitUsage) << "another organisation";
  EXPECT_EQ(run("node add admission -o other" + key(0)).code, kExitFailed) << "no request";
  EXPECT_EQ(run("node accept request" + second).code, kExitFailed) << "no admission";
  EXPECT_EQ(run("node accept admission" + dir(0)).code, kExitUsage);
  const json accepted = ask("node accept admission" + second);
  EXPECT_EQ(accepted.at("nodes"), 4);
  EXPECT_EQ(run("node accept admission" + second).code, kExitUsage) << "once";
  EXPECT_FALSE(fs::exists(folder_ / "second" / "org.key"));

  start_node("second");
  const auto connected = [&](const std::string& where) {
    int n = 0;
    const json document = ask("peers" + where);
    for (const json& peer : document.at("peers")) n += peer.at("connected") == true ? 1 : 0;
    return n;
  };
  for (const std::string& where : {dir(0), dir(1), dir(2), second})
    EXPECT_TRUE(eventually([&] { return connected(where) == 3; })) << where;
  EXPECT_EQ(ask("status" + second).at("org"), "Org A");
  EXPECT_THAT(run("status" + dir(0)).out, HasSubstr("nodes     2 of this organisation"));
  EXPECT_THAT(run("roster show" + dir(1)).out,
              HasSubstr("node " + made.at("node_id").get<std::string>().substr(0, 7)));
  EXPECT_EQ(ask("roster show" + dir(2)).at("orgs").size(), 3U);
  EXPECT_EQ(ask("keys status" + second).at("keys").at(0).at("id"), id);
  EXPECT_EQ(ask("doctor" + second).at("failed"), 0);

  // Three votes of three organisations are needed, as before, and none can be cast here.
  EXPECT_EQ(run("roster propose --renew --passphrase-file dev/org-0/passphrase" + second).code, kExitUsage);
  EXPECT_EQ(ask("roster propose --rename again" + key(0)).at("proposals").at(0).at("needed"), 3);
  EXPECT_TRUE(eventually([&] { return run("roster approve" + key(1)).code != kExitFailed; }));
  EXPECT_TRUE(eventually([&] { return run("roster approve" + key(2) + " --wait-seconds 30").code == 0; }));
  EXPECT_TRUE(eventually([&] { return has_version(0, 2); }));
  EXPECT_TRUE(eventually([&] { return ask("roster show" + second).at("version") == 2; }));

  // A run that is proposed at the second node trains there, and once for each organisation.
  write("run.toml",
        "name = \"two\"\nparties = 3\nrounds = 2\nseed = 1\nmodel = \"logistic-regression\"\nstrategy = "
        "\"d-psgd\"\n[data]\ndataset = \"csv\"\npath = \"none.csv\"\nschema = \"dev/bank.schema.toml\"\n"
        "[topology]\nname = \"complete\"\n");
  const std::string run_id = ask("run propose run.toml" + second).at("run").get<std::string>().substr(0, 8);
  const auto approve = [&](int i, const std::string& where) {
    return run("run approve " + run_id + " --data dev/org-" + std::to_string(i) + ".csv" + where);
  };
  ASSERT_TRUE(eventually([&] { return ask("run ls" + dir(0)).at("runs").size() == 2; }));
  const Outcome wrong = approve(0, dir(0));
  EXPECT_EQ(wrong.code, kExitUsage);
  EXPECT_THAT(wrong.err, HasSubstr("node " + made.at("node_id").get<std::string>().substr(0, 7)));
  EXPECT_TRUE(eventually([&] { return approve(0, second).code == 0; }));
  EXPECT_TRUE(eventually([&] { return approve(1, dir(1)).code == 0; }));
  EXPECT_TRUE(eventually([&] { return approve(2, dir(2)).code == 0; }));
  const auto found = [&](const std::string& where) {
    const json document = ask("run ls" + where);
    for (const json& each : document.at("runs")) {
      if (each.at("id").get<std::string>().starts_with(run_id)) return each;
    }
    return json{{"state", "unknown"}, {"parties", json::array()}};
  };
  EXPECT_TRUE(eventually([&] { return found(second).at("state") == "complete"; }));
  EXPECT_EQ(found(second).at("parties").size(), 3U);
  EXPECT_TRUE(eventually([&] { return found(dir(0)).at("state") == "complete"; }));

  const std::string short_id = made.at("node_id").get<std::string>().substr(0, 7);
  EXPECT_EQ(run("node leave --yes --passphrase-file dev/org-0/passphrase" + second).code, kExitUsage);
  EXPECT_EQ(run("node leave AAAAAAA --yes" + key(0)).code, kExitFailed) << "there is none";
  EXPECT_EQ(ask("node leave " + short_id + " --yes" + key(0)).at("retired"), true);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eventually([&] { return ask("peers" + dir(i)).at("peers").size() == 2; })) << i;
    EXPECT_TRUE(eventually([&] { return connected(dir(i)) == 2; })) << i;
  }
  EXPECT_TRUE(eventually([&] { return connected(second) == 0; })) << "nobody lets it in";
}

}  // namespace
}  // namespace hansa::cli
