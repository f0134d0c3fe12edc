// Messages on their way from any thread to the transport's thread: one bounded queue per peer and channel. A
// full queue refuses, so a peer that does not read costs a fixed amount of memory and nobody waits for it.
#pragma once

#include "src/net/transport.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hansa::net {

/// A message that waits.
struct Outgoing {
  SharedBytes header;
  SharedBytes body;
  Time at{};

  [[nodiscard]] std::size_t size() const noexcept { return header.size() + body.size(); }
};

/// Thread-safe.
class Outbox {
 public:
  using Lane = std::pair<Channel, CurvePublic>;  // in this order: control goes first

  explicit Outbox(const Limits& limits) noexcept : limits_(limits) {}

  /// Who can be sent to on control and bulk; what waits for others is dropped. `others` are second keys of
  /// these peers: what waits under one of them, or is pushed under it, is for the same peer.
  void set_peers(std::span<const CurvePublic> peers, std::map<CurvePublic, CurvePublic> others = {});
  /// Strangers come and go one by one.
  void open(const Lane& lane);
  void close(const Lane& lane);

  enum class Pushed : std::uint8_t { yes, unknown, full };
  [[nodiscard]] Pushed push(const Lane& lane, Outgoing message);
  /// The lanes that have something.
  [[nodiscard]] std::vector<Lane> waiting() const;
  /// The next message of `lane`; give it back if it could not be sent.
  [[nodiscard]] std::optional<Outgoing> pop(const Lane& lane);
  void give_back(const Lane& lane, Outgoing message);
  /// Drops what has waited for longer than Limits::queue_age; returns how many per channel.
  [[nodiscard]] std::array<std::uint64_t, kChannels> expire(Time now);

 private:
  struct Queue {
    std::deque<Outgoing> items;
    std::size_t bytes = 0;
  };
  [[nodiscard]] std::size_t bytes_max(Channel channel) const noexcept;

  const Limits limits_;
  mutable std::mutex mutex_;
  std::map<Lane, Queue> lanes_;
  std::map<CurvePublic, CurvePublic> others_;
  std::size_t waiting_ = 0;  ///< messages in all lanes
};

}  // namespace hansa::net
