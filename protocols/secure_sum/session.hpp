// Summing vectors between equals so that nobody sees another's vector: secure aggregation with double masks
// (Bonawitz et al. 2017), without their server. Every member owns a piece of the vector; the members agree by
// vote on whose inputs are summed, and only then give out what unmasks exactly that sum.
//
// A session is a machine without input or output, like a party (protocols/machine.hpp): packets, finished
// mask tasks and the time go in, effects come out. What arrives is first checked and written down as facts;
// advance() then takes every step that the facts allow. So the order of arrival does not matter.
//
// An input may come later than its session: keys, shares and masks need no input, so a party sets up its sum
// and computes its masks while it still trains. Setting up then waits as long as the own training takes, and
// a member whose input is too late for the others votes and reveals all the same, with its input unspent.
//
// What it promises, and asserts: no CHUNK before all members are READY under one session id; at most one
// VOTE and one REVEAL; a REVEAL holds one kind of share per member, never both; an input is spent with its
// first CHUNK; masks hide one input only; nothing unauthenticated ever ends a session.
#pragma once

#include "protocols/secure_sum/layout.hpp"
#include "protocols/secure_sum/masking.hpp"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace hansa::protocols::secure_sum {

/// A member's vector: SessionPlan::lanes() elements. Several sessions may try it one after the other, but
/// once a masked piece of it has left the process it is spent for good: two sums over different members would
/// reveal the difference.
class SecureInput {
 public:
  explicit SecureInput(Bytes lanes) : lanes_(std::move(lanes)) {}
  ~SecureInput() { crypto::wipe(lanes_); }
  SecureInput(const SecureInput&) = delete;
  SecureInput& operator=(const SecureInput&) = delete;
  [[nodiscard]] bool spent() const noexcept { return spent_; }

 private:
  friend class SecAggSession;
  Bytes lanes_;
  bool spent_ = false;
};

/// Deliver `packet` to `to`, if the network can.
struct SendPacket {
  Member to = 0;
  std::shared_ptr<const Bytes> packet;
};
/// `input`: the own masks, added to the input or, if that is not there yet, to zeros.
enum class MaskJob : std::uint8_t { input, sum, audit };
/// Compute perform(task), anywhere, and come back with on_masked(job, result), once.
struct RunMask {
  MaskJob job{};
  MaskTask task;
};
/// Something that a member signed, word for word; anyone can check it.
struct SignedStatement {
  Bytes text;
  Signature signature{};
};
enum class Misdeed : std::uint8_t {
  contradiction,  ///< signed two different things where there can be one
  bad_advert,     ///< signed keys that are not group elements
  bad_share,      ///< dealt a share that does not fit its commitments
  bad_reveal,     ///< revealed a share that is not the one it was dealt
  bad_proposal,   ///< as leader, proposed what cannot be
  wrong_sum,      ///< as owner, signed a sum that is not that of the pieces it had committed to
};
/// A member was caught.
struct Blame {
  Member member = 0;
  Misdeed misdeed{};
  std::vector<SignedStatement> evidence;
  /// Whole packets that the statements give only as hashes: an audit's AUDITED and RESULT.
  std::vector<Bytes> packets = {};
};
/// The session is over: see outcome().
struct SessionEnded {};
using SessionEffect = std::variant<SendPacket, RunMask, Blame, SessionEnded>;
using SessionEffects = std::vector<SessionEffect>;

enum class Phase : std::uint8_t {
  advert,    ///< waits for all ADVERTs
  share,     ///< waits for all SHAREs
  ready,     ///< waits for all READYs
  masking,   ///< waits for its masks and for its input
  chunks,    ///< an owner waits for CHUNKs
  commit,    ///< waits for a proposal
  voted,     ///< waits for t votes
  revealed,  ///< waits for sums
  done,      ///< waits until t members have the same sums
  complete,
  aborted,
};

enum class AbortReason : std::uint8_t { none, setup_timeout, bad_dealer, no_proposal, no_quorum };

struct Outcome {
  AbortReason reason = AbortReason::none;
  bool retry_safe = false;  ///< the input may go into another session
  Set missing = 0;          ///< members that were waited for in vain, or caught
  Decision decision;
  Set chunks = 0;           ///< those whose sums t members agree on; the others keep their local values
  std::vector<Bytes> sums;  ///< one per chunk; empty if not in `chunks`
};

