// Life of a keeper: restart, what follows from a new version, what time brings. The store of objects that
// digests compare is rebuilt from the parts after each change; consortia are small, and nothing can be
// forgotten that way.
#include "protocols/roster/keeper.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace hansa::protocols::roster {
namespace {

Bytes bytes_of(const Hash256& hash) { return {hash.bytes.begin(), hash.bytes.end()}; }

Error bad_record(const std::string& what) {
  return {.kind = ErrorKind::bad_data,
          .message = "the stored roster state cannot be used: " + what,
          .hint = "restore the state from a backup (hansa restore)"};
}

/// Objects depend on each other in this order; versions come before all.
int restore_rank(const Record& record) {
  if (record.kind == RecordKind::version) return 0;
  if (record.kind == RecordKind::draft) return 1;
  if (record.kind != RecordKind::object || record.value.empty()) return 2;
  switch (static_cast<Kind>(record.value.front())) {
    case Kind::request:
      return 3;
    case Kind::certificate:
      return 4;
    case Kind::rotation:
      return 5;
    case Kind::proposal:
      return 6;
    default:
      return 7;
  }
}

/// Restored proposals of version 1 are tied to the own request, which is read in rank 2.
bool restore_before(const Record& a, const Record& b) {
  const int ra = restore_rank(a), rb = restore_rank(b);
  return ra != rb ? ra < rb : a.key < b.key;
}

}  // namespace

Bytes encode(const FoundingDraft& draft) {
  Writer out;
  put_text(out, draft.name);
  out.u8(static_cast<std::uint8_t>(draft.policy)).u8(static_cast<std::uint8_t>(draft.removal));
  out.raw(draft.successor_of.bytes).raw(draft.founder.key);
  put_text(out, draft.founder.name);
  out.u16(draft.founder.max_nodes).u32(draft.founder.weight_cap);
  out.u16(static_cast<std::uint16_t>(draft.certificates.size()));
  for (const NodeCertificate& certificate : draft.certificates) {
    const Bytes bytes = encode(certificate);
    out.u16(static_cast<std::uint16_t>(bytes.size())).raw(bytes);
  }
  return out.u64(static_cast<std::uint64_t>(draft.created_at)).bytes();
}

Result<FoundingDraft> decode_draft(BytesView bytes) {
  Source in(bytes, "founding draft");
  FoundingDraft out;
  out.name = in.text(kNameBytesMax, "name");
  in.require(is_name(out.name), "name");
  const std::uint8_t policy = in.u8("policy"), removal = in.u8("removal policy");
  in.require(policy >= 1 && policy <= 3, "policy");
  in.require(removal == 1 || removal == 2, "removal policy");
  out.policy = static_cast<Policy>(policy);
  out.removal = static_cast<RemovalPolicy>(removal);
  out.successor_of = in.hash("successor_of");
  out.founder.key = in.array<32>("founder");
  out.founder.name = in.text(kNameBytesMax, "founder's name");
  in.require(is_name(out.founder.name), "founder's name");
  out.founder.max_nodes = in.u16("max_nodes");
  in.require(out.founder.max_nodes >= 1 && out.founder.max_nodes <= kNodesPerOrganisationMax, "max_nodes");
  out.founder.weight_cap = in.u32("weight_cap");
  in.require(out.founder.weight_cap >= 1 && out.founder.weight_cap <= kWeightCapWhole, "weight_cap");
  const std::size_t certificates = in.count(kRequestCertificatesMax, "certificates");
  in.require(certificates <= out.founder.max_nodes, "certificates");
  for (std::size_t i = 0; i < certificates && !in.failed(); ++i) {
    Result<NodeCertificate> one = decode_certificate(in.take(in.u16("certificate"), "certificate"));
    if (!one) return one.error();
    if (one->organisation != out.founder.key || !check(*one)) in.require(false, "certificate");
    out.certificates.push_back(std::move(*one));
  }
  out.created_at = in.time("created_at");
  return in.finish(std::move(out));
}

