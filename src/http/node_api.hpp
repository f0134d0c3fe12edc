// What the status pages know of a node, and what they may ask of it. The node fills one immutable view now
// and then; the HTTP threads read it without waiting for anybody. Commands wait for the node's own thread.
// Everything here is text and numbers as an operator sees them: keys as IDs, hashes as hexadecimal digits.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hansa::http {

struct PeerView {
  std::string node_id, short_id, organisation;
  std::string state;             ///< alive, suspect, unreachable, draining, left
  std::optional<double> rtt_ms;  ///< none before the first answer
  std::string endpoint;          ///< empty: it only dials out
  bool connected = false;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::optional<double> last_seen_seconds;  ///< ago
  std::uint32_t curve_epoch = 1;
  double score = 0;          ///< 0 is good; at -100 it is cut off and kept out for ten minutes
  bool quarantined = false;  ///< kept out just now
  bool has_our_key = false;  ///< it has shown that it knows our newest connection key
};

/// The own node's keys, as far as they are public.
struct KeysView {
  std::uint32_t curve_epoch = 1;
  std::string curve_key;  ///< hexadecimal
  bool rotating = false;  ///< a new key is announced and will be taken in a moment
  std::int64_t curve_issued_at_s = 0, curve_rotation_due_at_s = 0, curve_expires_at_s = 0;
  std::uint64_t certificate_serial = 0;  ///< 0: the organisation has not certified the node yet
  std::int64_t certificate_issued_at_s = 0, certificate_expires_at_s = 0;
};

struct OrganisationView {
  std::string id, name, words;
  std::string status;  ///< active, paused, suspended, left
  struct Node {
    std::string id, endpoint;
  };
  std::vector<Node> nodes;
};

struct ProposalView {
  std::string id;
  std::vector<std::string> changes;  ///< in words
  std::string proposer;
  std::vector<std::string> approvals, rejections;  ///< names of organisations
  std::uint32_t needed = 0;                        ///< approvals
};

struct RosterView {
  std::uint32_t version = 0;  ///< 0: none yet
  std::string hash, consortium, name, policy;
  std::uint32_t threshold = 0;  ///< organisations that must sign a change; 0: unknown
  std::int64_t expires_at_s = 0;
  std::vector<OrganisationView> organisations;
  std::vector<ProposalView> proposals;
  std::vector<std::string> suspensions;  ///< in words
  std::string fork;                      ///< empty: none; else what conflicts
  struct Version {
    std::uint32_t version = 0;
    std::string hash;
    std::vector<std::string> signers;
  };
  std::vector<Version> log;  ///< oldest first
};

struct RequestView {
  std::string id, organisation, words, organisation_id;
  double age_seconds = 0;
  std::vector<std::string> rejections;
};

struct RoundView {
  std::uint32_t round = 0;
  double seconds = 0;            ///< of training here until then, restarts left out
  std::optional<double> loss;    ///< of this party's training
  std::optional<double> metric;  ///< on this party's test rows
  std::uint32_t participants = 0;
  std::vector<std::string> missing;  ///< names of parties
};

/// A run's rounds, shared by the views that show them: most runs are over, and views are made all the time.
/// Reads as a vector; immutable as the view that holds it.
class RoundViews {
 public:
  RoundViews() = default;
  explicit RoundViews(std::vector<RoundView> rounds)
      : rounds_(std::make_shared<const std::vector<RoundView>>(std::move(rounds))) {}
  [[nodiscard]] const std::vector<RoundView>& all() const noexcept {
    static const std::vector<RoundView> kNone;
    return rounds_ == nullptr ? kNone : *rounds_;
  }
  [[nodiscard]] auto begin() const noexcept { return all().begin(); }
  [[nodiscard]] auto end() const noexcept { return all().end(); }
  [[nodiscard]] std::size_t size() const noexcept { return all().size(); }
  [[nodiscard]] bool empty() const noexcept { return all().empty(); }
  [[nodiscard]] const RoundView& operator[](std::size_t i) const { return all()[i]; }
  [[nodiscard]] const RoundView& back() const { return all().back(); }

 private:
  std::shared_ptr<const std::vector<RoundView>> rounds_;
};

struct RunView {
  std::string id, name;
  std::string state;  ///< proposed, running, complete, diverged, expired, stopped, failed
  std::string proposer, strategy, aggregation, model, metric_name;
  std::uint32_t round = 0, rounds = 0;  ///< completed here; of the whole run
  std::vector<std::string> approvals, waiting_for;
  struct Party {
    std::string name, node_id;
    std::string state;       ///< asked, approved, training, finished, stopped
    std::string model_hash;  ///< once finished
  };
  std::vector<Party> parties;
  bool approved_here = false;
  std::string model_hash;  ///< this node's final model
  std::string failure;     ///< why this node does not train
  std::int64_t created_at_s = 0, approve_by_s = 0;
  RoundViews history;
  std::vector<std::string> privacy;  ///< lines
  std::string manifest;              ///< the configuration as TOML
  std::string data_schema;           ///< of CSV data, as TOML; empty if the data needs none
};

