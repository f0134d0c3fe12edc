// How nodes keep each other's logs honest. Each tells the others its newest signed head. Who is told asks the
// log's node to prove that the new list begins with the last one it cosigned, and only then cosigns; the
// cosignature goes back to the log's node and on to a few others, who compare it with what they were told. So
// a node that rewrites its log, or shows different logs to different nodes, is caught as soon as two heads
// that cannot both be true meet at one honest node; both are signed, and everybody gets to see them.
//
// A machine like a party: it is told what happened and what time it is, and answers with effects.
#pragma once

#include "protocols/audit/head.hpp"

#include <hansa/types.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hansa::protocols::audit {

/// The same instant by two clocks: one that never goes back, and the one that is signed.
struct Moment {
  Time now{};
  UnixMillis unix_ms = 0;
};

struct WitnessOptions {
  Duration gossip = std::chrono::minutes(1);  ///< between two announcements of the same head
  Duration proof_timeout = std::chrono::seconds(20);
  int proof_tries = 2;
  std::size_t forward_to = 3;  ///< others who get a cosignature: two views meet in O(log n) announcements
  std::size_t queue_max = 8;   ///< heads of one node that wait for a proof
  /// Each head of a node costs a write to disk, so there is one per `pace`, and `burst` of them at once.
  Duration pace = std::chrono::seconds(10);
  int burst = 8;
};

/// Put this on the wire.
struct Send {
  PublicKey to{};
  Message message;
};
/// Make this head durable in place of its node's last, before anything that follows leaves.
struct Witnessed {
  SignedHead head;
};
/// Another node cosigned our log; checked.
struct Cosigned {
  Cosignature cosignature;
};
/// A node's two heads cannot both be true; checked.
struct Caught {
  Evidence evidence;
};
/// A node shows less than it once did, though nothing contradicts it yet: an old backup, or a cut log.
struct RolledBack {
  SignedHead before, now;
};
/// A node does not show that its log goes on from where it was, or shows something else.
struct ProofWithheld {
  PublicKey node{};
  std::uint64_t from = 0, size = 0;
};
/// Another node has a head with our signature that our log does not have: a backup of ours was restored, or
/// our key is in other hands.
struct OwnLogDiffers {
  Cosignature cosignature;
};
using WitnessEffect =
    std::variant<Send, Witnessed, Cosigned, Caught, RolledBack, ProofWithheld, OwnLogDiffers>;
using WitnessEffects = std::vector<WitnessEffect>;

/// Not thread-safe; `now` never goes back.
class HeadWitness {
 public:
  /// `own` is this node's log and must outlive the machine; `witnessed` what it cosigned before it stopped.
  HeadWitness(const crypto::Identity& self, const Tree& own, const std::map<PublicKey, SignedHead>& witnessed,
              WitnessOptions options = {});

  // Commands.
  /// The other nodes of the roster. Of those that are not named any more only the last head is remembered.
  void set_peers(std::span<const PublicKey> peers);
  /// This node's newest head, to be announced now and from time to time.
  void announce(const SignedHead& head, Moment at, WitnessEffects& out);

  // Events.
  /// `from` is whoever signed the message's envelope.
  void on_message(const PublicKey& from, const Message& message, Moment at, WitnessEffects& out);
  void on_peer_up(const PublicKey& peer, WitnessEffects& out);
  void on_deadline(Moment at, WitnessEffects& out);
  /// When on_deadline wants to be called.
  [[nodiscard]] std::optional<Time> next_deadline() const;

  // Getters.
  [[nodiscard]] bool caught(const PublicKey& node) const;
  /// The last head of `node` that we cosigned.
  [[nodiscard]] std::optional<SignedHead> last_of(const PublicKey& node) const;
  /// How many other nodes cosigned our log, and up to where the largest such head reaches.
  [[nodiscard]] std::size_t witnesses() const noexcept { return cosigned_by_.size(); }
  [[nodiscard]] std::uint64_t cosigned_size() const noexcept;

 private:
  struct Waiting {
    SignedHead head;
    bool from_owner = false;
  };
  struct Peer {
    std::optional<SignedHead> last;
    std::optional<Cosignature> cosignature;               ///< of `last`
    std::deque<std::pair<std::uint64_t, Hash256>> known;  ///< heads that agree with `last`
    std::deque<Waiting> queue;  ///< the first one is compared with `last`, and a proof was asked for
    Time deadline{};
    Time paid_until{};  ///< by the heads that were taken so far
    int tries = 0;
    bool caught = false;
  };

  void take(const PublicKey& from, const Cosignature& cosignature, Moment at, WitnessEffects& out);
  void take(const PublicKey& from, const ProofWanted& wanted, WitnessEffects& out) const;
  void take(const PublicKey& from, const ProofGiven& given, Moment at, WitnessEffects& out);
  void consider(const SignedHead& head, bool from_owner, Moment at, WitnessEffects& out);
  /// Compares the first in the queue with the last head; asks for a proof where one is needed.
  void go_on(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out);
  void ask(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out) const;
  /// The first in the queue agrees with the last head.
  void accept(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out);
  void give_up(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out);
  void expose(const PublicKey& node, Peer& peer, Evidence evidence, WitnessEffects& out) const;
  static void remember(Peer& peer, const Head& head);

  const crypto::Identity* self_;
  const Tree* own_;
  WitnessOptions options_;
  std::map<PublicKey, Peer> peers_;
  std::map<PublicKey, SignedHead> seen_;            ///< last heads of nodes that are not on the roster
  std::map<PublicKey, std::uint64_t> cosigned_by_;  ///< our log, and up to where
  std::optional<SignedHead> head_;
  std::optional<Time> next_gossip_;
  std::size_t turn_ = 0;  ///< whose turn it is to be forwarded to
};

}  // namespace hansa::protocols::audit
