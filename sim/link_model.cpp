#include "sim/link_model.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace hansa::sim {
namespace {

constexpr double kReorderLatencies = 10;

Duration scaled(Duration duration, double factor) noexcept {
  return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
}

}  // namespace

LinkModel::LinkModel(LinkOptions options)
    : options_(std::move(options)),
      faultless_(options_.loss == 0 && options_.duplicate == 0 && options_.reorder == 0 &&
                 options_.jitter == Duration{0}),
      ports_(options_.parties) {
  if (options_.coordinates.empty()) return;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    Rng rng(options_.seed, Purpose::link, i, ~0ULL);
    ports_[i].coordinate = static_cast<std::uint32_t>(rng.below(options_.coordinates.size()));
  }
}

Duration LinkModel::latency(const Port& from, const Port& to) const noexcept {
  if (options_.coordinates.empty()) return options_.latency;
  const double ms = latency_ms(options_.coordinates[from.coordinate], options_.coordinates[to.coordinate]);
  return Duration(static_cast<Duration::rep>(ms * 1e6));
}

bool LinkModel::partitioned(PartyId from, PartyId to, Time now) const noexcept {
  if (now < options_.partition_start || now >= options_.partition_end) return false;
  const std::size_t half = ports_.size() / 2;
  return (index(from) < half) != (index(to) < half);
}

/// Begin of the first free stretch of `transfer` at or after `earliest`, which is taken.
Time LinkModel::occupy_downlink(Port& port, Time earliest, Duration transfer, Time now) {
  std::vector<Busy>& busy = port.downlink;
  const auto ends_by = [](const Busy& interval, Time at) { return interval.end <= at; };
  busy.erase(busy.begin(), std::lower_bound(busy.begin(), busy.end(), now, ends_by));
  auto next = std::lower_bound(busy.begin(), busy.end(), earliest, ends_by);
  Time begin = earliest;
  for (; next != busy.end() && next->begin < begin + transfer; ++next) begin = std::max(begin, next->end);
  const Time end = begin + transfer;
  const bool joins_next = next != busy.end() && next->begin == end;
  if (next != busy.begin() && std::prev(next)->end == begin) {
    std::prev(next)->end = joins_next ? next->end : end;
    if (joins_next) busy.erase(next);
  } else if (joins_next) {
    next->begin = begin;
  } else {
    busy.insert(next, {begin, end});
  }
  return begin;
}

LinkModel::Arrivals LinkModel::send(PartyId from, PartyId to, std::uint64_t bytes, Time now) {
  Port& sender = ports_[index(from)];
  Port& receiver = ports_[index(to)];
  const std::uint64_t number = sender.messages++;
  Time leaves = now;
  Duration transfer{};
  if (options_.bandwidth_mbps > 0) {
    transfer =
        Duration(static_cast<Duration::rep>(static_cast<double>(bytes) * 8e3 / options_.bandwidth_mbps));
    leaves = std::max(now, sender.uplink_free);
    sender.uplink_free = leaves + transfer;
  }
  Arrivals arrivals;
  if (partitioned(from, to, now)) return arrivals;
  Duration delay = latency(sender, receiver);
  bool twice = false;
  if (!faultless_) {
    Rng rng(options_.seed, Purpose::link, index(from), number);
    if (rng.uniform() < options_.loss) return arrivals;
    twice = rng.uniform() < options_.duplicate;
    const double held = rng.uniform() < options_.reorder ? rng.uniform() * kReorderLatencies : 0;
    delay += scaled(delay, held);
    delay += scaled(options_.jitter, -log_exact(1.0 - rng.uniform()));
  }
  // Cut-through: the first byte arrives after the latency, the last one when both ends have carried it all.
  Time begins = leaves + delay;
  if (transfer > Duration{0}) begins = occupy_downlink(receiver, begins, transfer, now);
  arrivals.at[arrivals.count++] = begins + transfer;
  if (twice) arrivals.at[arrivals.count++] = begins + transfer + delay;
  return arrivals;
}

}  // namespace hansa::sim
