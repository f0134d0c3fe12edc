// What people ask of a keeper. Every signature is remembered durably before it can leave, and an organisation
// signs one roster per version.
#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

Error refuse(std::string message, std::string hint = {}) {
  return {.kind = ErrorKind::usage, .message = std::move(message), .hint = std::move(hint)};
}
Error no_roster() { return refuse("there is no roster yet", "found one, or join with a ticket"); }

/// Why an object that we made ourselves was not taken; names the rule where there is one.
Error not_taken(KeeperReject reason) {
  return refuse("this is not possible now: " + std::string(keeper_reject_name(reason)),
                "look at hansa roster show and at the clock");
}

void insert_sorted(std::vector<Organisation>& list, Organisation organisation) {
  const auto at =
      std::lower_bound(list.begin(), list.end(), organisation,
                       [](const Organisation& a, const Organisation& b) { return a.key < b.key; });
  list.insert(at, std::move(organisation));
}

Organisation entry_of(const JoinRequest& request) {
  return {.key = request.organisation, .name = request.name, .max_nodes = request.max_nodes};
}

}  // namespace

Result<void> RosterKeeper::may_sign(const crypto::Identity& organisation) const {
  if (organisation.public_key() != config_.organisation) {
    return refuse("the key is not this organisation's",
                  "use the organisation key of this node's organisation");
  }
  if (recovering_) {
    return refuse("this node was restored and has not heard from enough other organisations yet",
                  "wait until their nodes are connected; what was signed before must come back first");
  }
  return {};
}

Result<void> RosterKeeper::found(const FoundingDraft& draft, UnixTime now, KeeperEffects& out) {
  if (!chain_.empty() || draft_ || own_request_) {
    return refuse("this node belongs to a consortium already, or is about to", "use another data folder");
  }
  if (draft.founder.key != config_.organisation)
    return refuse("the founder must be this node's organisation");
  if (draft.certificates.size() > kRequestCertificatesMax)
    return refuse("too many nodes to begin with", "add them later");
  if (const auto readable = decode_draft(encode(draft)); !readable) return readable.error();
  draft_ = draft;
  persist(out, RecordKind::draft, {}, encode(draft));
  on_tick(now, out);
  return {};
}

Result<Ticket> RosterKeeper::invite(const crypto::Identity& organisation,
                                    const std::array<std::byte, 16>& token, std::vector<Bootstrap> bootstrap,
                                    UnixTime lifetime, UnixTime now) const {
  if (auto allowed = may_sign(organisation); !allowed) return allowed.error();
  if (lifetime <= 0 || lifetime > kTicketLifetimeMax) {
    return refuse("a ticket lives from 1 second to 30 days", "72 hours are usual");
  }
  Ticket ticket{.inviter = config_.organisation, .bootstrap = std::move(bootstrap), .token = token};
  if (member()) {
    const SignedRoster& head = chain_.head();
    ticket.consortium = chain_.consortium();
    ticket.version = head.roster.version;
    ticket.roster = head.hash;
    ticket.name = head.roster.name;
    ticket.inviter_name = head.roster.find(config_.organisation)->name;
  } else if (draft_) {
    ticket.consortium = crypto::hash("hansa.draft.v1", encode(*draft_));
    ticket.founding = true;
    ticket.name = draft_->name;
    ticket.inviter_name = draft_->founder.name;
  } else {
    return no_roster();
  }
  ticket.issued_at = now;
  ticket.expires_at = now + lifetime;
  if (ticket.bootstrap.empty() || ticket.bootstrap.size() > kEndpointsMax) {
    return refuse("a ticket needs one to four addresses where the joiner can dial in",
                  "give this node an endpoint, or name other members' nodes");
  }
  for (const Bootstrap& one : ticket.bootstrap) {
    if (!is_endpoint(one.endpoint)) return refuse("'" + one.endpoint + "' is not host:port");
  }
  sign(ticket, organisation);
  return ticket;
}

Result<void> RosterKeeper::revoke_ticket(const std::array<std::byte, 16>& token, UnixTime expires_at,
                                         KeeperEffects& out) {
  const auto [entry, fresh] =
      tokens_.try_emplace({config_.organisation, token}, Token{config_.organisation, expires_at});
  if (!fresh && entry->second.organisation != config_.organisation) {
    return refuse("the ticket has been used already", "reject the request: hansa requests ls");
  }
  if (!fresh) return {};
  // To every request it now looks as if another organisation, this one, had used the ticket before.
  persist(out, RecordKind::used_token, Writer().raw(config_.organisation).raw(token).bytes(),
          Writer().raw(config_.organisation).u64(static_cast<std::uint64_t>(expires_at)).bytes());
  return {};
}

