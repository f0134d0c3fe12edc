// Each document names its fields here and nowhere else; what the node hands over is already text and numbers.
#include "src/http/documents.hpp"

#include <hansa/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace hansa::http {
namespace {

Json schema(std::string_view thing) { return Json{{"schema", "hansa." + std::string(thing) + ".v1"}}; }

/// JSON has no infinity and no NaN: a number that does not exist is null.
Json number(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json list(const std::vector<std::string>& texts) { return Json(texts); }

template <class T, class Convert>
Json list(const std::vector<T>& things, Convert convert) {
  Json array = Json::array();
  for (const T& thing : things) array.push_back(convert(thing));
  return array;
}

Json peer_json(const PeerView& peer) {
  return Json{{"node_id", peer.node_id},
              {"short_id", peer.short_id},
              {"org", peer.organisation},
              {"state", peer.state},
              {"rtt_ms", number(peer.rtt_ms)},
              {"endpoint", peer.endpoint},
              {"connected", peer.connected},
              {"bytes_sent", peer.bytes_sent},
              {"bytes_received", peer.bytes_received},
              {"last_seen_seconds", number(peer.last_seen_seconds)},
              {"curve_epoch", peer.curve_epoch},
              {"has_our_key", peer.has_our_key},
              {"score", number(peer.score)},
              {"quarantined", peer.quarantined}};
}

Json round_json(const RoundView& round) {
  return Json{{"round", round.round},
              {"seconds", number(round.seconds)},
              {"loss", number(round.loss)},
              {"metric", number(round.metric)},
              {"participants", round.participants},
              {"missing", list(round.missing)}};
}

/// The fields of a run that fit into a list. `last` is the newest value of loss and metric: rounds in between
/// may have none.
Json run_json(const RunView& run) {
  std::optional<double> loss, metric;
  for (const RoundView& round : run.history) {
    if (round.loss) loss = round.loss;
    if (round.metric) metric = round.metric;
  }
  Json parties = Json::array();
  Json hashes = Json::object();
  for (const auto& party : run.parties) {
    parties.push_back({{"name", party.name},
                       {"node_id", party.node_id},
                       {"state", party.state},
                       {"model_hash", party.model_hash}});
    if (!party.model_hash.empty()) hashes[party.name] = party.model_hash;
  }
  return Json{{"id", run.id},
              {"name", run.name},
              {"state", run.state},
              {"proposer", run.proposer},
              {"approvals", list(run.approvals)},
              {"waiting_for", list(run.waiting_for)},
              {"approved_here", run.approved_here},
              {"round", run.round},
              {"rounds", run.rounds},
              {"parties", std::move(parties)},
              {"strategy", run.strategy},
              {"aggregation", run.aggregation},
              {"model", run.model},
              {"metric_name", run.metric_name},
              {"metric", number(metric)},
              {"loss", number(loss)},
              {"model_hash", run.model_hash},
              {"result_hashes", std::move(hashes)},
              {"failure", run.failure},
              {"created_at", run.created_at_s},
              {"approve_by", run.approve_by_s}};
}

Json request_json(const RequestView& request) {
  return Json{{"id", request.id},
              {"org", request.organisation},
              {"org_id", request.organisation_id},
              {"words", request.words},
              {"age_seconds", number(request.age_seconds)},
              {"rejections", list(request.rejections)}};
}

Json proposal_json(const ProposalView& proposal) {
  return Json{{"id", proposal.id},
              {"changes", list(proposal.changes)},
              {"proposer", proposal.proposer},
              {"approvals", list(proposal.approvals)},
              {"rejections", list(proposal.rejections)},
              {"needed", proposal.needed}};
}

Json organisation_json(const OrganisationView& organisation) {
  return Json{{"id", organisation.id},
              {"name", organisation.name},
              {"words", organisation.words},
              {"status", organisation.status},
              {"nodes", list(organisation.nodes, [](const OrganisationView::Node& node) {
                 return Json{{"id", node.id}, {"endpoint", node.endpoint}};
               })}};
}

/// The beginning of `whole` without the schema: one thing of a list as a document of its own.
Json with_schema(std::string_view thing, const Json& fields) {
  Json document = schema(thing);
  document.update(fields);
  return document;
}

}  // namespace

Json status_document(const NodeView& view) {
  Json document = schema("status");
  const auto alive = std::count_if(view.peers.begin(), view.peers.end(),
                                   [](const PeerView& peer) { return peer.state == "alive"; });
  const auto connected = std::count_if(view.peers.begin(), view.peers.end(),
                                       [](const PeerView& peer) { return peer.connected; });
  const auto active = std::count_if(view.runs.begin(), view.runs.end(),
                                    [](const RunView& run) { return run.state == "running"; });
  std::size_t own_nodes = 0;
  for (const OrganisationView& each : view.roster.organisations) {
    if (each.id == view.organisation_id) own_nodes = each.nodes.size();
  }
  document.update({{"org", view.organisation},
                   {"org_id", view.organisation_id},
                   {"words", view.words},
                   {"node_id", view.node_id},
                   {"short_id", view.short_id},
                   {"ready", view.ready},
                   {"reasons", list(view.not_ready_because)},
                   {"warnings", list(view.warnings)},
                   {"draining", view.draining},
                   {"consortium", view.roster.name},
                   {"consortium_id", view.roster.consortium},
                   {"roster_version", view.roster.version},
                   {"roster_hash", view.roster.hash},
                   {"roster_expires_at", view.roster.expires_at_s},
                   {"fork", view.roster.fork},
                   {"orgs", view.roster.organisations.size()},
                   {"org_nodes", own_nodes},
                   {"peers_alive", alive},
                   {"peers_connected", connected},
                   {"peers_total", view.peers.size()},
                   {"runs_active", active},
                   {"pending_requests", view.requests.size()},
                   {"open_proposals", view.roster.proposals.size()},
                   {"evidence", view.evidence.size()},
                   {"control_endpoint", view.control_endpoint},
                   {"bulk_endpoint", view.bulk_endpoint},
                   {"uptime_seconds", number(view.uptime_seconds)},
                   {"boot_id", view.boot_id},
                   {"version", program_version()}});
  return document;
}

Json version_document() {
  Json document = schema("version");
  document.update({{"version", program_version()}, {"commit", program_commit()}, {"api", 1}});
  return document;
}

Json peers_document(const NodeView& view) {
  Json document = schema("peers");
  document["peers"] = list(view.peers, peer_json);
  return document;
}

Json topology_document(const NodeView& view) {
  Json document = schema("topology");
  Json nodes = Json::array();
  Json edges = Json::array();
  nodes.push_back({{"id", view.node_id},
                   {"name", view.organisation},
                   {"short_id", view.short_id},
                   {"org", view.organisation},
                   {"state", view.draining ? "draining" : "alive"},
                   {"self", true}});
  for (const PeerView& peer : view.peers) {
    nodes.push_back({{"id", peer.node_id},
                     {"name", peer.organisation},
                     {"short_id", peer.short_id},
                     {"org", peer.organisation},
                     {"state", peer.state},
                     {"self", false}});
    if (!peer.connected) continue;
    edges.push_back({{"from", view.node_id},
                     {"to", peer.node_id},
                     {"rtt_ms", number(peer.rtt_ms)},
                     {"bytes", peer.bytes_sent + peer.bytes_received}});
  }
  document["nodes"] = std::move(nodes);
  document["edges"] = std::move(edges);
  return document;
}

Json roster_document(const NodeView& view) {
  const RosterView& roster = view.roster;
  Json document = schema("roster");
  document.update({{"version", roster.version},
                   {"hash", roster.hash},
                   {"consortium", roster.name},
                   {"consortium_id", roster.consortium},
                   {"policy", roster.policy},
                   {"threshold", roster.threshold},
                   {"expires_at", roster.expires_at_s},
                   {"orgs", list(roster.organisations, organisation_json)},
                   {"proposals", list(roster.proposals, proposal_json)},
                   {"suspensions", list(roster.suspensions)},
                   {"fork", roster.fork}});
  return document;
}

Json roster_log_document(const NodeView& view) {
  Json document = schema("roster_log");
  document["entries"] = list(view.roster.log, [](const RosterView::Version& entry) {
    return Json{{"version", entry.version}, {"hash", entry.hash}, {"signers", list(entry.signers)}};
  });
  return document;
}

Json requests_document(const NodeView& view) {
  Json document = schema("requests");
  document["requests"] = list(view.requests, request_json);
  return document;
}

Json runs_document(const NodeView& view) {
  Json document = schema("runs");
  document["runs"] = list(view.runs, run_json);
  return document;
}

Json run_document(const RunView& run) {
  Json document = with_schema("run", run_json(run));
  document["history"] = list(run.history.all(), round_json);
  document["privacy"] = list(run.privacy);
  document["manifest"] = run.manifest;
  document["data_schema"] = run.data_schema;
  return document;
}

Json evidence_document(const NodeView& view) {
  Json document = schema("evidence");
  document["evidence"] = list(view.evidence, [](const EvidenceView& item) {
    return Json{{"kind", item.kind}, {"about", item.about}, {"text", item.text}, {"seen_at", item.seen_at_s}};
  });
  return document;
}

Json audit_head_document(const NodeView& view) {
  Json document = schema("audit_head");
  document.update({{"head", view.audit_head}, {"entries", view.audit_entries}});
  return document;
}

Json audit_document(const NodeView& view, const std::vector<NodeApi::AuditEntry>& entries) {
  Json document = schema("audit");
  document["total"] = view.audit_entries;
  document["entries"] = list(entries, [](const NodeApi::AuditEntry& entry) {
    Json data = Json::parse(entry.data, nullptr, /*allow_exceptions=*/false);
    return Json{{"number", entry.number},
                {"time_ms", entry.time_ms},
                {"kind", entry.kind},
                {"data", data.is_discarded() ? Json(entry.data) : std::move(data)}};
  });
  return document;
}

Json keys_document(const NodeView& view) {
  const KeysView& keys = view.keys;
  const auto informed = std::count_if(view.peers.begin(), view.peers.end(),
                                      [](const PeerView& peer) { return peer.has_our_key; });
  Json document = schema("keys");
  document.update({{"curve_epoch", keys.curve_epoch},
                   {"curve_key", keys.curve_key},
                   {"rotating", keys.rotating},
                   {"curve_issued_at", keys.curve_issued_at_s},
                   {"curve_rotation_due_at", keys.curve_rotation_due_at_s},
                   {"curve_expires_at", keys.curve_expires_at_s},
                   {"certificate_serial", keys.certificate_serial},
                   {"certificate_issued_at", keys.certificate_issued_at_s},
                   {"certificate_expires_at", keys.certificate_expires_at_s},
                   {"peers_with_key", informed},
                   {"peers_total", view.peers.size()}});
  return document;
}

Json config_document(const NodeView& view) {
  Json document = schema("config");
  Json values = Json::array();
  for (const auto& [key, value] : view.settings) {
    // "7720 (default)": the origin stands in the last parentheses.
    const std::size_t open = value.rfind(" (");
    const bool split = open != std::string::npos && value.ends_with(')');
    values.push_back({{"key", key},
                      {"value", split ? value.substr(0, open) : value},
                      {"origin", split ? value.substr(open + 2, value.size() - open - 3) : ""}});
  }
  document["values"] = std::move(values);
  return document;
}

Json keeper_document(const NodeApi::KeeperState& state) {
  Json document = schema("keeper");
  document["base"] = state.base;
  document["recovering"] = state.recovering;
  Json records = Json::array();
  for (const auto& [key, value] : state.records) records.push_back({key, value});
  document["records"] = std::move(records);
  return document;
}

Json model_document(const NodeApi::FinalModel& model) {
  Json document = schema("model");
  document.update({{"hash", model.hash}, {"count", model.values.size()}, {"type", "float32-le"}});
  document["parts"] = list(model.parts, [](const NodeApi::FinalModel::Part& part) {
    return Json{{"name", part.name}, {"offset", part.offset}, {"shape", part.shape}};
  });
  return document;
}

Json error_document(std::string_view code, std::string_view message, std::string_view hint) {
  Json document = schema("error");
  document.update({{"code", code}, {"message", message}, {"hint", hint}});
  return document;
}

Json event_document(const NodeView& view, const NodeEvent& event) {
  if (event.name == "peer") {
    for (const PeerView& peer : view.peers)
      if (peer.node_id == event.subject) return with_schema("peer", peer_json(peer));
  } else if (event.name == "run" || event.name == "round") {
    for (const RunView& run : view.runs) {
      if (run.id != event.subject) continue;
      Json document = with_schema("run", run_json(run));
      if (event.name == "round" && !run.history.empty()) document["last"] = round_json(run.history.back());
      return document;
    }
  } else if (event.name == "roster") {
    return roster_document(view);
  } else if (event.name == "request") {
    return requests_document(view);
  } else if (event.name == "evidence") {
    return evidence_document(view);
  } else {
    return status_document(view);
  }
  Json document = schema("gone");
  document["id"] = event.subject;
  return document;
}

Result<const RunView*> find_run(const NodeView& view, std::string_view id) {
  const RunView* found = nullptr;
  for (const RunView& run : view.runs) {
    if (run.id == id) return &run;
    if (id.size() < 4 || !std::string_view(run.id).starts_with(id)) continue;
    if (found)
      return Error{ErrorKind::usage, "several runs begin with '" + std::string(id) + "'",
                   "give more characters of the ID"};
    found = &run;
  }
  if (found) return found;
  return Error{ErrorKind::missing, "no run has the ID '" + std::string(id) + "'",
               "`hansa run ls` lists the runs this node knows"};
}

std::string to_text(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hansa::http
