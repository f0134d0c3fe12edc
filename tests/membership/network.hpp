// Membership machines on a virtual network: latency, loss, nodes that pause, crash, restart, or are cut off;
// everything is decided by a seed. A pause holds back what arrives and what is due, as a stopped process
// does.
#pragma once

#include "protocols/membership/membership.hpp"

#include <hansa/math.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

namespace hansa::protocols::membership::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline crypto::Identity key(std::size_t number, std::uint8_t kind = 0) {
  crypto::Bytes32 seed{};
  seed[0] = static_cast<std::byte>(number + 1);
  seed[1] = static_cast<std::byte>(kind);
  return crypto::Identity::from_seed(seed);
}
inline crypto::PublicKey organisation(std::size_t number) { return key(number, 1).public_key(); }

struct Faults {
  double loss = 0;
  Duration pause_mean{};                            ///< exponential; zero: none
  Duration pause_every = std::chrono::minutes(10);  ///< mean
};

class Network {
 public:
  struct Change {
    Time at{};
    std::size_t by = 0, about = 0;
    State state{};
  };

  Network(std::uint64_t seed, std::size_t count, Faults faults = {}, std::size_t nodes_per_organisation = 1)
      : seed_(seed), rng_(seed, Purpose::test), faults_(faults) {
    for (std::size_t i = 0; i < count; ++i) {
      nodes_.push_back({std::make_shared<crypto::Identity>(key(i)), nullptr, {}, {}, 0, false});
      index_[nodes_.back().identity->public_key()] = i;
      members_.push_back({nodes_.back().identity->public_key(), organisation(i / nodes_per_organisation)});
    }
    for (std::size_t i = 0; i < count; ++i) {
      boot(i, milliseconds(rng_.below(1000)));
      if (faults_.pause_mean > Duration{}) plan_pause(i, Time{});
    }
  }

  void boot(std::size_t i, Time at) {
    Node& node = nodes_[i];
    ++node.boots;
    node.machine = std::make_unique<Membership>(Config{node.identity, node.boots, {}},
                                                Rng(seed_, Purpose::peer_choice, i, node.boots));
    node.up = true;
    Effects effects;
    node.machine->start(at, effects);
    node.machine->set_members(members_, at, effects);
    perform(i, effects, at);
    arm(i);
  }
  void crash(std::size_t i) {
    nodes_[i].up = false;
    nodes_[i].machine.reset();
  }
  void pause(std::size_t i, Duration length) { nodes_[i].paused_until = now + length; }

  /// Lets `act` do something with machine `i`.
  template <class Act>
  void with(std::size_t i, Act&& act) {
    Effects effects;
    act(*nodes_[i].machine, now, effects);
    perform(i, effects, now);
    arm(i);
  }
  void inject(std::size_t from, std::size_t to, const Bytes& body) {
    push({now + milliseconds(1), 0, to, from, false, std::make_shared<const Bytes>(body)});
  }

  void run_until(Time end) {
    while (!queue_.empty() && queue_.top().at <= end) {
      Event event = queue_.top();
      queue_.pop();
      now = std::max(now, event.at);
      Node& node = nodes_[event.to];
      if (event.pause) {
        node.paused_until = now + exponential(faults_.pause_mean);
        plan_pause(event.to, *node.paused_until);
        continue;
      }
      if (!node.up) continue;
      if (node.paused_until && now < *node.paused_until) {  // in the order in which they came
        event.at = *node.paused_until;
        push(std::move(event));
        continue;
      }
      Effects effects;
      if (event.bytes) {
        node.machine->on_message(nodes_[event.from].identity->public_key(), *event.bytes, now, effects);
      } else {
        if (node.armed != event.due) continue;  // replaced
        node.armed.reset();
        node.machine->on_deadline(now, effects);
      }
      perform(event.to, effects, now);
      arm(event.to);
    }
    now = std::max(now, end);
  }
  void run_for(Duration time) { run_until(now + time); }

