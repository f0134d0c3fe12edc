// A backup holds what it should and nothing else, a damaged one is found, and a node that returns from one
// never contradicts what it signed after the backup was made.
#include "src/node/backup.hpp"

#include "src/crypto/hash.hpp"
#include "src/node/run_history.hpp"
#include "src/node/sample_data.hpp"
#include "src/store/backup_file.hpp"
#include "src/store/key_files.hpp"
#include "src/store/state_db.hpp"
#include "tests/node/consortium.hpp"
#include "tests/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include <stdlib.h>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using testing::Consortium;
using testing::eventually;
using ::testing::HasSubstr;

constexpr crypto::StretchCost kCheap{.passes = 1, .memory_kib = 64};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Backup : public ::testing::Test {
 protected:
  /// A folder as a node leaves it.
  StateFolder node_folder(const std::string& name) {
    StateFolder folder{base_ / name};
    EXPECT_TRUE(make_state_folder(folder, crypto::SecretText("pass"), kCheap).ok());
    auto db = store::StateDb::open(folder.database());
    EXPECT_TRUE(db.ok() && db->next("boot", 7).ok());
    const std::byte key{1}, value{2};
    EXPECT_TRUE(db->put("binding", {&key, 1}, {&value, 1}).ok());
    EXPECT_TRUE(db->put("roster", {&key, 1}, {&value, 1}).ok());
    EXPECT_TRUE(save_boot(folder, 7).ok());
    for (const char* part : {"models", "audit", "histories"}) {
      EXPECT_TRUE(store::ensure_private_folder(folder.root / part).ok());
    }
    const std::string model(3'000'000, 'm');  // more than one part
    EXPECT_TRUE(store::write_private_file(folder.models() / "0123456789abcdef.f32",
                                          std::as_bytes(std::span(model.data(), model.size())))
                    .ok());
    EXPECT_TRUE(HistoryFile(folder, crypto::hash("test", {})).append({.round = 3}, "auc").ok());
    const std::string settings = "[node]\norganisation = \"A\"\n";
    EXPECT_TRUE(store::write_private_file(folder.settings(),
                                          std::as_bytes(std::span(settings.data(), settings.size())))
                    .ok());
    return folder;
  }

  const test::TemporaryFolder temporary_;
  const fs::path base_ = temporary_.path();
};

