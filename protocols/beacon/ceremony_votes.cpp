// Votes, quorums and what they decide.
//
// Why at most one thing is decided in an attempt: a quorum is t of n, two of them share more than f members,
// so at least one honest one, and an honest member casts one vote per view and step. (1) In one view there
// are no two first-step quorums for different values. (2) Let x be decided in view v by a second-step quorum,
// and y be the value of the first later first-step quorum. An honest member is in both; it knew the quorum
// for x when it cast its second step, and afterwards casts for the value of the highest quorum that it knows,
// which is x until there is one for y. (3) A beacon is decided by the first step of view 0 alone. That is the
// same argument, because an honest member that has all reveals keeps saying so until it knows a quorum for
// something else.
#include "protocols/beacon/ceremony.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::beacon {

void Ceremony::accept_vote(const Packet& packet, BytesView bytes, CeremonyEffects& out) {
  const Ballot& ballot = std::get<VoteBody>(packet.parsed).ballot;
  const auto shared = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  for (const Cast& cast : votes_[{ballot.view, ballot.step}]) {
    if (cast.member != packet.from) continue;
    if (cast.ballot == ballot) return drop(DropReason::duplicate);
    drop(DropReason::contradiction);
    return catch_member(packet.from, Misdeed::contradiction, cast.packet, shared, out);
  }
  count({packet.from, ballot, packet.signature, shared});
  if (!ballot.complete && ballot.step == Step::prepare) show_what_is_missing(packet.from, ballot, out);
}

/// A vote against members whose messages are here: its sender has not got them.
void Ceremony::show_what_is_missing(Member voter, const Ballot& ballot, CeremonyEffects& out) const {
  for (const Member i : members_of(ballot.without)) {
    if (i == voter) continue;
    if (commits_[i]) out.push_back(SendPacket{voter, attempt_, commits_[i]->packet});
    if (reveals_[i]) out.push_back(SendPacket{voter, attempt_, reveals_[i]->packet});
  }
}

void Ceremony::begin_view(std::uint16_t view, CeremonyEffects& out) {
  view_ = view;
  prepared_ = false;
  deadline_ = now_ + (2 + view) * plan_.patience;
  if (prepare_) {
    if (view > prepare_->ballot.view) {  // others may not know what we are bound to
      send(signed_packet(PacketType::certificate, prepare_->certificate), members_, out);
    }
    return cast(Step::prepare, prepare_->ballot, out);
  }
  Ballot own;
  if (beacon_) {
    own.complete = true;
    own.beacon = *beacon_;
  } else {
    own.without = missing() | (caught_ & members_);
    own.without.reset(me_);
    HANSA_ASSERT(own.without.any());
  }
  cast(Step::prepare, own, out);
}

void Ceremony::cast(Step step, const Ballot& value, CeremonyEffects& out) {
  Ballot ballot = value;
  ballot.view = *view_;
  ballot.step = step;
  const Bytes body = encode_vote(place(), ballot);
  const auto signature = identity_->sign(signed_bytes(PacketType::vote, me_, id_, body));
  const auto packet =
      std::make_shared<const Bytes>(encode_packet(PacketType::vote, me_, id_, signature, body));
  send(packet, members_, out);
  count({me_, ballot, signature, packet});
}

void Ceremony::count(Cast cast) {
  const Ballot ballot = cast.ballot;
  auto& votes = votes_[{ballot.view, ballot.step}];
  votes.push_back(std::move(cast));
  std::vector<const Cast*> equal;
  for (const Cast& other : votes) {
    if (other.ballot.same_value(ballot)) equal.push_back(&other);
  }
  if (equal.size() != quorum()) return;
  std::sort(equal.begin(), equal.end(), [](auto* a, auto* b) { return a->member < b->member; });
  MemberSet voters;
  std::vector<Signature> signatures;
  for (const Cast* one : equal) {
    voters.set(one->member);
    signatures.push_back(one->signature);
  }
  reached_.push_back({ballot, encode_certificate(place(), ballot, voters, signatures)});
}

