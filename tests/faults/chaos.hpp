// Breaks a consortium at random while it trains, and says what came of it. Everything random follows from one
// seed: which node, when, how, which bit of which file. (The processes' timing does not, so the same seed is
// the same plan, not the same history.)
#pragma once

#include "tests/faults/process_mesh.hpp"

#include <hansa/rng.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace hansa::faults {

/// How many faults of each kind.
struct Plan {
  int kills = 0;   ///< kill -9, then started again
  int pauses = 0;  ///< SIGSTOP, then SIGCONT
  int flips = 0;   ///< a bit of a file of a node that is down

  [[nodiscard]] int all() const { return kills + pauses + flips; }
};

/// What happened, for the report of a long run.
struct Tally {
  int runs = 0, kills = 0, pauses = 0, flips = 0, flips_found = 0, adopted = 0;
  double slowest_return_s = 0;  ///< from start of the process to its next round with others
  double worst_metric_gap = 0;
};

class Chaos {
 public:
  Chaos(ProcessMesh& mesh, std::uint64_t seed);

  /// A run without faults: what the others are compared with.
  void measure(const std::string& config);
  /// Runs of `config`, one after the other, until the whole plan has happened; each must complete. Failures
  /// are GoogleTest's.
  void endure(const std::string& config, Plan plan);
  /// After the last run: stops every node and compares what each has kept of what the others signed.
  void nothing_was_signed_twice();

  // Single faults; each waits until the node trains again, or the run is over.
  void kill(const std::string& run, std::size_t victim);
  void pause(const std::string& run, std::size_t victim);
  void flip(const std::string& run, std::size_t victim);

  /// All parties of `run` have finished, with one model; its metric is near the one without faults.
  void completes(const std::string& run);
  [[nodiscard]] bool over(const std::string& run) const;
  /// Who takes no part any more, and is not looked at.
  void leave_out(std::size_t node) { left_out_.insert(node); }
  /// A round of node `i` behind `round` in which so many models were summed.
  [[nodiscard]] bool sums(const std::string& run, std::size_t i, int round, int participants) const;
  /// The last round in node `i`'s history; after a restart, of those before it.
  [[nodiscard]] int last_round(const std::string& run, std::size_t i) const;
  void begins(const std::string& run);
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// For a failure's message: the states and the ends of the logs.
  [[nodiscard]] std::string scene(const std::string& run) const;

 private:
  struct Flipped {
    std::filesystem::path file;
    std::string kind;
    bool newest = false;  ///< a checkpoint that the node would go on from
    std::uint64_t bit = 0;
  };
  void wait_some(int up_to_ms, const std::string& run);
  /// Notes how long it took, and says more if that was long.
  void came_back(const std::string& run, std::size_t victim, double took_s);
  void returns(const std::string& run, std::size_t victim);
  [[nodiscard]] Flipped flip_a_bit(std::size_t victim);
  [[nodiscard]] std::vector<std::filesystem::path> files_of(std::size_t victim,
                                                            const std::string& kind) const;

  ProcessMesh& mesh_;
  Rng rng_;
  double reference_ = 0;
  std::set<std::size_t> left_out_;
  Tally tally_;
};

/// A run of `nodes` parties over the bundled bank customers, aggregated securely, with deadlines of a second.
[[nodiscard]] std::string run_config(std::size_t nodes, int rounds);

}  // namespace hansa::faults
