// A node's view of its consortium: the chain of rosters, what is proposed and who voted, who wants to join,
// who is kept out, and which nodes may connect. A machine without input or output: commands, messages and the
// time go in, effects come out; a live node, the simulator and the tests drive the same object.
//
// News is told to everyone at once; what gets lost is found by comparing digests every few seconds. All that
// is believed is signed by organisations, so it does not matter from which node it came.
//
// The organisation's key is cold: commands that sign take it for the length of the call.
#pragma once

#include "protocols/roster/chain.hpp"
#include "protocols/roster/keeper_types.hpp"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace hansa::protocols::roster {

struct NodeRequest;
struct NodeAdmission;

struct KeeperConfig {
  PublicKey node{};
  PublicKey organisation{};
  UnixTime sync_interval = 10;  ///< seconds between digests
  /// What one message should not exceed: to members, and to those who only reach the lobby. Only a single
  /// roster version or object that is larger by itself goes beyond (at most kRosterBytesMax).
  std::size_t message_bytes = 60 * 1024, lobby_message_bytes = 14 * 1024;
};

/// Version and hash of the head, as they ride on every ping; version 0 if there is none.
struct RosterHint {
  std::uint32_t version = 0;
  Hash256 hash;
  friend bool operator==(const RosterHint&, const RosterHint&) = default;
};

/// Not thread-safe. `now` is wall-clock time and may go back a little.
class RosterKeeper {
 public:
  explicit RosterKeeper(KeeperConfig config) : config_(config) {}

  /// First call, once. `records` in any order. With `recovering` (restored from a backup) nothing is signed
  /// until as many other organisations as decide a vote agree with what is here: what they know of the own
  /// signatures has then come back. Errors: a record that cannot be read (it would be wrong to go on).
  Result<void> start(const std::vector<Record>& records, UnixTime now, KeeperEffects& out,
                     bool recovering = false);

  // Commands. Errors say what is wrong and what to do; nothing has happened then.
  /// Begins to collect founders.
  Result<void> found(const FoundingDraft& draft, UnixTime now, KeeperEffects& out);
  /// A signed ticket. `token` must be fresh randomness.
  Result<Ticket> invite(const crypto::Identity& organisation, const std::array<std::byte, 16>& token,
                        std::vector<Bootstrap> bootstrap, UnixTime lifetime, UnixTime now) const;
  /// The own organisation's ticket with this token admits nobody at this node from now on. An error if
  /// somebody has used it already: reject the request instead.
  Result<void> revoke_ticket(const std::array<std::byte, 16>& token, UnixTime expires_at, KeeperEffects& out);
  /// Who has used the own organisation's ticket with this token: the own organisation if it was revoked.
  [[nodiscard]] std::optional<PublicKey> ticket_user(const std::array<std::byte, 16>& token) const;
  /// Files the own organisation's signed request; it is told again until the organisation is a member.
  Result<void> join(const JoinRequest& request, UnixTime now, KeeperEffects& out);
  /// Founding: signs version 1 with the founders of these requests. Later: proposes to add them all.
  Result<Hash256> approve_requests(const std::vector<Hash256>& requests, const crypto::Identity& organisation,
                                   UnixTime now, KeeperEffects& out);
  Result<void> reject_request(const Hash256& request, const crypto::Identity& organisation, UnixTime now,
                              KeeperEffects& out);
  /// The next version as it would be with no change but a new expiry: edit it, then propose it. While a fork
  /// is open it settles that in favour of the own branch. There must be a roster.
  [[nodiscard]] Roster draft(UnixTime now) const;
  /// The same on top of another branch of an open fork.
  [[nodiscard]] Result<Roster> draft_on(const Hash256& branch, UnixTime now) const;
  /// Proposes `next` and approves it. The hash names the proposal.
  Result<Hash256> propose(Roster next, const crypto::Identity& organisation, UnixTime now,
                          KeeperEffects& out);
  /// An organisation approves one proposal that follows a version (or settles a fork). Another one only once
  /// so many have rejected the first that at least as many of them would have to lie to get it through as a
  /// fork needs anyway; or with `accept_double_signing`, which can fork the consortium and is for people who
  /// have talked to all others.
  Result<void> approve(const Hash256& proposal, const crypto::Identity& organisation, UnixTime now,
                       KeeperEffects& out, bool accept_double_signing = false);
  /// A promise never to approve it.
  Result<void> reject(const Hash256& proposal, const crypto::Identity& organisation, UnixTime now,
                      KeeperEffects& out);
  /// Takes effect when a second organisation demands it, too; the second demand of the same is the renewal.
  Result<void> suspend(const PublicKey& subject, const std::string& reason,
                       const crypto::Identity& organisation, UnixTime now, KeeperEffects& out);
  Result<void> leave(const crypto::Identity& organisation, UnixTime now, KeeperEffects& out);
  /// The next serial for a certificate of the own organisation.
  [[nodiscard]] std::uint64_t next_serial() const noexcept {
    return nodes_.last_serial(config_.organisation) + 1;
  }
  Result<void> publish(const NodeCertificate& certificate, UnixTime now, KeeperEffects& out);
  Result<void> publish(const CurveRotation& rotation, UnixTime now, KeeperEffects& out);
  /// Certifies a further node of the own organisation, or one of its nodes anew, and tells all; with what
  /// comes back a new node begins (admission.hpp).
  Result<NodeAdmission> admit(const NodeRequest& request, const crypto::Identity& organisation, UnixTime now,
                              KeeperEffects& out);
  /// Ends one of the own organisation's nodes, this one or another: nobody lets it in any more. The
  /// certificate that says so comes back.
  Result<NodeCertificate> retire(const PublicKey& node, const crypto::Identity& organisation, UnixTime now,
                                 KeeperEffects& out);
  /// A vote that was signed elsewhere (approval_bytes). It obeys the same rules as approve().
  Result<void> submit(const Vote& vote, UnixTime now, KeeperEffects& out, bool accept_double_signing = false);

