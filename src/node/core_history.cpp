// The history of runs outlives the process, but nobody waits for it and nothing follows from it: a disk that
// refuses it costs a warning.
#include "src/node/core.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {

void Core::restore_histories() {
  for (const auto& [id, run] : book_.runs()) {
    auto history = HistoryFile(options_.folder, id).load();
    if (!history) {
      log("warning", "run " + id.hex().substr(0, 4) +
                         " is shown without its earlier rounds: " + history.error().message);
    } else if (!history->rounds.empty()) {
      local_[id].history = std::move(history).value();
    }
  }
}

void Core::round_done(const RunId& id, const RoundReport& report) {
  post([this, id, report = report]() mutable {
    LocalRun& local = local_[id];
    if (local.training == nullptr) return;  // stopped, or it takes the others' model
    local.round = std::max(local.round, report.round);
    if (report.round > 0) ++counters_.rounds;  // 0: the model before training
    book_.saw(id, keys_.node->public_key(), report.round);
    report.seconds += local.seconds_before;
    local.shown.reset();
    if (add_round(local.history, report))
      kept_history(HistoryFile(options_.folder, id).append(report, local.history.metric_name));
    emit("round", id.hex());
  });
}

/// One that was scored here, but with another model than the one that counts.
void Core::forget_round(const RunId& id, LocalRun& local, Round round) {
  const auto scored = [&](const RoundReport& report) { return report.round == round; };
  if (std::erase_if(local.history.rounds, scored) == 0) return;
  local.shown.reset();
  kept_history(HistoryFile(options_.folder, id).rewrite(local.history));
}

void Core::kept_history(const Result<void>& kept) {
  if (kept || std::exchange(history_failed_, true)) return;
  log("warning", "the history of runs will have gaps after a restart: " + kept.error().message);
}

}  // namespace hansa::node
