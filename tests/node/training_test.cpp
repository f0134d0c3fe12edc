// From a configuration file to trained models without a socket: what is proposed, bound and trained at nodes
// that see only their own file ends with the bits of a simulation that sees all files.
#include "src/node/training.hpp"

#include "sim/experiment.hpp"
#include "src/node/sample_data.hpp"
#include "tests/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using protocols::runs::NodeKey;
using protocols::runs::RunId;
using ::testing::HasSubstr;

constexpr std::uint32_t kParties = 4;
constexpr std::int64_t kNow = 1'800'000'000;

class Observer final : public TrainingObserver {
 public:
  explicit Observer(std::map<NodeKey, std::unique_ptr<Training>>& all, NodeKey self)
      : all_(all), self_(self) {}
  void frame_to(const RunId&, const NodeKey& to, actors::FrameRef frame) override {
    all_.at(to)->deliver(self_, std::move(frame));
  }
  void round_done(const RunId&, const RoundReport& report) override {
    const std::lock_guard lock(mutex_);
    reports.push_back(report);
  }
  void training_done(const RunId&, Round, ParametersRef final_model, Ending) override {
    const std::lock_guard lock(mutex_);
    model = std::move(final_model);
    changed_.notify_one();
  }
  void training_failed(const RunId&, const std::string& what) override { ADD_FAILURE() << what; }
  void disk_failed(const RunId&, const Error& error) override { ADD_FAILURE() << error.message; }
  void noticed(const RunId&, const std::string& what) override { ADD_FAILURE() << what; }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return static_cast<bool>(model); });
  }

  ParametersRef model;
  std::vector<RoundReport> reports;

 private:
  std::map<NodeKey, std::unique_ptr<Training>>& all_;
  NodeKey self_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class NodeTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = temporary_.path();
    auto data = write_sample_data(folder_, kParties);
    ASSERT_TRUE(data.ok()) << data.error().message;
    data_ = std::move(data).value();
    for (std::uint64_t i = 0; i < kParties; ++i) {
      keys_.push_back(std::make_shared<const crypto::Identity>(
          crypto::Identity::from_seed(crypto::Hasher("test/node").update_u64(i).finish().bytes)));
    }
    std::sort(keys_.begin(), keys_.end(),
              [](const auto& a, const auto& b) { return a->public_key() < b->public_key(); });
  }

  [[nodiscard]] std::string write_config(const std::string& strategy, const std::string& aggregation,
                                         bool pooled) const {
    const fs::path file = folder_ / (pooled ? "pooled.toml" : "run.toml");
    std::ofstream out(file);
    out << "name = \"bank\"\nparties = " << kParties
        << "\nrounds = 4\nseed = 5\nmodel = \"fm\"\nstrategy = \"" << strategy << "\"\naggregation = \""
        << aggregation << "\"\n[data]\ndataset = \"csv\"\npath = \""
        << (pooled ? data_.pooled : data_.parties[0]).string() << "\"\ntest_path = \""
        << (pooled ? folder_ / "pooled-test.csv" : data_.test).string() << "\"\nschema = \""
        << (pooled ? data_.pooled_schema : data_.schema).string() << "\"\n[partition]\nkind = \""
        << (pooled ? "by-column" : "iid")
        << "\"\n[topology]\nweights = \"sample-count\"\n[cohort]\nsize = " << kParties
        << "\n[local]\nbatch_size = 8\n[eval]\nevery = 2\nbaselines = []\n";
    return file.string();
  }
  /// The test file of the pooled data needs the column that tells organisations apart.
  void write_pooled_test() const {
    std::ifstream in(data_.test);
    std::ofstream out(folder_ / "pooled-test.csv");
    std::string line;
    for (bool first = true; std::getline(in, line); first = false) {
      out << (first ? "\"org\";" : "\"org-0\";") << line << '\n';
    }
  }
  /// A run of all parties that has begun.
  [[nodiscard]] protocols::runs::Run begun(const std::string& config_file) const {
    using namespace protocols::runs;
    auto proposal = make_proposal(text_of(config_file), text_of(data_.schema), kParties);
    EXPECT_TRUE(proposal.ok()) << proposal.error().message;
    protocols::runs::Run run;
    run.manifest.name = proposal->name;
    run.manifest.config = proposal->config;
    run.manifest.schema = proposal->schema;
    run.manifest.proposer = keys_[0]->public_key();
    run.manifest.quorum = kParties;
    for (const auto& key : keys_) run.manifest.parties.push_back(key->public_key());
    run.id = read_statement(sign_statement(*keys_[0], {}, kNow, run.manifest))->run;
    run.begin.emplace();
    for (const auto& key : keys_) {
      const Bytes approve = sign_statement(*key, run.id, kNow, Approve{});
      run.begin->approvals.push_back({key->public_key(), kNow, signature_of(approve)});
    }
    return run;
  }
  [[nodiscard]] DataBinding binding(std::uint32_t i) const {
    return {data_.parties[i].string(), "", data_.test.string(), ""};
  }

  const test::TemporaryFolder temporary_;
  fs::path folder_;
  SampleData data_;
  std::vector<std::shared_ptr<const crypto::Identity>> keys_;
};

