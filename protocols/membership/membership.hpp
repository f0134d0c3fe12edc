// Who is there? Every second a node asks one other, in turn; who does not answer is asked again through
// others; who still does not answer is suspected aloud, and has some seconds to object. This is SWIM (Das,
// Gupta, Motivala, DSN 2002) with Lifeguard's care for observers that are slow themselves (Dadgar, Phillips,
// Currey: "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2017), and three changes
// for members that need not trust each other:
//
//  - Who is a member comes from the roster alone. "Unreachable" means: do not wait for it; never: expelled.
//  - A node speaks for itself and signs; who accuses signs as well. From four nodes on, others believe an
//    accusation only if two organisations make it; in smaller meshes everybody believes its own probes.
//  - An answer that comes through another node is signed for the asker, so a relay cannot invent it. A relay
//    can withhold one; that is why there are several.
//
// A machine without input or output: messages and the time go in, effects come out.
#pragma once

#include "protocols/membership/layout.hpp"

#include <hansa/rng.hpp>
#include <hansa/types.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

namespace hansa::protocols::membership {

enum class State : std::uint8_t { alive, suspect, unreachable, draining, left };
[[nodiscard]] std::string_view name_of(State state) noexcept;

/// A node of the roster, and whose it is.
struct Member {
  NodeKey node{};
  crypto::PublicKey organisation{};
};

/// Nodes object to accusations at most once in this time, so that a liar cannot make them sign all day.
inline constexpr Duration kRefutePause = std::chrono::seconds(1);

struct Options {
  Duration probe_interval = std::chrono::seconds(1);
  Duration probe_timeout_min = std::chrono::milliseconds(500);  ///< at least; else four times the RTT
  std::size_t relays = 3;  ///< asked when a probe got no answer; all others up to five nodes
  int suspicion_factor = 8, suspicion_ceiling = 4;
  Duration push_pull_interval = std::chrono::seconds(30);
};

struct Config {
  std::shared_ptr<const crypto::Identity> identity;  ///< the node's
  std::uint32_t boot = 1;                            ///< grows with every start of the node
  Options options;
};

struct Send {
  NodeKey to{};
  Bytes bytes;
};
/// What others should know of a peer has changed.
struct StateChanged {
  NodeKey node{};
  State state{};
  Duration rtt{};  ///< smoothed; zero if it was never measured
};
/// A peer named a roster that is not ours, or not what it named before.
struct HintSeen {
  NodeKey node{};
  RosterHint hint;
};
/// A signed accusation that is new: evidence of who suspected whom, whatever becomes of it.
struct Accused {
  Accusation accusation;
};
/// A peer sent what no honest node sends: bytes that are no message, or a false signature.
struct Misbehaved {
  NodeKey node{};
};
using Effect = std::variant<Send, StateChanged, HintSeen, Accused, Misbehaved>;
using Effects = std::vector<Effect>;

struct PeerStatus {
  NodeKey node{};
  crypto::PublicKey organisation{};
  State state{};
  Duration rtt{};                 ///< zero if never measured
  std::optional<Time> last_seen;  ///< its last message to us
};

/// Not thread-safe. `now` never goes back.
class Membership {
 public:
  /// `rng` decides who is probed when, and who is asked to help.
  Membership(Config config, Rng rng);

  // Commands.
  void start(Time now, Effects& out);
  /// The roster's nodes, in any order; the own one among them or not. Who is new counts as unreachable until
  /// it is heard of.
  void set_members(std::span<const Member> members, Time now, Effects& out);
  /// The roster that pings name from now on.
  void set_hint(const RosterHint& hint) { hint_ = hint; }
  /// Tells all that this node takes nothing new, or that it does again.
  void drain(bool on, Time now, Effects& out);
  /// Tells all that this node goes. It is silent afterwards; the process should end.
  void leave(Time now, Effects& out);

  // Events.
  /// `from` must be who really sent it.
  void on_message(const NodeKey& from, BytesView bytes, Time now, Effects& out);
  /// There is a connection to this peer: greets it without waiting for its turn.
  void on_connected(const NodeKey& peer, Time now, Effects& out);
  void on_deadline(Time now, Effects& out);

  /// When on_deadline wants to be called; none before start() and after leave().
  [[nodiscard]] std::optional<Time> next_deadline() const;
  /// Ascending by node; without the own one.
  [[nodiscard]] std::vector<PeerStatus> peers() const;
  /// 0 (well) to 8: how slow this node seems to be itself; it is more patient then.
  [[nodiscard]] int local_health() const noexcept { return health_; }
  [[nodiscard]] Incarnation incarnation() const noexcept { return self_.incarnation; }
  /// How often others suspected this node and it said that it is well.
  [[nodiscard]] std::uint64_t refutations() const noexcept { return refutations_; }