  [[nodiscard]] State state(std::size_t by, std::size_t about) const {
    for (const PeerStatus& peer : nodes_[by].machine->peers()) {
      if (peer.node == members_[about].node) return peer.state;
    }
    return State::left;
  }
  [[nodiscard]] bool all_see(std::size_t about, State expected) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (i != about && nodes_[i].up && state(i, about) != expected) return false;
    }
    return true;
  }
  Membership& operator[](std::size_t i) { return *nodes_[i].machine; }
  [[nodiscard]] const crypto::Identity& identity(std::size_t i) const { return *nodes_[i].identity; }
  [[nodiscard]] const NodeKey& node(std::size_t i) const { return members_[i].node; }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }

  Time now{};
  std::vector<Change> changes;
  std::vector<std::pair<std::size_t, HintSeen>> hints;
  std::map<std::size_t, std::size_t> misbehaved;  ///< by whom
  std::vector<Accusation> accusations;
  std::uint64_t messages = 0;
  std::size_t largest = 0;
  std::function<bool(std::size_t from, std::size_t to)> connected;
  /// May change or drop (false) what `from` sends.
  std::function<bool(std::size_t from, std::size_t to, Bytes& bytes)> tamper;

 private:
  struct Node {
    std::shared_ptr<crypto::Identity> identity;
    std::unique_ptr<Membership> machine;
    std::optional<Time> armed, paused_until;
    std::uint32_t boots = 0;
    bool up = false;
  };
  struct Event {
    Time at{};
    std::uint64_t order = 0;
    std::size_t to = 0, from = 0;
    bool pause = false;
    std::shared_ptr<const Bytes> bytes;
    Time due{};
    friend bool operator>(const Event& a, const Event& b) {
      return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
  };

  void push(Event event) {
    event.order = ++order_;
    queue_.push(std::move(event));
  }
  void arm(std::size_t i) {
    Node& node = nodes_[i];
    const auto due = node.machine->next_deadline();
    if (!due || node.armed == due) return;
    node.armed = due;
    push({std::max(*due, now), 0, i, i, false, nullptr, *due});
  }
  Duration exponential(Duration mean) {
    return Duration(static_cast<std::int64_t>(-log_exact(1 - rng_.uniform()) * double(mean.count())));
  }
  void plan_pause(std::size_t i, Time from) {
    push({from + exponential(faults_.pause_every), 0, i, i, true, nullptr});
  }
  void perform(std::size_t i, Effects& effects, Time at) {
    for (Effect& effect : effects) {
      if (auto* const out = std::get_if<Send>(&effect)) {
        const std::size_t to = index_.at(out->to);
        ++messages;
        largest = std::max(largest, out->bytes.size());
        if (connected && !connected(i, to)) continue;
        if (rng_.uniform() < faults_.loss) continue;
        if (tamper && !tamper(i, to, out->bytes)) continue;
        const Duration delay = std::chrono::microseconds(500 + rng_.below(20'000));
        push({at + delay, 0, to, i, false, std::make_shared<const Bytes>(std::move(out->bytes))});
      } else if (const auto* const change = std::get_if<StateChanged>(&effect)) {
        changes.push_back({at, i, index_.at(change->node), change->state});
      } else if (const auto* const hint = std::get_if<HintSeen>(&effect)) {
        hints.emplace_back(i, *hint);
      } else if (const auto* const bad = std::get_if<Misbehaved>(&effect)) {
        ++misbehaved[index_.at(bad->node)];
      } else if (const auto* const accused = std::get_if<Accused>(&effect)) {
        accusations.push_back(accused->accusation);
      }
    }
  }

  const std::uint64_t seed_;
  Rng rng_;
  const Faults faults_;
  std::vector<Node> nodes_;
  std::vector<Member> members_;
  std::map<NodeKey, std::size_t> index_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::uint64_t order_ = 0;
};

}  // namespace hansa::protocols::membership::testing
