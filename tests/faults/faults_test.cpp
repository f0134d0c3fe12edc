// Nodes that are broken while they train: real processes, killed, stopped, with damaged files. The short
// plans run in every test run; HANSA_LONG=1 asks for the full ones, HANSA_FAULT_SEED=n for another plan.
#include "tests/faults/chaos.hpp"

#include "cli/mesh.hpp"
#include "src/crypto/random.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace hansa::faults {
namespace {

namespace fs = std::filesystem;

bool long_tests() { return std::getenv("HANSA_LONG") != nullptr; }

int number_from(const char* variable, int otherwise) {
  const char* set = std::getenv(variable);
  return set == nullptr ? otherwise : std::atoi(set);
}

class Faults : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise().ok());
    std::string name = (fs::temp_directory_path() / "hansa-faults-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
  }
  void TearDown() override {
    mesh_.reset();
    if (std::getenv("HANSA_KEEP") == nullptr) fs::remove_all(base_);
  }
  void found(std::size_t nodes) {
    mesh_.emplace(base_, nodes);
    const auto founded = mesh_->found();
    ASSERT_TRUE(founded.ok()) << founded.error().message << mesh_->log(0);
  }

  std::uint64_t seed_ = static_cast<std::uint64_t>(number_from("HANSA_FAULT_SEED", 1));
  fs::path base_;
  std::optional<ProcessMesh> mesh_;
};

TEST_F(Faults, NodesThatAreKilledPausedAndDamagedTrainOn) {
  SCOPED_TRACE("HANSA_FAULT_SEED=" + std::to_string(seed_));
  found(5);
  ASSERT_FALSE(HasFailure());
  Chaos chaos(*mesh_, seed_);
  const std::string config = run_config(5, 40);
  chaos.measure(config);
  Plan plan{.kills = 3, .pauses = 1, .flips = 2};
  if (long_tests()) plan = {.kills = 200, .pauses = 50, .flips = 50};
  plan.kills = number_from("HANSA_KILLS", plan.kills);
  plan.pauses = number_from("HANSA_PAUSES", plan.pauses);
  plan.flips = number_from("HANSA_FLIPS", plan.flips);
  chaos.endure(config, plan);
  chaos.nothing_was_signed_twice();
}