class SecAggSession {
 public:
  /// `identity` is that of plan.members[me] and must outlive the session. `input` is null for an owner that
  /// gives none, and for a member that calls provide_input or withhold_input later. An error if the plan
  /// cannot be, or the input is spent or of the wrong length.
  static Result<SecAggSession> make(SessionPlan plan, Member me, const crypto::Identity& identity,
                                    std::shared_ptr<SecureInput> input, EntropySource& entropy);

  void start(Time now, SessionEffects& out);
  /// The input of a member made without one; once, after start. Same errors as make. If the others have gone
  /// on without it, it stays unspent.
  Result<void> provide_input(std::shared_ptr<SecureInput> input, Time now, SessionEffects& out);
  /// In place of provide_input: there will be none. The member votes and reveals, and learns the others' sum.
  void withhold_input(Time now, SessionEffects& out);
  void on_packet(BytesView packet, Time now, SessionEffects& out);
  void on_masked(MaskJob job, Bytes lanes, Time now, SessionEffects& out);
  void on_deadline(Time now, SessionEffects& out);
  /// When on_deadline wants to be called.
  [[nodiscard]] std::optional<Time> next_deadline() const;
  /// Whom setting up waits for now; nobody after setup.
  [[nodiscard]] Set awaited_in_setup() const;
  /// Those who have begun to set up, as far as is known here.
  [[nodiscard]] Set advertised() const;
  /// Sets up no longer, for want of `missing`. Nothing after setup.
  void give_up_setup(Set missing, Time now, SessionEffects& out);
  /// `members` are in a later session: after setup nothing waits for what they have not said yet.
  void leave_behind(Set members, Time now, SessionEffects& out);
  /// What `member` was sending may be lost: sums that only its word is missing of are fetched from others.
  void on_connection_lost(Member member, Time now, SessionEffects& out);

  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  [[nodiscard]] bool over() const noexcept { return phase_ >= Phase::complete; }
  /// Valid once over().
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
  [[nodiscard]] const SessionPlan& plan() const noexcept { return plan_; }
  /// Whether provide_input or withhold_input still has to come.
  [[nodiscard]] bool awaits_input() const noexcept { return gives_input() && !input_since_; }
  /// How long the last CHUNK came after the own ones had left; none if one never came in time.
  [[nodiscard]] std::optional<Duration> longest_wait() const noexcept { return longest_wait_; }
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const noexcept {
    return dropped_[static_cast<std::size_t>(reason)];
  }
  /// Whether any key or share is still in memory.
  [[nodiscard]] bool holds_secrets() const noexcept { return secrets_.has_value(); }
  /// The leader of a view, once the session id is known.
  [[nodiscard]] Member leader(std::size_t view) const { return leaders_[view % leaders_.size()]; }

 private:
  struct Advert {
    crypto::Bytes32 exchange_key;
    std::vector<Point> self, mask;
    Bytes body;
    std::shared_ptr<const Bytes> packet;
  };
  struct DealtShares {
    Scalar self, mask;
  };
  struct Proposal {
    ProposeBody body;
    Signature signature{};
    bool refused = false;  ///< for good
  };
  struct SumReceived {
    Hash256 decision;
    Hash256 hash;                         ///< of the RESULT's body
    std::shared_ptr<const Bytes> packet;  ///< as its owner signed it, for members that pull it
  };
  struct Done {
    Hash256 decision;
    std::vector<Hash256> hashes;
  };
  /// All that one member said.
  struct Facts {
    std::optional<Advert> advert;
    std::optional<DealtShares> shares;  ///< that it dealt to us
    std::optional<Signature> ready;
    std::optional<Bytes> lanes;  ///< its masked piece of our chunk
    std::optional<Set> receipt;  ///< whose pieces it has
    std::optional<Proposal> proposal;
    std::optional<Decision> vote;
    std::optional<std::pair<Hash256, Bytes>> reveal;  ///< decision, shares
    std::optional<Done> done;
    Set pulls_answered = 0;
    bool told_adverts = false;
    bool audit_answered = false;
    bool pulled = false;  ///< asked for the sums in which its DONE differs from ours
    std::uint8_t early_packets = 0;
  };
  using Rebuilt = std::vector<std::optional<Scalar>>;  ///< the secret that was revealed of each input
  /// Masks, or a masked input that has not been sent.
  struct MaskedLanes {
    explicit MaskedLanes(Bytes masked, bool with_input) : lanes(std::move(masked)), has_input(with_input) {}
    MaskedLanes(const MaskedLanes&) = default;
    MaskedLanes(MaskedLanes&&) = default;
    MaskedLanes& operator=(const MaskedLanes&) = default;
    MaskedLanes& operator=(MaskedLanes&&) = default;
    ~MaskedLanes() { crypto::wipe(lanes); }
    Bytes lanes;
    bool has_input = false;
  };
  /// Everything secret, so that it can be dropped at once.
  struct Secrets {
    MemberSecrets own;
    Rebuilt rebuilt;
    std::optional<MaskedLanes> masked;
  };

