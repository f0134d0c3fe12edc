// The runs that a node knows of, and where each one stands: proposed, approved here, begun, finished. There
// is nobody who keeps the list; every node keeps all statements about a run and tells them to any peer that
// has others, so that all come to the same state in whatever order they hear them.
//
// The proposer closes the list of parties (Begin), but has no other power: without a party's own signature it
// is not in, and a proposer that signs two lists is caught by whoever sees both, because each list is the
// identity of its training run: parties of different lists cannot train or sum with each other.
//
// A machine without input or output: statements, commands and the time go in, effects come out. What a
// party signs is persisted before it is sent, and it never signs two different statements of one kind.
#pragma once

#include "protocols/runs/manifest.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace hansa::protocols::runs {

/// A node that may take part, as the roster has it now.
struct Member {
  NodeKey node{};
  std::string name;  ///< of its organisation
};

enum class RunState : std::uint8_t {
  proposed,  ///< approvals are missing
  running,   ///< begun, and this node is in it or watches it
  complete,  ///< all have finished with the same model; who stopped or left the roster does not count
  diverged,  ///< likewise, but with different models, or one alone has any
  expired,   ///< the approvals did not come in time
  stopped,   ///< the proposer took it back, or so many stopped that the quorum is gone
};
[[nodiscard]] std::string_view run_state_name(RunState state) noexcept;

/// All that is known of one run.
struct Run {
  RunId id;
  RunManifest manifest;
  std::map<NodeKey, Approval> approvals;
  std::optional<Begin> begin;
  std::map<NodeKey, Finish> finished;
  std::map<NodeKey, std::string> stopped;  ///< with the reason
  RunState state = RunState::proposed;
  /// Every statement as it came, by type and signer; the first of its kind stands.
  std::map<std::pair<StatementType, NodeKey>, Bytes> statements;
  std::map<NodeKey, Round> seen;  ///< the highest round of a party that a message of it has come from

  [[nodiscard]] std::optional<PartyId> party_of(const NodeKey& node) const noexcept;
  /// What the parties' messages and sums are bound to: this run with exactly this list. Only once begun.
  [[nodiscard]] Hash256 training_id() const;
};

/// What a run has ended with, by the word of several organisations.
struct AgreedEnd {
  std::uint32_t rounds = 0;
  Hash256 model;
  std::vector<NodeKey> holders;  ///< who signed it; each says that it holds the model
};

/// Keep `statement` for good, then go on.
struct PersistStatement {
  RunId run;
  Bytes statement;
};
/// Send `message` to one node.
struct Tell {
  NodeKey to{};
  Bytes message;
};
/// Send `message` to every member that can be reached.
struct TellAll {
  Bytes message;
};
/// A run is new, or stands differently.
struct RunChanged {
  RunId run;
};
/// The run has begun, and this node is `party` of it: train.
struct BeginTraining {
  RunId run;
  PartyId party{};
  Round not_before = 0;  ///< of rounds before it this node may have said something that it forgot
};
/// Stop training, if this node trains it.
struct EndTraining {
  RunId run;
};
/// A node signed two different statements where there can be one.
struct Equivocation {
  RunId run;
  NodeKey signer{};
  Bytes first, second;
};
using RunEffect =
    std::variant<PersistStatement, Tell, TellAll, RunChanged, BeginTraining, EndTraining, Equivocation>;
using RunEffects = std::vector<RunEffect>;

/// What a node still knows that may have forgotten what it signed: its folder comes from a backup, or its
/// database was damaged. It signs nothing, and trains nothing, before `organisations` others (or all, if
/// there are fewer) have told it what they have of it.
struct Recovery {
  std::size_t organisations = 0;                          ///< 0: it has forgotten nothing
  std::vector<std::pair<RunId, StatementType>> promised;  ///< signed; the statements may be lost
};

/// Why a message was dropped.
enum class RunReject : std::uint8_t {
  malformed,    ///< not a message, or not a valid statement
  unlisted,     ///< its signer, or a party of its manifest, is not on the roster
  not_allowed,  ///< its signer may not say that about this run
  clock,        ///< a manifest from too far in the future
  too_many,     ///< the book is full
  duplicate,    ///< known already
};
inline constexpr std::size_t kRunRejects = 6;

/// Not thread-safe.
class RunBook {
 public:
  /// `self` signs, and outlives the book.
  explicit RunBook(const crypto::Identity& self) : self_(&self) {}

