// Failure detection on a thread of its own. Training and disks may keep the node's other threads busy for
// seconds; if they also answered pings, a busy node would look like a dead one.
#pragma once

#include "protocols/membership/membership.hpp"
#include "src/crypto/identity.hpp"

#include <hansa/shared_bytes.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hansa::node {

/// All functions but `send` may be empty. They are called on the membership thread: return soon.
struct MembershipConfig {
  using Key = crypto::PublicKey;
  std::shared_ptr<const crypto::Identity> identity;
  std::uint64_t boot_id = 1;
  protocols::membership::Options options;
  std::function<void(const Key& to, std::shared_ptr<const std::vector<std::byte>> body)> send;
  std::function<void(const Key& node, protocols::membership::State state)> on_change;
  /// A peer named a roster that is news to us.
  std::function<void(const Key& node, const protocols::roster::RosterHint& hint)> on_hint;
  std::function<void(const protocols::membership::Accusation& accusation)> on_accused;
  /// A peer sent what no honest node sends; at most once a minute for each.
  std::function<void(const Key& node)> on_misbehaved;
};

/// Thread-safe; nothing here waits for the thread but stop().
class MembershipThread {
 public:
  using Key = crypto::PublicKey;

  static std::unique_ptr<MembershipThread> make(MembershipConfig config);
  ~MembershipThread();
  /// Ends the thread after what has been asked of it; no function of the config is called afterwards, and all
  /// else does nothing.
  void stop();

  /// The body of a message of type `membership`. Dropped if thousands wait already.
  void deliver(const Key& from, SharedBytes body);
  void connected(const Key& peer);
  void set_members(std::vector<protocols::membership::Member> members);
  void set_hint(const protocols::roster::RosterHint& hint);
  void drain(bool on);
  /// Tells all peers that this node goes away on purpose; it is silent from then on.
  void leave();

  struct Peer {
    Key node{};
    protocols::membership::State state{};
    std::optional<double> rtt_ms;             ///< smoothed; none before the first answer
    std::optional<double> last_seen_seconds;  ///< ago; none before its first message
  };
  /// Ascending by node.
  [[nodiscard]] std::vector<Peer> snapshot() const;
  /// How this node does itself.
  struct Own {
    int health = 0;                 ///< 0 (well) to 8
    std::uint64_t refutations = 0;  ///< suspicions that it has answered
  };
  [[nodiscard]] Own own() const;

 private:
  using Machine = protocols::membership::Membership;
  using Effects = protocols::membership::Effects;
  using Input = std::function<void(Machine&, Time, Effects&)>;
  using Clock = std::chrono::steady_clock;

  explicit MembershipThread(MembershipConfig config);
  void loop();
  void post(Input input);
  void perform(Effects& effects);
  void misbehaved(const Key& node);
  [[nodiscard]] Time now() const;

  const MembershipConfig config_;
  const Clock::time_point began_ = Clock::now();
  Machine machine_;                   ///< the thread's
  std::map<Key, Time> last_misdeed_;  ///< the thread's

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::deque<Input> queue_;
  std::vector<protocols::membership::PeerStatus> peers_;
  Own own_;
  bool closed_ = false;
  std::thread thread_;  ///< last: it uses what stands above
};

}  // namespace hansa::node
