// A beacon among equals: all members of a frozen roster draw a number together, by commitment and reveal
// (Blum 1981), and end with the same number and the same member list, or without any.
//
// An attempt has one member set. Every member commits to fresh randomness and reveals it once it holds the
// commitments of all. Then the members agree how the attempt ends, by votes: with this beacon, or again
// without those who were missing or caught. Agreement takes t = floor((n + f) / 2) + 1 equal votes of the n
// members, so that two quorums share an honest member, and two steps per view, as in PBFT (Castro and Liskov
// 1999), but without a leader: a member that has all reveals says so, a member that lacks some says whose,
// which makes those who have them send them, and in the next view both say the same. A member that has seen t
// first votes for something votes for that from then on. So at most one thing is ever decided, whatever the
// network does; deadlines only decide whether it happens.
//
// The machine is like a party (protocols/machine.hpp): facts are written down, then every step is taken that
// they allow.
#pragma once

#include "protocols/beacon/layout.hpp"
#include "protocols/entropy.hpp"
#include "src/crypto/secret.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace hansa::protocols::beacon {

/// What all members know before they begin.
struct CeremonyPlan {
  Hash256 manifest;                              ///< of the run
  std::vector<crypto::PublicKey> roster;         ///< frozen: 3 to kMembersMax keys, in canonical order
  std::size_t colluders = 1;                     ///< f: members that may be dishonest
  Duration patience = std::chrono::seconds(10);  ///< for the commitments, again for the reveals, per view
};

/// A third of the roster, rounded down, at least one: as many as leaves t votes without them.
[[nodiscard]] constexpr std::size_t default_colluders(std::size_t roster) noexcept {
  return roster < 6 ? 1 : (roster - 1) / 3;
}

/// Refuses rosters that are too small or too large, or hold a key twice.
Result<void> check_plan(const CeremonyPlan& plan);

/// H("hansa1/ceremony"; version, manifest, f, n, keys): under it everything is signed, so members that
/// disagree about any of these never understand each other.
[[nodiscard]] Hash256 ceremony_id(const CeremonyPlan& plan);

/// Votes that decide among `members`: t = floor((n + f) / 2) + 1.
[[nodiscard]] constexpr std::size_t quorum_of(std::size_t members, std::size_t colluders) noexcept {
  return (members + colluders) / 2 + 1;
}

/// H("hansa1/session"; ceremony, attempt, then of each member its number and commitment).
[[nodiscard]] Hash256 session_of(const Hash256& ceremony, std::uint32_t attempt,
                                 std::span<const std::pair<Member, Hash256>> commitments);

/// Deliver `packet` to `to`, if the network can.
struct SendPacket {
  Member to = 0;
  std::uint32_t attempt = 0;
  std::shared_ptr<const Bytes> packet;
};
/// Make durable that `attempt` has begun, before any later effect: it must not be begun twice.
struct AttemptBegun {
  std::uint32_t attempt = 0;
};
enum class Misdeed : std::uint8_t {
  contradiction,  ///< signed two different things where there can be one
  bad_reveal,     ///< revealed what it had not committed to
};
/// A member was caught; anyone can check the two packets.
struct Caught {
  Member member = 0;
  Misdeed misdeed{};
  std::array<std::shared_ptr<const Bytes>, 2> evidence;
};
/// It is over, see phase() and outcome().
struct CeremonyEnded {};
using CeremonyEffect = std::variant<SendPacket, AttemptBegun, Caught, CeremonyEnded>;
using CeremonyEffects = std::vector<CeremonyEffect>;

enum class CeremonyPhase : std::uint8_t {
  idle,
  watching,  ///< came back from a crash: signs nothing, asks how it ended
  running,
  drawn,     ///< there is a beacon, and this member takes part
  left_out,  ///< the others go on without this member
  failed,    ///< no agreement in time, or too few members are left
};

/// How it ended.
struct Outcome {
  std::uint32_t attempt = 0;
  MemberSet members;  ///< who takes part; none if failed, or if left out before the others had a beacon
  Hash256 beacon;
  /// Body of the certificate of the last decision, for members that still ask; null if failed.
  std::shared_ptr<const Bytes> certificate;
};

/// Not thread-safe.
class Ceremony {
 public:
  /// `plan` must pass check_plan; `identity` is that of plan.roster[me]; both references must outlive it.
  Ceremony(CeremonyPlan plan, Member me, const crypto::Identity& identity, EntropySource& entropy);

  /// Exactly one of these three, once. Begins:
  void start(Time now, CeremonyEffects& out);
  /// Comes back from a crash in or after `attempt`.
  void watch(std::uint32_t attempt, Time now, CeremonyEffects& out);
  /// Comes back from a crash after the end; only answers from now on.
  void restore(CeremonyPhase phase, Outcome outcome);

  void on_packet(BytesView packet, Time now, CeremonyEffects& out);
  void on_deadline(Time now, CeremonyEffects& out);
  [[nodiscard]] std::optional<Time> next_deadline() const;