  // Events.
  void on_message(const PublicKey& from, BytesView message, UnixTime now, KeeperEffects& out);
  /// The roster that a peer's ping named.
  void on_hint(const PublicKey& from, const RosterHint& hint, UnixTime now, KeeperEffects& out);
  /// `peer` can be reached now.
  void on_connected(const PublicKey& peer, UnixTime now, KeeperEffects& out);
  /// Call it about once a second.
  void on_tick(UnixTime now, KeeperEffects& out);

  // Queries.
  [[nodiscard]] const RosterChain& chain() const noexcept { return chain_; }
  [[nodiscard]] RosterHint hint() const;
  [[nodiscard]] bool member() const noexcept;
  /// Ascending by node key; the own node included.
  [[nodiscard]] std::vector<AllowedNode> allowed_nodes(UnixTime now) const;
  /// Nodes of pending requests: they may talk in the lobby, and are told what concerns them.
  [[nodiscard]] std::vector<AllowedNode> applicant_nodes() const;
  /// Nodes of organisations that a recent version removed. They may show and fetch versions in the lobby, and
  /// nothing else: where two rival removals fork a small consortium, the evidence comes from them.
  [[nodiscard]] std::vector<AllowedNode> former_nodes() const;
  /// Whether new rounds may start on this node.
  [[nodiscard]] RoundsPermission may_start_rounds(UnixTime now) const;
  [[nodiscard]] std::vector<ExpiryWarning> warnings(UnixTime now) const;
  /// When the own CURVE key should be replaced: at half of its life. None without certificate.
  [[nodiscard]] std::optional<UnixTime> rotation_due() const;
  [[nodiscard]] std::vector<ProposalView> proposals() const;
  [[nodiscard]] std::vector<RequestView> requests() const;
  [[nodiscard]] std::vector<ActiveSuspension> suspensions(UnixTime now) const;
  [[nodiscard]] std::vector<Departure> departures() const;
  [[nodiscard]] const std::optional<FoundingDraft>& founding() const noexcept { return draft_; }
  /// The own request that is not granted yet; null if none.
  [[nodiscard]] const JoinRequest* own_request() const noexcept {
    return own_request_ && !member() ? &*own_request_ : nullptr;
  }
  /// The own node's newest certificate; null if none.
  [[nodiscard]] const NodeEntry* own_node() const noexcept;
  /// The own organisation's nodes that are not retired, this one included, ascending by key.
  [[nodiscard]] std::vector<const NodeEntry*> own_nodes() const;
  [[nodiscard]] bool recovering() const noexcept { return recovering_; }
  /// By KeeperReject.
  [[nodiscard]] const std::array<std::uint64_t, kKeeperRejects>& rejected() const noexcept {
    return rejected_;
  }

 private:
  struct Proposal {
    SignedRoster roster;  ///< with the proposer's signature alone
    PublicKey proposer{};
    std::map<PublicKey, Vote> approvals, rejections;
  };
  struct Pending {
    JoinRequest request;
    std::map<PublicKey, RequestRejection> rejections;
  };
  /// What an own approval excludes: others that follow the same version or settle the same fork.
  struct Approved {
    Hash256 previous;
    Hash256 fork;  ///< the last common version, if it settles one; else zeros
  };
  struct Token {
    PublicKey organisation{};
    UnixTime expires_at = 0;
  };
  enum class Access : std::uint8_t { none, applicant, former, inviter, member };
  using Outcome = std::optional<KeeperReject>;  // none: taken

  // keeper.cpp
  Result<void> restore(const std::vector<Record>& records, UnixTime now);
  Result<void> restore_row(const Record& record);
  void chain_changed(UnixTime now, KeeperEffects& out);
  void drop_decided(KeeperEffects& out);
  void admit_applicants(KeeperEffects& out);
  void objects_changed(KeeperEffects& out);
  [[nodiscard]] std::map<Hash256, Bytes> live_objects() const;
  [[nodiscard]] std::map<Hash256, Bytes> former_objects() const;
  void notify(KeeperEffects& out, EventKind kind, std::string text, const PublicKey& organisation = {},
              const Hash256& object = {}, std::uint32_t version = 0);
  void persist(KeeperEffects& out, RecordKind kind, Bytes key, Bytes value);
  void watch_time(UnixTime now, KeeperEffects& out);
  void retell(KeeperEffects& out) const;

