// Checkpoints on a real disk: what was saved comes back bit for bit, what was damaged does not come back, and
// the one before it does.
#include "src/store/checkpoints.hpp"

#include "tests/temporary_folder.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kParameters = 37;

ParametersRef model(std::uint64_t seed) {
  Parameters values = Parameters::uninitialised(kParameters);
  Rng rng(seed, Purpose::test);
  for (float& value : values.span()) value = static_cast<float>(rng.normal());
  return std::move(values).freeze();
}

protocols::Record record(Round round) {
  protocols::Record r;
  r.round = round;
  r.model = model(round);
  r.optimiser_state = model(1000 + round);
  r.mass = 0.25;
  r.age = 9;
  r.pending.push_back({party_at(2), 7, round, 0.5, model(5)});
  r.absorbed.push_back({party_at(1), 3, {5, 8}});
  r.shares_sent.emplace_back(party_at(3), 11);
  auto beacon = std::make_shared<protocols::beacon::BeaconRecord>();
  beacon->attempt = 2;
  beacon->taking_part = true;
  beacon->members = {party_at(0), party_at(2)};
  beacon->certificate = std::make_shared<const std::vector<std::byte>>(9, std::byte{7});
  r.beacon = beacon;
  return r;
}

bool same(const ParametersRef& a, const ParametersRef& b) {
  return std::equal(a.span().begin(), a.span().end(), b.span().begin(), b.span().end());
}

class CheckpointsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(base_)) {
      if (entry.path().extension() == ".checkpoint") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  Checkpoints open() { return Checkpoints::open(base_ / "checkpoints", run_).value(); }

  const test::TemporaryFolder temporary_;
  const fs::path base_ = temporary_.path();
  crypto::Hash256 run_ = crypto::hash("test", {});
};

TEST_F(CheckpointsTest, TheNewestComesBackAsItWas) {
  EXPECT_FALSE(open().load_newest(kParameters)->has_value());
  for (const Round round : {0u, 1u, 2u}) ASSERT_TRUE(open().save(record(round)).ok());
  Checkpoints again = open();
  const auto loaded = again.load_newest(kParameters);
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  const protocols::Record expected = record(2), &got = **loaded;
  EXPECT_EQ(got.round, 2u);
  EXPECT_TRUE(same(got.model, expected.model) && same(got.optimiser_state, expected.optimiser_state));
  EXPECT_EQ(got.mass, 0.25);
  EXPECT_EQ(got.age, 9u);
  ASSERT_EQ(got.pending.size(), 1u);
  EXPECT_TRUE(same(got.pending[0].model, expected.pending[0].model));
  EXPECT_EQ(got.absorbed[0].above, (std::vector<std::uint64_t>{5, 8}));
  EXPECT_EQ(got.shares_sent, expected.shares_sent);
  ASSERT_TRUE(got.beacon);
  EXPECT_EQ(got.beacon->members, expected.beacon->members);
  EXPECT_EQ(*got.beacon->certificate, *expected.beacon->certificate);
  EXPECT_FALSE(again.load_newest(kParameters + 1)->has_value()) << "another model than the run's";
}

/// What a party kept for others is sent on as it is, so it has to fit the run as well as the party's own
/// model.
TEST_F(CheckpointsTest, SharesThatDoNotFitTheRunAreNotRead) {
  EXPECT_TRUE(decode_record(encode_record(record(1)), kParameters).ok());
  protocols::Record endless = record(1), empty = record(1), another = record(1);
  endless.pending[0].mass = std::numeric_limits<double>::infinity();
  empty.pending[0].model = {};
  another.pending[0].model = Parameters::zeros(kParameters - 1).freeze();
  for (const protocols::Record* wrong : {&endless, &empty, &another}) {
    EXPECT_FALSE(decode_record(encode_record(*wrong), kParameters).ok());
  }
}

TEST_F(CheckpointsTest, KeepsTheLastThreeAndEveryTenth) {
  Checkpoints all = open();
  for (Round round = 0; round < 25; ++round) ASSERT_TRUE(all.save(record(round)).ok());
  EXPECT_EQ(files().size(), 6u);  // 0 10 20, 22 23 24
}

TEST_F(CheckpointsTest, EveryBitFlipIsFoundAndTheOneBeforeIsTaken) {
  Checkpoints all = open();
  ASSERT_TRUE(all.save(record(1)).ok());
  ASSERT_TRUE(all.save(record(2)).ok());
  const fs::path newest = files().back();
  std::ifstream in(newest, std::ios::binary);
  const std::string intact{std::istreambuf_iterator<char>(in), {}};
  Rng rng(4, Purpose::test);
  for (int trial = 0; trial < 50; ++trial) {
    std::string broken = intact;
    const std::size_t at = rng.below(broken.size());
    broken[at] = static_cast<char>(broken[at] ^ (1 << rng.below(8)));
    std::ofstream(newest, std::ios::binary) << broken;
    fs::permissions(newest, fs::perms::owner_read | fs::perms::owner_write);
    Checkpoints damaged = open();
    const auto loaded = damaged.load_newest(kParameters);
    ASSERT_TRUE(loaded.ok() && loaded->has_value());
    EXPECT_TRUE(same((*loaded)->model, model(1))) << "byte " << at;
    EXPECT_EQ((*loaded)->round, 2u) << "what was said in round 2 must not be said again";
    EXPECT_EQ(damaged.quarantined().size(), 1u);
    EXPECT_FALSE(fs::exists(newest));
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, intact.size() - 1}) {
    std::ofstream(newest, std::ios::binary) << intact.substr(0, size);
    fs::permissions(newest, fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_TRUE(same((*open().load_newest(kParameters))->model, model(1))) << size;
  }
  std::ofstream(newest, std::ios::binary) << intact;
  fs::permissions(newest, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(same((*open().load_newest(kParameters))->model, model(2)));
}

TEST_F(CheckpointsTest, RunsDoNotSeeEachOther) {
  ASSERT_TRUE(open().save(record(1)).ok());
  auto other = Checkpoints::open(base_ / "checkpoints", crypto::hash("test", std::array{std::byte{1}}));
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->load_newest(kParameters)->has_value());
}

TEST(RecordBytes, NothingButARecordIsRead) {
  const std::vector<std::byte> whole = encode_record(record(3));
  ASSERT_TRUE(decode_record(whole, kParameters).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_record(std::span(whole).first(size), kParameters).ok()) << size;
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_record(longer, kParameters).ok());
}

}  // namespace
}  // namespace hansa::store
