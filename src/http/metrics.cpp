// The table first, then one function per source. Every sample goes through Exposition, which keeps to the
// table: a name that is not there is a mistake of ours, except from the node's own counters, where it is
// skipped.
#include "src/http/metrics.hpp"

#include "src/http/process.hpp"

#include <hansa/assert.hpp>
#include <hansa/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace hansa::http {
namespace {

constexpr std::array kMetrics = {
    Metric{"hansa_build_info", "gauge", "version,commit", "", "Always 1; the labels name the program.",
           "view"},
    Metric{"hansa_ready", "gauge", "", "", "1 if the node can take part in a round.", "view"},
    Metric{"hansa_draining", "gauge", "", "", "1 while the node finishes what runs and begins nothing new.",
           "view"},
    Metric{"hansa_boot_id", "gauge", "", "", "How often the node has been started.", "view"},
    Metric{"hansa_uptime_seconds", "gauge", "", "seconds", "Since the node started.", "view"},
    Metric{"hansa_warnings", "gauge", "", "", "Warnings that `hansa status` shows.", "view"},
    Metric{"hansa_peers", "gauge", "state", "", "Other nodes by state.", "view"},
    Metric{"hansa_peers_connected", "gauge", "", "", "Other nodes with a live connection.", "view"},
    Metric{"hansa_peer_rtt_seconds", "gauge", "peer", "seconds", "Round trip to a peer.", "view"},
    Metric{"hansa_peer_bytes_sent_total", "counter", "peer", "bytes", "Bytes sent to a peer.", "view"},
    Metric{"hansa_peer_bytes_received_total", "counter", "peer", "bytes", "Bytes received from a peer.",
           "view"},
    Metric{"hansa_peer_score", "gauge", "peer", "", "0 is good; at -100 the peer is kept out for a while.",
           "view"},
    Metric{"hansa_peers_with_key", "gauge", "", "", "Peers that have this node's newest connection key.",
           "view"},
    Metric{"hansa_organisations", "gauge", "status", "", "Organisations in the roster by status.", "view"},
    Metric{"hansa_organisations_reachable", "gauge", "", "",
           "Active organisations with a node that is alive, this one included.", "view"},
    Metric{"hansa_roster_version", "gauge", "", "", "Version of the roster in force; 0: none.", "view"},
    Metric{"hansa_roster_threshold", "gauge", "", "", "Organisations that must sign a change; 0: unknown.",
           "view"},
    Metric{"hansa_roster_expiry_timestamp_seconds", "gauge", "", "seconds",
           "Unix time after which no new round begins.", "view"},
    Metric{"hansa_roster_fork_detected", "gauge", "", "", "1 if two versions conflict; training is stopped.",
           "view"},
    Metric{"hansa_pending_requests", "gauge", "", "", "Organisations that ask to join.", "view"},
    Metric{"hansa_open_proposals", "gauge", "", "", "Changes of the roster that wait for votes.", "view"},
    Metric{"hansa_evidence", "gauge", "kind", "", "Proofs of misbehaviour on file.", "view"},
    Metric{"hansa_audit_entries", "gauge", "", "", "Entries of the audit log.", "view"},
    Metric{"hansa_runs", "gauge", "state", "", "Training runs by state.", "view"},
    Metric{"hansa_run_active", "gauge", "run,name", "", "1 while the run is training.", "view"},
    Metric{"hansa_round", "gauge", "run", "", "Rounds this node has completed.", "view"},
    Metric{"hansa_run_rounds", "gauge", "run", "", "Rounds of the whole run.", "view"},
    Metric{"hansa_round_participants", "gauge", "run", "", "Parties in the last round.", "view"},
    Metric{"hansa_run_awaited", "gauge", "run", "", "Parties that the run waits for.", "view"},
    Metric{"hansa_train_loss", "gauge", "run", "", "Loss of the last round on this party's rows.", "view"},
    Metric{"hansa_eval_metric", "gauge", "run,metric", "", "Last value of the run's metric on the test rows.",
           "view"},
    Metric{"hansa_round_duration_seconds", "histogram", "", "seconds",
           "From one completed round to the next.", "view"},
    Metric{"hansa_membership_false_suspicions_total", "counter", "", "",
           "Suspicions of this node that it refuted.", "node"},
    Metric{"hansa_local_health_score", "gauge", "", "",
           "0 is healthy; higher means this node is slow to answer.", "node"},
    Metric{"hansa_curve_epoch", "gauge", "", "", "Number of the connection key in use; grows by rotations.",
           "view"},
    Metric{"hansa_key_expiry_timestamp_seconds", "gauge", "kind", "seconds",
           "Unix time at which a key expires: curve, node_certificate.", "view"},
    Metric{"hansa_handshakes_total", "counter", "result", "", "Handshakes by result.", "node"},
    Metric{"hansa_messages_sent_total", "counter", "type", "", "Messages sent by type.", "node"},
    Metric{"hansa_messages_received_total", "counter", "type", "", "Messages accepted by type.", "node"},
    Metric{"hansa_bytes_sent_total", "counter", "channel", "bytes", "Bytes sent by channel.", "node"},
    Metric{"hansa_bytes_received_total", "counter", "channel", "bytes", "Bytes received by channel.", "node"},
    Metric{"hansa_rejected_messages_total", "counter", "reason", "", "Messages refused by reason.", "node"},
    Metric{"hansa_peer_kicks_total", "counter", "reason", "", "Connections cut by the guard.", "node"},
    Metric{"hansa_bulk_chunks_checked_total", "counter", "", "", "Pieces whose hash was compared.", "node"},
    Metric{"hansa_bulk_chunks_received_total", "counter", "", "", "Pieces of models fetched.", "node"},
    Metric{"hansa_bulk_chunks_served_total", "counter", "", "", "Pieces of models given.", "node"},
    Metric{"hansa_bulk_timeouts_total", "counter", "", "", "Pieces that did not come in time.", "node"},
    Metric{"hansa_bulk_refused_total", "counter", "", "", "Requests for what was not offered.", "node"},
    Metric{"hansa_bulk_memory_bytes", "gauge", "", "bytes", "Packed models that peers may still fetch.",
           "node"},
    Metric{"hansa_rounds_total", "counter", "", "", "Rounds completed by this node since it started.",
           "node"},
    Metric{"hansa_training_seconds_total", "counter", "", "seconds", "Time spent in local training.", "node"},
    Metric{"hansa_log_lines_total", "counter", "level", "", "Lines of the log.", "node"},
    Metric{"hansa_checkpoints_total", "counter", "", "", "Checkpoints written.", "node"},
    Metric{"hansa_checkpoint_write_seconds_total", "counter", "", "seconds",
           "Time spent writing checkpoints.", "node"},
    Metric{"hansa_queue_depth", "gauge", "queue", "", "Messages waiting inside the node.", "node"},
    Metric{"hansa_clock_skew_seconds", "gauge", "peer", "seconds",
           "A peer's clock minus ours, when it last cosigned our audit log.", "node"},
    Metric{"hansa_disk_free_bytes", "gauge", "", "bytes", "Free space where the node keeps its state.",
           "node"},
    Metric{"hansa_model_bytes", "gauge", "", "bytes", "Size of the largest model of an active run.", "node"},
    Metric{"process_cpu_seconds_total", "counter", "", "seconds", "User and system time.", "process"},
    Metric{"process_resident_memory_bytes", "gauge", "", "bytes", "Memory in use.", "process"},
    Metric{"process_open_fds", "gauge", "", "", "Open file descriptors.", "process"},
    Metric{"process_max_fds", "gauge", "", "", "Limit of open file descriptors.", "process"},
    Metric{"process_start_time_seconds", "gauge", "", "seconds", "Unix time of the start.", "process"},
    Metric{"process_threads", "gauge", "", "", "Threads.", "process"},
};

constexpr std::array kRoundSeconds = {0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0};
constexpr std::size_t kRunLabelCharacters = 12;

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
  return text + '"';
}