std::optional<PublicKey> RosterKeeper::ticket_user(const std::array<std::byte, 16>& token) const {
  const auto found = tokens_.find({config_.organisation, token});
  return found == tokens_.end() ? std::nullopt : std::optional(found->second.organisation);
}

Result<void> RosterKeeper::join(const JoinRequest& request, UnixTime now, KeeperEffects& out) {
  if (!chain_.empty() || draft_)
    return refuse("this node belongs to a consortium already", "use another data folder");
  if (request.organisation != config_.organisation || !check(request)) {
    return refuse("the request is not signed by this node's organisation");
  }
  const Bytes bytes = encode(request);
  if (const auto readable = decode_request(bytes); !readable) return readable.error();
  if (request.ticket.expires_at <= now) return refuse("the ticket has expired", "ask for a new one");
  own_request_ = request;
  chain_ = request.ticket.founding ? RosterChain() : RosterChain(request.ticket.consortium);
  anchor_checked_ = false;
  persist(out, RecordKind::request, {}, bytes);
  retell(out);
  return {};
}

Result<Hash256> RosterKeeper::approve_requests(const std::vector<Hash256>& requests,
                                               const crypto::Identity& organisation, UnixTime now,
                                               KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed.error();
  std::vector<Organisation> entries;
  for (const Hash256& id : requests) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return refuse("there is no such request", "see hansa requests ls");
    entries.push_back(entry_of(found->second.request));
  }
  Roster next;
  if (chain_.empty()) {
    if (!draft_) return no_roster();
    next.name = draft_->name;
    next.policy = draft_->policy;
    next.removal = draft_->removal;
    next.successor_of = draft_->successor_of;
    next.organisations = {draft_->founder};
    next.issued_at = now;
    next.expires_at = now + kRosterLifetime;
  } else {
    // If a colleague has proposed exactly this already, a second proposal would only split the votes.
    for (const auto& [hash, proposal] : proposals_) {
      std::set<PublicKey> wanted;
      for (const Organisation& entry : entries) wanted.insert(entry.key);
      const Tally counted = tally_of(proposal);
      if (!wanted.empty() && counted.added == wanted && counted.removed.empty() &&
          proposal.roster.roster.previous == chain_.head().hash) {
        const Hash256 same = hash;
        if (proposal.approvals.contains(config_.organisation)) return same;
        if (auto done = approve(same, organisation, now, out); !done) return done.error();
        return same;
      }
    }
    next = draft(now);
  }
  for (Organisation& entry : entries) {
    if (next.find(entry.key) != nullptr) return refuse(entry.name + " is listed twice");
    insert_sorted(next.organisations, std::move(entry));
  }
  return propose(std::move(next), organisation, now, out);
}

Result<void> RosterKeeper::reject_request(const Hash256& request, const crypto::Identity& organisation,
                                          UnixTime now, KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed;
  if (chain_.empty()) {  // founding: nobody else knows of it
    const auto found = requests_.find(request);
    if (found == requests_.end()) return refuse("there is no such request", "see hansa requests ls");
    notify(out, EventKind::request_gone, "the request of " + found->second.request.name + " is rejected",
           found->second.request.organisation, request);
    requests_.erase(found);
    objects_changed(out);
    return {};
  }
  RequestRejection rejection{
      .consortium = chain_.consortium(), .request = request, .organisation = config_.organisation};
  sign(rejection, organisation);
  const Bytes object = encode(rejection);
  if (const Outcome refused = take_rejection(object, now, out)) return not_taken(*refused);
  out.emplace_back(TellAll{object});
  return {};
}

Roster RosterKeeper::draft(UnixTime now) const {
  Result<Roster> next = draft_on(chain_.head().hash, now);
  HANSA_ASSERT(next.ok());
  return std::move(next).value();
}

Result<Roster> RosterKeeper::draft_on(const Hash256& branch, UnixTime now) const {
  const SignedRoster* previous = chain_.find(branch);
  if (previous == nullptr) return refuse("there is no such version", "see hansa roster log");
  Roster next = previous->roster;
  next.consortium = chain_.consortium();
  next.version += 1;
  next.previous = previous->hash;
  next.successor_of = {};
  next.settles.clear();
  next.issued_at = std::max(now, previous->roster.issued_at);
  next.expires_at = next.issued_at + kRosterLifetime;
  if (const auto fork = chain_.fork()) {
    const SignedRoster* chosen = previous;
    while (chosen->roster.version > fork->version) chosen = chain_.find(chosen->roster.previous);
    for (const SignedRoster* other : fork->branches) {
      if (other != chosen) next.settles.push_back(other->hash);
    }
    std::sort(next.settles.begin(), next.settles.end());
    if (next.settles.size() > kBranchesMax) next.settles.resize(kBranchesMax);
  }
  return next;
}