  // keeper_objects.cpp: decode, check, take.
  Outcome take(BytesView object, Access access, UnixTime now, KeeperEffects& out);
  Outcome take_certificate(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_rotation(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_roster(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_proposal(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_vote(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_suspension(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_departure(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome take_request(BytesView object, bool direct, UnixTime now, KeeperEffects& out);
  Outcome take_rejection(BytesView object, UnixTime now, KeeperEffects& out);
  Outcome add_version(SignedRoster roster, UnixTime now, KeeperEffects& out);
  void contradiction(KeeperEffects& out, std::string text, const PublicKey& organisation,
                     const Hash256& object);
  void try_complete(const Hash256& proposal, UnixTime now, KeeperEffects& out);
  [[nodiscard]] Tally tally_of(const Proposal& proposal) const;
  [[nodiscard]] bool may_vote(const Proposal& proposal, const PublicKey& organisation) const;
  [[nodiscard]] bool expects_genesis(const SignedRoster& genesis) const;

  // keeper_commands.cpp
  [[nodiscard]] Result<void> may_sign(const crypto::Identity& organisation) const;
  [[nodiscard]] Result<void> sign_once(const SignedRoster& roster, bool accept_double_signing) const;
  [[nodiscard]] Result<void> check_vote(const Vote& vote, UnixTime now, bool accept_double_signing) const;
  Result<void> cast(const Vote& vote, UnixTime now, KeeperEffects& out);
  Result<Hash256> offer(const SignedRoster& proposal, UnixTime now, KeeperEffects& out);
  [[nodiscard]] Approved approval_of(const SignedRoster& roster) const;
  void remember_signature(const SignedRoster& roster, KeeperEffects& out);

  // keeper_nodes.cpp
  [[nodiscard]] Result<void> may_admit(const NodeRequest& request, UnixTime now) const;

  // keeper_sync.cpp
  [[nodiscard]] Access access_of(const PublicKey& node) const;
  [[nodiscard]] std::array<std::uint64_t, 16> buckets() const;
  [[nodiscard]] Bytes digest(bool answer) const;
  [[nodiscard]] Bytes fetch() const;
  Outcome on_digest(const PublicKey& from, Access access, BytesView message, KeeperEffects& out);
  Outcome on_inventory(const PublicKey& from, BytesView message, KeeperEffects& out);
  Outcome on_want(const PublicKey& from, BytesView message, KeeperEffects& out);
  Outcome on_fetch(const PublicKey& from, Access access, BytesView message, KeeperEffects& out);
  Outcome on_rosters(const PublicKey& from, BytesView message, UnixTime now, KeeperEffects& out);
  void tell_inventory(const PublicKey& to, std::uint16_t mask, bool answer, KeeperEffects& out) const;
  void heard_agreement(const PublicKey& node);

  // keeper_queries.cpp
  [[nodiscard]] std::map<PublicKey, const Organisation*> organisations() const;
  [[nodiscard]] std::set<PublicKey> former() const;
  [[nodiscard]] std::set<PublicKey> suspended(UnixTime now) const;
  [[nodiscard]] bool revoked(const PublicKey& key) const;
  [[nodiscard]] UnixTime admitted_at(const PublicKey& organisation) const;

  KeeperConfig config_;
  RosterChain chain_;
  NodeBook nodes_;
  Suspensions suspensions_;
  std::map<PublicKey, Departure> departures_;
  std::map<Hash256, Proposal> proposals_;  ///< by roster hash
  std::map<Hash256, Pending> requests_;    ///< by object id
  std::map<std::pair<PublicKey, std::array<std::byte, 16>>, Token> tokens_;
  std::map<Hash256, Approved> signed_;  ///< own approvals by roster hash
  std::optional<FoundingDraft> draft_;
  std::optional<JoinRequest> own_request_;  ///< until a node of the inviter is known by its certificate

  std::map<Hash256, Bytes> objects_;  ///< what digests compare; mirrors the above
  std::map<Hash256, Bytes> kept_;     ///< certificates of former members: on disk, not in digests
  std::set<Hash256> refused_;         ///< not to be asked for again
  std::set<PublicKey> asked_;         ///< peers asked about something stale in this interval
  std::set<Hash256> contradictions_;  ///< reported already
  std::set<PublicKey> agreeing_;      ///< organisations that agree with us since the start
  std::map<std::pair<Expiring, UnixTime>, int> warned_;
  std::set<PublicKey> suspended_before_;
  bool forked_before_ = false, member_before_ = false, anchor_checked_ = false;
  bool recovering_ = false, restoring_ = false;
  UnixTime next_sync_ = 0;
  std::size_t next_peer_ = 0;
  std::array<std::uint64_t, kKeeperRejects> rejected_{};
};

}  // namespace hansa::protocols::roster
