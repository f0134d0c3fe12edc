// The virtual network: when does a message arrive, and how often. Each party has an uplink and a downlink
// that carry one message at a time at its bandwidth; between them lies a latency. The uplink takes messages
// in the order they are sent; the downlink takes each in the first gap that is long enough after it has come,
// so that one from far away does not hold up those from nearby. Messages may be lost, repeated, held back, or
// cut off by a partition. Every decision is drawn from (seed, sender, number of the message), so it does not
// depend on what others do.
#pragma once

#include "sim/coordinates.hpp"

#include <hansa/types.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace hansa::sim {

struct LinkOptions {
  std::uint32_t parties = 0;
  std::uint64_t seed = 1;
  Duration latency = std::chrono::milliseconds(20);
  Duration jitter{};          ///< mean of an exponential extra delay
  double bandwidth_mbps = 0;  ///< per party and direction; 0 = unlimited
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  ///< probability of being held back by up to kReorderLatencies latencies
  std::vector<Coordinate> coordinates;  ///< if any: each party sits at a seeded choice of these
  Time partition_start{}, partition_end{};
};

/// Not thread-safe.
class LinkModel {
 public:
  explicit LinkModel(LinkOptions options);

  /// Arrival times of one message; none if it is lost.
  struct Arrivals {
    std::array<Time, 2> at{};
    std::uint32_t count = 0;
  };
  Arrivals send(PartyId from, PartyId to, std::uint64_t bytes, Time now);

  [[nodiscard]] double bandwidth_mbps() const noexcept { return options_.bandwidth_mbps; }

 private:
  struct Busy {
    Time begin{}, end{};
  };
  struct Port {
    Time uplink_free{};
    std::vector<Busy> downlink;  // ascending, apart from each other; what is past is dropped
    std::uint64_t messages = 0;
    std::uint32_t coordinate = 0;
  };
  [[nodiscard]] bool partitioned(PartyId from, PartyId to, Time now) const noexcept;
  [[nodiscard]] Duration latency(const Port& from, const Port& to) const noexcept;
  static Time occupy_downlink(Port& port, Time earliest, Duration transfer, Time now);

  LinkOptions options_;
  bool faultless_;
  std::vector<Port> ports_;
};

}  // namespace hansa::sim