  SecAggSession(SessionPlan plan, Member me, const crypto::Identity& identity,
                std::shared_ptr<SecureInput> input, EntropySource& entropy);

  // session.cpp: frame
  void handle(const Packet& packet, BytesView bytes, SessionEffects& out);
  [[nodiscard]] bool check_session(const Packet& packet, BytesView bytes, SessionEffects& out);
  enum class Statement { fresh, repeated, contradicting };
  Statement note(PacketType type, Member member, Bytes text, const Signature& signature, SessionEffects& out);
  void advance(SessionEffects& out);
  bool step(SessionEffects& out);
  void enter(Phase phase) noexcept;
  void drop(DropReason reason) noexcept { ++dropped_[static_cast<std::size_t>(reason)]; }
  void send(PacketType type, BytesView body, Set to, SessionEffects& out);
  void blame(Member member, Misdeed misdeed, std::vector<SignedStatement> evidence, SessionEffects& out);
  void finish(SessionEffects& out);
  void abort(AbortReason reason, Set missing, SessionEffects& out);
  [[nodiscard]] Set everyone_else() const noexcept;
  [[nodiscard]] bool is_owner() const noexcept { return my_chunk_ < plan_.chunks.size(); }
  [[nodiscard]] bool gives_input() const noexcept { return plan_.is_input(me_); }
  /// The input members of which `has(facts)` holds.
  template <class Has>
  [[nodiscard]] Set inputs_that(Has has) const {
    Set set = 0;
    for (Member i = 0; i < plan_.inputs; ++i) {
      if (has(facts_[i])) set |= set_of(i);
    }
    return set;
  }
  [[nodiscard]] Set all_inputs() const noexcept { return first_of(plan_.inputs); }

  // session_setup.cpp: ADVERT, SHARE, READY
  void accept_advert(const Packet& packet, BytesView bytes, SessionEffects& out);
  void accept_share(const Packet& packet, SessionEffects& out);
  void begin_session(SessionEffects& out);
  void deal_shares(SessionEffects& out);
  void tell_adverts(Member to, SessionEffects& out);
  [[nodiscard]] Bytes share_context(Member from, Member to) const;

  // session_chunks.cpp: masks, CHUNK, RECEIPT
  void request_masks(SessionEffects& out);
  [[nodiscard]] Result<void> check_input(const SecureInput& input) const;
  /// Takes a step of Phase::masking.
  bool mask_step(SessionEffects& out);
  [[nodiscard]] bool too_late() const;
  void send_chunks(SessionEffects& out);
  [[nodiscard]] Set lanes_missing() const;
  void accept_chunk(const Packet& packet, SessionEffects& out);
  void send_receipt(SessionEffects& out);

  // session_commit.cpp: PROPOSE, VOTE
  void accept_proposal(Member proposer, const ProposeBody& body, const Signature& signature);
  void accept_vote(const Packet& packet, SessionEffects& out);
  void propose(SessionEffects& out);
  [[nodiscard]] std::optional<Decision> best_decision() const;
  [[nodiscard]] bool well_formed(Member proposer, const ProposeBody& body) const;
  bool vote(SessionEffects& out);
  void vote_for(const Proposal& proposal, Member proposer, SessionEffects& out);
  [[nodiscard]] bool certified() const;
  [[nodiscard]] bool quorum_is_gone() const;
  void next_view(SessionEffects& out);
  [[nodiscard]] std::size_t views() const noexcept;
  [[nodiscard]] bool may_propose() const;

