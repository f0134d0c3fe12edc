// The event loop. What decides the order of events (time, parties, counters) never depends on what a
// computation gave or on how long it really took; that is why workers may run ahead of virtual time.
#include "sim/world.hpp"

#include "src/wire/codec.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <utility>

namespace hansa::sim {
namespace {

// A job costs about two microseconds to hand over; below this much arithmetic it is not worth it.
constexpr std::uint64_t kInlineFloatsMax = 32'768;

/// Floats that the task will touch, roughly: decides only where it runs, never what it gives.
std::uint64_t floats_touched(const exec::LocalTraining& training, PartyId party,
                             const protocols::Task& task) {
  const auto* mix = std::get_if<protocols::MixAndTrain>(&task);
  if (mix == nullptr) return exec::mixing_bytes(task);  // masks cost far more than the additions
  const std::uint64_t row_floats = mix->train ? exec::training_rows(training, party, task) *
                                                    training.shards[index(party)].dataset->features
                                              : 0;
  return static_cast<std::uint64_t>(mix->size) * mix->terms.size() + row_floats;
}

}  // namespace

World::World(WorldOptions options, exec::WorkerPool& pool)
    : options_(std::move(options)), pool_(pool), link_(options_.link), compute_(options_.compute) {}

Result<exec::DriverOutput> World::run(const exec::DriverInput& input) {
  HANSA_ASSERT(input.parties == options_.link.parties && input.parties == options_.compute.parties);
  input_ = &input;
  output_ = {};
  bytes_sent_total_ = 0;
  begin();
  while (!queue_.empty()) {
    if (input.stop != nullptr && input.stop->load(std::memory_order_relaxed)) {
      output_.interrupted = true;
      break;
    }
    handle(queue_.pop());
  }
  // Workers must not go on with what nobody will collect: the caller's data may end with this call.
  while (!queue_.empty()) {
    const auto event = queue_.pop();
    const auto* completion = std::get_if<Completion>(&event.payload);
    if (completion == nullptr) continue;
    if (const auto* job = std::get_if<std::shared_ptr<exec::Job>>(&completion->work)) pool_.cancel(**job);
  }
  output_.end = now_;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    output_.parties[i].finished = hosts_[i].machine != nullptr && hosts_[i].machine->finished();
    output_.records.push_back(std::move(hosts_[i].record));
  }
  hosts_.clear();
  return std::move(output_);
}

void World::begin() {
  now_ = Time{0};
  hosts_.clear();
  hosts_.resize(input_->parties);
  output_.parties.resize(input_->parties);
  for (std::uint32_t i = 0; i < input_->parties; ++i) {
    output_.parties[i].rows_per_second = compute_.rows_per_second(party_at(i));
    output_.parties[i].bandwidth_mbps = link_.bandwidth_mbps();
  }
  for (const Crash& crash : plan_crashes(options_.churn)) {
    push(crash.at, crash.party, crash.party, CrashNow{crash});
  }
  for (std::uint32_t i = 0; i < input_->parties; ++i) {
    hosts_[i].machine = input_->make(party_at(i), std::nullopt);
    hosts_[i].machine->start(now_, effects_);
    perform_effects(party_at(i));
  }
}

void World::push(Time at, PartyId to, PartyId from, Payload payload) {
  queue_.push(at, to, from, hosts_[index(from)].sequence++, std::move(payload));
}

void World::handle(EventQueue<Payload>::Event event) {
  const PartyId party = event.destination;
  Host& host = hosts_[index(party)];
  if (std::holds_alternative<Alarm>(event.payload)) {
    if (host.machine == nullptr || host.alarm != event.time)
      return;  // replaced by another, or of a past life
    host.alarm.reset();
    const std::optional<Time> deadline = host.machine->next_deadline();
    if (!deadline || *deadline > event.time) return arm(party);  // moved on; virtual time did not
    now_ = event.time;
    ++output_.events;
    host.machine->on_deadline(now_, effects_);
    return perform_effects(party);
  }
  now_ = event.time;
  ++output_.events;
  if (auto* message = std::get_if<protocols::Message>(&event.payload)) {
    deliver(party, event.source, std::move(*message));
  } else if (auto* completion = std::get_if<Completion>(&event.payload)) {
    complete(party, std::move(*completion));
  } else if (auto* planned = std::get_if<CrashNow>(&event.payload)) {
    crash(party, planned->crash);
  } else {
    revive(party);
  }
}

void World::deliver(PartyId to, PartyId from, protocols::Message message) {
  Host& host = hosts_[index(to)];
  if (host.machine == nullptr) {
    ++output_.messages_lost;  // nobody is listening
    return;
  }
  exec::PartyTraffic& traffic = output_.parties[index(to)];
  traffic.bytes_received += wire::encoded_size(message);
  ++traffic.messages_received;
  if (options_.full_codec) {
    wire::Limits limits;
    limits.finite_only = false;  // a diverged model is the run's business, as it is without the codec
    auto decoded = wire::decode(wire::encode(message), limits);
    HANSA_ASSERT(decoded.ok());  // we encoded it ourselves
    message = std::move(decoded).value();
  }
  if (input_->tap != nullptr) input_->tap->on_delivered(from, to, message);
  host.machine->on_message(from, std::move(message), now_, effects_);
  perform_effects(to);
}