/// Whether `labels` is `a="...",b="..."` with exactly the names of `expected`.
bool well_formed(std::string_view labels, std::string_view expected) {
  std::string names;
  while (!labels.empty()) {
    const std::size_t equals = labels.find("=\"");
    if (equals == std::string_view::npos) return false;
    names += (names.empty() ? "" : ",") + std::string(labels.substr(0, equals));
    std::size_t end = equals + 2;
    for (; end < labels.size() && labels[end] != '"'; ++end) {
      if (labels[end] == '\n') return false;
      if (labels[end] == '\\') ++end;
    }
    if (end >= labels.size()) return false;
    labels.remove_prefix(end + 1);
    if (labels.starts_with(',') && labels.size() > 1)
      labels.remove_prefix(1);
    else if (!labels.empty())
      return false;
  }
  return names == expected;
}

/// Samples by metric, then by label, so that the text is in the order of the table.
class Exposition {
 public:
  void set(std::string_view name, double value, const std::string& labels = {}) {
    HANSA_ASSERT(known(name) != nullptr);
    add(name, labels, value);
  }

  /// From the node: `series` is a name, or a name with labels in braces.
  void offer(std::string_view series, double value, bool counter) {
    const std::size_t brace = std::min(series.find('{'), series.size());
    const Metric* metric = known(series.substr(0, brace));
    std::string_view labels = series.substr(brace);
    if (!metric || metric->source != "node" || (metric->type == "counter") != counter) return;
    if (!labels.empty()) {
      if (!labels.ends_with('}')) return;
      labels = labels.substr(1, labels.size() - 2);
    }
    if (well_formed(labels, metric->labels)) add(metric->name, std::string(labels), value);
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (const Metric& metric : kMetrics) {
      const auto found = samples_.find(metric.name);
      if (found == samples_.end()) continue;
      text += "# HELP " + std::string(metric.name) + " " + std::string(metric.help) + "\n";
      text += "# TYPE " + std::string(metric.name) + " " + std::string(metric.type) + "\n";
      for (const auto& [labels, value] : found->second)
        text += std::string(metric.name) + (labels.empty() ? "" : "{" + labels + "}") + " " + number(value) +
                "\n";
      if (metric.type == "histogram") text += histogram(metric.name);
    }
    return text;
  }