TEST_F(NodeTraining, EndsWithTheBitsOfASimulation) {
  write_pooled_test();
  for (const auto& [strategy, aggregation] :
       std::map<std::string, std::string>{{"d-psgd", "plain"}, {"cohort", "secure"}}) {
    SCOPED_TRACE(strategy + " " + aggregation);
    const protocols::runs::Run run = begun(write_config(strategy, aggregation, false));
    std::map<NodeKey, std::unique_ptr<Training>> nodes;
    std::vector<std::unique_ptr<Observer>> observers;
    for (std::uint32_t i = 0; i < kParties; ++i) {
      observers.push_back(std::make_unique<Observer>(nodes, keys_[i]->public_key()));
      const fs::path checkpoints = folder_ / ("checkpoints-" + strategy + std::to_string(i));
      auto made = Training::make(run, party_at(i), binding(i), keys_[i], checkpoints, *observers.back());
      ASSERT_TRUE(made.ok()) << made.error().message;
      nodes.emplace(keys_[i]->public_key(), std::move(made).value());
    }
    for (const auto& [key, node] : nodes) node->begin();
    for (const auto& observer : observers) observer->wait();

    const auto config = config::load_run_config(write_config(strategy, aggregation, true), {});
    ASSERT_TRUE(config.ok()) << config.error().message;
    const auto simulated = sim::run_experiment(*config, {.threads = 2});
    ASSERT_TRUE(simulated.ok()) << simulated.error().message;
    for (std::uint32_t i = 0; i < kParties; ++i) {
      EXPECT_EQ(protocols::runs::model_hash(observers[i]->model.span()),
                protocols::runs::model_hash(simulated->models[i].span()))
          << "party " << i;
    }
    ASSERT_FALSE(observers[0]->reports.empty());
    EXPECT_GT(observers[0]->reports.back().metric, 0.6) << "it has learned something";
    for (auto& [key, node] : nodes) node.reset();  // while the map still holds the others
  }
}

TEST_F(NodeTraining, AFileThatDoesNotFitIsNamedBeforeTheFirstRound) {
  const protocols::runs::Run run = begun(write_config("d-psgd", "plain", false));
  const auto config = config_of(run.manifest, kParties);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(bind_data(*config, run.manifest, binding(1), party_at(1)).ok());

  const fs::path other = folder_ / "other.csv";
  std::ofstream(other) << "age;job;y\n30;admin.;no\n";
  const auto missing = bind_data(*config, run.manifest, {other.string(), "", "", ""}, party_at(1));
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("other.csv"));
  EXPECT_THAT(missing.error().message, HasSubstr("marital"));

  const auto nowhere = bind_data(*config, run.manifest, {"/nowhere.csv", "", "", ""}, party_at(1));
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error().message, HasSubstr("/nowhere.csv"));
}

TEST_F(NodeTraining, AProposalCarriesNoPathAndSaysWhatItLeavesOut) {
  auto few = config::load_run_config(std::string(HANSA_SOURCE_DIR) + "/examples/bank-branches.toml",
                                     {{"topology.name", "ring"}, {"parties", std::to_string(kParties)}});
  ASSERT_TRUE(few.ok()) << few.error().message;
  const auto proposal = make_proposal(config::to_toml(*few), "", kParties);
  ASSERT_TRUE(proposal.ok()) << proposal.error().message;
  EXPECT_THAT(proposal->config, Not(HasSubstr(HANSA_SOURCE_DIR)));
  EXPECT_THAT(proposal->schema, HasSubstr("balance"));
  EXPECT_THAT(proposal->ignored, ::testing::ElementsAre("network", "partition"));
}

}  // namespace
}  // namespace hansa::node
