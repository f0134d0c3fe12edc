// What a keeper does with each kind of signed object: decode, check the signature, check the rules, take it
// once. Nothing here trusts the node that passed it on.
#include "protocols/roster/keeper.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

constexpr std::size_t kOpenProposalsPerOrganisation = 8;
constexpr std::size_t kRequestsPerInviter = 16;
constexpr std::size_t kContradictionsMax = 1024;
constexpr UnixTime kRequestGossip = 7 * kDay;  ///< how late members may hear of a request

}  // namespace

RosterKeeper::Outcome RosterKeeper::take(BytesView object, Access access, UnixTime now, KeeperEffects& out) {
  if (object.empty()) return KeeperReject::malformed;
  const auto kind = static_cast<Kind>(object.front());
  if (kind == Kind::request) return take_request(object, access != Access::member, now, out);
  if (access == Access::none) return KeeperReject::unlisted;
  if (access == Access::applicant && kind != Kind::vote) return KeeperReject::unlisted;
  if (access == Access::former && kind != Kind::roster) return KeeperReject::unlisted;
  switch (kind) {
    case Kind::certificate:
      return take_certificate(object, now, out);
    case Kind::rotation:
      return take_rotation(object, now, out);
    case Kind::roster:
      return take_roster(object, now, out);
    case Kind::proposal:
      return take_proposal(object, now, out);
    case Kind::vote:
      return take_vote(object, now, out);
    case Kind::suspension:
      return take_suspension(object, now, out);
    case Kind::departure:
      return take_departure(object, now, out);
    case Kind::rejection:
      return take_rejection(object, now, out);
    default:
      break;
  }
  return KeeperReject::malformed;
}