RosterKeeper::Approved RosterKeeper::approval_of(const SignedRoster& roster) const {
  const auto branches = chain_.branches_of(roster);
  return {roster.roster.previous, branches ? branches->common->hash : Hash256{}};
}

void RosterKeeper::remember_signature(const SignedRoster& roster, KeeperEffects& out) {
  const auto [entry, fresh] = signed_.emplace(roster.hash, approval_of(roster));
  if (!fresh) return;
  persist(out, RecordKind::signature, Writer().raw(roster.hash.bytes).bytes(),
          Writer().raw(entry->second.previous.bytes).raw(entry->second.fork.bytes).bytes());
}

Result<void> RosterKeeper::sign_once(const SignedRoster& roster, bool accept_double_signing) const {
  if (roster.roster.version == 1 || accept_double_signing) return {};
  const Approved wanted_now = approval_of(roster);
  for (const auto& [hash, earlier] : signed_) {
    if (hash == roster.hash) continue;
    const bool same_fork = earlier.fork != Hash256{} && earlier.fork == wanted_now.fork;
    if (!same_fork && earlier.previous != wanted_now.previous) continue;
    const auto found = proposals_.find(hash);
    const std::string name = short_text({hash});
    if (found == proposals_.end()) {
      return refuse("this organisation has signed another version " + std::to_string(roster.roster.version) +
                        ", " + name + ": signing two can fork the consortium",
                    "wait for the next version");
    }
    // It cannot get through any more unless that many organisations lie that rejected it; a fork by rival
    // removals needs as many anyway, and at least one.
    const Tally counted = tally_of(found->second);
    const Tally::Side& side = same_fork ? counted.common : counted.before;
    std::size_t rejected = 0;
    for (const PublicKey& key : side.electorate) rejected += found->second.rejections.count(key);
    const std::size_t left = side.electorate.size() - rejected;
    const std::size_t liars = side.needed > left ? side.needed - left : 0;
    const Roster& before = chain_.find(roster.roster.previous)->roster;
    const std::size_t n = before.organisations.size();
    const std::size_t twice = 2 * removal_votes_needed(before.policy, before.removal, n - 1);
    const std::size_t wanted = std::max<std::size_t>(1, twice > n ? twice - n : 0);
    if (liars < wanted) {
      return refuse(
          "this organisation has approved another proposal for version " +
              std::to_string(roster.roster.version) + ", " + name + ": signing two can fork the consortium",
          std::to_string(left + wanted - side.needed) + " more organisations must reject " + name + " first");
    }
  }
  return {};
}

Result<Hash256> RosterKeeper::offer(const SignedRoster& proposal, UnixTime now, KeeperEffects& out) {
  const Hash256 hash = proposal.hash;
  const Bytes object = encode(proposal, Kind::proposal);
  KeeperEffects effects;
  const bool fresh = !signed_.contains(hash);
  remember_signature(proposal, effects);
  if (const Outcome refused = take_proposal(object, now, effects)) {
    if (fresh) signed_.erase(hash);  // nothing has left
    return not_taken(*refused);
  }
  effects.emplace_back(TellAll{object});
  retell(effects);
  std::move(effects.begin(), effects.end(), std::back_inserter(out));
  return hash;
}

Result<Hash256> RosterKeeper::propose(Roster next, const crypto::Identity& organisation, UnixTime now,
                                      KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed.error();
  SignedRoster proposal = unsigned_roster(std::move(next));
  if (const auto readable = decode_body(proposal.body); !readable) return readable.error();
  if (proposal.roster.version > 1) {
    if (chain_.empty()) return no_roster();
    const SignedRoster* previous = chain_.find(proposal.roster.previous);
    if (previous == nullptr) return refuse("the proposal follows a version that is not here");
    const auto branches = chain_.branches_of(proposal);
    if (auto step = check_step(*previous, proposal, branches ? &*branches : nullptr); !step) {
      return refuse(step.error().message, "docs/governance.md has the rules");
    }
    if (chain_.fork() && proposal.roster.settles.empty()) {
      return refuse("the roster is forked: the next version must settle that", "see hansa roster show");
    }
  }
  if (proposal.roster.expires_at <= now) return refuse("the proposal would be expired at once");
  if (auto once = sign_once(proposal, false); !once) return once.error();
  sign(proposal, organisation);
  return offer(proposal, now, out);
}

