// The node as its operator sees it, made anew after every change: cheap, since all of it is small.
#include "src/node/core.hpp"

#include "protocols/roster/identity.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hansa::node {
namespace {

namespace roster = protocols::roster;
namespace runs = protocols::runs;

std::string id_text(const crypto::PublicKey& key) { return roster::to_text(roster::id_of(key)); }

std::optional<double> known(double value) { return std::isnan(value) ? std::nullopt : std::optional(value); }

std::string policy_name(roster::Policy policy) {
  switch (policy) {
    case roster::Policy::majority:
      return "majority";
    case roster::Policy::supermajority:
      return "supermajority";
    case roster::Policy::unanimous:
      return "unanimous";
  }
  return "unknown";
}

}  // namespace

std::string Core::name_of(const NodeKey& node) const {
  for (const roster::AllowedNode& each : allowed_) {
    if (each.node == node) return each.organisation_name;
  }
  return roster::short_text(roster::id_of(node));
}

void Core::refresh_view() {
  auto fresh = std::make_shared<http::NodeView>();
  http::NodeView& v = *fresh;
  const crypto::PublicKey& me = keys_.node->public_key();
  v.organisation_id = id_text(keys_.organisation);
  v.words = roster::fingerprint(keys_.organisation);
  v.node_id = id_text(me);
  v.short_id = roster::short_text(roster::id_of(me));
  v.organisation = name_of(me);
  const auto may = keeper_.may_start_rounds(unix_now());
  v.ready = static_cast<bool>(may) && !draining_ && !recovering();
  if (!may) v.not_ready_because.push_back(may.text);
  if (recovering())
    v.not_ready_because.emplace_back("the node is recovering: it asks the others what it has signed");
  if (draining_) v.not_ready_because.emplace_back("the node is draining");
  for (const roster::ExpiryWarning& warning : keeper_.warnings(unix_now())) {
    const auto days = (warning.expires_at - unix_now()) / roster::kDay;
    v.warnings.push_back(std::string(roster::expiring_name(warning.what)) +
                         (days < 0 ? " has expired" : " expires in " + std::to_string(days) + " days"));
  }
  v.control_endpoint = messenger_->transport().control_endpoint();
  v.bulk_endpoint = messenger_->transport().bulk_endpoint();
  v.uptime_seconds = std::chrono::duration<double>(now()).count();
  v.boot_id = boot_;
  v.draining = draining_;
  v.roster = roster_view();
  const roster::NodeEntry* own = keeper_.own_node();
  v.keys.curve_epoch = keys_.curve.epoch;
  v.keys.curve_key = crypto::to_hex(keys_.curve.key.public_key());
  v.keys.rotating = switch_at_.has_value();
  if (own != nullptr) {
    v.keys.curve_issued_at_s = own->curve().issued_at;
    v.keys.curve_rotation_due_at_s = keeper_.rotation_due().value_or(0);
    v.keys.curve_expires_at_s = own->curve().issued_at + roster::kCurveLifetime;
    v.keys.certificate_serial = own->certificate.serial;
    v.keys.certificate_issued_at_s = own->certificate.issued_at;
    v.keys.certificate_expires_at_s = own->certificate.not_after;
  }
  const auto watched = membership_->snapshot();
  const auto traffic = messenger_->peer_stats();
  for (const roster::AllowedNode& node : allowed_) {
    if (node.node == me) continue;
    const auto up = up_.find(node.node);
    const bool connected = up != up_.end() && up->second;
    http::PeerView peer;
    peer.node_id = id_text(node.node);
    peer.short_id = roster::short_text(roster::id_of(node.node));
    peer.organisation = node.organisation_name;
    peer.connected = connected;
    peer.state = "unreachable";  // unless it has been heard of
    for (const MembershipThread::Peer& seen : watched) {
      if (seen.node != node.node) continue;
      peer.state = protocols::membership::name_of(seen.state);
      peer.rtt_ms = seen.rtt_ms;
      peer.last_seen_seconds = seen.last_seen_seconds;
    }
    peer.endpoint = node.endpoints.control.empty() ? "" : node.endpoints.control.front();
    peer.curve_epoch = node.curve_epoch;
    if (const auto stats = traffic.find(node.node); stats != traffic.end()) {
      peer.bytes_sent = stats->second.bytes_out;
      peer.bytes_received = stats->second.bytes_in;
      peer.score = stats->second.score;
      peer.quarantined = stats->second.quarantined;
      peer.has_our_key = stats->second.knows_our_key;
    }
    v.peers.push_back(std::move(peer));
  }
  for (const roster::RequestView& request : keeper_.requests()) {
    http::RequestView r;
    r.id = request.id.hex().substr(0, 8);
    r.organisation = request.request.name;
    r.organisation_id = id_text(request.request.organisation);
    r.words = roster::fingerprint(request.request.organisation);
    r.age_seconds = static_cast<double>(unix_now() - request.request.created_at);
    for (const auto& key : request.rejections) r.rejections.push_back(id_text(key));
    v.requests.push_back(std::move(r));
  }
  for (const auto& [id, run] : book_.runs()) v.runs.push_back(run_view(run));
  std::sort(v.runs.begin(), v.runs.end(), [](const http::RunView& a, const http::RunView& b) {
    return std::pair(b.created_at_s, b.id) < std::pair(a.created_at_s, a.id);
  });
  v.evidence = evidence_;
  v.audit_entries = audit_->log().size();
  if (const auto& head = audit_->log().head()) v.audit_head = head->head.root.hex();
  v.settings = options_.settings;
  measure(v);
  {
    const std::lock_guard lock(mutex_);
    view_ = std::move(fresh);
  }
  view_made_ = now();
  tell_listeners();
}