Result<void> RosterKeeper::start(const std::vector<Record>& records, UnixTime now, KeeperEffects& out,
                                 bool recovering) {
  if (auto restored = restore(records, now); !restored) return restored;
  recovering_ = recovering && organisations().size() > 1;
  member_before_ = member();
  forked_before_ = chain_.fork().has_value();
  suspended_before_ = suspended(now);
  objects_ = live_objects();
  kept_ = former_objects();
  next_sync_ = now;
  on_tick(now, out);
  return {};
}

Result<void> RosterKeeper::restore(const std::vector<Record>& records, UnixTime now) {
  // Versions first and in their own order, since a version can only follow one that is there.
  std::vector<SignedRoster> versions;
  for (const Record& record : records) {
    if (record.kind != RecordKind::version || record.value.empty()) continue;
    Result<SignedRoster> roster = decode_signed_roster(record.value);
    if (!roster) return bad_record(roster.error().message);
    versions.push_back(std::move(*roster));
  }
  std::set<Hash256> own_branch;
  std::map<Hash256, Hash256> previous;
  for (const SignedRoster& roster : versions) previous[roster.hash] = roster.roster.previous;
  for (const Record& record : records) {
    if (record.kind != RecordKind::head) continue;
    Source in(record.value, "head record");
    Hash256 hash = in.hash("hash");
    if (const auto done = in.finish(0); !done) return bad_record(done.error().message);
    for (; previous.contains(hash) && own_branch.insert(hash).second; hash = previous[hash]) {
    }
  }
  std::sort(versions.begin(), versions.end(), [&](const SignedRoster& a, const SignedRoster& b) {
    const auto rank = [&](const SignedRoster& roster) {
      return std::tuple(roster.roster.version, !own_branch.contains(roster.hash), roster.hash);
    };
    return rank(a) < rank(b);
  });
  for (SignedRoster& roster : versions) {
    const std::uint32_t version = roster.roster.version;
    const Result<Added> added = chain_.add(std::move(roster));
    if (!added) return bad_record(added.error().message);
    if (*added == Added::orphan) {
      return bad_record("version " + std::to_string(version) + " does not follow any other");
    }
  }
  std::vector<Record> rest;
  std::copy_if(records.begin(), records.end(), std::back_inserter(rest), [](const Record& record) {
    return record.kind != RecordKind::version && !record.value.empty();
  });
  std::sort(rest.begin(), rest.end(), restore_before);
  restoring_ = true;
  KeeperEffects unused;
  for (const Record& record : rest) {
    if (record.kind != RecordKind::object) {
      if (auto done = restore_row(record); !done) return done;
    }
  }
  if (chain_.empty() && own_request_ && !own_request_->ticket.founding) {
    chain_ = RosterChain(own_request_->ticket.consortium);
  }
  for (const Record& record : rest) {
    // An object that counts no more (a vote on what is decided) is dropped like one from a peer.
    if (record.kind == RecordKind::object) take(record.value, Access::member, now, unused);
  }
  restoring_ = false;
  return {};
}

Result<void> RosterKeeper::restore_row(const Record& record) {
  if (record.kind == RecordKind::draft) {
    Result<FoundingDraft> draft = decode_draft(record.value);
    if (!draft) return bad_record(draft.error().message);
    draft_ = std::move(*draft);
  } else if (record.kind == RecordKind::request) {
    Result<JoinRequest> request = decode_request(record.value);
    if (!request) return bad_record(request.error().message);
    own_request_ = std::move(*request);
  } else if (record.kind == RecordKind::signature) {
    Source key(record.key, "signature record"), value(record.value, "signature record");
    const Hash256 hash = key.hash("hash");
    Approved approved{value.hash("previous"), {}};
    approved.fork = value.hash("fork");
    if (!key.finish(0).ok() || !value.finish(0).ok()) return bad_record("a signature record is malformed");
    signed_[hash] = approved;
  } else if (record.kind == RecordKind::used_token) {
    Source key(record.key, "token record"), value(record.value, "token record");
    const PublicKey inviter = key.array<32>("inviter");
    const auto token = key.array<16>("token");
    const PublicKey organisation = value.array<32>("organisation");
    const UnixTime expires_at = value.time("expires_at");
    if (!key.finish(0).ok() || !value.finish(0).ok()) return bad_record("a token record is malformed");
    tokens_[{inviter, token}] = {organisation, expires_at};
  }
  return {};
}