Result<void> RosterKeeper::check_vote(const Vote& vote, UnixTime now, bool accept_double_signing) const {
  const auto found = proposals_.find(vote.roster);
  if (found == proposals_.end()) {
    return refuse("there is no such proposal", "it may be decided already: see hansa roster log");
  }
  const Proposal& proposal = found->second;
  if (!may_vote(proposal, config_.organisation)) return refuse("this organisation has no vote on it");
  if (proposal.approvals.contains(config_.organisation)) {
    return refuse(vote.approve ? "this organisation has approved it already"
                               : "this organisation has approved it, which cannot be taken back");
  }
  if (proposal.rejections.contains(config_.organisation)) {
    return refuse("this organisation has rejected it, which is a promise never to approve it",
                  "propose it anew: the new proposal has another hash");
  }
  if (!vote.approve) return {};
  const Roster& roster = proposal.roster.roster;
  if (roster.issued_at > now + kClockSkew) {
    return refuse(
        "the proposal is dated " + std::to_string(roster.issued_at - now) + " s ahead of this clock",
        "check the clocks of both sides (timedatectl)");
  }
  if (roster.expires_at <= now) return refuse("the proposal would be expired at once", "propose it anew");
  return sign_once(proposal.roster, accept_double_signing);
}

Result<void> RosterKeeper::cast(const Vote& vote, UnixTime now, KeeperEffects& out) {
  if (vote.approve) remember_signature(proposals_.at(vote.roster).roster, out);
  const Bytes object = encode(vote);
  // Told before it is counted: counting may complete the version and end the proposal.
  KeeperEffects effects;
  const Outcome refused = take_vote(object, now, effects);
  if (refused) return not_taken(*refused);
  effects.emplace_back(TellAll{object});
  retell(effects);
  std::move(effects.begin(), effects.end(), std::back_inserter(out));
  return {};
}

Result<void> RosterKeeper::approve(const Hash256& proposal, const crypto::Identity& organisation,
                                   UnixTime now, KeeperEffects& out, bool accept_double_signing) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed;
  Vote vote{.roster = proposal, .organisation = config_.organisation, .approve = true};
  if (auto checked = check_vote(vote, now, accept_double_signing); !checked) return checked;
  vote.consortium = consortium_of(proposals_.at(proposal).roster);
  sign(vote, organisation);
  return cast(vote, now, out);
}

Result<void> RosterKeeper::reject(const Hash256& proposal, const crypto::Identity& organisation, UnixTime now,
                                  KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed;
  Vote vote{.roster = proposal, .organisation = config_.organisation, .approve = false};
  if (auto checked = check_vote(vote, now, false); !checked) return checked;
  vote.consortium = consortium_of(proposals_.at(proposal).roster);
  sign(vote, organisation);
  return cast(vote, now, out);
}

Result<void> RosterKeeper::submit(const Vote& vote, UnixTime now, KeeperEffects& out,
                                  bool accept_double_signing) {
  if (vote.organisation != config_.organisation || !check(vote)) {
    return refuse("the vote is not signed by this node's organisation");
  }
  if (recovering_ && vote.approve) return refuse("this node is recovering and must not sign yet");
  if (auto checked = check_vote(vote, now, accept_double_signing); !checked) return checked;
  return cast(vote, now, out);
}

Result<void> RosterKeeper::suspend(const PublicKey& subject, const std::string& reason,
                                   const crypto::Identity& organisation, UnixTime now, KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed;
  if (chain_.empty()) return no_roster();
  if (subject == config_.organisation)
    return refuse("an organisation cannot suspend itself", "use hansa leave");
  Suspension demand{.consortium = chain_.consortium(),
                    .subject = subject,
                    .accuser = config_.organisation,
                    .issued_at = now,
                    .reason = reason};
  for (const Suspension& other : suspensions_.all()) {
    demand.renewal = demand.renewal || (other.subject == subject && other.accuser == config_.organisation &&
                                        !other.renewal && now <= other.issued_at + kSuspensionLifetime);
  }
  if (!is_name(reason) || reason.size() > kReasonBytesMax) {
    return refuse("give a reason of at most 256 characters", "everyone will see it");
  }
  sign(demand, organisation);
  const Bytes object = encode(demand);
  if (const Outcome refused = take_suspension(object, now, out)) {
    if (*refused != KeeperReject::duplicate) return not_taken(*refused);
    return refuse("a suspension can be renewed once, and demanded again 30 days after it began",
                  "propose the removal of the organisation instead");
  }
  out.emplace_back(TellAll{object});
  return {};
}

Result<void> RosterKeeper::leave(const crypto::Identity& organisation, UnixTime now, KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed;
  if (chain_.empty()) return no_roster();
  Departure departure{
      .consortium = chain_.consortium(), .organisation = config_.organisation, .issued_at = now};
  sign(departure, organisation);
  const Bytes object = encode(departure);
  if (const Outcome refused = take_departure(object, now, out)) return not_taken(*refused);
  out.emplace_back(TellAll{object});
  return {};
}

}  // namespace hansa::protocols::roster
