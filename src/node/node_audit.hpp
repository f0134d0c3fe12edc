// The running node's audit log: what is worth an entry, when a head is signed, and the machine that has other
// nodes cosign it. Used on the core's thread alone.
#pragma once

#include "protocols/audit/witness.hpp"
#include "protocols/roster/keeper_types.hpp"
#include "src/node/messenger.hpp"
#include "src/store/audit_log.hpp"

#include <hansa/result.hpp>

#include <deque>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hansa::node {

struct NodeAuditOptions {
  std::filesystem::path folder;
  std::shared_ptr<const crypto::Identity> identity;
  std::uint64_t boot_id = 0;
  protocols::audit::WitnessOptions witness = {};
  Duration head_every = std::chrono::minutes(1);
};

/// What it needs of the node around it.
struct NodeAuditHooks {
  std::function<void(const NodeKey& to, Type type, BytesRef body)> send;
  /// `about` a node, what was found.
  std::function<void(const NodeKey& about, const std::string& text)> evidence;
  std::function<void(const std::string& text)> warn;
  /// The log cannot be written any more.
  std::function<void(const Error& error)> failed;
};

/// Not thread-safe.
class NodeAudit {
 public:
  using Moment = protocols::audit::Moment;
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// Opens the log, or begins one; a damaged one is moved aside and that is said.
  static Result<std::unique_ptr<NodeAudit>> open(NodeAuditOptions options, NodeAuditHooks hooks, Moment at);

  /// Adds an entry with these fields as a JSON object. WARNING: no secrets, nor anything of anyone's data.
  void record(std::string_view kind, Fields fields, Moment at);

  // What happens at the node.
  void roster_event(const protocols::roster::KeeperEvent& event, Moment at);
  /// A run statement that is kept from now on, whoever signed it (docs/wire-format.md, "Run statements").
  void run_statement(std::span<const std::byte> statement, Moment at);
  /// The same evidence again is not written twice.
  void evidence(const std::string& kind, const std::string& about, const std::string& text, Moment at);
  /// Whom the roster allows to connect; who is no longer among them has been cut off.
  void set_peers(std::span<const NodeKey> peers, Moment at);
  void peer_up(const NodeKey& peer);
  /// A message of type audit_head or audit_cosignature.
  void on_mail(const Arrived& mail, Moment at);
  /// Signs a head where it is time, and asks again where answers are missing.
  void tick(Moment at);
  /// The last entry, and a head over it.
  void stop(Moment at);

  /// How many seconds the clocks of those who cosigned our last heads are ahead of ours, each to within half
  /// of the second or two that its answer took.
  [[nodiscard]] const std::map<NodeKey, double>& clock_skew_s() const noexcept { return clock_skew_s_; }
  [[nodiscard]] const store::AuditLog& log() const noexcept { return log_; }
  [[nodiscard]] const protocols::audit::HeadWitness& witness() const noexcept { return witness_; }

 private:
  NodeAudit(NodeAuditOptions options, NodeAuditHooks hooks, store::AuditLog log);
  void sign_head(Moment at);
  void perform(protocols::audit::WitnessEffects effects, Moment at);
  void check(const Error& error);
  void compare_clocks(const protocols::audit::Cosignature& answer, Moment at);

  NodeAuditOptions options_;
  NodeAuditHooks hooks_;
  store::AuditLog log_;
  protocols::audit::HeadWitness witness_;  ///< reads the tree of log_
  std::set<NodeKey> peers_;
  std::map<NodeKey, double> clock_skew_s_;
  std::deque<std::string> said_;  ///< the last pieces of evidence
  Time next_head_{0};
  bool failed_ = false;
};

}  // namespace hansa::node