  void observe(std::string_view name, double value) {
    samples_[known(name)->name];
    std::vector<double>& values = observed_[known(name)->name];
    values.push_back(value);
  }

 private:
  static const Metric* known(std::string_view name) {
    const auto found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                    [&](const Metric& metric) { return metric.name == name; });
    return found == kMetrics.end() ? nullptr : &*found;
  }

  void add(std::string_view name, const std::string& labels, double value) {
    auto& series = samples_[known(name)->name];
    if (series.size() < kSeriesMax || series.contains(labels)) series[labels] = value;
  }

  [[nodiscard]] std::string histogram(std::string_view name) const {
    const std::vector<double>& values = observed_.at(name);
    std::string text;
    double sum = 0;
    for (const double value : values) sum += value;
    for (const double bound : kRoundSeconds) {
      const auto below = std::count_if(values.begin(), values.end(), [&](double v) { return v <= bound; });
      text +=
          std::string(name) + "_bucket{" + label("le", number(bound)) + "} " + std::to_string(below) + "\n";
    }
    text += std::string(name) + "_bucket{le=\"+Inf\"} " + std::to_string(values.size()) + "\n";
    text += std::string(name) + "_sum " + number(sum) + "\n";
    return text + std::string(name) + "_count " + std::to_string(values.size()) + "\n";
  }

  std::map<std::string_view, std::map<std::string, double>> samples_;
  std::map<std::string_view, std::vector<double>> observed_;
};

void add_mesh(const NodeView& view, Exposition& out) {
  std::map<std::string, double> states{
      {"alive", 0}, {"suspect", 0}, {"unreachable", 0}, {"draining", 0}, {"left", 0}};
  std::set<std::string> reachable{view.organisation};
  double connected = 0, informed = 0;
  for (const PeerView& peer : view.peers) {
    if (const auto state = states.find(peer.state); state != states.end()) ++state->second;
    connected += peer.connected;
    if (peer.state == "alive") reachable.insert(peer.organisation);
    const std::string id = label("peer", peer.short_id);
    if (peer.rtt_ms) out.set("hansa_peer_rtt_seconds", *peer.rtt_ms / 1000, id);
    out.set("hansa_peer_bytes_sent_total", double(peer.bytes_sent), id);
    out.set("hansa_peer_bytes_received_total", double(peer.bytes_received), id);
    out.set("hansa_peer_score", peer.score, id);
    informed += peer.has_our_key;
  }
  for (const auto& [state, count] : states) out.set("hansa_peers", count, label("state", state));
  out.set("hansa_peers_connected", connected);
  out.set("hansa_peers_with_key", informed);

  std::map<std::string, double> statuses{{"active", 0}, {"paused", 0}, {"suspended", 0}, {"left", 0}};
  double active = 0;
  for (const OrganisationView& organisation : view.roster.organisations) {
    if (const auto status = statuses.find(organisation.status); status != statuses.end()) ++status->second;
    active += organisation.status == "active" && reachable.contains(organisation.name);
  }
  for (const auto& [status, count] : statuses) out.set("hansa_organisations", count, label("status", status));
  out.set("hansa_organisations_reachable", active);
}