void RosterKeeper::notify(KeeperEffects& out, EventKind kind, std::string text, const PublicKey& organisation,
                          const Hash256& object, std::uint32_t version) {
  out.emplace_back(Notify{{kind, organisation, object, version, std::move(text)}});
}

void RosterKeeper::persist(KeeperEffects& out, RecordKind kind, Bytes key, Bytes value) {
  out.emplace_back(PersistRecord{{kind, std::move(key), std::move(value)}});
}

std::map<Hash256, Bytes> RosterKeeper::live_objects() const {
  std::map<Hash256, Bytes> live;
  const auto put = [&](Bytes object) {
    const Hash256 id = object_id(object);
    live.emplace(id, std::move(object));
  };
  for (const auto& [key, organisation] : organisations()) {
    for (Bytes& object : nodes_.objects_of(key)) put(std::move(object));
  }
  for (const auto& [hash, proposal] : proposals_) {
    put(encode(proposal.roster, Kind::proposal));
    for (const auto& [key, vote] : proposal.approvals) put(encode(vote));
    for (const auto& [key, vote] : proposal.rejections) put(encode(vote));
  }
  for (const auto& [id, pending] : requests_) {
    put(encode(pending.request));
    for (const auto& [key, rejection] : pending.rejections) put(encode(rejection));
  }
  for (const Suspension& demand : suspensions_.all()) put(encode(demand));
  for (const auto& [key, departure] : departures_) put(encode(departure));
  // Both sides of a fork must reach everyone: they are named by their hash, so that it does not matter who
  // counts which side as its own.
  for (const SignedRoster* side : chain_.evidence()) {
    live.emplace(side->hash, encode(*side));
    const SignedRoster* own = chain_.at(side->roster.version);
    if (own != nullptr) live.emplace(own->hash, encode(*own));
  }
  return live;
}

std::map<Hash256, Bytes> RosterKeeper::former_objects() const {
  std::map<Hash256, Bytes> out;
  for (const PublicKey& key : former()) {
    for (Bytes& object : nodes_.objects_of(key)) {
      const Hash256 id = object_id(object);
      out.emplace(id, std::move(object));
    }
  }
  return out;
}

void RosterKeeper::objects_changed(KeeperEffects& out) {
  std::map<Hash256, Bytes> live = live_objects();
  const auto is_roster = [](const Bytes& object) {
    return object.front() == static_cast<std::byte>(Kind::roster);
  };
  std::map<Hash256, Bytes> kept = former_objects();
  for (const auto* before : {&objects_, &kept_}) {
    for (const auto& [id, object] : *before) {
      if (live.contains(id) || kept.contains(id) || is_roster(object)) continue;
      persist(out, RecordKind::object, bytes_of(id), {});
    }
  }
  for (const auto* after : {&live, &kept}) {
    for (const auto& [id, object] : *after) {
      if (objects_.contains(id) || kept_.contains(id) || is_roster(object)) continue;
      persist(out, RecordKind::object, bytes_of(id), object);
    }
  }
  objects_ = std::move(live);
  kept_ = std::move(kept);
}