void World::complete(PartyId party, Completion completion) {
  Host& host = hosts_[index(party)];
  if (auto* job = std::get_if<std::shared_ptr<exec::Job>>(&completion.work)) pool_.wait(**job);
  if (host.machine == nullptr || completion.life != host.life) return;  // the process that asked is gone
  exec::Performed performed;
  if (auto* task = std::get_if<protocols::Task>(&completion.work)) {
    performed = exec::perform(*input_->training, party, std::move(*task), pool_.caller_workspace());
  } else {
    performed = std::move(*completion.performed);
  }
  output_.cost.flop += performed.cost.flop;
  output_.cost.bytes += performed.cost.bytes;
  host.machine->on_computed(completion.id, std::move(performed.computed), now_, effects_);
  perform_effects(party);
}

void World::perform_effects(PartyId party) {
  Host& host = hosts_[index(party)];
  std::uint32_t done = 0;
  for (protocols::Effect& effect : effects_.items()) {
    if (host.dies_in_next_batch && done >= host.dies_in_next_batch->after_effects) {
      effects_.clear();
      const auto planned = std::move(host.dies_in_next_batch);
      return crash(party, {.party = party, .at = now_, .down = planned->down});
    }
    ++done;
    if (auto* sending = std::get_if<protocols::Send>(&effect)) {
      send(party, std::move(*sending));
    } else if (auto* computing = std::get_if<protocols::Compute>(&effect)) {
      compute(party, std::move(*computing));
    } else if (auto* emitted = std::get_if<protocols::Emit>(&effect)) {
      if (input_->sink != nullptr) input_->sink->on_event(party, emitted->event, now_);
    } else {
      host.record = std::move(std::get<protocols::Persist>(effect).record);
    }
  }
  effects_.clear();
  if (host.dies_in_next_batch) {  // the batch was shorter than planned
    const auto planned = std::move(host.dies_in_next_batch);
    return crash(party, {.party = party, .at = now_, .down = planned->down});
  }
  arm(party);
}

void World::send(PartyId from, protocols::Send send) {
  HANSA_ASSERT(index(send.to) < hosts_.size());
  if (input_->tap != nullptr) input_->tap->on_sent(from, send.to, send.message);
  const std::uint64_t bytes = wire::encoded_size(send.message);
  exec::PartyTraffic& traffic = output_.parties[index(from)];
  traffic.bytes_sent += bytes;
  ++traffic.messages_sent;
  bytes_sent_total_ += bytes;
  if (input_->bytes_sent_total != nullptr) {
    input_->bytes_sent_total->store(bytes_sent_total_, std::memory_order_relaxed);
  }
  const LinkModel::Arrivals arrivals = link_.send(from, send.to, bytes, now_);
  if (arrivals.count == 0) ++output_.messages_lost;
  if (arrivals.count == 2) {
    ++output_.messages_duplicated;
    push(arrivals.at[1], send.to, from, send.message);
  }
  if (arrivals.count > 0) push(arrivals.at[0], send.to, from, std::move(send.message));
}

void World::compute(PartyId party, protocols::Compute compute) {
  const std::uint64_t rows = exec::training_rows(*input_->training, party, compute.task);
  const Duration takes = compute_.duration(party, rows, exec::mixing_bytes(compute.task));
  output_.parties[index(party)].compute_time += takes;
  Completion completion{.id = compute.id, .life = hosts_[index(party)].life};
  if (floats_touched(*input_->training, party, compute.task) <= kInlineFloatsMax) {
    completion.work = std::move(compute.task);
  } else {
    auto performed = std::make_shared<exec::Performed>();
    auto task = std::make_shared<protocols::Task>(std::move(compute.task));
    const exec::LocalTraining& training = *input_->training;
    auto job = std::make_shared<exec::Job>([&training, party, task, performed](learn::Workspace& workspace) {
      *performed = exec::perform(training, party, std::move(*task), workspace);
    });
    pool_.submit(job);
    completion.performed = std::move(performed);
    completion.work = std::move(job);
  }
  push(now_ + takes, party, party, std::move(completion));
}

void World::arm(PartyId party) {
  Host& host = hosts_[index(party)];
  const std::optional<Time> deadline = host.machine->next_deadline();
  if (!deadline || (host.alarm && *host.alarm <= *deadline)) return;
  host.alarm = std::max(*deadline, now_);
  push(*host.alarm, party, party, Alarm{});
}

void World::crash(PartyId party, const Crash& crash) {
  Host& host = hosts_[index(party)];
  if (host.machine == nullptr) return;
  if (crash.after_effects) {
    host.dies_in_next_batch = std::make_unique<const Crash>(crash);
    return;
  }
  host.machine.reset();
  host.alarm.reset();
  ++host.life;
  ++output_.parties[index(party)].crashes;
  if (crash.down) push(now_ + *crash.down, party, party, Return{});
}

void World::revive(PartyId party) {
  Host& host = hosts_[index(party)];
  HANSA_ASSERT(host.machine == nullptr);
  host.machine = input_->make(party, host.record);
  host.machine->start(now_, effects_);
  perform_effects(party);
}

}  // namespace hansa::sim
