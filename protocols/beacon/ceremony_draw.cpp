// Commitments and reveals, and who is caught with two of them.
#include "protocols/beacon/ceremony.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::beacon {
namespace {

std::shared_ptr<const Bytes> share(BytesView bytes) {
  return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
}

}  // namespace

void Ceremony::accept_commit(const Packet& packet, BytesView bytes, CeremonyEffects& out) {
  const auto& body = std::get<CommitBody>(packet.parsed);
  auto& known = commits_[packet.from];
  if (!known) {
    known = Committed{body.commitment, share(bytes)};
    return;
  }
  if (known->commitment == body.commitment) return drop(DropReason::duplicate);
  drop(DropReason::contradiction);
  catch_member(packet.from, Misdeed::contradiction, known->packet, share(bytes), out);
}

void Ceremony::accept_reveal(const Packet& packet, BytesView bytes, CeremonyEffects& out) {
  const auto& body = std::get<RevealBody>(packet.parsed);
  auto& known = reveals_[packet.from];
  if (!known) {
    known = Shown{body.session, body.randomness, share(bytes)};
    if (session_) check_reveal(packet.from, out);
    return;
  }
  if (known->session == body.session && known->randomness == body.randomness) {
    return drop(DropReason::duplicate);
  }
  drop(DropReason::contradiction);
  const Shared first = known->packet, second = share(bytes);
  // If others can complete the attempt with this one, so must we.
  if (session_ && !fits(packet.from)) known = Shown{body.session, body.randomness, second};
  catch_member(packet.from, Misdeed::contradiction, first, second, out);
}

/// A reveal for other commitments than ours: somebody has committed twice. Show the member what we have; it
/// does the same, and both find who it was.
void Ceremony::check_reveal(Member member, CeremonyEffects& out) {
  const Shown& shown = *reveals_[member];
  if (shown.session != *session_) {
    if (disputed_.test(member)) return;
    disputed_.set(member);
    for (const Member other : members_of(members_)) {
      if (other != member) out.push_back(SendPacket{member, attempt_, commits_[other]->packet});
    }
    return;
  }
  const Hash256 commitment = commitment_of(plan_.manifest, attempt_, member, shown.randomness);
  if (commitment == commits_[member]->commitment) return;
  catch_member(member, Misdeed::bad_reveal, commits_[member]->packet, shown.packet, out);
}

bool Ceremony::all_committed() const {
  const auto members = members_of(members_);
  return std::all_of(members.begin(), members.end(), [&](Member i) { return commits_[i].has_value(); });
}

void Ceremony::reveal(CeremonyEffects& out) {
  std::vector<std::pair<Member, Hash256>> commitments;
  for (const Member i : members_of(members_)) commitments.emplace_back(i, commits_[i]->commitment);
  session_ = session_of(id_, attempt_, commitments);
  Shown own{.session = *session_, .randomness = {}, .packet = {}};
  std::copy(randomness_.bytes().begin(), randomness_.bytes().end(), own.randomness.begin());
  own.packet = signed_packet(PacketType::reveal, encode_reveal(place(), *session_, own.randomness));
  send(own.packet, members_, out);
  reveals_[me_] = std::move(own);
  for (const Member i : members_of(members_)) {
    if (reveals_[i]) check_reveal(i, out);
  }
  // A member from which somebody withheld a commitment says so when its patience for commitments ends. It
  // must be able to catch up before the others give it up.
  deadline_ = std::max(deadline_, std::max(now_ + plan_.patience, began_ + 2 * plan_.patience));
}

bool Ceremony::fits(Member member) const {
  const auto& shown = reveals_[member];
  if (!shown || shown->session != *session_) return false;
  return commitment_of(plan_.manifest, attempt_, member, shown->randomness) == commits_[member]->commitment;
}

std::optional<Hash256> Ceremony::beacon_if_complete() const {
  std::vector<Revealed> all;
  for (const Member i : members_of(members_)) {
    if (!reveals_[i]) return std::nullopt;
    all.push_back({i, reveals_[i]->randomness});
  }
  const bool complete =
      std::all_of(all.begin(), all.end(), [&](const auto& one) { return fits(one.member); });
  if (!complete) return std::nullopt;
  return beacon_of(plan_.manifest, all);
}

/// Members whose next message this attempt waits for. Once somebody was caught nobody owes a reveal: an
/// honest member that knows of it does not give one, or has given it for the other commitments.
MemberSet Ceremony::missing() const {
  MemberSet set;
  if (session_ && (caught_ & members_).any()) return set;
  for (const Member i : members_of(members_)) set.set(i, session_ ? !fits(i) : !commits_[i].has_value());
  return set;
}

void Ceremony::catch_member(Member member, Misdeed misdeed, const Shared& first, const Shared& second,
                            CeremonyEffects& out) {
  if (caught_.test(member)) return;
  caught_.set(member);
  MemberSet others = members_;
  others.reset(member);
  send(first, others, out);
  send(second, others, out);
  out.push_back(Caught{member, misdeed, {first, second}});
}

}  // namespace hansa::protocols::beacon