void RosterKeeper::chain_changed(UnixTime now, KeeperEffects& out) {
  const SignedRoster& head = chain_.head();
  notify(out, EventKind::roster_changed,
         "roster version " + std::to_string(head.roster.version) + " with " +
             std::to_string(head.roster.organisations.size()) + " organisations is in force",
         {}, head.hash, head.roster.version);
  persist(out, RecordKind::head, {}, bytes_of(head.hash));
  admit_applicants(out);
  const auto members = organisations();
  std::set<PublicKey> keep = former();
  for (const auto& [key, organisation] : members) keep.insert(key);
  nodes_.keep_only(keep);
  std::erase_if(departures_, [&](const auto& entry) {
    return !members.contains(entry.first) || entry.second.issued_at < admitted_at(entry.first);
  });
  drop_decided(out);
  if (member() && !member_before_) {
    notify(out, EventKind::admitted, "this organisation is a member now", config_.organisation, head.hash,
           head.roster.version);
    if (draft_) persist(out, RecordKind::draft, {}, {});
    draft_.reset();
  }
  if (!member() && member_before_) {
    notify(out, EventKind::removed, "this organisation is no longer a member", config_.organisation,
           head.hash, head.roster.version);
  }
  member_before_ = member();
  refused_.clear();
  objects_changed(out);
  notify(out, EventKind::nodes_changed, "the list of nodes may have changed");
  out.emplace_back(TellAll{digest(false)});
  watch_time(now, out);
}

void RosterKeeper::drop_decided(KeeperEffects& out) {
  const std::vector<const SignedRoster*> current = chain_.current();
  std::erase_if(proposals_, [&](const auto& entry) {
    const SignedRoster& roster = entry.second.roster;
    const bool open = roster.roster.version > 1 && chain_.find(roster.hash) == nullptr &&
                      std::any_of(current.begin(), current.end(), [&](const SignedRoster* version) {
                        return version->hash == roster.roster.previous;
                      });
    if (!open) {
      notify(out, EventKind::proposal_gone, "a proposal is decided or overtaken", entry.second.proposer,
             entry.first, roster.roster.version);
    }
    return !open;
  });
}

void RosterKeeper::admit_applicants(KeeperEffects& out) {
  const auto members = organisations();
  for (auto entry = requests_.begin(); entry != requests_.end();) {
    const JoinRequest& request = entry->second.request;
    if (!members.contains(request.organisation)) {
      ++entry;
      continue;
    }
    for (const NodeCertificate& certificate : request.certificates) {
      nodes_.add(certificate);
      out.emplace_back(Tell{certificate.node, encode(chain_.head())});  // it may still be in the lobby
    }
    notify(out, EventKind::request_gone, request.name + " has been admitted", request.organisation,
           entry->first);
    entry = requests_.erase(entry);
  }
  if (own_request_ && members.contains(config_.organisation)) {
    for (const NodeCertificate& certificate : own_request_->certificates) nodes_.add(certificate);
  }
  if (draft_ && members.contains(config_.organisation)) {
    for (const NodeCertificate& certificate : draft_->certificates) nodes_.add(certificate);
  }
}

void RosterKeeper::watch_time(UnixTime now, KeeperEffects& out) {
  const bool forked = chain_.fork().has_value();
  if (forked != forked_before_) {
    notify(out, forked ? EventKind::forked : EventKind::fork_settled,
           forked ? "two valid rosters of one version: some organisations signed twice; no new rounds"
                  : "the fork of the roster is settled",
           {}, forked ? chain_.fork()->branches.back()->hash : chain_.head().hash,
           forked ? chain_.fork()->version : chain_.head().roster.version);
    forked_before_ = forked;
  }
  const std::set<PublicKey> out_now = suspended(now);
  for (const auto& [key, organisation] : organisations()) {
    const bool is = out_now.contains(key), was = suspended_before_.contains(key);
    if (is == was) continue;
    notify(out, is ? EventKind::suspended : EventKind::suspension_over,
           organisation->name + (is ? " is suspended" : " is no longer suspended"), key);
    notify(out, EventKind::nodes_changed, "the list of nodes may have changed");
  }
  suspended_before_ = out_now;
  for (const ExpiryWarning& warning : warnings(now)) {
    int& last = warned_.try_emplace({warning.what, warning.expires_at}, 1000).first->second;
    if (warning.threshold_days >= last) continue;
    last = warning.threshold_days;
    const UnixTime left = warning.expires_at - now;
    notify(out, EventKind::expiry_warning,
           "the " + std::string(expiring_name(warning.what)) +
               (left > 0 ? " expires in " + std::to_string((left + kDay - 1) / kDay) + " days"
                         : " has expired"));
  }
  if (own_request_ && !own_request_->ticket.founding && !anchor_checked_) {
    const SignedRoster* anchor = chain_.at(own_request_->ticket.version);
    if (anchor != nullptr) {
      anchor_checked_ = true;
      if (anchor->hash != own_request_->ticket.roster) {
        notify(out, EventKind::wrong_anchor,
               "the ticket names another roster version " + std::to_string(own_request_->ticket.version) +
                   " than the members sent: ask the inviter",
               own_request_->ticket.inviter, anchor->hash, anchor->roster.version);
      }
    }
  }
}

