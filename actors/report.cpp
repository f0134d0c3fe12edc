#include "actors/report.hpp"

#include <hansa/assert.hpp>

#include <utility>

namespace hansa::actors {

void ReportQueue::report(Report report) {
  {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [this] { return reports_.size() < capacity_; });
    reports_.push_back(std::move(report));
  }
  not_empty_.notify_one();
}

std::vector<Report> ReportQueue::take(std::chrono::milliseconds patience) {
  std::vector<Report> taken;
  {
    std::unique_lock lock(mutex_);
    not_empty_.wait_for(lock, patience, [this] { return !reports_.empty(); });
    taken.swap(reports_);
  }
  not_full_.notify_all();
  return taken;
}

Collector::Collector(const exec::DriverInput& input) : sink_(input.sink), costs_(input.parties) {
  output_.parties.resize(input.parties);
  output_.records.resize(input.parties);
}

void Collector::handle(Report report) noexcept {
  if (auto* happened = std::get_if<Happened>(&report)) {
    if (sink_ != nullptr) sink_->on_event(happened->party, happened->event, happened->at);
  } else if (auto* farewell = std::get_if<Farewell>(&report)) {
    take_farewell(std::move(*farewell));
  } else if (auto* failed = std::get_if<Failed>(&report)) {
    if (!failure_) failure_ = std::move(*failed);
  } else {
    quiet_ = true;
  }
}

void Collector::take_farewell(Farewell farewell) {
  const std::size_t i = index(farewell.party);
  output_.parties[i] = farewell.traffic;
  output_.records[i] = std::move(farewell.record);
  costs_[i] = farewell.cost;
  output_.events += farewell.events;
  output_.messages_lost += farewell.messages_lost;
  ++left_;
}

Result<exec::DriverOutput> Collector::finish(Time end) {
  HANSA_ASSERT(all_left());
  if (failure_) {
    return Error{.kind = ErrorKind::failed,
                 .message = "party " + std::to_string(index(failure_->party)) + " stopped: " + failure_->what,
                 .hint = "less memory is needed with fewer parties or a smaller model"};
  }
  for (const learn::Cost& cost : costs_) {
    output_.cost.flop += cost.flop;
    output_.cost.bytes += cost.bytes;
  }
  output_.end = end;
  output_.interrupted = !quiet_;
  return std::move(output_);
}

}  // namespace hansa::actors