bool Ceremony::take_quorum(CeremonyEffects& out) {
  Quorum quorum = std::move(reached_.front());
  reached_.erase(reached_.begin());
  const Ballot& ballot = quorum.ballot;
  if (ballot.step == Step::commit || (ballot.view == 0 && ballot.complete)) {
    decide(attempt_, members_, ballot, std::move(quorum.certificate), out);
  } else if (!prepare_ || ballot.view > prepare_->ballot.view) {
    prepare_ = std::move(quorum);
  }
  return true;
}

/// More than f members are in later views: at least one honest one is.
std::optional<std::uint16_t> Ceremony::view_to_join() const {
  if (!view_) return std::nullopt;
  for (std::uint16_t view = kViewsMax - 1; view > *view_; --view) {
    MemberSet ahead;
    for (const auto& [at, votes] : votes_) {
      if (at.first < view) continue;
      for (const Cast& cast : votes) ahead.set(cast.member);
    }
    if (ahead.count() > plan_.colluders) return view;
  }
  return std::nullopt;
}

/// A quorum of any later attempt tells all: t exceeds f, so an honest member has voted in it, and an honest
/// member votes only in an attempt whose members were decided.
void Ceremony::accept_certificate(const Packet& packet, CeremonyEffects& out) {
  const auto& body = std::get<CertificateBody>(packet.parsed);
  const Ballot& ballot = body.ballot;
  const bool decides = ballot.step == Step::commit || (ballot.view == 0 && ballot.complete);
  if (packet.attempt < attempt_) return drop(DropReason::late);
  const bool ours = packet.attempt == attempt_ && packet.members == members_;
  if (!decides && (!ours || phase_ != CeremonyPhase::running)) return drop(DropReason::late);
  if (!decides && prepare_ && ballot.view <= prepare_->ballot.view) return drop(DropReason::duplicate);
  const std::size_t n = packet.members.count();
  if (n < plan_.colluders + 2 || body.voters.count() < quorum_of(n, plan_.colluders)) {
    return drop(DropReason::bad_certificate);
  }
  Reader signatures(body.signatures);
  for (const Member voter : members_of(body.voters)) {
    const Signature signature = signatures.array<64>();
    const Bytes text = signed_bytes(PacketType::vote, voter, id_, body.vote);
    if (!crypto::verify(plan_.roster[voter], text, signature)) return drop(DropReason::bad_certificate);
  }
  Bytes certificate(packet.body.begin(), packet.body.end());
  if (decides) return decide(packet.attempt, packet.members, ballot, std::move(certificate), out);
  reached_.push_back({ballot, std::move(certificate)});
}

void Ceremony::decide(std::uint32_t attempt, const MemberSet& members, const Ballot& ballot,
                      Bytes certificate, CeremonyEffects& out) {
  attempt_ = attempt;
  const auto body = std::make_shared<const Bytes>(std::move(certificate));
  certificate_ = signed_packet(PacketType::certificate, *body);
  const MemberSet asked = std::exchange(asked_, {});
  for (const Member member : members_of(asked)) answer(member, out);
  outcome_ = {.attempt = attempt, .members = {}, .beacon = {}, .certificate = body};
  if (ballot.complete) {
    outcome_.members = members;
    outcome_.beacon = ballot.beacon;
    return end(members.test(me_) ? CeremonyPhase::drawn : CeremonyPhase::left_out, out);
  }
  const MemberSet rest = members & ~ballot.without;
  if (!rest.test(me_)) return end(CeremonyPhase::left_out, out);
  const std::size_t least = std::max<std::size_t>(3, plan_.colluders + 2);
  if (rest.count() < least) return end(CeremonyPhase::failed, out);
  if (phase_ == CeremonyPhase::watching && attempt < begun_) {
    attempt_ = attempt + 1;  // not ours to sign in: we may have before the crash
    members_ = rest;
    return;
  }
  begin_attempt(attempt + 1, rest, out);
}

}  // namespace hansa::protocols::beacon