void RosterKeeper::on_tick(UnixTime now, KeeperEffects& out) {
  watch_time(now, out);
  if (now < next_sync_ && next_sync_ - now <= config_.sync_interval) return;  // the clock may have gone back
  next_sync_ = now + config_.sync_interval;
  asked_.clear();
  bool changed = false;
  for (auto entry = requests_.begin(); entry != requests_.end();) {
    if (now < entry->second.request.ticket.expires_at + kTicketLifetimeMax) {
      ++entry;
      continue;
    }
    notify(out, EventKind::request_gone, "the request of " + entry->second.request.name + " has expired",
           entry->second.request.organisation, entry->first);
    entry = requests_.erase(entry);
    changed = true;
  }
  const std::size_t demands = suspensions_.all().size();
  suspensions_.forget_before(now);
  changed = changed || demands != suspensions_.all().size();
  std::erase_if(tokens_, [&](const auto& entry) {
    if (now < entry.second.expires_at + 2 * kTicketLifetimeMax) return false;
    persist(out, RecordKind::used_token, Writer().raw(entry.first.first).raw(entry.first.second).bytes(), {});
    return true;
  });
  if (changed) objects_changed(out);
  if (own_request_ && member() && !nodes_.nodes_of(own_request_->ticket.inviter, 1).empty()) {
    own_request_.reset();
    persist(out, RecordKind::request, {}, {});
  }
  // One peer after the other is compared with; the rest hears of news at once.
  std::vector<PublicKey> peers;
  for (const AllowedNode& node : allowed_nodes(now)) {
    if (node.node != config_.node) peers.push_back(node.node);
  }
  if (!peers.empty()) out.emplace_back(Tell{peers[next_peer_++ % peers.size()], digest(true)});
  retell(out);
}

/// What concerns people outside the roster cannot be found by digests among members: applicants are told of
/// the proposals about them, an applicant repeats its request.
void RosterKeeper::retell(KeeperEffects& out) const {
  for (const auto& [hash, proposal] : proposals_) {
    std::set<PublicKey> nodes;
    for (const auto& [id, pending] : requests_) {
      if (proposal.roster.roster.find(pending.request.organisation) == nullptr) continue;
      for (const NodeCertificate& certificate : pending.request.certificates) nodes.insert(certificate.node);
    }
    for (const PublicKey& node : nodes) {
      out.emplace_back(Tell{node, encode(proposal.roster, Kind::proposal)});
      for (const auto& [key, vote] : proposal.approvals) out.emplace_back(Tell{node, encode(vote)});
    }
  }
  for (const AllowedNode& node : applicant_nodes()) out.emplace_back(Tell{node.node, digest(true)});
  for (const AllowedNode& node : former_nodes()) out.emplace_back(Tell{node.node, digest(true)});
  if (!own_request_) return;
  for (const Bootstrap& bootstrap : own_request_->ticket.bootstrap) {
    out.emplace_back(Tell{bootstrap.node, encode(*own_request_)});
    if (!chain_.empty() || !own_request_->ticket.founding)
      out.emplace_back(Tell{bootstrap.node, digest(true)});
    for (const auto& [hash, proposal] : proposals_) {
      const auto own = proposal.approvals.find(config_.organisation);
      if (own != proposal.approvals.end()) out.emplace_back(Tell{bootstrap.node, encode(own->second)});
    }
  }
}

}  // namespace hansa::protocols::roster
