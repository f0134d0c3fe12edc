// A node that has returned from a backup, or lost its database, does not know what it signed meanwhile. It
// stays in that state over restarts, until enough other organisations agree with what it has.
#include "src/node/backup.hpp"
#include "src/node/core.hpp"

#include <string>
#include <utility>

namespace hansa::node {
namespace {

std::span<const std::byte> row(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

/// Whether the node is recovering: since now (`lost`), or since an earlier start.
Result<bool> Core::note_recovery(bool lost) {
  const auto before = db_.get(kNodeTable, row(kRecoveringKey));
  if (!before) return before.error();
  if (*before) {
    recovery_ = std::string(reinterpret_cast<const char*>((*before)->data()), (*before)->size());
  } else if (lost) {
    recovery_ = kDamaged;
    if (const auto kept = db_.put(kNodeTable, row(kRecoveringKey), row(kDamaged)); !kept) return kept.error();
  }
  return !recovery_.empty();
}

bool Core::recovering() const { return !recovery_.empty() || keeper_.recovering() || book_.recovering(); }

/// Nothing is promised on the basis of a memory that may have gaps.
Result<void> Core::may_sign() const {
  if (!recovering()) return {};
  return Error{
      ErrorKind::waiting,
      "this node was restored, and asks the others what it has signed since; it signs nothing before",
      "wait until the nodes of other organisations are connected: `hansa peers`"};
}

/// Called with every tick: ends the recovery when the keeper has heard from enough others.
void Core::end_recovery() {
  if (recovery_.empty() || keeper_.recovering() || book_.recovering()) return;
  const bool restored = recovery_ == kRestored;
  if (restored) {
    // What it trained after the backup is gone; another answer in an old round would contradict the first.
    protocols::runs::RunEffects effects;
    for (const auto& [id, run] : book_.runs()) {
      if (!run.party_of(keys_.node->public_key()) || !trains(run)) continue;
      if (!run.approvals.contains(keys_.node->public_key())) continue;
      static_cast<void>(book_.stop(id, "this node was restored from a backup", unix_now(), effects));
    }
    perform(std::move(effects));
  }
  must(db_.erase(kNodeTable, row(kRecoveringKey)), "the end of the recovery cannot be kept");
  recovery_.clear();
  log("info",
      restored ? "recovered: enough others agree with what the backup held, and the runs it was in are left"
               : "recovered: enough others agree with what is here");
  emit("status", "");
}

}  // namespace hansa::node
