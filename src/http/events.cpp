#include "src/http/events.hpp"

#include "src/http/documents.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

namespace hansa::http {

EventHub::EventHub(NodeApi& node) : node_(node) {
  subscription_ = node.subscribe([this](const NodeEvent& event) { publish(event); });
}

EventHub::~EventHub() {
  subscription_.reset();
  close();
}

std::shared_ptr<EventHub::Stream> EventHub::open() {
  const std::lock_guard lock(mutex_);
  if (closed_ || streams_.size() >= kStreamsMax) return nullptr;
  auto* stream = new Stream(*this);
  stream->queue_.push_back({"status", ""});  // the reader starts from what is, then hears what changes
  streams_.insert(stream);
  return {stream, [this](Stream* ended) {
            leave(ended);
            delete ended;
          }};
}

void EventHub::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void EventHub::leave(Stream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void EventHub::publish(const NodeEvent& event) {
  const std::lock_guard lock(mutex_);
  for (Stream* stream : streams_) {
    auto& queue = stream->queue_;
    const bool waits = std::any_of(queue.begin(), queue.end(), [&](const NodeEvent& other) {
      return other.name == event.name && other.subject == event.subject;
    });
    if (waits) continue;
    if (queue.size() >= kQueueMax) queue.assign(1, {"reset", ""});
    queue.push_back(event);
  }
  changed_.notify_all();
}

std::string EventHub::Stream::next(int quiet_ms) {
  std::deque<NodeEvent> events;
  {
    std::unique_lock lock(hub_.mutex_);
    hub_.changed_.wait_for(lock, std::chrono::milliseconds(quiet_ms),
                           [this] { return hub_.closed_ || !queue_.empty(); });
    if (hub_.closed_) return {};
    events.swap(queue_);
  }
  std::string text = first_ ? "retry: 1000\n\n" : "";
  first_ = false;
  if (events.empty()) return text + ": still here\n\n";
  const std::shared_ptr<const NodeView> view = hub_.node_.view();
  for (const NodeEvent& event : events)
    text += "event: " + event.name + "\ndata: " + to_text(event_document(*view, event)) + "\n\n";
  return text;
}

}  // namespace hansa::http
