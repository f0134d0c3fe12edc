// The loop of the thread, and its effects turned into calls of whoever listens.
#include "src/node/membership_thread.hpp"

#include "src/crypto/random.hpp"

#include <array>
#include <utility>

namespace hansa::node {
namespace {

namespace membership = protocols::membership;

constexpr std::size_t kQueuedMax = 4096;
constexpr Duration kMisdeedPause = std::chrono::minutes(1);

Rng fresh_rng() {
  std::array<std::byte, 8> bytes;
  crypto::random_bytes(bytes);
  std::uint64_t seed = 0;
  for (const std::byte b : bytes) seed = seed << 8 | std::to_integer<std::uint64_t>(b);
  return Rng(seed, Purpose::peer_choice);
}

}  // namespace

std::unique_ptr<MembershipThread> MembershipThread::make(MembershipConfig config) {
  return std::unique_ptr<MembershipThread>(new MembershipThread(std::move(config)));
}

MembershipThread::MembershipThread(MembershipConfig config)
    : config_(std::move(config)),
      machine_({config_.identity, static_cast<std::uint32_t>(config_.boot_id), config_.options},
               fresh_rng()) {
  thread_ = std::thread([this] { loop(); });
}

MembershipThread::~MembershipThread() { stop(); }

void MembershipThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Time MembershipThread::now() const { return std::chrono::duration_cast<Duration>(Clock::now() - began_); }

void MembershipThread::post(Input input) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  queue_.push_back(std::move(input));
  changed_.notify_all();
}

void MembershipThread::loop() {
  Effects effects;
  machine_.start(now(), effects);
  for (;;) {
    std::deque<Input> inputs;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return closed_ || !queue_.empty(); };
      if (const auto deadline = machine_.next_deadline()) {
        changed_.wait_until(lock, began_ + *deadline, ready);
      } else {
        changed_.wait(lock, ready);
      }
      if (closed_ && queue_.empty()) return;
      inputs.swap(queue_);
    }
    // What has arrived comes before what is due: if we slept, the answers may be among it.
    for (Input& input : inputs) input(machine_, now(), effects);
    const auto deadline = machine_.next_deadline();
    if (const Time time = now(); deadline && time >= *deadline) machine_.on_deadline(time, effects);
    {
      const std::lock_guard lock(mutex_);  // who is told of a change finds it in the snapshot
      peers_ = machine_.peers();
      own_ = {machine_.local_health(), machine_.refutations()};
    }
    perform(effects);
  }
}

void MembershipThread::perform(Effects& effects) {
  for (membership::Effect& effect : effects) {
    if (auto* const send = std::get_if<membership::Send>(&effect)) {
      config_.send(send->to, std::make_shared<const std::vector<std::byte>>(std::move(send->bytes)));
    } else if (const auto* const changed = std::get_if<membership::StateChanged>(&effect)) {
      if (config_.on_change) config_.on_change(changed->node, changed->state);
    } else if (const auto* const seen = std::get_if<membership::HintSeen>(&effect)) {
      if (config_.on_hint) config_.on_hint(seen->node, seen->hint);
    } else if (const auto* const accused = std::get_if<membership::Accused>(&effect)) {
      if (config_.on_accused) config_.on_accused(accused->accusation);
    } else if (const auto* const bad = std::get_if<membership::Misbehaved>(&effect)) {
      misbehaved(bad->node);
    }
  }
  effects.clear();
}

void MembershipThread::misbehaved(const Key& node) {
  const auto last = last_misdeed_.find(node);
  if (last != last_misdeed_.end() && now() - last->second < kMisdeedPause) return;
  last_misdeed_[node] = now();
  if (config_.on_misbehaved) config_.on_misbehaved(node);
}

void MembershipThread::deliver(const Key& from, SharedBytes body) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueuedMax) return;
  }
  post([from, body = std::move(body)](Machine& machine, Time now, Effects& out) {
    machine.on_message(from, *body, now, out);
  });
}
void MembershipThread::connected(const Key& peer) {
  post([peer](Machine& machine, Time now, Effects& out) { machine.on_connected(peer, now, out); });
}
void MembershipThread::set_members(std::vector<membership::Member> members) {
  post([members = std::move(members)](Machine& machine, Time now, Effects& out) {
    machine.set_members(members, now, out);
  });
}
void MembershipThread::set_hint(const protocols::roster::RosterHint& hint) {
  post([hint](Machine& machine, Time, Effects&) { machine.set_hint(hint); });
}
void MembershipThread::drain(bool on) {
  post([on](Machine& machine, Time now, Effects& out) { machine.drain(on, now, out); });
}
void MembershipThread::leave() {
  post([](Machine& machine, Time now, Effects& out) { machine.leave(now, out); });
}

MembershipThread::Own MembershipThread::own() const {
  const std::lock_guard lock(mutex_);
  return own_;
}

std::vector<MembershipThread::Peer> MembershipThread::snapshot() const {
  const Time time = now();
  const std::lock_guard lock(mutex_);
  std::vector<Peer> result;
  result.reserve(peers_.size());
  for (const membership::PeerStatus& p : peers_) {
    Peer peer{p.node, p.state, {}, {}};
    if (p.rtt > Duration{}) peer.rtt_ms = std::chrono::duration<double, std::milli>(p.rtt).count();
    if (p.last_seen) peer.last_seen_seconds = std::chrono::duration<double>(time - *p.last_seen).count();
    result.push_back(peer);
  }
  return result;
}

}  // namespace hansa::node