TEST_F(Faults, APartitionHealsAndAFullDiskStopsOneNodeForAWhile) {
  SCOPED_TRACE("HANSA_FAULT_SEED=" + std::to_string(seed_));
  found(5);
  ASSERT_FALSE(HasFailure());
  Chaos chaos(*mesh_, seed_);
  const std::string config = run_config(5, 60);
  chaos.measure(config);
  auto run = mesh_->begin_run(config);
  ASSERT_TRUE(run.ok()) << run.error().message;
  chaos.begins(*run);
  for (const std::vector<int>& groups : {std::vector<int>{0, 1, 1, 1, 1}, std::vector<int>{0, 0, 1, 1, 1}}) {
    const int before = mesh_->run(0, *run)["round"];
    mesh_->wires().split(groups);
    // Whoever is cut off notices it at its deadlines, of which a sum that has begun has several; and trains
    // on.
    EXPECT_TRUE(eventually(Millis(60'000), [&] {
      const Json now = mesh_->run(0, *run);
      return now.is_object() && (now["round"] >= before + 2 || now["round"] == now["rounds"]);
    })) << chaos.scene(*run);
    mesh_->wires().heal();
    const int cut = mesh_->run(0, *run)["round"];
    EXPECT_TRUE(eventually(Millis(30'000), [&] { return chaos.sums(*run, 0, cut, 5) || chaos.over(*run); }))
        << chaos.scene(*run);
  }
  chaos.completes(*run);

  // Files that may not grow are a full disk to the node: it must stop rather than forget what it signs.
  run = mesh_->begin_run(config);
  ASSERT_TRUE(run.ok()) << run.error().message;
  chaos.begins(*run);
  mesh_->kill(2);
  constexpr std::uint64_t kFileBytesMax = 20'000;
  (void)mesh_->start(2, kFileBytesMax);  // it may come that far or not
  EXPECT_TRUE(eventually(Millis(30'000), [&] { return mesh_->ended(2).has_value(); })) << mesh_->log(2);
  const auto status = mesh_->ended(2);
  EXPECT_TRUE(status && *status > 0 && *status < 128) << status.value_or(-1) << mesh_->log(2);
  EXPECT_NE(mesh_->log(2).find("cannot be"), std::string::npos) << mesh_->log(2);
  const auto started = mesh_->start(2);
  ASSERT_TRUE(started.ok()) << started.error().message << mesh_->log(2);
  chaos.completes(*run);
  chaos.nothing_was_signed_twice();
}

/// As from a backup in the middle of a run: neither the database nor the checkpoints know of what was signed
/// since, but the others do.
TEST_F(Faults, ANodeWithOldMemoriesAsksBeforeItSigns) {
  found(5);
  ASSERT_FALSE(HasFailure());
  Chaos chaos(*mesh_, seed_);
  const std::string config = run_config(5, 60);
  const auto run = mesh_->begin_run(config);
  ASSERT_TRUE(run.ok()) << run.error().message;
  chaos.begins(*run);
  constexpr std::size_t kVictim = 1;
  const fs::path root = mesh_->folder(kVictim).root, backup = base_ / "backup";
  constexpr auto kAll = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
  mesh_->kill(kVictim);
  fs::create_directory(backup);
  for (const char* name : {"state.db", "checkpoints"}) fs::copy(root / name, backup / name, kAll);
  ASSERT_TRUE(mesh_->start(kVictim).ok()) << mesh_->log(kVictim);
  const int before = chaos.last_round(*run, kVictim);
  EXPECT_TRUE(eventually(Millis(30'000), [&] {
    return chaos.sums(*run, kVictim, before, 5) || chaos.over(*run);
  })) << chaos.scene(*run);

  mesh_->kill(kVictim);
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm", "checkpoints"})
    fs::remove_all(root / name);
  for (const char* name : {"state.db", "checkpoints"}) fs::copy(backup / name, root / name, kAll);
  ASSERT_TRUE(mesh_->start(kVictim).ok()) << mesh_->log(kVictim);
  chaos.completes(*run);
  EXPECT_NE(mesh_->log(kVictim, 100'000).find("is older than this node"), std::string::npos);
  chaos.nothing_was_signed_twice();
}

TEST_F(Faults, ANodeThatIsSuspendedMidRunIsHeardNoMore) {
  SCOPED_TRACE("HANSA_FAULT_SEED=" + std::to_string(seed_));
  found(5);
  ASSERT_FALSE(HasFailure());
  Chaos chaos(*mesh_, seed_);
  constexpr std::size_t kRevoked = 4;
  const auto demand = [&](std::size_t i) {
    return cli::decide(mesh_->folder(i), mesh_->organisation(i),
                       [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
                         return g.keeper().suspend(mesh_->organisation(kRevoked).public_key(), "a test", key,
                                                   cli::unix_now(), g.effects());
                       });
  };
  const auto first = demand(0);  // one organisation alone changes nothing
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto run = mesh_->begin_run(run_config(5, 24));
  ASSERT_TRUE(run.ok()) << run.error().message;
  chaos.begins(*run);
  const auto second = demand(1);
  ASSERT_TRUE(second.ok()) << second.error().message;
  const auto connected_to = [&](std::size_t i, const std::string& name) {
    for (const Json& peer : mesh_->get(i, "/api/v1/peers").value("peers", Json::array())) {
      if (peer["org"] == name && peer.value("connected", false)) return true;
    }
    return false;
  };
  // Within two seconds nobody has a line to it; whatever it says from then on is not even received.
  EXPECT_TRUE(eventually(Millis(2000), [&] {
    for (std::size_t i = 0; i < kRevoked; ++i) {
      if (connected_to(i, mesh_->name(kRevoked))) return false;
    }
    return true;
  })) << chaos.scene(*run);
  const int reached = mesh_->run(0, *run)["round"];
  ASSERT_LT(reached + 2, 24) << "it was over before";
  chaos.leave_out(kRevoked);
  chaos.completes(*run);
  for (std::size_t i = 0; i < kRevoked; ++i) {
    EXPECT_FALSE(connected_to(i, mesh_->name(kRevoked)));
    EXPECT_TRUE(chaos.sums(*run, i, reached + 1, 4)) << mesh_->name(i) << chaos.scene(*run);
    EXPECT_FALSE(chaos.sums(*run, i, reached + 1, 5)) << mesh_->name(i) << " summed a model of the revoked";
  }
}

}  // namespace
}  // namespace hansa::faults
