// Every handler has the same shape: note the time, feed the machine, perform its effects in order, set the
// alarm, and tell Progress that one more input is done.
#include "actors/party.hpp"

#include "src/wire/codec.hpp"

#include <hansa/assert.hpp>

#include <caf/behavior.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <utility>
#include <variant>

namespace hansa::actors {
namespace {

/// An alarm that rings too early is harmless, and a deadline at the end of time must not overflow CAF's
/// clock.
constexpr Duration kAlarmMax = std::chrono::hours(1);

}  // namespace

PartyActor::PartyActor(caf::actor_config& config, std::shared_ptr<Host> host, PartyId self,
                       caf::actor trainer, std::unique_ptr<protocols::Machine> machine)
    : caf::event_based_actor(config),
      host_(std::move(host)),
      self_(self),
      trainer_(std::move(trainer)),
      machine_(std::move(machine)) {
  set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
    std::string what = "unknown exception";
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {
      what = failure.what();
    } catch (...) {
    }
    host_->reports.report(Failed{self_, std::move(what)});
    return caf::sec::runtime_error;
  });
}

caf::behavior PartyActor::make_behavior() {
  // A neighbour that has begun may be faster than our Begin: what it sends stays in the mailbox until then.
  set_default_handler(caf::skip);
  return {[this](const Begin&) {
            set_default_handler(caf::print_and_drop);
            become(running());
            on_begin();
          },
          [this](const Leave&) { quit(); }};
}

caf::behavior PartyActor::running() {
  return {
      [this](Delivery& delivery) { on_delivery(delivery.from, std::move(delivery.message)); },
      [this](const Frame& frame) { on_frame(frame); },
      [this](Done& result) { on_done(std::move(result)); },
      [this](const Alarm& alarm) { on_alarm(alarm.at); },
      [this](const PeerDown& down) { on_peer_down(down.peer); },
      [this](const Leave&) { quit(); },
  };
}

void PartyActor::on_exit() {
  traffic_.finished = machine_->finished();
  machine_.reset();
  caf::anon_send_exit(trainer_, caf::exit_reason::user_shutdown);
  trainer_ = nullptr;
  const auto host = std::move(host_);
  host->reports.report(Farewell{self_, traffic_, std::move(record_), cost_, events_, messages_lost_});
}

// Inputs.

void PartyActor::on_begin() {
  now_ = clock().now() - host_->began;
  machine_->start(now_, effects_);
  after_input();
}

void PartyActor::on_delivery(PartyId from, protocols::Message message) {
  if (leaving()) return;
  now_ = clock().now() - host_->began;
  traffic_.bytes_received += wire::encoded_size(message);
  ++traffic_.messages_received;
  machine_->on_message(from, std::move(message), now_, effects_);
  after_input();
}

void PartyActor::on_frame(const Frame& frame) {
  if (leaving()) return;
  now_ = clock().now() - host_->began;
  traffic_.bytes_received += frame.bytes->size();
  ++traffic_.messages_received;
  protocols::Message message;
  if (wire::try_decode(*frame.bytes, {}, message) == wire::DecodeError::none) {
    machine_->on_message(frame.from, std::move(message), now_, effects_);
  } else {
    ++messages_lost_;  // a peer whose training has diverged sends a model that is not finite
  }
  after_input();
}

void PartyActor::on_done(Done result) {
  if (leaving()) return;
  now_ = clock().now() - host_->began;
  traffic_.compute_time += result.took;
  cost_.flop += result.performed.cost.flop;
  cost_.bytes += result.performed.cost.bytes;
  machine_->on_computed(result.id, std::move(result.performed.computed), now_, effects_);
  after_input();
}

void PartyActor::on_alarm(Time at) {
  if (leaving() || alarm_ != at) return;  // an earlier one has replaced it
  alarm_.reset();
  now_ = clock().now() - host_->began;
  const std::optional<Time> deadline = machine_->next_deadline();
  if (!deadline || *deadline > now_) return arm();  // it moved on meanwhile
  host_->input_added();
  machine_->on_deadline(now_, effects_);
  after_input();
}

void PartyActor::on_peer_down(PartyId peer) {
  if (leaving()) return;
  now_ = clock().now() - host_->began;
  host_->input_added();
  machine_->on_peer_down(peer, now_, effects_);
  after_input();
}

// Effects.

void PartyActor::after_input() {
  ++events_;
  // Events go last: who is told of a round may evaluate its model, and no message shall wait for that.
  const std::span<protocols::Effect> effects = effects_.items();
  std::size_t count = 0;
  for (; count < effects.size() && !broken_; ++count) {
    if (std::holds_alternative<protocols::Emit>(effects[count])) continue;
    std::visit([this](auto& each) { perform(std::move(each)); }, effects[count]);
  }
  for (protocols::Effect& effect : effects.first(count)) {
    if (auto* const event = std::get_if<protocols::Emit>(&effect)) perform(std::move(*event));
  }
  effects_.clear();
  if (broken_) return quit();
  arm();
  if (machine_->finished() != finished_) {
    finished_ = !finished_;
    host_->finished_changed(finished_);
  }
  if (host_->input_handled()) host_->reports.report(Quiet{});
}

void PartyActor::perform(protocols::Send effect) {
  traffic_.bytes_sent += host_->send(self_, effect.to, std::move(effect.message));
  ++traffic_.messages_sent;
}

void PartyActor::perform(protocols::Persist effect) {
  if (const auto kept = host_->persist(self_, effect.record); !kept) {
    broken_ = true;
    return host_->reports.report(Failed{self_, kept.error().message});
  }
  record_ = std::move(effect.record);
}

void PartyActor::perform(protocols::Compute effect) {
  host_->input_added();
  send(trainer_, Work{self_, effect.id, std::move(effect.task)});
}

void PartyActor::perform(protocols::Emit effect) {
  host_->reports.report(Happened{self_, std::move(effect.event), now_});
}

void PartyActor::arm() {
  const std::optional<Time> deadline = machine_->next_deadline();
  if (deadline.has_value() != waiting_) {
    waiting_ = !waiting_;
    host_->waiting_changed(waiting_);
  }
  if (!deadline || (alarm_ && *alarm_ <= *deadline)) return;  // if it rings early, it is set again then
  alarm_ = std::min(*deadline, now_ + kAlarmMax);
  scheduled_send(caf::actor{this}, host_->began + *alarm_, Alarm{*alarm_});
}

}  // namespace hansa::actors
