// REVEAL: each member gives out one share per member, of the own-mask secret of those in the sum and of the
// pairwise-mask key of the others. Any t of them unmask exactly the sum that was voted for.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::secure_sum {

void SecAggSession::reveal(SessionEffects& out) {
  HANSA_ASSERT(phase_ == Phase::voted && certified());
  enter(Phase::revealed);  // the only way here is from `voted`, so there is one REVEAL per session
  if (!gives_input()) return;
  const Hash256 decision = decision_hash(*decision_);
  Writer shares;
  for (Member i = 0; i < plan_.inputs; ++i) {  // one kind per member, never both
    const DealtShares& dealt = *facts_[i].shares;
    shares.raw((contains(decision_->inputs, i) ? dealt.self : dealt.mask).bytes());
  }
  facts_[me_].reveal.emplace(decision, shares.bytes());
  const Set to = plan_.has_outside_owner() ? plan_.owners() & ~set_of(me_) : everyone_else();
  send(PacketType::reveal, Writer().raw(decision.bytes).raw(shares.bytes()).bytes(), to, out);
  if (plan_.has_outside_owner() && !is_owner()) complete(out);  // only the owner learns the sum
}

std::vector<Member> SecAggSession::revealers() const {
  std::vector<Member> members;
  for (Member i = 0; i < plan_.inputs; ++i) {
    const auto& reveal = facts_[i].reveal;
    if (reveal && reveal->first == decision_hash(*decision_) && !contains(bad_revealers_, i))
      members.push_back(i);
  }
  return members;
}

std::optional<Scalar> SecAggSession::revealed_share(Member revealer, Member subject) const {
  Reader in(BytesView(facts_[revealer].reveal->second).subspan(32 * subject));
  return Scalar::decode(in.array<32>());
}

/// Rebuilds every secret as soon as t shares are here, and asks for the unmasking. Shares are first trusted
/// and the secret checked, since checking every share costs t times as much.
bool SecAggSession::rebuild_secrets(SessionEffects& out) {
  if (unmasking_ || !contains(decision_->owners, me_) || !rebuild_all(secrets_->rebuilt, out)) return false;
  unmasking_ = true;
  Bytes sum(plan_.chunks[my_chunk_].lanes * lane_bytes(plan_.lane));
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (contains(decision_->inputs, i)) crypto::add_lanes(sum, *facts_[i].lanes, plan_.lane);
  }
  out.emplace_back(RunMask{MaskJob::sum, unmasking(my_chunk_, std::move(sum), secrets_->rebuilt)});
  return true;
}

bool SecAggSession::rebuild_all(Rebuilt& into, SessionEffects& out) {
  for (bool again = true; again;) {
    again = false;
    const std::vector<Member> from = revealers();
    if (from.size() < plan_.threshold) return false;
    const std::vector<Scalar> weights = share_weights(std::span(from).first(plan_.threshold));
    for (Member subject = 0; subject < plan_.inputs && !again; ++subject) {
      if (!into[subject]) again = !rebuild(subject, from, weights, into, out);
    }
  }
  return true;
}

bool SecAggSession::rebuild(Member subject, const std::vector<Member>& revealers,
                            std::span<const Scalar> weights, Rebuilt& into, SessionEffects& out) {
  const Advert& advert = *facts_[subject].advert;
  const auto& commitments = contains(decision_->inputs, subject) ? advert.self : advert.mask;
  Scalar secret;
  bool decodable = true;
  for (std::size_t k = 0; k < plan_.threshold; ++k) {
    const auto share = revealed_share(revealers[k], subject);
    decodable = decodable && share.has_value();
    secret = secret + weights[k] * share.value_or(Scalar());
  }
  if (decodable && Point::of(secret) == commitments.front()) {
    into[subject] = secret;
    return true;
  }
  const Set before = bad_revealers_;
  for (const Member revealer : revealers) {
    const auto share = revealed_share(revealer, subject);
    if (share && share_fits(commitments, revealer, *share)) continue;
    bad_revealers_ |= set_of(revealer);
    drop(DropReason::bad_share);
    blame(revealer, Misdeed::bad_reveal, {said_[{PacketType::reveal, revealer}]}, out);
  }
  HANSA_ASSERT(bad_revealers_ != before);  // t fitting shares always rebuild the secret
  return false;
}

/// The sum of the masked pieces in U, less their own masks, less what they share with members outside U.
MaskTask SecAggSession::unmasking(std::size_t chunk, Bytes masked_sum, const Rebuilt& secrets) const {
  MaskTask task{plan_.lane, std::move(masked_sum), {}, {}};
  task.chunks = {{static_cast<std::uint32_t>(chunk), plan_.chunks[chunk].lanes}};
  const Set inside = decision_->inputs;
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (contains(inside, i)) {
      task.terms.push_back({self_seed(*session_, i, *secrets[i]), true});
      continue;
    }
    for (Member j = 0; j < plan_.inputs; ++j) {
      if (!contains(inside, j)) continue;
      const Point& key = facts_[j].advert->mask.front();
      task.terms.push_back({pair_seed(*session_, i, *secrets[i], j, key), !subtracts(j, i)});
    }
  }
  return task;
}

}  // namespace hansa::protocols::secure_sum