  // session_reveal.cpp: REVEAL, unmasking
  void reveal(SessionEffects& out);
  [[nodiscard]] std::vector<Member> revealers() const;
  bool rebuild_secrets(SessionEffects& out);
  /// From the shares of the first `weights.size()` revealers. False if somebody was caught with a wrong
  /// share.
  [[nodiscard]] bool rebuild(Member subject, const std::vector<Member>& revealers,
                             std::span<const Scalar> weights, Rebuilt& into, SessionEffects& out);
  /// False if there are not enough shares yet.
  [[nodiscard]] bool rebuild_all(Rebuilt& into, SessionEffects& out);
  [[nodiscard]] std::optional<Scalar> revealed_share(Member revealer, Member subject) const;
  [[nodiscard]] MaskTask unmasking(std::size_t chunk, Bytes masked_sum, const Rebuilt& secrets) const;

  // session_result.cpp: RESULT, PULL, DONE
  void send_result(Bytes lanes, SessionEffects& out);
  void accept_result(const Packet& packet, BytesView bytes, const Hash256& body_hash);
  void answer_pull(const Packet& packet, SessionEffects& out);
  void accept_done(const Packet& packet);
  void compare_dones(SessionEffects& out);
  [[nodiscard]] Set chunks_missing() const;
  [[nodiscard]] bool results_are_lost() const;
  void pull(Set chunks, Set from, SessionEffects& out);
  void pull_missing(SessionEffects& out);
  void send_done(SessionEffects& out);
  [[nodiscard]] Set chunks_agreed() const;
  [[nodiscard]] bool settled() const;
  void complete(SessionEffects& out);

  // session_audit.cpp: AUDIT, AUDITED
  void begin_audit(SessionEffects& out);
  void answer_audit(const Packet& packet, SessionEffects& out);
  void accept_audited(const Packet& packet, BytesView bytes, SessionEffects& out);
  void conclude_audit(const Bytes& sum, SessionEffects& out);
  void blame_owner(SessionEffects& out);

  SessionPlan plan_;
  Member me_;
  const crypto::Identity* identity_;
  std::shared_ptr<SecureInput> input_;
  std::optional<Time> input_since_;  ///< when it came, or it became clear that there will be none
  bool withheld_ = false;            ///< there is none, or it was too late
  bool masked_with_input_ = false;   ///< the input was there when its masks were asked for
  std::optional<Duration> longest_wait_;
  std::size_t my_chunk_;
  Hash256 first_session_;
  std::optional<Hash256> session_;
  std::optional<Secrets> secrets_;

  Phase phase_ = Phase::advert;
  Time now_{0};  ///< of the current input
  Time phase_began_{0};
  std::vector<Facts> facts_;                     ///< per member
  std::vector<std::pair<Member, Bytes>> early_;  ///< packets from before the session id was known
  /// The first statement of each (type, member), for finding contradictions.
  std::map<std::pair<PacketType, Member>, SignedStatement> said_;

  std::vector<Member> leaders_;
  std::size_t view_ = 0;
  bool proposed_ = false, unmasking_ = false;
  std::optional<Time> pulled_at_;  ///< when missing sums were asked for
  Set receipt_inputs_ = 0;
  std::optional<Decision> decision_;              ///< what this member voted for
  std::vector<std::optional<SumReceived>> sums_;  ///< per chunk
  Set disputed_ = 0;                              ///< chunks of which another member has another sum
  Set poisoned_ = 0;                              ///< chunks whose owner signed two sums
  Set bad_revealers_ = 0;
  Set gone_ = 0;  ///< members that are in a later session
  Set lost_ = 0;  ///< members whose connection broke since this session began
  std::array<std::uint64_t, 2> audit_draw_{};
  std::optional<std::size_t> audited_chunk_;
  Bytes audited_packet_;
  Outcome outcome_;
  std::array<std::uint64_t, kDropReasons> dropped_{};
};

}  // namespace hansa::protocols::secure_sum
