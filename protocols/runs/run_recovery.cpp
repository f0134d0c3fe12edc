// How a node that may have forgotten what it signed finds out. It asks its peers, who keep all statements
// anyway and note up to which round they have heard a party. Only when enough organisations have answered
// does it sign again, and it trains behind every round in which it has been heard.
#include "protocols/runs/message_kind.hpp"
#include "protocols/runs/run_book.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <algorithm>
#include <limits>

namespace hansa::protocols::runs {
namespace {

using secure_sum::Reader;
using secure_sum::Writer;

constexpr std::size_t kReminderEntryBytes = 32 + 8;

}  // namespace

Result<void> RunBook::may_say(const RunId& run, StatementType type) const {
  if (recovering()) {
    return Error{
        ErrorKind::failed,
        "this node is recovering: others must tell it first what it has signed, so that it signs nothing "
        "twice",
        "it needs a connection to its peers; see `hansa status`"};
  }
  const Run* known = find(run);
  const bool here = known != nullptr && known->statements.contains({type, self_->public_key()});
  const auto& promised = recovery_.promised;
  if (here || std::find(promised.begin(), promised.end(), std::pair(run, type)) == promised.end()) return {};
  return Error{ErrorKind::failed, "this node has signed that already, and what it signed is lost",
               "nothing else may be signed in its place"};
}

void RunBook::saw(const RunId& id, const NodeKey& node, Round round) {
  const auto run = runs_.find(id);
  if (run == runs_.end() || !run->second.party_of(node)) return;
  Round& seen = run->second.seen.try_emplace(node, 0).first->second;
  seen = std::max(seen, round);
}

/// Behind the digest: what the peer knows and we do not comes before the answer to this.
void RunBook::ask_what_was_said(const NodeKey& peer, RunEffects& out) const {
  out.emplace_back(Tell{peer, Writer(1).u8(static_cast<std::uint8_t>(MessageKind::remind)).bytes()});
}

/// A round of its own that we have seen, or that we are in ourselves: we may have been started again since.
void RunBook::tell_what_was_seen(const NodeKey& to, RunEffects& out) const {
  Writer message(1 + runs_.size() * kReminderEntryBytes);
  message.u8(static_cast<std::uint8_t>(MessageKind::reminder));
  for (const auto& [id, run] : runs_) {
    Round seen = 0;
    for (const NodeKey& node : {to, self_->public_key()}) {
      const auto known = run.seen.find(node);
      if (known != run.seen.end()) seen = std::max(seen, known->second);
    }
    if (seen > 0) message.raw(id.bytes).u64(seen);
  }
  out.emplace_back(Tell{to, std::move(message).bytes()});
}

void RunBook::on_reminded(const NodeKey& from, BytesView answer, std::int64_t now_s, RunEffects& out) {
  const Member *who = member(from), *me = member(self_->public_key());
  if (answer.size() % kReminderEntryBytes != 0 || answer.size() > kLimits.runs_max * kReminderEntryBytes) {
    return reject(RunReject::malformed);
  }
  if (!recovering() || who == nullptr || (me != nullptr && who->name == me->name)) return;
  for (Reader in(answer); !in.rest().empty();) {
    const RunId id{in.array<32>()};
    const auto seen =
        static_cast<Round>(std::min<std::uint64_t>(in.u64(), std::numeric_limits<Round>::max()));
    if (!runs_.contains(id)) continue;
    Round& not_before = not_before_.try_emplace(id, 0).first->second;
    not_before = std::max(not_before, seen);
  }
  reminded_by_.insert(who->name);
  std::set<std::string> others;
  for (const Member& each : members_) {
    if (me == nullptr || each.name != me->name) others.insert(each.name);
  }
  if (reminded_by_.size() < std::min(recovery_.organisations, others.size())) return;
  recovery_.organisations = 0;
  for (auto& [id, run] : runs_) {
    // What had to wait: trainings that are under way, lists that are to be closed.
    const std::optional<PartyId> mine = run.party_of(self_->public_key());
    const bool trains = run.state == RunState::running && mine &&
                        !run.finished.contains(self_->public_key()) &&
                        !run.stopped.contains(self_->public_key());
    if (trains) out.emplace_back(BeginTraining{id, *mine, not_before_[id]});
    if (run.state == RunState::proposed) update_state(run, now_s, out);
    out.emplace_back(RunChanged{id});
  }
}

}  // namespace hansa::protocols::runs
