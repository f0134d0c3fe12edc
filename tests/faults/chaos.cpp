// Each fault waits until its node trains again: that is the promise which is tested, and it keeps the plan's
// faults from piling up until no sum can be had.
#include "tests/faults/chaos.hpp"

#include "protocols/runs/manifest.hpp"
#include "src/store/audit_log.hpp"
#include "src/store/state_db.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

namespace hansa::faults {
namespace {

namespace fs = std::filesystem;
namespace runs = protocols::runs;

constexpr Millis kReturn(30'000);
constexpr Millis kCompletion(180'000);
constexpr double kMetricGapMax = 0.005;
constexpr double kSlowReturnS = 5;  ///< worth a line

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

/// The metric of the last round, if this node has trained it.
std::optional<double> final_metric(const Json& run) {
  if (!run.is_object() || run["history"].empty()) return std::nullopt;
  const Json& last = run["history"].back();
  if (last["round"] != run["rounds"] || !last["metric"].is_number()) return std::nullopt;
  return last["metric"].get<double>();
}

void flip_bit(const fs::path& file, std::uint64_t bit) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(bit / 8));
  stream.put(static_cast<char>(byte ^ (1 << (bit % 8))));
}

/// What a node has of each round: how many parties' models are in it, and its metric.
std::string rounds_of(const Json& run) {
  std::ostringstream out;
  if (!run.is_object()) return {};
  for (const Json& each : run["history"]) {
    out << "\n  round " << each["round"] << " at " << each["seconds"] << " s: " << each["participants"]
        << " parties, " << each["metric"];
  }
  return out.str();
}

}  // namespace

std::string run_config(std::size_t nodes, int rounds) {
  std::ostringstream out;
  out << "name = \"faults\"\nrounds = " << rounds << "\nparties = " << nodes
      << "\nseed = 7\nmodel = \"fm\"\nstrategy = \"cohort\"\naggregation = \"secure\"\n[data]\ndataset = "
         "\"bank-marketing\"\n[topology]\nweights = \"sample-count\"\n[cohort]\nsize = "
      << nodes
      << "\n[local]\nbatch_size = 32\n[optimiser]\nlearning_rate = 0.05\n[deadline]\nfloor_ms = "
         "1000\nceiling_ms = 5000\n[eval]\nevery = 1\n";
  return out.str();
}

Chaos::Chaos(ProcessMesh& mesh, std::uint64_t seed) : mesh_(mesh), rng_(seed, Purpose::test) {}

void Chaos::begins(const std::string& run) {
  const bool begun = eventually(Millis(60'000), [&] {
    for (std::size_t i = 0; i < mesh_.size(); ++i) {
      const Json now = mesh_.run(i, run);
      if (!now.is_object() || now["round"] < 1) return false;
    }
    return true;
  });
  ASSERT_TRUE(begun) << scene(run);
}

bool Chaos::sums(const std::string& run, std::size_t i, int round, int participants) const {
  const Json now = mesh_.run(i, run);
  if (!now.is_object()) return false;
  return std::any_of(now["history"].begin(), now["history"].end(), [&](const Json& each) {
    return each["round"] > round && each["participants"] >= participants;
  });
}

int Chaos::last_round(const std::string& run, std::size_t i) const {
  int last = 0;
  eventually(Millis(10'000), [&] {
    const Json now = mesh_.run(i, run);
    if (!now.is_object()) return false;
    for (const Json& each : now["history"]) last = std::max(last, each["round"].get<int>());
    return true;
  });
  return last;
}

bool Chaos::over(const std::string& run) const {
  for (std::size_t i = 0; i < mesh_.size(); ++i) {
    if (left_out_.contains(i)) continue;
    const Json now = mesh_.run(i, run);
    if (!now.is_object() || now["state"] != "complete") return false;
  }
  return true;
}

void Chaos::completes(const std::string& run) {
  ASSERT_TRUE(eventually(kCompletion, [&] { return over(run); })) << scene(run);
  ++tally_.runs;
  std::set<std::string> models;
  for (std::size_t i = 0; i < mesh_.size(); ++i) {
    if (left_out_.contains(i)) continue;
    const Json now = mesh_.run(i, run);
    models.insert(now["model_hash"]);
    for (const auto& [org, hash] : now["result_hashes"].items()) models.insert(hash);
    const auto metric = final_metric(now);
    if (!metric) {
      ++tally_.adopted;
      continue;
    }
    if (reference_ == 0) reference_ = *metric;
    tally_.worst_metric_gap = std::max(tally_.worst_metric_gap, std::abs(*metric - reference_));
    EXPECT_NEAR(*metric, reference_, kMetricGapMax) << mesh_.name(i) << rounds_of(now);
  }
  EXPECT_EQ(models.size(), 1U) << scene(run);
}

void Chaos::measure(const std::string& config) {
  const auto run = mesh_.begin_run(config);
  ASSERT_TRUE(run.ok()) << run.error().message;
  completes(*run);
}

void Chaos::endure(const std::string& config, Plan plan) {
  while (plan.all() > 0 && !::testing::Test::HasFailure()) {
    const auto run = mesh_.begin_run(config);
    ASSERT_TRUE(run.ok()) << run.error().message;
    begins(*run);
    while (plan.all() > 0 && !over(*run) && !::testing::Test::HasFailure()) {
      wait_some(700, *run);
      const std::size_t victim = rng_.below(mesh_.size());
      const auto which = static_cast<int>(rng_.below(static_cast<std::uint64_t>(plan.all())));
      if (which < plan.kills) {
        --plan.kills;
        kill(*run, victim);
      } else if (which < plan.kills + plan.pauses) {
        --plan.pauses;
        pause(*run, victim);
      } else {
        --plan.flips;
        flip(*run, victim);
      }
    }
    if (!::testing::Test::HasFailure()) completes(*run);
    const Tally& t = tally_;
    std::printf(
        "[ chaos    ] %d runs, %d kills, %d pauses, %d flips (%d found), slowest return %.1f s, metric"
        " gap %.4f, %d models adopted\n",
        t.runs, t.kills, t.pauses, t.flips, t.flips_found, t.slowest_return_s, t.worst_metric_gap, t.adopted);
    std::fflush(stdout);
  }
}

/// A random moment of the run, unless it is over before.
void Chaos::wait_some(int up_to_ms, const std::string& run) {
  eventually(Millis(rng_.below(static_cast<std::uint64_t>(up_to_ms))), [&] { return over(run); });
}

/// Trains with others again: a round since the start in which models of others were summed.
void Chaos::returns(const std::string& run, std::size_t victim) {
  const auto began = std::chrono::steady_clock::now();
  const int before = last_round(run, victim);
  const bool back = eventually(kReturn, [&] {
    const Json now = mesh_.run(victim, run);
    if (!now.is_object()) return false;
    if (now["state"] == "complete" || !now.value("model_hash", "").empty()) return true;
    return sums(run, victim, before, 2);
  });
  came_back(run, victim, seconds_since(began));
  ASSERT_TRUE(back) << mesh_.name(victim) << " does not train again\n" << scene(run);
}

void Chaos::came_back(const std::string& run, std::size_t victim, double took_s) {
  tally_.slowest_return_s = std::max(tally_.slowest_return_s, took_s);
  if (took_s < kSlowReturnS) return;
  std::printf("[ chaos    ] %s was back after %.1f s in run %.4s%s\n", mesh_.name(victim).c_str(), took_s,
              run.c_str(), rounds_of(mesh_.run(victim, run)).c_str());
}

void Chaos::kill(const std::string& run, std::size_t victim) {
  SCOPED_TRACE("killed " + mesh_.name(victim));
  mesh_.kill(victim);
  wait_some(500, run);
  const auto started = mesh_.start(victim);
  ASSERT_TRUE(started.ok()) << started.error().message << mesh_.log(victim);
  ++tally_.kills;
  returns(run, victim);
}

void Chaos::pause(const std::string& run, std::size_t victim) {
  SCOPED_TRACE("paused " + mesh_.name(victim));
  mesh_.pause(victim);
  eventually(Millis(100 + rng_.below(2500)), [] { return false; });
  mesh_.resume(victim);
  ++tally_.pauses;
  const Json before = mesh_.run(victim, run);
  ASSERT_TRUE(before.is_object()) << mesh_.log(victim);
  const auto began = std::chrono::steady_clock::now();
  const bool back = eventually(kReturn, [&] {
    const Json now = mesh_.run(victim, run);
    return now.is_object() && (now["state"] == "complete" || now["round"] > before["round"] ||
                               !now.value("model_hash", "").empty());
  });
  came_back(run, victim, seconds_since(began));
  ASSERT_TRUE(back) << mesh_.name(victim) << " does not go on\n" << scene(run);
}

std::vector<fs::path> Chaos::files_of(std::size_t victim, const std::string& kind) const {
  std::vector<fs::path> found;
  const fs::path root = mesh_.folder(victim).root;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    const std::string path = fs::relative(entry.path(), root).string();
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    if (path.find("quarantine") != std::string::npos || path.find("damaged") != std::string::npos) continue;
    const bool matches = (kind == "database" && path.starts_with("state.db")) ||
                         (kind == "checkpoint" && path.ends_with(".checkpoint")) ||
                         (kind == "audit" && path.starts_with("audit/")) ||
                         (kind == "key" && path.ends_with(".key")) || (kind == "boot" && path == "boot") ||
                         (kind == "model" && path.starts_with("models/"));
    if (matches) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

Chaos::Flipped Chaos::flip_a_bit(std::size_t victim) {
  constexpr const char* kKinds[] = {"checkpoint", "database", "key", "audit", "boot", "model"};
  Flipped flipped;
  std::vector<fs::path> files;
  for (auto kind = static_cast<std::size_t>(tally_.flips); files.empty(); ++kind) {  // each in turn
    flipped.kind = kKinds[kind % std::size(kKinds)];
    files = files_of(victim, flipped.kind);
  }
  flipped.file = files[rng_.below(files.size())];
  if (flipped.kind == "database" && rng_.below(2) == 0) flipped.file = mesh_.folder(victim).database();
  if (flipped.kind == "checkpoint") {
    const auto newest = std::max_element(
        files.begin(), files.end(),
        [](const fs::path& a, const fs::path& b) { return fs::last_write_time(a) < fs::last_write_time(b); });
    if (tally_.flips == 0 || rng_.below(2) == 0) flipped.file = *newest;
    flipped.newest = flipped.file == *newest;
  }
  flipped.bit = rng_.below(fs::file_size(flipped.file) * 8);
  flip_bit(flipped.file, flipped.bit);
  return flipped;
}

void Chaos::flip(const std::string& run, std::size_t victim) {
  if (rng_.below(2) == 0) {
    mesh_.kill(victim);
  } else {
    EXPECT_EQ(mesh_.stop(victim), 0) << mesh_.log(victim);
  }
  const Flipped flipped = flip_a_bit(victim);
  SCOPED_TRACE("bit " + std::to_string(flipped.bit) + " of " + flipped.file.string());
  std::printf("[ chaos    ] bit %llu of %s\n", static_cast<unsigned long long>(flipped.bit),
              flipped.file.c_str());
  std::fflush(stdout);
  ++tally_.flips;
  auto started = mesh_.start(victim);
  if (flipped.kind == "key" && !started.ok()) {
    // A node without its key must not run; what is wrong must be said.
    const auto status = mesh_.ended(victim);
    EXPECT_TRUE(status && *status > 0 && *status < 128) << mesh_.log(victim);
    EXPECT_NE(mesh_.log(victim).find(flipped.file.filename().string()), std::string::npos)
        << mesh_.log(victim);
    ++tally_.flips_found;
    flip_bit(flipped.file, flipped.bit);
    started = mesh_.start(victim);
  }
  ASSERT_TRUE(started.ok()) << started.error().message << mesh_.log(victim);
  returns(run, victim);
  const Json evidence = mesh_.get(victim, "/api/v1/evidence");
  if (evidence.is_object()) {
    const Json list = evidence.value("evidence", Json::array());
    const bool found = std::any_of(list.begin(), list.end(), [](const Json& each) {
      const std::string kind = each.value("kind", "");
      return kind == "storage" || kind == "audit";
    });
    tally_.flips_found += found ? 1 : 0;
  }
  // Whoever went on from it must have noticed; an older one is looked at when it is needed.
  if (flipped.newest && fs::exists(flipped.file)) {
    const Json now = mesh_.run(victim, run);
    const bool had_finished = now.is_object() && !now.value("model_hash", "").empty();
    EXPECT_TRUE(had_finished) << "a damaged checkpoint is still in its place: " << flipped.file;
  }
}

void Chaos::nothing_was_signed_twice() {
  for (std::size_t i = 0; i < mesh_.size(); ++i) {
    EXPECT_EQ(mesh_.stop(i), 0) << mesh_.name(i) << mesh_.log(i);
  }
  using Said = std::tuple<runs::RunId, runs::StatementType, runs::NodeKey>;
  std::map<Said, std::set<runs::Bytes>> said;
  for (std::size_t i = 0; i < mesh_.size(); ++i) {
    auto db = store::StateDb::open(mesh_.folder(i).database());
    ASSERT_TRUE(db.ok()) << db.error().message;
    const auto rows = db->all("run");
    ASSERT_TRUE(rows.ok());
    for (const store::StateDb::Row& row : *rows) {
      const auto statement = runs::read_statement(row.value);
      ASSERT_TRUE(statement.ok()) << statement.error().message;
      const auto type = static_cast<runs::StatementType>(statement->what.index() + 1);
      said[{statement->run, type, statement->signer}].insert(row.value);
    }
    const auto entries = store::read_log(mesh_.folder(i).audit(), 0, 1'000'000);
    ASSERT_TRUE(entries.ok()) << entries.error().message;
    for (const auto& [number, entry] : *entries) {
      if (entry.kind != "evidence") continue;
      EXPECT_EQ(entry.text.find("two different"), std::string::npos) << mesh_.name(i) << " " << entry.text;
      EXPECT_EQ(entry.text.find("broke the secure sum"), std::string::npos)
          << mesh_.name(i) << " " << entry.text;
    }
  }
  EXPECT_FALSE(said.empty());
  for (const auto& [what, variants] : said) EXPECT_EQ(variants.size(), 1U) << std::get<0>(what).hex();
}

std::string Chaos::scene(const std::string& run) const {
  std::ostringstream out;
  for (std::size_t i = 0; i < mesh_.size(); ++i) {
    Json now = mesh_.run(i, run);
    out << "\n== " << mesh_.name(i) << " " << mesh_.folder(i).root.string() << "\n";
    if (now.is_object()) {
      now.erase("manifest");
      now.erase("privacy");
      Json& history = now["history"];
      while (history.size() > 5) history.erase(history.begin());
      out << now.dump() << "\n";
    }
    out << mesh_.log(i, 3000);
  }
  return out.str();
}

}  // namespace hansa::faults