http::RosterView Core::roster_view() const {
  http::RosterView v;
  const roster::RosterChain& chain = keeper_.chain();
  if (!chain.empty()) {
    const roster::SignedRoster& head = chain.head();
    v.version = head.roster.version;
    v.hash = head.hash.hex();
    v.consortium = chain.consortium().hex();
    v.name = head.roster.name;
    v.policy = policy_name(head.roster.policy);
    v.expires_at_s = head.roster.expires_at;
    v.threshold = static_cast<std::uint32_t>(
        roster::votes_needed(head.roster.policy, head.roster.organisations.size()));
    for (const roster::Organisation& organisation : head.roster.organisations) {
      http::OrganisationView o{
          id_text(organisation.key), organisation.name, roster::fingerprint(organisation.key), "active", {}};
      if (organisation.status == roster::OrganisationStatus::paused) o.status = "paused";
      for (const roster::AllowedNode& node : allowed_) {
        if (node.organisation != organisation.key) continue;
        o.nodes.push_back(
            {id_text(node.node), node.endpoints.control.empty() ? "" : node.endpoints.control[0]});
      }
      v.organisations.push_back(std::move(o));
    }
    for (std::uint32_t version = 1; version <= head.roster.version; ++version) {
      const roster::SignedRoster* at = chain.at(version);
      if (at == nullptr) continue;
      http::RosterView::Version entry{version, at->hash.hex(), {}};
      for (const auto& signature : at->signatures) {
        const auto* signer = at->roster.find(signature.organisation);
        entry.signers.push_back(signer != nullptr ? signer->name : id_text(signature.organisation));
      }
      v.log.push_back(std::move(entry));
    }
  }
  const auto name = [&](const crypto::PublicKey& key) {
    const auto* known = chain.empty() ? nullptr : chain.head().roster.find(key);
    return known != nullptr ? known->name : roster::short_text(roster::id_of(key));
  };
  for (const roster::ProposalView& proposal : keeper_.proposals()) {
    http::ProposalView p;
    p.id = proposal.hash.hex().substr(0, 8);
    p.changes = proposal.changes;
    p.proposer = name(proposal.proposer);
    const roster::Tally& tally = proposal.tally;
    p.needed =
        static_cast<std::uint32_t>(std::max({tally.before.needed, tally.after.needed, tally.common.needed}));
    if (proposal.roster.version == 1)  // all founders
      p.needed = static_cast<std::uint32_t>(proposal.roster.organisations.size());
    for (const auto& key : proposal.approvals) p.approvals.push_back(name(key));
    for (const auto& key : proposal.rejections) p.rejections.push_back(name(key));
    v.proposals.push_back(std::move(p));
  }
  for (const roster::ActiveSuspension& suspension : keeper_.suspensions(unix_now())) {
    v.suspensions.push_back(name(suspension.subject) + " is suspended");
  }
  if (const auto fork = chain.fork()) {
    v.fork = "version " + std::to_string(fork->version) + " has " + std::to_string(fork->branches.size()) +
             " branches; no new rounds until a vote settles it";
  }
  return v;
}

