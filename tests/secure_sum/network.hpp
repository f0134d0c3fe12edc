// A network of sessions in virtual time: seeded delivery order, crashes after any number of sends, and a hook
// through which a test plays the adversary. Everything that was sent is kept as the trace.
#pragma once

#include "protocols/secure_sum/session.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <hansa/rng.hpp>

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hansa::protocols::secure_sum {

struct NetworkOptions {
  std::size_t inputs = 4;
  std::size_t colluders = 1;
  std::size_t threshold = 0;       ///< 0: vote_threshold
  std::size_t outside_owners = 0;  ///< 1: a receiver that gives no input owns the only chunk
  std::size_t lanes_per_chunk = 3;
  Lane lane = Lane::bits32;
  std::uint64_t seed = 1;         ///< of inputs and delivery order
  std::string label = "network";  ///< of all secrets
  std::uint32_t attempt = 0;
  double audit_probability = 0;
  std::function<void(Member member, Bytes& plain)> change_input;
  std::map<Member, Duration> late;  ///< how long after the start a member's input comes; absent: at once
  Set withheld = 0;                 ///< late members that then say that there will be none
};

struct Sent {
  Member from = 0, to = 0;
  Bytes packet;
  [[nodiscard]] PacketType type() const { return static_cast<PacketType>(packet[0]); }
};
struct Caught {
  Member by = 0;
  Blame blame;
};

crypto::Identity test_identity(Member member);
SessionPlan test_plan(const NetworkOptions& options);
/// A copy of `packet` with a changed body, signed by `from`.
Bytes resigned(const Bytes& packet, Member from, const std::function<void(Bytes& body)>& change);
BytesView body_of(const Bytes& packet);
Packet decoded(const Bytes& packet, const SessionPlan& plan);

/// Copies may go on separately once every input is spent (before, they would share an unspent one).
class Network {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  explicit Network(const NetworkOptions& options);

  /// Called for each packet: deliver it (true), or lose it (false); it may be changed.
  std::function<bool(Member from, Member to, Bytes& packet)> hook;
  /// Called with each finished mask task, before its session gets it.
  std::function<void(Member member, MaskJob job, Bytes& lanes)> mask_hook;
  /// Delivers another packet, as the network would.
  void inject(Member to, Bytes packet, Duration after = std::chrono::milliseconds(1));
  /// `member` dies after `sends` packets.
  void crash(Member member, std::size_t sends) { nodes_[member].crash_at = sends; }
  void delay(Member from, Duration extra) { nodes_[from].extra_delay = extra; }

  /// Until nothing can happen any more, or `stop` says so.
  void run(const std::function<bool()>& stop = {});

  [[nodiscard]] SecAggSession& session(Member member) { return *nodes_[member].session; }
  [[nodiscard]] std::size_t sends(Member member) const { return nodes_[member].sends; }
  [[nodiscard]] bool all_spent() const;
  [[nodiscard]] bool alive(Member member) const { return nodes_[member].alive; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const SessionPlan& plan() const { return plan_; }
  [[nodiscard]] const std::vector<Sent>& trace() const { return trace_; }
  [[nodiscard]] const std::vector<Caught>& caught() const { return caught_; }
  [[nodiscard]] const Bytes& input(Member member) const { return nodes_[member].plain; }
  [[nodiscard]] std::shared_ptr<SecureInput> handle(Member member) const { return nodes_[member].input; }
  [[nodiscard]] const crypto::Identity& identity(Member member) const { return *nodes_[member].identity; }
  [[nodiscard]] Time now() const { return now_; }

  /// The sum of the plain inputs of `inputs`, chunk `chunk`.
  [[nodiscard]] Bytes plain_sum(Set inputs, std::size_t chunk) const;
  [[nodiscard]] Bytes plain_piece(Member member, std::size_t chunk) const;
  [[nodiscard]] std::size_t count(PacketType type) const;
  [[nodiscard]] std::size_t blames(Member member, Misdeed misdeed) const;
  /// All invariants that hold whatever happened; adds test failures.
  void check_safety() const;

 private:
  struct Node {
    std::shared_ptr<const crypto::Identity> identity;
    Bytes plain;
    std::shared_ptr<SecureInput> input;
    std::shared_ptr<LabelledEntropy> entropy;
    std::optional<SecAggSession> session;
    bool alive = true;
    std::size_t sends = 0, crash_at = kNever;
    Duration extra_delay{0};
  };
  struct Event {
    Member to = 0;
    Bytes packet;                     ///< delivered, or the result of
    std::optional<MaskJob> finished;  ///< this mask task
    bool start = false;               ///< the first call
    bool provide = false;             ///< the late input, or that there is none
  };

  void perform_effects(Member member, SessionEffects effects);
  void schedule(Time at, Event event) { events_.emplace(std::pair(at, sequence_++), std::move(event)); }
  void handle(const Event& event);

  SessionPlan plan_;
  Set withheld_;
  std::vector<Node> nodes_;
  std::map<std::pair<Time, std::uint64_t>, Event> events_;
  std::vector<Sent> trace_;
  std::vector<Caught> caught_;
  std::uint64_t sequence_ = 0;
  Time now_{0};
  Rng rng_;
};

}  // namespace hansa::protocols::secure_sum
