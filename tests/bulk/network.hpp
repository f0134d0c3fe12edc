// Bulk machines on a virtual network: messages take random time, are lost, and come from nodes that lie;
// everything is decided by a seed. Checks on the way that no limit is passed.
#pragma once

#include "protocols/bulk/bulk.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hansa::protocols::bulk::testing {

using Bytes = std::vector<std::byte>;

inline Node node(std::uint8_t number) { return Node{std::byte{number}}; }

inline Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng.next());
  return bytes;
}

inline Blob blob_of(const Bytes& bytes) {
  auto owner = std::make_shared<const Bytes>(bytes);
  const std::span<const std::byte> view(*owner);
  return {owner, view};
}

struct Network {
  explicit Network(std::uint64_t seed, std::size_t nodes, Options options = {}) : rng(seed, Purpose::test) {
    for (std::size_t i = 0; i < nodes; ++i) machines.emplace_back(options);
  }

  /// Delivers effects of machine `i`.
  void perform(std::size_t i, Effects& effects) {
    for (Effect& effect : effects) {
      if (auto* const send = std::get_if<Send>(&effect)) {
        const std::size_t to = std::to_integer<std::size_t>(send->to[0]);
        if (std::holds_alternative<ChunkRequest>(send->message)) {
          ++open[{i, to}];
          most_open = std::max(most_open, open[{i, to}]);
        }
        if (std::holds_alternative<ChunkReply>(send->message)) --open[{to, i}];
        if (tamper) tamper(i, *send);
        // The channels are not lossy, but a full queue or a lost connection is.
        if (rng.below(1000) < loss_permille) continue;
        Bytes body = encode(send->message);
        const Duration delay = std::chrono::microseconds(100 + rng.below(5000));
        queue.emplace(now + delay + slowness[i], std::tuple(i, to, type_of(send->message), std::move(body)));
      } else if (auto* const fetched = std::get_if<Fetched>(&effect)) {
        results[i].emplace_back(fetched->id, Bytes(fetched->blob.bytes.begin(), fetched->blob.bytes.end()));
      } else if (auto* const failed = std::get_if<Failed>(&effect)) {
        failures[i].push_back(failed->id);
      } else if (auto* const bad = std::get_if<Misbehaved>(&effect)) {
        ++misdeeds[{std::to_integer<std::size_t>(bad->peer[0]), bad->misdeed}];
      } else if (auto* const offered = std::get_if<Offered>(&effect)) {
        if (on_offer) on_offer(i, *offered);
      }
    }
    effects.clear();
  }

  /// Runs until nothing happens any more.
  void run() {
    Effects effects;
    for (std::uint64_t steps = 0; steps < 2000000; ++steps) {
      std::optional<Time> next;
      std::size_t who = 0;
      for (std::size_t i = 0; i < machines.size(); ++i) {
        const auto deadline = machines[i].next_deadline();
        if (deadline && (!next || *deadline < *next)) next = deadline, who = i;
      }
      if (!queue.empty() && (!next || queue.begin()->first <= *next)) {
        auto [at, packet] = std::move(*queue.begin());
        queue.erase(queue.begin());
        now = std::max(now, at);
        auto& [from, to, type, body] = packet;
        const auto message = decode(type, body);
        if (!message) continue;
        machines[to].on_message(node(static_cast<std::uint8_t>(from)), *message, now, effects);
        perform(to, effects);
      } else if (next) {
        now = std::max(now, *next);
        machines[who].on_deadline(now, effects);
        perform(who, effects);
      } else {
        return;
      }
    }
    stuck = true;
  }

  BlobId give(std::size_t who, const Bytes& bytes, std::vector<std::size_t> to, std::uint8_t kind = 1) {
    Effects effects;
    const bool packs = gives++ % 2 == 0;  // both ways give the same
    const BlobId id = packs ? machines[who].hold(pack(bytes), kind)
                            : machines[who].hold(manifest_of(bytes), blob_of(bytes), kind);
    std::vector<Node> nodes;
    for (const std::size_t i : to) nodes.push_back(node(static_cast<std::uint8_t>(i)));
    machines[who].offer(id, nodes, effects);
    perform(who, effects);
    return id;
  }
  Result<void> want(std::size_t who, const BlobId& id, std::uint64_t size, std::vector<std::size_t> from) {
    Effects effects;
    std::vector<Node> nodes;
    for (const std::size_t i : from) nodes.push_back(node(static_cast<std::uint8_t>(i)));
    auto result = machines[who].fetch(Offer{id, size, 1}, nodes, now, effects);
    perform(who, effects);
    return result;
  }

  Rng rng;
  std::size_t gives = 0;
  Time now{};
  std::vector<Bulk> machines;
  std::multimap<Time, std::tuple<std::size_t, std::size_t, envelope::Type, Bytes>> queue;
  std::map<std::size_t, Duration> slowness;
  std::uint64_t loss_permille = 0;
  std::function<void(std::size_t from, Send&)> tamper;
  std::function<void(std::size_t at, const Offered&)> on_offer;

  std::map<std::size_t, std::vector<std::pair<BlobId, Bytes>>> results;
  std::map<std::size_t, std::vector<BlobId>> failures;
  std::map<std::pair<std::size_t, Misdeed>, std::size_t> misdeeds;
  std::map<std::pair<std::size_t, std::size_t>, std::int64_t> open;
  std::int64_t most_open = 0;
  bool stuck = false;
};

}  // namespace hansa::protocols::bulk::testing
