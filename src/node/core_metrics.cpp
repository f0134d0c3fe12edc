// The node's own figures for /metrics, taken from where they are counted. Their names stand in the table of
// src/http/metrics.cpp; one that is not there would not be shown, which a test looks for.
#include "src/node/core.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace hansa::node {
namespace {

constexpr auto kMeasureEvery = std::chrono::milliseconds(200);

std::string series(std::string_view name, std::string_view label, std::string_view value) {
  std::string text(name);
  return text.append("{").append(label).append("=\"").append(value).append("\"}");
}

double seconds_of(const NodeCounters::Counter& ns) { return static_cast<double>(ns.load()) * 1e-9; }

void add_transport(const net::Stats& stats, http::NodeView& view) {
  for (std::size_t i = 0; i < net::kChannels; ++i) {
    const std::string_view channel = net::name_of(static_cast<net::Channel>(i));
    const net::Stats::PerChannel& counted = stats.channels[i];
    view.counters[series("hansa_bytes_sent_total", "channel", channel)] =
        static_cast<double>(counted.bytes_out);
    view.counters[series("hansa_bytes_received_total", "channel", channel)] =
        static_cast<double>(counted.bytes_in);
  }
  for (std::size_t i = 0; i < net::kHandshakes; ++i) {
    view.counters[series("hansa_handshakes_total", "result", net::name_of(static_cast<net::Handshake>(i)))] =
        static_cast<double>(stats.handshakes[i]);
  }
  for (std::size_t i = 0; i < net::kKicks; ++i) {
    view.counters[series("hansa_peer_kicks_total", "reason", net::name_of(static_cast<net::Kick>(i)))] =
        static_cast<double>(stats.kicks[i]);
  }
  for (std::size_t i = 0; i < net::kRejections; ++i) {
    view.counters[series("hansa_rejected_messages_total", "reason",
                         net::name_of(static_cast<net::Rejection>(i)))] +=
        static_cast<double>(stats.rejected[i]);
  }
}

void add_mail(const Messenger& messenger, http::NodeView& view) {
  for (const Messenger::TypeCount& count : messenger.type_counts()) {
    view.counters[series("hansa_messages_sent_total", "type", count.type)] = static_cast<double>(count.sent);
    view.counters[series("hansa_messages_received_total", "type", count.type)] =
        static_cast<double>(count.received);
  }
  const auto rejected = messenger.rejected();
  for (std::size_t i = 1; i < rejected.size(); ++i) {  // 0 counts what was accepted
    view.counters[series("hansa_rejected_messages_total", "reason",
                         wire::name_of(static_cast<wire::EnvelopeError>(i)))] +=
        static_cast<double>(rejected[i]);
  }
}

}  // namespace

/// Looked at five times a second at most; in between, what was found last is shown again.
void Core::measure(http::NodeView& view) {
  if (measured_at_ >= Time{0} && now() - measured_at_ < kMeasureEvery) {
    const auto last = this->view();
    view.counters = last->counters;
    view.gauges = last->gauges;
    return;
  }
  measured_at_ = now();
  add_transport(messenger_->transport().stats(), view);
  add_mail(*messenger_, view);
  const auto& refused = keeper_.rejected();
  for (std::size_t i = 0; i < refused.size(); ++i) {
    const auto reason =
        protocols::roster::keeper_reject_name(static_cast<protocols::roster::KeeperReject>(i));
    view.counters[series("hansa_rejected_messages_total", "reason", "roster_" + std::string(reason))] =
        static_cast<double>(refused[i]);
  }
  const BulkExchange::Counters exchanged = exchange_->counters();
  const protocols::bulk::Counters& bulk = exchanged.bulk;
  view.counters["hansa_bulk_chunks_checked_total"] = static_cast<double>(bulk.chunks_checked);
  view.counters["hansa_bulk_chunks_received_total"] = static_cast<double>(bulk.chunks_received);
  view.counters["hansa_bulk_chunks_served_total"] = static_cast<double>(bulk.chunks_served);
  view.counters["hansa_bulk_timeouts_total"] = static_cast<double>(bulk.timeouts);
  view.counters["hansa_bulk_refused_total"] = static_cast<double>(bulk.refused);
  view.gauges["hansa_bulk_memory_bytes"] = static_cast<double>(exchanged.held_bytes);
  view.counters["hansa_rounds_total"] = static_cast<double>(counters_.rounds);
  view.counters["hansa_training_seconds_total"] = seconds_of(counters_.training_ns);
  view.counters["hansa_checkpoints_total"] = static_cast<double>(counters_.checkpoints);
  view.counters["hansa_checkpoint_write_seconds_total"] = seconds_of(counters_.checkpoint_ns);
  for (std::size_t i = 0; i < kLogLevels.size(); ++i) {
    view.counters[series("hansa_log_lines_total", "level", kLogLevels[i])] =
        static_cast<double>(counters_.log_lines[i]);
  }
  const MembershipThread::Own own = membership_->own();
  view.counters["hansa_membership_false_suspicions_total"] = static_cast<double>(own.refutations);
  view.gauges["hansa_local_health_score"] = own.health;
  for (const auto& [peer, ahead_s] : audit_->clock_skew_s()) {
    const auto id = protocols::roster::short_text(protocols::roster::id_of(peer));
    view.gauges[series("hansa_clock_skew_seconds", "peer", id)] = ahead_s;
  }
  std::size_t model_bytes = 0;
  for (const auto& [run, local] : local_) {
    if (local.training != nullptr) model_bytes = std::max(model_bytes, local.training->model_bytes());
  }
  view.gauges["hansa_model_bytes"] = static_cast<double>(model_bytes);
  {
    const std::lock_guard lock(mutex_);
    view.gauges[series("hansa_queue_depth", "queue", "core")] = static_cast<double>(queue_.size());
  }
  std::error_code error;
  const auto space = std::filesystem::space(options_.folder.root, error);
  if (!error) view.gauges["hansa_disk_free_bytes"] = static_cast<double>(space.available);
}

}  // namespace hansa::node
