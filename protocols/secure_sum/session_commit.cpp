// PROPOSE and VOTE: one set of inputs for all chunks. A leader proposes what the owners' receipts allow;
// every member votes once; t votes for the same decision leave too few voices for another. A VOTE repeats the
// proposal, so a leader that dies half-way through its PROPOSE has still proposed.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>

namespace hansa::protocols::secure_sum {

std::size_t SecAggSession::views() const noexcept { return std::min(plan_.colluders + 2, leaders_.size()); }

bool SecAggSession::may_propose() const {
  if (leader(view_) != me_ || proposed_ || decision_) return false;
  for (const ChunkPlan& chunk : plan_.chunks) {
    if (!facts_[chunk.owner].receipt && !contains(gone_, chunk.owner))
      return now_ >= phase_began_ + plan_.patience.lead;
  }
  return true;
}

/// The owners that have committed, and the inputs that all of them have; without the owners that have least,
/// if those inputs are too few.
std::optional<Decision> SecAggSession::best_decision() const {
  Decision decision;
  for (const ChunkPlan& chunk : plan_.chunks) {
    if (facts_[chunk.owner].receipt) decision.owners |= set_of(chunk.owner);
  }
  while (decision.owners != 0) {
    decision.inputs = all_inputs();
    Member poorest = 0;
    int fewest = static_cast<int>(kMembersMax) + 1;
    for (Member owner = 0; owner < facts_.size(); ++owner) {
      if (!contains(decision.owners, owner)) continue;
      const Set has = *facts_[owner].receipt;
      decision.inputs &= has;
      if (std::popcount(has) < fewest) {
        fewest = std::popcount(has);
        poorest = owner;
      }
    }
    if (std::popcount(decision.inputs) >= static_cast<int>(plan_.threshold)) return decision;
    decision.owners &= ~set_of(poorest);
  }
  return std::nullopt;
}

void SecAggSession::propose(SessionEffects& out) {
  proposed_ = true;
  const ProposeBody body{static_cast<std::uint16_t>(view_), *best_decision()};
  send(PacketType::propose, encode_propose(body), everyone_else(), out);
}

bool SecAggSession::well_formed(Member proposer, const ProposeBody& body) const {
  return body.view < views() && leader(body.view) == proposer && body.decision.owners != 0 &&
         std::popcount(body.decision.inputs) >= static_cast<int>(plan_.threshold);
}

void SecAggSession::accept_proposal(Member proposer, const ProposeBody& body, const Signature& signature) {
  if (!facts_[proposer].proposal) facts_[proposer].proposal = Proposal{body, signature};
}

void SecAggSession::accept_vote(const Packet& packet, SessionEffects& out) {
  const auto& body = std::get<VoteBody>(packet.parsed);
  Bytes text = signed_bytes(PacketType::propose, body.proposer, *session_, body.proposal);
  const auto said = said_.find({PacketType::propose, body.proposer});  // most VOTEs repeat what was checked
  const bool known =
      said != said_.end() && said->second.text == text && said->second.signature == body.signature;
  if ((!known && !crypto::verify(plan_.members[body.proposer], text, body.signature)) ||
      !well_formed(body.proposer, body.parsed)) {
    return drop(DropReason::bad_proposal);
  }
  if (body.proposer != me_ &&
      note(PacketType::propose, body.proposer, std::move(text), body.signature, out) == Statement::fresh) {
    accept_proposal(body.proposer, body.parsed, body.signature);
  }
  facts_[packet.from].vote = body.parsed.decision;
}

/// Votes for the first proposal that holds, if this member has not voted.
bool SecAggSession::vote(SessionEffects& out) {
  for (Member proposer = 0; proposer < facts_.size(); ++proposer) {
    auto& proposal = facts_[proposer].proposal;
    if (!proposal || proposal->refused) continue;
    if (!well_formed(proposer, proposal->body)) {
      proposal->refused = true;
      drop(DropReason::bad_proposal);
      blame(proposer, Misdeed::bad_proposal, {said_[{PacketType::propose, proposer}]}, out);
      continue;
    }
    const Decision& decision = proposal->body.decision;
    // Nobody can have what has not been sent, and whoever asks for it may still get it.
    if (phase_ == Phase::masking && contains(decision.inputs, me_)) continue;
    if (contains(decision.owners, me_) && (decision.inputs & ~receipt_inputs_) != 0) {
      if (phase_ <= Phase::chunks) continue;  // not even committed yet
      proposal->refused = true;               // it says that we have what we have not
      drop(DropReason::bad_proposal);
      continue;
    }
    vote_for(*proposal, proposer, out);
    return true;
  }
  return false;
}

void SecAggSession::vote_for(const Proposal& proposal, Member proposer, SessionEffects& out) {
  HANSA_ASSERT(!decision_);  // at most one VOTE per session
  decision_ = proposal.body.decision;
  for (auto& sum : sums_) {  // sums of anything else are of no use now
    if (sum && sum->decision != decision_hash(*decision_)) sum.reset();
  }
  enter(Phase::voted);
  if (!gives_input()) return;
  facts_[me_].vote = *decision_;
  Writer body;
  body.u16(static_cast<std::uint16_t>(proposer)).raw(encode_propose(proposal.body)).raw(proposal.signature);
  send(PacketType::vote, body.bytes(), everyone_else(), out);
}

bool SecAggSession::certified() const {
  const Set votes = inputs_that([&](const Facts& f) { return f.vote == decision_; });
  return std::popcount(votes) >= static_cast<int>(plan_.threshold);
}

/// Whether so many have gone on without a vote that no decision can have t any more.
bool SecAggSession::quorum_is_gone() const {
  const Set voted = inputs_that([](const Facts& f) { return f.vote.has_value(); });
  return std::popcount(all_inputs() & (voted | ~gone_)) < static_cast<int>(plan_.threshold);
}

void SecAggSession::next_view(SessionEffects& out) {
  if (++view_ < views()) return;
  abort(AbortReason::no_proposal,
        all_inputs() & ~inputs_that([](const Facts& f) { return f.receipt.has_value(); }), out);
}

}  // namespace hansa::protocols::secure_sum
