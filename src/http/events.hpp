// Server-Sent Events: the node's changes, handed to every open stream. A slow reader costs a bounded queue:
// the same change waits there once, and if there are too many different ones it is told to read everything
// again.
#pragma once

#include "src/http/node_api.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace hansa::http {

/// Thread-safe.
class EventHub {
 public:
  static constexpr std::size_t kStreamsMax = 16;
  static constexpr std::size_t kQueueMax = 256;

  /// One reader's queue; used by one thread.
  class Stream {
   public:
    /// The next text to send: events, a comment after `quiet_ms` without any (so that a dead connection is
    /// noticed), or nothing once the hub is closed.
    [[nodiscard]] std::string next(int quiet_ms);

   private:
    friend class EventHub;
    explicit Stream(EventHub& hub) : hub_(hub) {}
    EventHub& hub_;
    std::deque<NodeEvent> queue_;
    bool first_ = true;
  };

  explicit EventHub(NodeApi& node);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// Null if there are kStreamsMax already.
  [[nodiscard]] std::shared_ptr<Stream> open();
  /// Ends every stream.
  void close();

 private:
  void publish(const NodeEvent& event);
  void leave(Stream* stream);

  NodeApi& node_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Stream*> streams_;
  bool closed_ = false;
  std::shared_ptr<void> subscription_;
};

}  // namespace hansa::http