RosterKeeper::Outcome RosterKeeper::take_certificate(BytesView object, UnixTime now, KeeperEffects& out) {
  const Result<NodeCertificate> certificate = decode_certificate(object);
  if (!certificate) return KeeperReject::malformed;
  if (!organisations().contains(certificate->organisation) &&
      !(restoring_ && former().contains(certificate->organisation))) {
    return KeeperReject::unlisted;
  }
  if (revoked(certificate->node)) return KeeperReject::unlisted;
  if (certificate->issued_at > now + kClockSkew) return KeeperReject::clock;
  if (!check(*certificate)) return KeeperReject::bad_signature;
  const Noted noted = nodes_.add(*certificate);
  if (noted == Noted::taken_conflict || noted == Noted::known_conflict) {
    contradiction(out, "an organisation signed two certificates with one serial", certificate->organisation,
                  object_id(object));
  }
  if (noted == Noted::known || noted == Noted::known_conflict) return KeeperReject::duplicate;
  objects_changed(out);
  notify(out, EventKind::nodes_changed, "the list of nodes may have changed", certificate->organisation);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::take_rotation(BytesView object, UnixTime now, KeeperEffects& out) {
  const Result<CurveRotation> rotation = decode_rotation(object);
  if (!rotation) return KeeperReject::malformed;
  if (rotation->issued_at > now + kClockSkew) return KeeperReject::clock;
  if (!check(*rotation)) return KeeperReject::bad_signature;
  const Noted noted = nodes_.add(*rotation);
  if (noted == Noted::unknown_node) return KeeperReject::stale;
  if (noted == Noted::taken_conflict || noted == Noted::known_conflict) {
    contradiction(out, "a node signed two CURVE keys with one number", {}, object_id(object));
  }
  if (noted == Noted::known || noted == Noted::known_conflict) return KeeperReject::duplicate;
  objects_changed(out);
  notify(out, EventKind::nodes_changed, "the list of nodes may have changed");
  return std::nullopt;
}

/// Said once per object: peers repeat what they hold.
void RosterKeeper::contradiction(KeeperEffects& out, std::string text, const PublicKey& organisation,
                                 const Hash256& object) {
  if (contradictions_.size() >= kContradictionsMax || !contradictions_.insert(object).second) return;
  notify(out, EventKind::contradiction, std::move(text), organisation, object);
}

RosterKeeper::Outcome RosterKeeper::take_roster(BytesView object, UnixTime now, KeeperEffects& out) {
  Result<SignedRoster> roster = decode_signed_roster(object);
  if (!roster) return KeeperReject::malformed;
  return add_version(std::move(*roster), now, out);
}

RosterKeeper::Outcome RosterKeeper::add_version(SignedRoster roster, UnixTime now, KeeperEffects& out) {
  if (chain_.empty()) {
    // Without a chain, only the consortium of the own request (or the own founding) is of interest.
    if (roster.roster.version != 1) return KeeperReject::stale;
    const bool awaited = own_request_ && !own_request_->ticket.founding
                             ? roster.hash == own_request_->ticket.consortium
                             : expects_genesis(roster);
    if (!awaited) return KeeperReject::other_consortium;
  }
  const Hash256 hash = roster.hash;
  Bytes bytes = encode(roster);
  const Result<Added> added = chain_.add(std::move(roster));
  if (!added) return KeeperReject::rule;
  if (*added == Added::known) return KeeperReject::duplicate;
  if (*added == Added::orphan) return KeeperReject::stale;
  persist(out, RecordKind::version, {hash.bytes.begin(), hash.bytes.end()}, std::move(bytes));
  if (*added == Added::branched) {
    objects_changed(out);
    notify(out, EventKind::nodes_changed, "the list of nodes may have changed");
    watch_time(now, out);
  } else {
    chain_changed(now, out);
  }
  return std::nullopt;
}

/// Version 1 as this organisation was told to expect it: it stands in it under its own name, and so does the
/// one who invited it.
bool RosterKeeper::expects_genesis(const SignedRoster& genesis) const {
  const Organisation* own = genesis.roster.find(config_.organisation);
  if (own == nullptr) return false;
  if (draft_ && draft_->founder.key == config_.organisation) return genesis.roster.name == draft_->name;
  return own_request_ && own_request_->ticket.founding && own->name == own_request_->name &&
         own->max_nodes == own_request_->max_nodes && genesis.roster.name == own_request_->ticket.name &&
         genesis.roster.find(own_request_->ticket.inviter) != nullptr;
}

Tally RosterKeeper::tally_of(const Proposal& proposal) const {
  const SignedRoster* previous = chain_.find(proposal.roster.roster.previous);
  std::set<PublicKey> signers;
  for (const auto& [key, vote] : proposal.approvals) signers.insert(key);
  const auto branches = chain_.branches_of(proposal.roster);
  return tally(previous == nullptr ? nullptr : &previous->roster, proposal.roster.roster, signers,
               branches ? &*branches : nullptr);
}

bool RosterKeeper::may_vote(const Proposal& proposal, const PublicKey& organisation) const {
  const Tally counted = tally_of(proposal);
  return counted.before.electorate.contains(organisation) ||
         counted.after.electorate.contains(organisation) ||
         counted.common.electorate.contains(organisation) || counted.removed.contains(organisation);
}

RosterKeeper::Outcome RosterKeeper::take_proposal(BytesView object, UnixTime now, KeeperEffects& out) {
  Result<SignedRoster> roster = decode_signed_roster(object, Kind::proposal);
  if (!roster) return KeeperReject::malformed;
  if (roster->signatures.size() != 1) return KeeperReject::malformed;
  if (chain_.find(roster->hash) != nullptr) return KeeperReject::stale;
  const PublicKey proposer = roster->signatures.front().organisation;
  if (roster->roster.version == 1) {
    if (!chain_.empty() || !expects_genesis(*roster)) return KeeperReject::other_consortium;
    if (roster->roster.find(proposer) == nullptr) return KeeperReject::unlisted;
  } else {
    if (chain_.empty()) return KeeperReject::stale;
    if (roster->roster.consortium != chain_.consortium()) return KeeperReject::other_consortium;
    const auto current = chain_.current();
    const auto previous = std::find_if(current.begin(), current.end(), [&](const SignedRoster* version) {
      return version->hash == roster->roster.previous;
    });
    if (previous == current.end()) return KeeperReject::stale;
    const auto branches = chain_.branches_of(*roster);
    if (!check_step(**previous, *roster, branches ? &*branches : nullptr).ok()) return KeeperReject::rule;
    if ((*previous)->roster.find(proposer) == nullptr &&
        (!branches || branches->common->roster.find(proposer) == nullptr)) {
      return KeeperReject::unlisted;
    }
  }
  if (roster->roster.issued_at > now + kClockSkew) return KeeperReject::clock;
  const auto here = proposals_.find(roster->hash);
  // The same proposal by two: everyone keeps the one with the smaller key.
  if (here != proposals_.end() && here->second.proposer <= proposer) return KeeperReject::duplicate;
  const auto by_proposer = std::count_if(proposals_.begin(), proposals_.end(), [&](const auto& entry) {
    return entry.second.proposer == proposer;
  });
  if (static_cast<std::size_t>(by_proposer) >= kOpenProposalsPerOrganisation) return KeeperReject::too_many;
  if (!check(*roster)) return KeeperReject::bad_signature;
  Proposal& proposal = proposals_[roster->hash];
  const bool fresh = here == proposals_.end();
  proposal.proposer = proposer;
  const Signature signature = roster->signatures.front().signature;
  proposal.approvals[proposer] = {consortium_of(*roster), roster->hash, proposer, true, signature};
  proposal.roster = std::move(*roster);
  if (fresh) {
    notify(out, EventKind::proposal,
           "roster version " + std::to_string(proposal.roster.roster.version) + " is proposed", proposer,
           proposal.roster.hash, proposal.roster.roster.version);
  }
  if (proposer == config_.organisation) remember_signature(proposal.roster, out);
  objects_changed(out);
  const Hash256 hash = proposal.roster.hash;  // the proposal may be gone when it is complete
  try_complete(hash, now, out);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::take_vote(BytesView object, UnixTime now, KeeperEffects& out) {
  const Result<Vote> vote = decode_vote(object);
  if (!vote) return KeeperReject::malformed;
  const auto found = proposals_.find(vote->roster);
  if (found == proposals_.end()) return KeeperReject::stale;
  Proposal& proposal = found->second;
  if (vote->consortium != consortium_of(proposal.roster)) return KeeperReject::other_consortium;
  if (!may_vote(proposal, vote->organisation)) return KeeperReject::unlisted;
  auto &mine = vote->approve ? proposal.approvals : proposal.rejections,
       &others = vote->approve ? proposal.rejections : proposal.approvals;
  if (mine.contains(vote->organisation)) return KeeperReject::duplicate;
  if (!check(*vote)) return KeeperReject::bad_signature;
  mine.emplace(vote->organisation, *vote);
  const std::uint32_t version = proposal.roster.roster.version;
  notify(out, EventKind::vote, vote->approve ? "a proposal is approved" : "a proposal is rejected",
         vote->organisation, vote->roster, version);
  if (others.contains(vote->organisation)) {
    contradiction(out, "an organisation approved and rejected the same proposal", vote->organisation,
                  vote->roster);
  }
  // After a restore this is how an organisation learns what it has signed.
  if (vote->approve && vote->organisation == config_.organisation) remember_signature(proposal.roster, out);
  objects_changed(out);
  try_complete(vote->roster, now, out);
  return std::nullopt;
}

void RosterKeeper::try_complete(const Hash256& hash, UnixTime now, KeeperEffects& out) {
  const auto found = proposals_.find(hash);
  if (found == proposals_.end() || !tally_of(found->second).complete()) return;
  SignedRoster complete = found->second.roster;
  complete.signatures.clear();
  for (const auto& [key, vote] : found->second.approvals)
    complete.signatures.push_back({key, vote.signature});
  const Bytes object = encode(complete);
  if (!add_version(std::move(complete), now, out)) out.emplace_back(TellAll{object});
}

RosterKeeper::Outcome RosterKeeper::take_suspension(BytesView object, UnixTime now, KeeperEffects& out) {
  const Result<Suspension> demand = decode_suspension(object);
  if (!demand) return KeeperReject::malformed;
  if (chain_.empty() || demand->consortium != chain_.consortium()) return KeeperReject::other_consortium;
  const auto members = organisations();
  if (!members.contains(demand->subject) || !members.contains(demand->accuser)) return KeeperReject::unlisted;
  if (demand->issued_at > now + kClockSkew) return KeeperReject::clock;
  if (demand->issued_at + kSuspensionPause + 2 * kSuspensionLifetime < now) return KeeperReject::stale;
  if (!check(*demand)) return KeeperReject::bad_signature;
  if (!suspensions_.add(*demand)) return KeeperReject::duplicate;
  objects_changed(out);
  watch_time(now, out);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::take_departure(BytesView object, UnixTime now, KeeperEffects& out) {
  const Result<Departure> departure = decode_departure(object);
  if (!departure) return KeeperReject::malformed;
  if (chain_.empty() || departure->consortium != chain_.consortium()) return KeeperReject::other_consortium;
  const auto members = organisations();
  const auto leaver = members.find(departure->organisation);
  if (leaver == members.end()) return KeeperReject::unlisted;
  if (departure->issued_at > now + kClockSkew) return KeeperReject::clock;
  if (departure->issued_at < admitted_at(departure->organisation)) return KeeperReject::stale;
  if (departures_.contains(departure->organisation)) return KeeperReject::duplicate;
  if (!check(*departure)) return KeeperReject::bad_signature;
  departures_.emplace(departure->organisation, *departure);
  notify(out, EventKind::departed, leaver->second->name + " has left", departure->organisation);
  notify(out, EventKind::nodes_changed, "the list of nodes may have changed", departure->organisation);
  objects_changed(out);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::take_request(BytesView object, bool direct, UnixTime now,
                                                 KeeperEffects& out) {
  const Result<JoinRequest> request = decode_request(object);
  if (!request) return KeeperReject::malformed;
  const Ticket& ticket = request->ticket;
  const Hash256 id = object_id(object);
  if (requests_.contains(id)) return KeeperReject::duplicate;
  if (ticket.founding) {
    if (!draft_ || ticket.inviter != config_.organisation ||
        ticket.consortium != crypto::hash("hansa.draft.v1", encode(*draft_))) {
      return KeeperReject::other_consortium;
    }
  } else {
    if (chain_.empty() || ticket.consortium != chain_.consortium()) return KeeperReject::other_consortium;
    if (chain_.head().roster.find(ticket.inviter) == nullptr || suspended(now).contains(ticket.inviter)) {
      return KeeperReject::unlisted;
    }
    if (organisations().contains(request->organisation)) return KeeperReject::stale;
    if (revoked(request->organisation)) return KeeperReject::unlisted;
  }
  if (request->created_at > now + kClockSkew) return KeeperReject::clock;
  // The applicant itself must be in time; members may hear of it from others a little later.
  const UnixTime deadline = direct ? ticket.expires_at : ticket.expires_at + kRequestGossip;
  if (request->created_at > ticket.expires_at || now >= deadline) return KeeperReject::ticket;
  const auto token = tokens_.find({ticket.inviter, ticket.token});
  if (token != tokens_.end() && token->second.organisation != request->organisation)
    return KeeperReject::ticket;
  if (!check(*request)) return KeeperReject::bad_signature;
  std::size_t by_inviter = 0;
  for (const auto& [other, pending] : requests_) {
    if (pending.request.organisation == request->organisation &&
        pending.request.created_at >= request->created_at) {
      return KeeperReject::stale;
    }
    by_inviter += pending.request.ticket.inviter == ticket.inviter ? 1 : 0;
  }
  if (by_inviter >= kRequestsPerInviter) return KeeperReject::too_many;
  std::erase_if(requests_, [&](const auto& entry) {  // filed again, e.g. with another node
    return entry.second.request.organisation == request->organisation;
  });
  tokens_[{ticket.inviter, ticket.token}] = {request->organisation, ticket.expires_at};
  persist(out, RecordKind::used_token, Writer().raw(ticket.inviter).raw(ticket.token).bytes(),
          Writer().raw(request->organisation).u64(static_cast<std::uint64_t>(ticket.expires_at)).bytes());
  requests_[id].request = *request;
  notify(out, EventKind::request, request->name + " asks to join, invited by " + ticket.inviter_name,
         request->organisation, id);
  objects_changed(out);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::take_rejection(BytesView object, UnixTime, KeeperEffects& out) {
  const Result<RequestRejection> rejection = decode_rejection(object);
  if (!rejection) return KeeperReject::malformed;
  if (chain_.empty() || rejection->consortium != chain_.consortium()) return KeeperReject::other_consortium;
  if (!organisations().contains(rejection->organisation)) return KeeperReject::unlisted;
  const auto found = requests_.find(rejection->request);
  if (found == requests_.end()) return KeeperReject::stale;
  if (found->second.rejections.contains(rejection->organisation)) return KeeperReject::duplicate;
  if (!check(*rejection)) return KeeperReject::bad_signature;
  found->second.rejections.emplace(rejection->organisation, *rejection);
  notify(out, EventKind::request_rejected, "a member does not want " + found->second.request.name,
         rejection->organisation, found->first);
  objects_changed(out);
  return std::nullopt;
}

}  // namespace hansa::protocols::roster