  /// Reads back what was persisted, in any order, without effects but BeginTraining for runs that are under
  /// way. What cannot be read is counted as rejected.
  void restore(const std::vector<Bytes>& statements, std::int64_t now_s, RunEffects& out,
               Recovery recovery = {});
  /// Who is on the roster now, ascending by node. A run goes on when a party leaves the roster; whether its
  /// messages still arrive is up to the transport.
  void set_members(std::vector<Member> members);

  // Commands. Errors say what is wrong and what to do.
  /// `manifest` with the fields that the book knows filled in: proposer, created_at_s.
  Result<RunId> propose(RunManifest manifest, std::int64_t now_s, RunEffects& out);
  Result<void> approve(const RunId& run, std::int64_t now_s, RunEffects& out);
  Result<void> stop(const RunId& run, std::string reason, std::int64_t now_s, RunEffects& out);
  /// This node's training is over.
  Result<void> finish(const RunId& run, std::uint32_t rounds, const Hash256& model, std::int64_t now_s,
                      RunEffects& out);

  // Events.
  /// A message from `from`, already authenticated as a member.
  void on_message(const NodeKey& from, BytesView message, std::int64_t now_s, RunEffects& out);
  /// A member can be reached (again): compare what we know. Call it for some member every few seconds, too:
  /// what was lost on the way comes back with the comparison.
  void on_peer_up(const NodeKey& peer, RunEffects& out);
  /// A message of `node`, about `round` of a run that this node trains, has come. If `node` forgets what it
  /// said, it will ask.
  void saw(const RunId& run, const NodeKey& node, Round round);
  /// Call it now and then: closes lists whose time has come.
  void on_tick(std::int64_t now_s, RunEffects& out);

  [[nodiscard]] const std::map<RunId, Run>& runs() const noexcept { return runs_; }
  [[nodiscard]] bool recovering() const noexcept { return recovery_.organisations > 0; }
  [[nodiscard]] const Run* find(const RunId& run) const noexcept;
  /// The run whose id begins with these hexadecimal digits, in either case; none if it is not exactly one.
  [[nodiscard]] const Run* find(std::string_view prefix) const noexcept;
  /// The end that most parties other than this node have signed, if they are of at least kAgreeing
  /// organisations and no other end has as many. One organisation alone could name any model.
  [[nodiscard]] std::optional<AgreedEnd> agreed_end(const RunId& run) const;
  static constexpr std::size_t kAgreeing = 2;

  [[nodiscard]] std::uint64_t rejected(RunReject reason) const noexcept {
    return rejected_[static_cast<std::size_t>(reason)];
  }

 private:
  enum class Origin : std::uint8_t { ours, peer, disk };

  [[nodiscard]] Result<void> may_say(const RunId& run, StatementType type) const;
  void say(const RunId& run, const decltype(Statement::what)& what, std::int64_t now_s, RunEffects& out);
  void ask_what_was_said(const NodeKey& peer, RunEffects& out) const;
  void tell_what_was_seen(const NodeKey& to, RunEffects& out) const;
  void on_reminded(const NodeKey& from, BytesView answer, std::int64_t now_s, RunEffects& out);
  bool take(BytesView bytes, Origin origin, std::int64_t now_s, RunEffects& out);
  [[nodiscard]] std::optional<RunReject> objection(const Statement& statement, const Run* run, Origin origin,
                                                   std::int64_t now_s) const;
  void note(Run& run, const Statement& statement, BytesView bytes);
  void close_list(Run& run, std::int64_t now_s, RunEffects& out);
  void update_state(Run& run, std::int64_t now_s, RunEffects& out);
  void tell_digest(const NodeKey& to, bool reply, RunEffects& out) const;
  void on_digest(const NodeKey& from, BytesView digest, RunEffects& out);
  [[nodiscard]] Hash256 digest_of(const Run& run) const;
  [[nodiscard]] const Member* member(const NodeKey& node) const noexcept;
  [[nodiscard]] bool is_member(const NodeKey& node) const noexcept { return member(node) != nullptr; }
  void reject(RunReject reason) noexcept { ++rejected_[static_cast<std::size_t>(reason)]; }

  const crypto::Identity* self_;
  std::vector<Member> members_;
  std::map<RunId, Run> runs_;
  Recovery recovery_;
  std::set<std::string> reminded_by_;  ///< organisations, while recovering
  std::map<RunId, Round> not_before_;  ///< of runs in which others have seen us
  std::array<std::uint64_t, kRunRejects> rejected_{};
};

}  // namespace hansa::protocols::runs
