#include "src/net/outbox.hpp"

#include <algorithm>

namespace hansa::net {

std::size_t Outbox::bytes_max(Channel channel) const noexcept {
  return channel == Channel::bulk ? limits_.queued_bytes : limits_.queued_control_bytes;
}

void Outbox::set_peers(std::span<const CurvePublic> peers, std::map<CurvePublic, CurvePublic> others) {
  const std::lock_guard lock(mutex_);
  std::map<Lane, Queue> kept;
  for (const CurvePublic& peer : peers) {
    for (const Channel channel : {Channel::control, Channel::bulk}) {
      const auto found = lanes_.find({channel, peer});
      kept[{channel, peer}] = found == lanes_.end() ? Queue{} : std::move(found->second);
      if (found != lanes_.end()) lanes_.erase(found);
    }
  }
  // A peer under its new name takes along what waited under the old one.
  const auto rename = [&](const CurvePublic& before, const CurvePublic& now) {
    for (const Channel channel : {Channel::control, Channel::bulk}) {
      const auto old = lanes_.find({channel, before});
      const auto place = kept.find({channel, now});
      if (old == lanes_.end() || place == kept.end() || !place->second.items.empty()) continue;
      place->second = std::move(old->second);
      lanes_.erase(old);
    }
  };
  for (const auto& [other, peer] : others) rename(other, peer);
  for (const auto& [other, peer] : others_) rename(peer, other);
  others_ = std::move(others);
  for (auto& [lane, queue] : lanes_) {
    if (lane.first == Channel::lobby) kept[lane] = std::move(queue);
  }
  lanes_ = std::move(kept);
  waiting_ = 0;
  for (const auto& [lane, queue] : lanes_) waiting_ += queue.items.size();
}

void Outbox::open(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  lanes_.try_emplace(lane);
}

void Outbox::close(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  waiting_ -= found->second.items.size();
  lanes_.erase(found);
}

Outbox::Pushed Outbox::push(const Lane& lane, Outgoing message) {
  const std::size_t size = message.size();
  const std::lock_guard lock(mutex_);
  auto found = lanes_.find(lane);
  if (found == lanes_.end() && lane.first != Channel::lobby) {
    const auto other = others_.find(lane.second);
    if (other != others_.end()) found = lanes_.find({lane.first, other->second});
  }
  if (found == lanes_.end()) return Pushed::unknown;
  Queue& queue = found->second;
  if (queue.items.size() >= limits_.queued_frames || queue.bytes + size > bytes_max(lane.first)) {
    return Pushed::full;
  }
  queue.bytes += size;
  queue.items.push_back(std::move(message));
  ++waiting_;
  return Pushed::yes;
}

std::vector<Outbox::Lane> Outbox::waiting() const {
  std::vector<Lane> result;
  const std::lock_guard lock(mutex_);
  if (waiting_ == 0) return result;
  for (const auto& [lane, queue] : lanes_) {
    if (!queue.items.empty()) result.push_back(lane);
  }
  return result;
}

std::optional<Outgoing> Outbox::pop(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || found->second.items.empty()) return std::nullopt;
  Outgoing message = std::move(found->second.items.front());
  found->second.items.pop_front();
  found->second.bytes -= message.size();
  --waiting_;
  return message;
}

void Outbox::give_back(const Lane& lane, Outgoing message) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  found->second.bytes += message.size();
  found->second.items.push_front(std::move(message));
  ++waiting_;
}

std::array<std::uint64_t, kChannels> Outbox::expire(Time now) {
  std::array<std::uint64_t, kChannels> dropped{};
  const std::lock_guard lock(mutex_);
  if (waiting_ == 0) return dropped;
  for (auto& [lane, queue] : lanes_) {
    while (!queue.items.empty() && now - queue.items.front().at > limits_.queue_age) {
      queue.bytes -= queue.items.front().size();
      queue.items.pop_front();
      --waiting_;
      ++dropped[static_cast<std::size_t>(lane.first)];
    }
  }
  return dropped;
}

}  // namespace hansa::net
