// What others may ask of a keeper: who may connect, whether rounds may start, what expires, what is open.
#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

constexpr int kThresholds[] = {0, 1, 7, 14, 30};  ///< days

void add_warning(std::vector<ExpiryWarning>& out, Expiring what, UnixTime expires_at, UnixTime now) {
  for (const int days : kThresholds) {
    if (expires_at - now > days * kDay) continue;
    out.push_back({what, expires_at, days});
    return;
  }
}

AllowedNode outsider(const NodeEntry& entry, const std::string& organisation_name) {
  return {.node = entry.certificate.node,
          .organisation = entry.certificate.organisation,
          .organisation_name = organisation_name,
          .curves = {entry.curve().key},
          .curve_epoch = entry.curve().epoch,
          .endpoints = entry.certificate.endpoints,
          .not_after = entry.certificate.not_after,
          .trains = false};
}

std::vector<AllowedNode> values_of(std::map<PublicKey, AllowedNode>& nodes) {
  std::vector<AllowedNode> list;
  for (auto& [key, node] : nodes) list.push_back(std::move(node));
  return list;
}

}  // namespace

std::string_view event_name(EventKind kind) noexcept {
  constexpr std::string_view kNames[] = {
      "roster_changed", "admitted",         "removed",     "forked",          "fork_settled",
      "proposal",       "proposal_gone",    "vote",        "contradiction",   "request",
      "request_gone",   "request_rejected", "suspended",   "suspension_over", "departed",
      "nodes_changed",  "expiry_warning",   "wrong_anchor"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view keeper_reject_name(KeeperReject reason) noexcept {
  constexpr std::string_view kNames[kKeeperRejects] = {
      "malformed", "bad_signature", "unlisted", "other_consortium", "rule",
      "stale",     "clock",         "ticket",   "too_many",         "duplicate"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::string_view expiring_name(Expiring what) noexcept {
  constexpr std::string_view kNames[] = {"roster", "node certificate", "CURVE key"};
  return kNames[static_cast<std::size_t>(what)];
}

std::map<PublicKey, const Organisation*> RosterKeeper::organisations() const {
  std::map<PublicKey, const Organisation*> out;  // the head's own entry comes first and stays
  for (const SignedRoster* version : chain_.current()) {
    for (const Organisation& organisation : version->roster.organisations) {
      out.emplace(organisation.key, &organisation);
    }
  }
  return out;
}

bool RosterKeeper::revoked(const PublicKey& key) const {
  if (chain_.empty()) return false;
  const std::vector<PublicKey>& list = chain_.head().roster.revoked;
  return std::binary_search(list.begin(), list.end(), key);
}

UnixTime RosterKeeper::admitted_at(const PublicKey& organisation) const {
  UnixTime since = 0;
  for (std::uint32_t version = hint().version; version >= 1; --version) {
    const Roster& roster = chain_.at(version)->roster;
    if (roster.find(organisation) == nullptr) break;
    since = roster.issued_at;
  }
  return since;
}

std::set<PublicKey> RosterKeeper::suspended(UnixTime now) const {
  std::set<PublicKey> out;
  for (const ActiveSuspension& one : suspensions(now)) out.insert(one.subject);
  return out;
}

std::vector<ActiveSuspension> RosterKeeper::suspensions(UnixTime now) const {
  std::vector<ActiveSuspension> out;
  const auto members = organisations();
  std::set<PublicKey> electorate;
  for (const auto& [key, organisation] : members) electorate.insert(key);
  for (const auto& [key, organisation] : members) {
    if (auto active = suspensions_.active(key, electorate, now)) out.push_back(std::move(*active));
  }
  return out;
}

std::vector<Departure> RosterKeeper::departures() const {
  std::vector<Departure> out;
  for (const auto& [key, departure] : departures_) out.push_back(departure);
  return out;
}

bool RosterKeeper::member() const noexcept {
  return !chain_.empty() && chain_.head().roster.find(config_.organisation) != nullptr;
}

const NodeEntry* RosterKeeper::own_node() const noexcept {
  return nodes_.find(config_.organisation, config_.node);
}

std::vector<AllowedNode> RosterKeeper::allowed_nodes(UnixTime now) const {
  const std::set<PublicKey> kept_out = suspended(now);
  std::map<PublicKey, AllowedNode> out;
  for (const auto& [key, organisation] : organisations()) {
    if (kept_out.contains(key) || departures_.contains(key) || revoked(key)) continue;
    for (const NodeEntry* entry : nodes_.nodes_of(key, organisation->max_nodes)) {
      const NodeCertificate& certificate = entry->certificate;
      if (revoked(certificate.node)) continue;
      AllowedNode node{.node = certificate.node,
                       .organisation = key,
                       .organisation_name = organisation->name,
                       .curves = entry->accepted_curves(now),
                       .curve_epoch = entry->curve().epoch,
                       .endpoints = certificate.endpoints,
                       .not_after = certificate.not_after};
      node.trains = now < certificate.not_after && organisation->status == OrganisationStatus::active;
      out.emplace(node.node, std::move(node));
    }
  }
  return values_of(out);
}

std::vector<AllowedNode> RosterKeeper::applicant_nodes() const {
  std::map<PublicKey, AllowedNode> out;
  for (const auto& [id, pending] : requests_) {
    for (const NodeCertificate& certificate : pending.request.certificates) {
      out.emplace(certificate.node, outsider({certificate, {}}, pending.request.name));
    }
  }
  return values_of(out);
}

std::set<PublicKey> RosterKeeper::former() const {
  constexpr std::uint32_t kRecentVersions = 8;
  std::set<PublicKey> out;
  const auto members = organisations();
  const std::uint32_t head = hint().version;
  for (std::uint32_t version = head; version >= 1 && head - version < kRecentVersions; --version) {
    for (const Organisation& organisation : chain_.at(version)->roster.organisations) {
      if (!members.contains(organisation.key) && !revoked(organisation.key)) out.insert(organisation.key);
    }
  }
  return out;
}

std::vector<AllowedNode> RosterKeeper::former_nodes() const {
  std::map<PublicKey, AllowedNode> out;
  for (const PublicKey& key : former()) {
    for (const NodeEntry* entry : nodes_.nodes_of(key, kNodesPerOrganisationMax)) {
      if (!revoked(entry->certificate.node)) out.emplace(entry->certificate.node, outsider(*entry, ""));
    }
  }
  return values_of(out);
}

RoundsPermission RosterKeeper::may_start_rounds(UnixTime now) const {
  if (chain_.empty())
    return {RoundsVerdict::no_roster, "there is no roster yet: found one, or join with a ticket"};
  const Roster& head = chain_.head().roster;
  const Organisation* own = head.find(config_.organisation);
  if (own == nullptr) return {RoundsVerdict::not_member, "this organisation is not on the roster"};
  if (departures_.contains(config_.organisation)) return {RoundsVerdict::left, "this organisation has left"};
  if (chain_.fork()) {
    return {RoundsVerdict::forked, "there are two valid rosters of version " +
                                       std::to_string(chain_.fork()->version) +
                                       ": settle the fork by a vote (hansa roster show)"};
  }
  if (now >= head.expires_at) {
    return {RoundsVerdict::roster_expired, "the roster has expired: renew it (hansa roster propose --renew)"};
  }
  if (suspended(now).contains(config_.organisation)) {
    return {RoundsVerdict::suspended,
            "two organisations have suspended this one (hansa roster show says why)"};
  }
  if (own->status == OrganisationStatus::paused) {
    return {RoundsVerdict::paused, "this organisation is paused by the roster"};
  }
  const NodeEntry* node = own_node();
  const auto nodes = nodes_.nodes_of(config_.organisation, own->max_nodes);
  if (node == nullptr || std::find(nodes.begin(), nodes.end(), node) == nodes.end() ||
      revoked(config_.node)) {
    return {RoundsVerdict::no_certificate, "this node has no certificate of its organisation that counts"};
  }
  if (now >= node->certificate.not_after) {
    return {RoundsVerdict::certificate_expired,
            "this node's certificate has expired: issue a new one (hansa node add)"};
  }
  return {RoundsVerdict::allowed, ""};
}

std::vector<ExpiryWarning> RosterKeeper::warnings(UnixTime now) const {
  std::vector<ExpiryWarning> out;
  if (!chain_.empty()) add_warning(out, Expiring::roster, chain_.head().roster.expires_at, now);
  if (const NodeEntry* node = own_node()) {
    add_warning(out, Expiring::node_certificate, node->certificate.not_after, now);
    // A CURVE key lives 30 days and is replaced after 15: a month's notice would be noise.
    const UnixTime curve = node->curve().issued_at + kCurveLifetime;
    if (curve - now <= 14 * kDay) add_warning(out, Expiring::curve_key, curve, now);
  }
  return out;
}

std::optional<UnixTime> RosterKeeper::rotation_due() const {
  const NodeEntry* node = own_node();
  if (node == nullptr) return std::nullopt;
  return node->curve().issued_at + kCurveLifetime / 2;
}

std::vector<ProposalView> RosterKeeper::proposals() const {
  std::vector<ProposalView> out;
  for (const auto& [hash, proposal] : proposals_) {
    ProposalView view{.hash = hash, .proposer = proposal.proposer, .roster = proposal.roster.roster};
    const SignedRoster* previous = chain_.find(proposal.roster.roster.previous);
    view.changes = changes(previous == nullptr ? Roster{} : previous->roster, view.roster);
    view.tally = tally_of(proposal);
    for (const auto& [key, vote] : proposal.approvals) view.approvals.insert(key);
    for (const auto& [key, vote] : proposal.rejections) view.rejections.insert(key);
    out.push_back(std::move(view));
  }
  return out;
}

std::vector<RequestView> RosterKeeper::requests() const {
  std::vector<RequestView> out;
  for (const auto& [id, pending] : requests_) {
    RequestView view{.id = id, .request = pending.request};
    for (const auto& [key, rejection] : pending.rejections) view.rejections.insert(key);
    out.push_back(std::move(view));
  }
  return out;
}

}  // namespace hansa::protocols::roster
