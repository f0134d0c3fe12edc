// RESULT and DONE: owners give out their sums, and nobody uses one before t members say that they have the
// same. An owner that tells different members different sums is found, and proven, by the two it signed.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>

namespace hansa::protocols::secure_sum {

void SecAggSession::send_result(Bytes lanes, SessionEffects& out) {
  HANSA_ASSERT(phase_ == Phase::revealed && unmasking_);
  const Hash256 decision = decision_hash(*decision_);
  Writer body(32 + lanes.size());
  body.raw(decision.bytes).raw(lanes);
  send(PacketType::result, body.bytes(), plan_.has_outside_owner() ? Set{0} : everyone_else(), out);
  if (plan_.has_outside_owner()) complete(out);
}

void SecAggSession::accept_result(const Packet& packet, BytesView bytes, const Hash256& body_hash) {
  const auto& body = std::get<ResultBody>(packet.parsed);
  if (decision_ &&
      (body.decision != decision_hash(*decision_) || !contains(decision_->owners, packet.from))) {
    return drop(DropReason::other_decision);
  }
  sums_[plan_.chunk_of(packet.from)] =
      SumReceived{body.decision, body_hash, std::make_shared<const Bytes>(bytes.begin(), bytes.end())};
}

Set SecAggSession::chunks_missing() const {
  Set missing = 0;
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    const bool counts = contains(decision_->owners, plan_.chunks[c].owner) && !contains(poisoned_, c);
    if (counts && !sums_[c]) missing |= set_of(c);
  }
  return missing;
}

/// Whether the sums that are missing were to come from members whose connection broke.
bool SecAggSession::results_are_lost() const {
  const Set missing = chunks_missing();
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    if (contains(missing, c) && !contains(lost_, plan_.chunks[c].owner)) return false;
  }
  return missing != 0;
}

void SecAggSession::pull(Set chunks, Set from, SessionEffects& out) {
  if (chunks != 0) send(PacketType::pull, Writer().u64(chunks).bytes(), from, out);
}

void SecAggSession::pull_missing(SessionEffects& out) {
  pulled_at_ = now_;
  pull(chunks_missing(), everyone_else(), out);
}

/// Sends on what the owners signed; each sum once to each member.
void SecAggSession::answer_pull(const Packet& packet, SessionEffects& out) {
  Facts& facts = facts_[packet.from];
  const Set chunks = std::get<PullBody>(packet.parsed).chunks & ~facts.pulls_answered;
  if (chunks == 0) return drop(DropReason::flood);
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    if (!contains(chunks, c) || !sums_[c]) continue;
    facts.pulls_answered |= set_of(c);
    out.emplace_back(SendPacket{packet.from, sums_[c]->packet});
  }
}

void SecAggSession::send_done(SessionEffects& out) {
  enter(Phase::done);
  Done done{decision_hash(*decision_), std::vector<Hash256>(plan_.chunks.size())};
  Writer body;
  body.raw(done.decision.bytes);
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    if (sums_[c]) done.hashes[c] = sums_[c]->hash;
    body.raw(done.hashes[c].bytes);
  }
  facts_[me_].done = std::move(done);
  send(PacketType::done, body.bytes(), everyone_else(), out);
}

void SecAggSession::accept_done(const Packet& packet) {
  const auto& body = std::get<DoneBody>(packet.parsed);
  Done done{body.decision, {}};
  for (Reader in(body.hashes); !in.rest().empty();) done.hashes.push_back(Hash256{in.array<32>()});
  facts_[packet.from].done = std::move(done);
}

/// Fetches the sums that others have and that differ from ours: their owner signed both.
void SecAggSession::compare_dones(SessionEffects& out) {
  for (Member i = 0; i < plan_.inputs; ++i) {
    Facts& facts = facts_[i];
    if (!facts.done || facts.pulled || i == me_) continue;
    facts.pulled = true;
    Set different = 0;
    for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
      const bool both = sums_[c] && facts.done->hashes[c] != Hash256{};
      if (both && facts.done->hashes[c] != sums_[c]->hash && !contains(poisoned_, c)) different |= set_of(c);
    }
    disputed_ |= different;
    pull(different, set_of(i), out);
  }
}

/// Whether waiting longer can change nothing: each chunk is agreed or proven bad, or everybody has spoken and
/// nobody disagrees.
bool SecAggSession::settled() const {
  const Set done = inputs_that([](const Facts& f) { return f.done.has_value(); });
  const bool all = (all_inputs() & ~done & ~gone_) == 0;
  const Set agreed = chunks_agreed();
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    const Member owner = plan_.chunks[c].owner;
    if (!contains(decision_->owners, owner) || contains(agreed, owner) || contains(poisoned_, c)) continue;
    if (!all || contains(disputed_, c)) return false;
  }
  return true;
}

/// Owners whose sum t members of U have exactly as we do.
Set SecAggSession::chunks_agreed() const {
  Set owners = 0;
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    if (!sums_[c] || contains(poisoned_, c)) continue;
    const Set agree =
        decision_->inputs & inputs_that([&](const Facts& f) {
          return f.done && f.done->decision == sums_[c]->decision && f.done->hashes[c] == sums_[c]->hash;
        });
    if (std::popcount(agree) >= static_cast<int>(plan_.threshold)) owners |= set_of(plan_.chunks[c].owner);
  }
  return owners;
}

void SecAggSession::complete(SessionEffects& out) {
  outcome_.decision = *decision_;
  const Set owners = plan_.has_outside_owner() ? plan_.owners() : chunks_agreed();
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    if (!sums_[c] || !contains(owners, plan_.chunks[c].owner)) continue;
    outcome_.chunks |= set_of(c);
    const auto lanes = std::span(*sums_[c]->packet).subspan(kEnvelopeBytes + sizeof(Hash256));
    outcome_.sums[c].assign(lanes.begin(), lanes.end());
  }
  enter(Phase::complete);
  finish(out);
  if (!plan_.has_outside_owner()) begin_audit(out);
}

}  // namespace hansa::protocols::secure_sum