void add_roster(const NodeView& view, Exposition& out) {
  out.set("hansa_roster_version", view.roster.version);
  out.set("hansa_roster_threshold", view.roster.threshold);
  if (view.roster.expires_at_s > 0)
    out.set("hansa_roster_expiry_timestamp_seconds", double(view.roster.expires_at_s));
  out.set("hansa_roster_fork_detected", view.roster.fork.empty() ? 0 : 1);
  out.set("hansa_pending_requests", double(view.requests.size()));
  out.set("hansa_open_proposals", double(view.roster.proposals.size()));
  std::map<std::string, double> kinds{{"run", 0},   {"roster", 0},     {"secure_sum", 0},
                                      {"bulk", 0},  {"membership", 0}, {"version", 0},
                                      {"audit", 0}, {"storage", 0},    {"other", 0}};
  for (const EvidenceView& item : view.evidence) ++kinds[kinds.contains(item.kind) ? item.kind : "other"];
  for (const auto& [kind, count] : kinds) out.set("hansa_evidence", count, label("kind", kind));
  out.set("hansa_audit_entries", double(view.audit_entries));
}

void add_runs(const NodeView& view, Exposition& out) {
  std::map<std::string, double> states{{"proposed", 0}, {"running", 0}, {"complete", 0}, {"diverged", 0},
                                       {"expired", 0},  {"stopped", 0}, {"failed", 0}};
  for (const RunView& run : view.runs) {
    if (const auto state = states.find(run.state); state != states.end()) ++state->second;
    const std::string id = label("run", run.id.substr(0, kRunLabelCharacters));
    out.set("hansa_run_active", run.state == "running" ? 1 : 0, id + "," + label("name", run.name));
    out.set("hansa_round", run.round, id);
    out.set("hansa_run_rounds", run.rounds, id);
    out.set("hansa_run_awaited", double(run.waiting_for.size()), id);
    double before = 0;
    for (const RoundView& round : run.history) {
      if (round.loss) out.set("hansa_train_loss", *round.loss, id);
      if (round.metric)
        out.set("hansa_eval_metric", *round.metric, id + "," + label("metric", run.metric_name));
      out.observe("hansa_round_duration_seconds", std::max(0.0, round.seconds - before));
      before = round.seconds;
    }
    if (!run.history.empty()) out.set("hansa_round_participants", run.history.back().participants, id);
  }
  for (const auto& [state, count] : states) out.set("hansa_runs", count, label("state", state));
}

void add_keys(const KeysView& keys, Exposition& out) {
  out.set("hansa_curve_epoch", keys.curve_epoch);
  const auto expiry = [&](const char* kind, std::int64_t at_s) {
    if (at_s > 0) out.set("hansa_key_expiry_timestamp_seconds", double(at_s), label("kind", kind));
  };
  expiry("curve", keys.curve_expires_at_s);
  expiry("node_certificate", keys.certificate_expires_at_s);
}

void add_process(Exposition& out) {
  const ProcessUsage usage = process_usage();
  out.set("process_cpu_seconds_total", usage.cpu_seconds);
  out.set("process_resident_memory_bytes", usage.resident_bytes);
  out.set("process_open_fds", usage.open_descriptors);
  out.set("process_max_fds", usage.descriptors_max);
  out.set("process_start_time_seconds", usage.start_time_s);
  out.set("process_threads", usage.threads);
}

}  // namespace

std::span<const Metric> metrics() { return kMetrics; }

std::string exposition(const NodeView& view) {
  Exposition out;
  out.set("hansa_build_info", 1,
          label("version", program_version()) + "," + label("commit", program_commit()));
  out.set("hansa_ready", view.ready ? 1 : 0);
  out.set("hansa_draining", view.draining ? 1 : 0);
  out.set("hansa_boot_id", double(view.boot_id));
  out.set("hansa_uptime_seconds", view.uptime_seconds);
  out.set("hansa_warnings", double(view.warnings.size()));
  add_mesh(view, out);
  add_keys(view.keys, out);
  add_roster(view, out);
  add_runs(view, out);
  for (const auto& [series, value] : view.counters) out.offer(series, value, true);
  for (const auto& [series, value] : view.gauges) out.offer(series, value, false);
  add_process(out);
  return out.text();
}

}  // namespace hansa::http