TEST_F(Backup, HoldsNoKeyUnlessAskedAndThenSealed) {
  const StateFolder folder = node_folder("a");
  const auto plain = make_backup(folder, base_ / "plain", nullptr, 1'800'000'000);
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  EXPECT_FALSE(plain->has_keys);
  const crypto::SecretText passphrase("correct horse");
  const auto sealed = make_backup(folder, base_ / "sealed", &passphrase, 1'800'000'000, kCheap);
  ASSERT_TRUE(sealed.ok()) << sealed.error().message;
  EXPECT_TRUE(sealed->has_keys);
  const std::string node_key = bytes_of(folder.node_key()), curve_key = bytes_of(folder.curve_key());
  const std::string organisation_key = bytes_of(folder.organisation_key());
  for (const char* name : {"plain", "sealed"}) {
    const std::string bytes = bytes_of(base_ / name);
    EXPECT_GT(bytes.size(), 3'000'000U);
    // The secret halves lie behind 52 bytes of header; eight bytes of them cannot be there by chance.
    EXPECT_EQ(bytes.find(node_key.substr(52, 8)), std::string::npos);
    EXPECT_EQ(bytes.find(curve_key.substr(52, 8)), std::string::npos);
    EXPECT_EQ(bytes.find(organisation_key.substr(60, 8)), std::string::npos);
    EXPECT_EQ(fs::status(base_ / name).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  }
  EXPECT_FALSE(make_backup(folder, base_ / "plain", nullptr, 1).ok()) << "no backup is overwritten";

  // A wrong passphrase changes nothing; the right one brings back the very files.
  const StateFolder other{base_ / "b"};
  const crypto::SecretText wrong("incorrect horse");
  const auto refused = restore_backup(base_ / "sealed", other, {.keys_passphrase = &wrong}, unix_now());
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_FALSE(fs::exists(other.root));
  const auto restored = restore_backup(base_ / "sealed", other, {.keys_passphrase = &passphrase}, unix_now());
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_FALSE(restored->keys_missing);
  EXPECT_EQ(bytes_of(other.node_key()), node_key);
  EXPECT_EQ(bytes_of(other.curve_key()), curve_key);
  EXPECT_EQ(bytes_of(other.organisation_key()), organisation_key);
  const auto history = HistoryFile(other, crypto::hash("test", {})).load();
  EXPECT_TRUE(history.ok() && history->rounds.size() == 1 && history->metric_name == "auc");
  EXPECT_EQ(bytes_of(other.models() / "0123456789abcdef.f32"), std::string(3'000'000, 'm'));
  const auto without = restore_backup(base_ / "plain", {base_ / "c"}, {}, unix_now());
  ASSERT_TRUE(without.ok()) << without.error().message;
  EXPECT_TRUE(without->keys_missing);
}

TEST_F(Backup, AFurtherNodeHasAndNeedsNoKeyOfItsOrganisation) {
  const StateFolder folder = node_folder("a");
  const crypto::PublicKey organisation = load_node_keys(folder)->organisation;
  for (const auto& [file, text] :
       {std::pair(folder.organisation_id(),
                  protocols::roster::to_text(protocols::roster::id_of(organisation)) + "\n"),
        std::pair(folder.organisation_public(), crypto::to_hex(organisation) + "\n")}) {
    ASSERT_TRUE(store::write_private_file(file, std::as_bytes(std::span(text.data(), text.size()))).ok());
  }
  fs::remove(folder.organisation_key());
  ASSERT_TRUE(load_node_keys(folder).ok()) << load_node_keys(folder).error().message;
  const crypto::SecretText passphrase("correct horse");
  const auto sealed = make_backup(folder, base_ / "sealed", &passphrase, 1'800'000'000, kCheap);
  ASSERT_TRUE(sealed.ok()) << sealed.error().message;
  const StateFolder other{base_ / "b"};
  const auto restored = restore_backup(base_ / "sealed", other, {.keys_passphrase = &passphrase}, unix_now());
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_FALSE(restored->keys_missing);
  EXPECT_FALSE(fs::exists(other.organisation_key()));
  const auto keys = load_node_keys(other);
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_EQ(keys->organisation, organisation);
  EXPECT_EQ(organisation_id(other)->hash, protocols::roster::id_of(organisation).hash);
  fs::remove(other.organisation_public());
  EXPECT_EQ(load_node_keys(other).error().kind, ErrorKind::waiting) << "not admitted";
}

TEST_F(Backup, ARestoredFolderKnowsThatItIsOne) {
  const StateFolder folder = node_folder("a");
  ASSERT_TRUE(make_backup(folder, base_ / "backup", nullptr, 1).ok());
  EXPECT_THAT(restore_backup(base_ / "backup", folder, {}, 5).error().hint, HasSubstr("--replace"));
  ASSERT_TRUE(save_boot(folder, 4'000'000'000).ok());  // starts since then, by a clock that runs ahead
  const auto restored = restore_backup(base_ / "backup", folder, {.replace = true}, 1'800'000'000);
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_TRUE(fs::exists(restored->moved_aside / "state.db"));
  EXPECT_TRUE(fs::exists(restored->moved_aside / "histories"));
  EXPECT_GT(*last_boot(folder), 4'000'000'000U);
  auto db = store::StateDb::open(folder.database());
  ASSERT_TRUE(db.ok());
  EXPECT_TRUE(db->all("binding")->empty()) << "no data is bound to old runs";
  EXPECT_EQ(db->all("roster")->size(), 1U);
  EXPECT_EQ(db->all(kNodeTable)->size(), 1U);
  const StateFolder stranger = node_folder("b");
  EXPECT_THAT(restore_backup(base_ / "backup", stranger, {.replace = true}, 5).error().message,
              HasSubstr("another node"));
  EXPECT_TRUE(fs::exists(stranger.database())) << "nothing was changed";
}

TEST_F(Backup, DamageAndForeignNamesAreFound) {
  const StateFolder folder = node_folder("a");
  ASSERT_TRUE(make_backup(folder, base_ / "backup", nullptr, 1).ok());
  const std::string good = bytes_of(base_ / "backup");
  std::size_t found = 0, tried = 0;
  for (std::size_t at = 0; at < good.size(); at += 31'013, ++tried) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    std::ofstream(base_ / "bad", std::ios::binary) << bad;
    found += read_backup(base_ / "bad").ok() ? 0 : 1;
  }
  EXPECT_GT(found, tried * 9 / 10) << "what is not found lies between the pages' cells";
  std::ofstream(base_ / "cut", std::ios::binary) << good.substr(0, good.size() / 2);
  EXPECT_FALSE(read_backup(base_ / "cut").ok());
  std::ofstream(base_ / "text", std::ios::binary) << "hello";
  EXPECT_FALSE(read_backup(base_ / "text").ok());
  for (const char* name : {"../evil", "audit/../../evil", "models/.hidden", "histories/../x", "org.key",
                           "/etc/passwd", "audit/"}) {
    const fs::path file = base_ / ("named" + std::to_string(tried++));
    auto writer = store::BackupWriter::create(file);
    ASSERT_TRUE(writer.ok());
    for (const char* each : {name, "state.db", "boot"}) ASSERT_TRUE(writer->add(each, {}).ok());
    ASSERT_TRUE(
        writer->finish({{"organisation", ""}, {"node", ""}, {"boot", "1"}, {"created_at", "1"}}).ok());
    EXPECT_THAT(read_backup(file).error().message, HasSubstr("which no backup has")) << name;
  }
}

TEST_F(Backup, ARestoredNodeSignsNothingThatContradictsWhatItForgot) {
  Consortium mesh(base_, 3);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(make_backup(mesh[0].folder, base_ / "backup", nullptr, unix_now()).ok());
  const std::uint64_t boot = mesh.core(0).view()->boot_id;
  namespace roster = protocols::roster;
  // Signed after the backup, and known to the others.
  const auto propose = [&](roster::Policy policy, bool expected) {
    return [&, policy, expected](roster::RosterKeeper& keeper, roster::KeeperEffects& out) {
      roster::Roster next = keeper.draft(unix_now());
      next.policy = policy;
      const auto done = keeper.propose(next, *mesh[0].organisation, unix_now(), out);
      EXPECT_EQ(done.ok(), expected) << (done.ok() ? "" : done.error().message);
    };
  };
  mesh.decide(0, propose(roster::Policy::majority, true));
  ASSERT_TRUE(eventually([&] { return mesh.core(1).view()->roster.proposals.size() == 1; }));
  for (const std::size_t i : {0, 1, 2}) mesh.stop(i);
  const auto restored = restore_backup(base_ / "backup", mesh[0].folder, {.replace = true}, unix_now());
  ASSERT_TRUE(restored.ok()) << restored.error().message;

  mesh.start(0);  // alone: nobody can tell it what it has forgotten, however often it is started
  EXPECT_TRUE(mesh.core(0).keeper_state()->recovering);
  EXPECT_GT(mesh.core(0).view()->boot_id, boot);
  const auto state = mesh.core(0).keeper_state();
  auto copy = Governance::open(*mesh[0].keys, *state, unix_now());
  ASSERT_TRUE(copy.ok());
  propose(roster::Policy::unanimous, false)(copy->keeper(), copy->effects());
  EXPECT_EQ(mesh.core(0).change_keeper(copy->change()).error().kind, ErrorKind::waiting);
  mesh.stop(0);
  mesh.start(0);
  EXPECT_TRUE(mesh.core(0).keeper_state()->recovering);
  EXPECT_EQ(mesh.core(0).propose_run({.manifest_toml = "x"}).error().kind, ErrorKind::waiting);

  mesh.start(1);
  mesh.start(2);
  ASSERT_TRUE(eventually([&] { return mesh.core(0).view()->ready; }));
  EXPECT_FALSE(mesh.core(0).keeper_state()->recovering);
  EXPECT_EQ(mesh.core(0).view()->roster.proposals.size(), 1U) << "its own vote came back";
  mesh.decide(0, propose(roster::Policy::unanimous, false));  // would be a second signature for version 2
  mesh.stop(0);
  mesh.start(0);
  EXPECT_FALSE(mesh.core(0).keeper_state()->recovering) << "recovered is recovered";
}

TEST_F(Backup, ARestoredNodeLeavesTheRunsItWasIn) {
  fs::create_directory(base_ / "data");
  const auto data = write_sample_data(base_ / "data", 3);
  ASSERT_TRUE(data.ok());
  Consortium mesh(base_, 3);
  mesh.found();
  const std::string text =
      "name = \"long\"\nrounds = 100000\nparties = 3\nseed = 5\nmodel = \"logistic-regression\"\nstrategy = "
      "\"d-psgd\"\n"
      "aggregation = \"plain\"\n[data]\ndataset = \"bank-marketing\"\n[topology]\nname = \"complete\"\n";
  const auto run = mesh.core(0).propose_run({.manifest_toml = text, .schema_toml = bytes_of(data->schema)});
  ASSERT_TRUE(run.ok()) << run.error().message;
  const auto state_at = [&](std::size_t node, std::size_t party) {
    for (const http::RunView& view : mesh.core(node).view()->runs) {
      if (view.id == *run) return view.parties.at(party).state;
    }
    return std::string();
  };
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(eventually([&] { return !state_at(i, 0).empty(); }));
    ASSERT_TRUE(mesh.core(i).approve_run({.run = *run, .data = data->parties[i].string()}).ok());
  }
  const std::size_t me = [&] {
    const auto view = mesh.core(0).view();
    for (std::size_t party = 0; party < 3; ++party) {
      if (view->runs.at(0).parties.at(party).node_id == view->node_id) return party;
    }
    return std::size_t{3};
  }();
  ASSERT_LT(me, 3U);
  ASSERT_TRUE(eventually([&] { return state_at(0, me) == "training"; }));
  ASSERT_TRUE(make_backup(mesh[0].folder, base_ / "backup", nullptr, unix_now()).ok());
  mesh.stop(0);
  ASSERT_TRUE(restore_backup(base_ / "backup", mesh[0].folder, {.replace = true}, unix_now()).ok());
  mesh.start(0);
  EXPECT_TRUE(eventually([&] { return state_at(0, me) == "stopped"; })) << state_at(0, me);
  EXPECT_TRUE(eventually([&] { return state_at(1, me) == "stopped"; })) << state_at(1, me);
}

}  // namespace
}  // namespace hansa::node
