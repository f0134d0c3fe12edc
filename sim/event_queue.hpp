// The order of the simulated world. Events are taken by (time, destination, source, sequence of that source),
// a total order that depends on nothing but the events themselves: not on insertion order, threads or memory.
// A 4-ary heap of 32-byte keys (one cache line holds two, a node's children are adjacent); payloads stay put
// in a slab and are moved once in and once out.
#pragma once

#include <hansa/assert.hpp>
#include <hansa/types.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace hansa::sim {

/// Not thread-safe.
template <class Payload>
class EventQueue {
 public:
  struct Event {
    Time time{};
    PartyId destination{};
    PartyId source{};
    Payload payload;
  };

  void push(Time time, PartyId destination, PartyId source, std::uint64_t sequence, Payload payload) {
    const Key key{time.count(), route(destination, source), sequence, store(std::move(payload))};
    std::size_t hole = heap_.size();
    heap_.push_back(key);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / kArity;
      if (!(key < heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = key;
  }

  /// Precondition: not empty.
  Event pop() {
    HANSA_ASSERT(!heap_.empty());
    const Key top = heap_.front();
    const Key last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(last);
    Event event{Time(top.time), PartyId(static_cast<std::uint32_t>(top.route >> 32)),
                PartyId(static_cast<std::uint32_t>(top.route)), std::move(slab_[top.slot])};
    free_.push_back(top.slot);
    return event;
  }

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  /// Bytes allocated for events: what the busiest moment needed, whatever payloads hold besides.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept {
    return heap_.capacity() * sizeof(Key) + slab_.capacity() * sizeof(Payload) +
           free_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::size_t kArity = 4;

  struct Key {
    std::int64_t time;
    std::uint64_t route;
    std::uint64_t sequence;
    std::uint32_t slot;

    friend bool operator<(const Key& a, const Key& b) noexcept {
      if (a.time != b.time) return a.time < b.time;
      if (a.route != b.route) return a.route < b.route;
      return a.sequence < b.sequence;
    }
  };

  static std::uint64_t route(PartyId destination, PartyId source) noexcept {
    return static_cast<std::uint64_t>(destination) << 32 | static_cast<std::uint64_t>(source);
  }

  std::uint32_t store(Payload payload) {
    if (free_.empty()) {
      slab_.push_back(std::move(payload));
      return static_cast<std::uint32_t>(slab_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    slab_[slot] = std::move(payload);
    return slot;
  }

  void sift_down(const Key& key) {
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * kArity + 1;
      if (first >= heap_.size()) break;
      const std::size_t end = std::min(first + kArity, heap_.size());
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (heap_[child] < heap_[least]) least = child;
      }
      if (!(heap_[least] < key)) break;
      heap_[hole] = heap_[least];
      hole = least;
    }
    heap_[hole] = key;
  }

  std::vector<Key> heap_;
  std::vector<Payload> slab_;
  std::vector<std::uint32_t> free_;
};

}  // namespace hansa::sim