 private:
  enum class Doubt : std::uint8_t { none, suspect, unreachable };
  struct Peer {
    NodeKey node{};
    crypto::PublicKey organisation{};
    std::optional<Presence> presence;
    Doubt doubt = Doubt::unreachable;
    std::vector<Accusation> accusations;  ///< about the incarnation in `presence`
    Time suspected_at{}, suspected_until{};
    bool patience_over = false;  ///< but there were too few accusers
    int news_left = 0;           ///< how often it is still passed on what is known of it
    double rtt_ns = 0;           ///< moving average
    std::optional<Time> last_seen, last_push_pull;
    Time last_probed{};
    RosterHint hint;
    State shown = State::unreachable;
  };
  struct Probe {
    NodeKey target{};
    std::uint64_t nonce = 0;
    Time sent{}, direct_until{}, until{};
    bool relayed = false;
    int nacks_due = 0;
  };
  /// A question asked for somebody else.
  struct Relay {
    NodeKey origin{}, target{};
    std::uint64_t nonce = 0;
    Time nack_at{}, until{};
    bool nacked = false;
  };

  // Beliefs: membership_beliefs.cpp.
  bool hear(const Statements& statements, const NodeKey& from, Time now, Effects& out);
  bool hear_presence(const Presence& presence, Time now, Effects& out);
  bool hear_accusation(const Accusation& accusation, Time now, Effects& out);
  bool hear_own(const Presence& presence, Time now, Effects& out);
  void hear_accused_self(const Accusation& accusation, Time now, Effects& out);
  void add_accusation(Peer& peer, const Accusation& accusation, Time now, Effects& out);
  void judge(Peer& peer, Time now, Effects& out);
  [[nodiscard]] bool enough(const Peer& peer) const;
  [[nodiscard]] bool accused_by_us(const Peer& peer) const;
  [[nodiscard]] Duration patience(std::size_t accusers) const;
  void refute(Time now, Effects& out);
  void announce(Standing standing, Incarnation incarnation);
  void show(Peer& peer, Effects& out);
  [[nodiscard]] Statements statements_for(const NodeKey& to);
  [[nodiscard]] Statements all_statements() const;
  void tell_all(Effects& out) const;
  [[nodiscard]] int news_transmissions() const noexcept;

  // Messages and probes: membership.cpp, membership_probe.cpp.
  void on(const Ping& m, Peer& from, Time now, Effects& out);
  void on(const Ack& m, Peer& from, Time now, Effects& out);
  void on(const PingRequest& m, Peer& from, Time now, Effects& out);
  void on(const RelayedAck& m, Peer& from, Time now, Effects& out);
  void on(const Nack& m, Peer& from, Time now, Effects& out);
  void on(const PushPull& m, Peer& from, Time now, Effects& out);
  void on(const News&, Peer&, Time, Effects&) {}
  void hear_hint(Peer& from, const RosterHint& hint, Effects& out);
  void begin_probe(Time now, Effects& out);
  [[nodiscard]] std::uint64_t fresh_nonce();
  [[nodiscard]] Peer* next_target();
  void ask_relays(Time now, Effects& out);
  void fail_probe(Time now, Effects& out);
  void end_probe(bool answered);
  void expire_relays(Time now, Effects& out);
  void push_pull(Time now, Effects& out);
  void forgive_own_pause(Time now);
  [[nodiscard]] Duration timeout_of(const Peer& peer) const;
  void add_health(int change) noexcept;
  void send(const NodeKey& to, const Message& message, Effects& out) const;
  [[nodiscard]] Peer* find(const NodeKey& node) noexcept;
  [[nodiscard]] const Peer* find(const NodeKey& node) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return peers_.size() + 1; }

  const Config config_;
  Rng rng_;
  crypto::Secret32 nonce_key_;
  std::uint64_t nonces_ = 0;
  RosterHint hint_;
  Presence self_;
  crypto::PublicKey organisation_{};
  std::vector<Peer> peers_;     ///< ascending by node
  std::vector<NodeKey> order_;  ///< who is probed next is last
  bool suspects_turn_ = true;   ///< every second probe may go to one that is suspected
  std::optional<Probe> probe_;
  std::vector<Relay> relays_;
  std::optional<Time> next_probe_at_, next_push_pull_at_;
  int health_ = 0;
  std::uint64_t refutations_ = 0;
  std::set<crypto::PublicKey> accusing_us_;  ///< organisations, of this incarnation
  std::vector<NodeKey> refute_to_;           ///< who accused us, and is not answered yet
  std::optional<Time> refuted_at_;
};

}  // namespace hansa::protocols::membership