http::RunView Core::run_view(const runs::Run& run) {
  http::RunView v;
  v.id = run.id.hex();
  v.name = run.manifest.name;
  v.state = runs::run_state_name(run.state);
  v.proposer = name_of(run.manifest.proposer);
  v.created_at_s = run.manifest.created_at_s;
  v.approve_by_s = run.manifest.approve_by_s;
  v.manifest = run.manifest.config;
  v.data_schema = run.manifest.schema;
  if (const auto read = manifests_.find(run.id); read != manifests_.end() && read->second.config) {
    const config::RunConfig& config = *read->second.config;
    v.strategy = config.strategy;
    v.aggregation = config.aggregation;
    v.model = config.model;
    v.rounds = config.rounds;
    v.privacy = read->second.privacy;
  }
  for (const NodeKey& party : run.manifest.parties) {
    http::RunView::Party p{name_of(party), id_text(party), "asked", ""};
    if (run.approvals.contains(party)) p.state = run.begin ? "training" : "approved";
    if (run.stopped.contains(party)) p.state = "stopped";
    const auto finished = run.finished.find(party);
    if (finished != run.finished.end()) {
      p.state = "finished";
      p.model_hash = finished->second.model.hex();
    }
    if (run.approvals.contains(party)) v.approvals.push_back(p.name);
    if (run.state == runs::RunState::proposed && p.state == "asked") v.waiting_for.push_back(p.name);
    if (run.state == runs::RunState::running && p.state == "training") v.waiting_for.push_back(p.name);
    v.parties.push_back(std::move(p));
  }
  const NodeKey& me = keys_.node->public_key();
  v.approved_here = run.approvals.contains(me);
  if (const auto mine = run.finished.find(me); mine != run.finished.end()) {
    v.model_hash = mine->second.model.hex();
    v.round = mine->second.rounds;
  }
  const auto local = local_.find(run.id);
  if (local == local_.end()) return v;
  v.round = std::max<std::uint32_t>(v.round, local->second.round);
  v.metric_name = local->second.history.metric_name;
  v.failure = local->second.failure;
  if (!local->second.shown) local->second.shown = round_views(run, local->second.history);
  v.history = *local->second.shown;
  return v;
}

http::RoundViews Core::round_views(const runs::Run& run, const RunHistory& history) const {
  std::vector<http::RoundView> rounds;
  rounds.reserve(history.rounds.size());
  for (const RoundReport& report : history.rounds) {
    http::RoundView r{report.round,         report.seconds,      known(report.loss),
                      known(report.metric), report.participants, {}};
    for (const std::uint32_t party : report.missing) {
      if (run.begin && party < run.begin->approvals.size()) {
        r.missing.push_back(name_of(run.begin->approvals[party].party));
      }
    }
    rounds.push_back(std::move(r));
  }
  return http::RoundViews(std::move(rounds));
}

}  // namespace hansa::node