struct EvidenceView {
  std::string kind;  ///< run, roster, secure_sum, message
  std::string about, text;
  std::int64_t seen_at_s = 0;
};

/// One moment of a node.
struct NodeView {
  std::string organisation, organisation_id, words, node_id, short_id;
  bool ready = false;
  std::vector<std::string> not_ready_because;
  std::vector<std::string> warnings;  ///< expiry and the like, in words
  std::string control_endpoint, bulk_endpoint;
  double uptime_seconds = 0;
  std::uint64_t boot_id = 0;
  bool draining = false;
  RosterView roster;
  KeysView keys;
  std::vector<PeerView> peers;
  std::vector<RequestView> requests;
  std::vector<RunView> runs;  ///< newest first
  std::vector<EvidenceView> evidence;
  std::string audit_head;  ///< hexadecimal; empty: no log
  std::uint64_t audit_entries = 0;
  std::vector<std::pair<std::string, std::string>> settings;  ///< key = value (origin)
  /// For /metrics: name with labels in Prometheus' notation -> value. The names are in src/http/metrics.*.
  std::map<std::string, double> counters, gauges;
};

/// Something changed; for Server-Sent Events.
struct NodeEvent {
  std::string name;     ///< status, peer, roster, request, run, round, evidence
  std::string subject;  ///< id of what changed; empty if it is the node
};

/// Implemented by the node. Thread-safe.
class NodeApi {
 public:
  virtual ~NodeApi() = default;
  /// Never null, at most a second old.
  [[nodiscard]] virtual std::shared_ptr<const NodeView> view() const = 0;
  /// `listener` is called on some thread after each change, until the returned object is destroyed.
  [[nodiscard]] virtual std::shared_ptr<void> subscribe(std::function<void(const NodeEvent&)> listener) = 0;

  // Commands; each waits for the node's thread and returns its answer.
  struct ProposeRun {
    std::string manifest_toml;         ///< a run's configuration file; data.schema must be inside or bundled
    std::string schema_toml;           ///< optional: the data schema
    std::vector<std::string> parties;  ///< names or IDs; empty: one node of every active organisation
    std::uint32_t quorum = 0;          ///< 0: all
    double approve_within_seconds = 3600;
  };
  virtual Result<std::string> propose_run(const ProposeRun& wanted) = 0;  ///< the run's ID
  struct BindRun {
    std::string run;                              ///< ID or the beginning of one
    std::string data, labels, test, test_labels;  ///< paths on the node's machine
  };
  virtual Result<void> approve_run(const BindRun& binding) = 0;
  virtual Result<void> stop_run(const std::string& run, const std::string& reason) = 0;
  /// The final model as raw little-endian floats, and its named parts for NumPy.
  struct FinalModel {
    std::vector<float> values;
    struct Part {
      std::string name;
      std::uint64_t offset = 0;
      std::vector<std::uint64_t> shape;
    };
    std::vector<Part> parts;
    std::string hash;
  };
  virtual Result<FinalModel> final_model(const std::string& run) = 0;

  // Governance: a command-line tool that holds the organisation's key works on a copy of the keeper's records
  // and brings back what came of it (docs/governance.md).
  struct KeeperState {
    std::string base;                                          ///< hash of the records
    std::vector<std::pair<std::string, std::string>> records;  ///< kind and key in hex, value in hex
    bool recovering = false;                                   ///< nothing may be signed yet
  };
  [[nodiscard]] virtual Result<KeeperState> keeper_state() = 0;
  struct KeeperChange {
    std::string base;  ///< of the state it was worked out from; refused if that is no longer current
    std::vector<std::pair<std::string, std::string>> records;
    std::vector<std::string> messages;  ///< hex, to be told to the mesh
  };
  virtual Result<void> change_keeper(const KeeperChange& change) = 0;
  virtual Result<std::string> open_lobby(double seconds) = 0;  ///< the endpoint for tickets

  struct AuditEntry {
    std::uint64_t number = 0;
    std::int64_t time_ms = 0;  ///< since 1970
    std::string kind, data;    ///< data: JSON
  };
  /// Entries `from` on, at most `limit`; without `from` the last ones.
  [[nodiscard]] virtual Result<std::vector<AuditEntry>> audit_entries(std::optional<std::uint64_t> from,
                                                                      std::size_t limit) = 0;
  /// Announces a new connection key, which the node takes a moment later.
  virtual Result<void> rotate_key() = 0;

  virtual Result<void> drain(bool on) = 0;
  virtual Result<void> set_log_level(const std::string& level) = 0;
  virtual void shut_down() = 0;  ///< returns at once
};

}  // namespace hansa::http