  [[nodiscard]] CeremonyPhase phase() const noexcept { return phase_; }
  [[nodiscard]] bool over() const noexcept { return phase_ >= CeremonyPhase::drawn; }
  /// Valid once over().
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
  [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_; }
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const noexcept {
    return dropped_[static_cast<std::size_t>(reason)];
  }

 private:
  using Shared = std::shared_ptr<const Bytes>;
  struct Committed {
    Hash256 commitment;
    Shared packet;
  };
  struct Shown {
    Hash256 session;
    Bytes32 randomness{};
    Shared packet;
  };
  struct Cast {
    Member member = 0;
    Ballot ballot;
    Signature signature{};
    Shared packet;
  };
  struct Quorum {
    Ballot ballot;
    Bytes certificate;
  };

  // ceremony.cpp: frame
  void handle(const Packet& packet, BytesView bytes, CeremonyEffects& out);
  [[nodiscard]] bool known(const Packet& packet, BytesView bytes) const;
  [[nodiscard]] bool authentic(const Packet& packet) const;
  void answer_late(const Packet& packet, CeremonyEffects& out);
  void answer(Member to, CeremonyEffects& out);
  void advance(CeremonyEffects& out);
  bool step(CeremonyEffects& out);
  void begin_attempt(std::uint32_t attempt, const MemberSet& members, CeremonyEffects& out);
  void end(CeremonyPhase phase, CeremonyEffects& out);
  Shared signed_packet(PacketType type, BytesView body) const;
  void send(const Shared& packet, const MemberSet& to, CeremonyEffects& out) const;
  void drop(DropReason reason) noexcept { ++dropped_[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] Place place() const { return {plan_.roster.size(), attempt_, members_}; }
  [[nodiscard]] std::size_t quorum() const noexcept { return quorum_of(members_.count(), plan_.colluders); }

  // ceremony_draw.cpp: COMMIT and REVEAL
  void accept_commit(const Packet& packet, BytesView bytes, CeremonyEffects& out);
  void accept_reveal(const Packet& packet, BytesView bytes, CeremonyEffects& out);
  void check_reveal(Member member, CeremonyEffects& out);
  void reveal(CeremonyEffects& out);
  [[nodiscard]] bool all_committed() const;
  [[nodiscard]] bool fits(Member member) const;
  [[nodiscard]] std::optional<Hash256> beacon_if_complete() const;
  [[nodiscard]] MemberSet missing() const;
  void catch_member(Member member, Misdeed misdeed, const Shared& first, const Shared& second,
                    CeremonyEffects& out);

  // ceremony_votes.cpp: VOTE and CERTIFICATE
  void accept_vote(const Packet& packet, BytesView bytes, CeremonyEffects& out);
  void accept_certificate(const Packet& packet, CeremonyEffects& out);
  void show_what_is_missing(Member voter, const Ballot& ballot, CeremonyEffects& out) const;
  void begin_view(std::uint16_t view, CeremonyEffects& out);
  void cast(Step step, const Ballot& value, CeremonyEffects& out);
  void count(Cast cast);
  bool take_quorum(CeremonyEffects& out);
  void decide(std::uint32_t attempt, const MemberSet& members, const Ballot& ballot, Bytes certificate,
              CeremonyEffects& out);
  [[nodiscard]] std::optional<std::uint16_t> view_to_join() const;

  // ceremony.cpp: asking, after a crash
  void ask(CeremonyEffects& out);

  CeremonyPlan plan_;
  Hash256 id_;
  Member me_;
  const crypto::Identity* identity_;
  EntropySource* entropy_;

  CeremonyPhase phase_ = CeremonyPhase::idle;
  Time now_{0};  ///< of the current input
  Time deadline_{0};
  std::uint32_t begun_ = 0;  ///< watching: the last attempt in which this member may have signed something
  std::uint32_t asks_ = 0;

  // This attempt.
  Time began_{0};
  std::uint32_t attempt_ = 0;
  MemberSet members_;
  crypto::Secret32 randomness_;
  std::vector<std::optional<Committed>> commits_;  ///< per member of the roster
  std::vector<std::optional<Shown>> reveals_;
  std::optional<Hash256> session_;  ///< once all commitments are here
  std::optional<Hash256> beacon_;   ///< once all reveals are here and fit
  MemberSet disputed_;              ///< members with another session that were shown our commitments
  std::optional<std::uint16_t> view_;
  bool prepared_ = false;  ///< the second step of this view is cast
  std::map<std::pair<std::uint16_t, Step>, std::vector<Cast>> votes_;
  std::vector<Quorum> reached_;    ///< not yet taken
  std::optional<Quorum> prepare_;  ///< the highest first-step quorum known

  MemberSet caught_;
  std::vector<std::pair<Member, Bytes>> early_;  ///< packets of later attempts
  MemberSet asked_;                              ///< who wants to know how this attempt ends
  Shared certificate_;                           ///< of the last decision, as a packet
  std::vector<std::uint8_t> answers_;            ///< given to each member
  Outcome outcome_;
  std::array<std::uint64_t, kDropReasons> dropped_{};
};

}  // namespace hansa::protocols::beacon
