// What goes into a roster keeper and what comes out of it, apart from the objects themselves.
#pragma once

#include "protocols/roster/node_book.hpp"
#include "protocols/roster/rules.hpp"
#include "protocols/roster/suspensions.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hansa::protocols::roster {

/// What a keeper remembers across restarts: rows of one table, replaced by (kind, key).
enum class RecordKind : std::uint8_t {
  object = 1,      ///< key: object id; value: the object
  version = 2,     ///< key: hash; value: the signed roster
  signature = 3,   ///< key: hash of a roster that this organisation has approved; value: what it excludes
  draft = 4,       ///< key: empty; value: the founding draft
  request = 5,     ///< key: empty; value: this organisation's own request
  used_token = 6,  ///< key: inviter and token; value: organisation and the ticket's expiry
  head = 7,        ///< key: empty; value: hash of the head, which tells the own branch of a fork
};
struct Record {
  RecordKind kind = RecordKind::object;
  Bytes key;
  Bytes value;  ///< empty: remove the row
};

enum class EventKind : std::uint8_t {
  roster_changed,    ///< a new head
  admitted,          ///< the own organisation is a member now
  removed,           ///< it is no longer
  forked,            ///< two valid versions: rounds stop
  fork_settled,      ///< rounds may go on
  proposal,          ///< something to approve or reject
  proposal_gone,     ///< decided, or overtaken by another
  vote,              ///< someone approved or rejected
  contradiction,     ///< someone signed two things that exclude each other; both are kept
  request,           ///< someone wants to join
  request_gone,      ///< admitted, or expired
  request_rejected,  ///< a member does not want it
  suspended,         ///< an organisation is kept out now
  suspension_over,
  departed,        ///< an organisation has left
  nodes_changed,   ///< ask allowed_nodes() again
  expiry_warning,  ///< 30, 14, 7 or 1 day left, or expired
  wrong_anchor,    ///< the chain does not contain what the own ticket promised: someone lies
};
[[nodiscard]] std::string_view event_name(EventKind kind) noexcept;

struct KeeperEvent {
  EventKind kind = EventKind::roster_changed;
  PublicKey organisation{};   ///< whom it is about or who did it; zeros if nobody
  Hash256 object;             ///< roster, request or object concerned; zeros if none
  std::uint32_t version = 0;  ///< of a roster concerned
  std::string text;           ///< one sentence for logs
};

// Effects, to be performed in order; nothing after a PersistRecord may leave before that is durable.
struct PersistRecord {
  Record record;
};
struct Tell {
  PublicKey to{};  ///< node key
  Bytes message;
};
/// To every peer that is connected, but `except`.
struct TellAll {
  Bytes message;
  PublicKey except{};
};
struct Notify {
  KeeperEvent event;
};
using KeeperEffect = std::variant<PersistRecord, Tell, TellAll, Notify>;
using KeeperEffects = std::vector<KeeperEffect>;

/// Why a message was dropped.
enum class KeeperReject : std::uint8_t {
  malformed,
  bad_signature,
  unlisted,  ///< sender or signer is not on the roster
  other_consortium,
  rule,    ///< breaks a rule of docs/governance.md
  stale,   ///< about something that is over, or not known yet
  clock,   ///< dated too far in the future
  ticket,  ///< expired, used, or not for this consortium
  too_many,
  duplicate,
};
inline constexpr std::size_t kKeeperRejects = 10;
[[nodiscard]] std::string_view keeper_reject_name(KeeperReject reason) noexcept;

/// A node that may connect now.
struct AllowedNode {
  PublicKey node{};
  PublicKey organisation{};
  std::string organisation_name;
  std::vector<CurvePublicKey> curves;  ///< newest first; the second one for a day after a rotation
  std::uint32_t curve_epoch = 1;
  Endpoints endpoints;
  UnixTime not_after = 0;
  /// Whether it may take part in rounds. A node whose certificate has expired, or whose organisation is
  /// paused, may still talk about the roster, so that this can be mended.
  bool trains = true;
};

enum class RoundsVerdict : std::uint8_t {
  allowed,
  no_roster,
  not_member,
  left,
  forked,
  roster_expired,
  suspended,
  paused,
  no_certificate,
  certificate_expired,
};
struct RoundsPermission {
  RoundsVerdict verdict = RoundsVerdict::no_roster;
  std::string text;  ///< why not, and what to do
  explicit operator bool() const noexcept { return verdict == RoundsVerdict::allowed; }
};

enum class Expiring : std::uint8_t { roster, node_certificate, curve_key };
[[nodiscard]] std::string_view expiring_name(Expiring what) noexcept;
struct ExpiryWarning {
  Expiring what = Expiring::roster;
  UnixTime expires_at = 0;
  int threshold_days = 30;  ///< 30, 14, 7, 1, or 0 when it has expired
};

struct ProposalView {
  Hash256 hash;
  PublicKey proposer{};
  Roster roster;
  std::vector<std::string> changes;
  Tally tally;
  std::set<PublicKey> approvals, rejections;
};
struct RequestView {
  Hash256 id;
  JoinRequest request;
  std::set<PublicKey> rejections;
};

/// The consortium-to-be of a founder who collects the others.
struct FoundingDraft {
  std::string name;
  Policy policy = Policy::supermajority;
  RemovalPolicy removal = RemovalPolicy::policy;
  Hash256 successor_of;  ///< of a consortium whose keys were lost, or zeros
  Organisation founder;
  std::vector<NodeCertificate> certificates;  ///< of the founder's first nodes, signed beforehand
  UnixTime created_at = 0;
};
[[nodiscard]] Bytes encode(const FoundingDraft& draft);
[[nodiscard]] Result<FoundingDraft> decode_draft(BytesView bytes);

}  // namespace hansa::protocols::roster
