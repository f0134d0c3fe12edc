// Effects of the ceremony become effects of a party here, and records of the training get the beacon, so that
// neither of the two machines knows of the other.
#include "protocols/beacon/gate.hpp"

#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::beacon {
namespace {

// Others may be one training ahead: two steps of a cohort, or the first packets of a secure sum.
constexpr std::size_t kEarlyPerSenderMax = 32;

PartyId party_of(Member member) { return party_at(member); }

CeremonyPhase phase_after(const BeaconRecord& record) {
  if (record.taking_part) return CeremonyPhase::drawn;
  return record.certificate == nullptr ? CeremonyPhase::failed : CeremonyPhase::left_out;
}

}  // namespace

CeremonyPlan ceremony_plan(const RunOptions& run) {
  return {.manifest = run.secure.manifest,
          .roster = run.secure.roster,
          .colluders = default_colluders(run.secure.roster.size()),
          .patience = run.deadline.floor};
}

BeaconGate::BeaconGate(PartyOptions options, Make make)
    : options_(std::move(options)),
      make_(make),
      ceremony_(ceremony_plan(*options_.run), static_cast<Member>(index(options_.self)), *options_.identity,
                *options_.entropy) {
  HANSA_ASSERT(options_.run->secure.roster.size() == options_.run->parties);
}

void BeaconGate::start(Time now, Effects& out) {
  if (options_.restored && options_.restored->beacon != nullptr) {
    return resume(std::exchange(options_.restored, std::nullopt).value(), now, out);
  }
  options_.restored.reset();
  CeremonyEffects effects;
  ceremony_.start(now, effects);
  perform(std::move(effects), now, out);
}

void BeaconGate::resume(Record record, Time now, Effects& out) {
  record_ = record.beacon;
  if (record_->stage == Stage::begun) {
    CeremonyEffects effects;
    ceremony_.watch(record_->attempt, now, effects);
    return perform(std::move(effects), now, out);
  }
  Outcome outcome{.attempt = record_->attempt,
                  .members = {},
                  .beacon = record_->beacon,
                  .certificate = record_->certificate};
  for (const PartyId member : record_->members) outcome.members.set(index(member));
  ceremony_.restore(phase_after(*record_), std::move(outcome));
  const bool trains = record_->stage == Stage::training;
  begin_training(trains ? std::optional(std::move(record)) : std::nullopt, now, out);
}

void BeaconGate::perform(CeremonyEffects effects, Time now, Effects& out) {
  bool over = false;
  for (CeremonyEffect& effect : effects) {
    if (auto* sending = std::get_if<SendPacket>(&effect)) {
      out.send(party_of(sending->to), BeaconPacketMessage{sending->attempt, std::move(sending->packet)});
    } else if (const auto* begun = std::get_if<AttemptBegun>(&effect)) {
      auto record = std::make_shared<BeaconRecord>();
      record->attempt = begun->attempt;
      record_ = std::move(record);
      persist(Stage::begun, out);
    } else if (const auto* caught = std::get_if<Caught>(&effect)) {
      const auto misdeed = caught->misdeed == Misdeed::contradiction ? secure_sum::Misdeed::contradiction
                                                                     : secure_sum::Misdeed::bad_reveal;
      out.emit(MemberCaught{0, party_of(caught->member), static_cast<std::uint8_t>(misdeed)});
    } else {
      over = true;
    }
  }
  if (over) ended(now, out);
}

void BeaconGate::persist(Stage stage, Effects& out) {
  auto beacon = std::make_shared<BeaconRecord>(*record_);
  beacon->stage = stage;
  Record record;
  record.model = options_.run->initial_model;
  record.beacon = std::move(beacon);
  out.persist(std::move(record));
}

void BeaconGate::ended(Time now, Effects& out) {
  const Outcome& outcome = ceremony_.outcome();
  auto record = std::make_shared<BeaconRecord>();
  record->stage = Stage::ended;
  record->attempt = outcome.attempt;
  record->taking_part = ceremony_.phase() == CeremonyPhase::drawn;
  for (const Member member : members_of(outcome.members)) record->members.push_back(party_of(member));
  record->beacon = outcome.beacon;
  record->certificate = outcome.certificate;
  record_ = std::move(record);
  out.emit(BeaconDrawn{record_});
  persist(Stage::ended, out);
  begin_training(std::nullopt, now, out);
}

void BeaconGate::begin_training(std::optional<Record> restored, Time now, Effects& out) {
  auto training = std::make_shared<BeaconRecord>(*record_);
  training->stage = Stage::training;
  record_ = std::move(training);
  auto run = std::make_shared<RunOptions>(*options_.run);
  run->secure.beacon = false;  // drawn
  run->cohort.draw =
      cohort_draw(record_->beacon, record_->taking_part ? record_->members : std::vector<PartyId>{});
  PartyOptions options = options_;
  options.run = std::move(run);
  options.restored = std::move(restored);
  inner_ = make_(std::move(options));
  train([&](Effects& effects) { inner_->start(now, effects); }, out);
  for (auto& [from, message] : std::exchange(early_, {})) {
    train([&, peer = from,
           &what = message](Effects& effects) { inner_->on_message(peer, std::move(what), now, effects); },
          out);
  }
}

/// One input of the machine that trains; its records get the beacon.
template <class Input>
void BeaconGate::train(Input input, Effects& out) {
  const std::size_t before = out.items().size();
  input(out);
  for (Effect& effect : out.items().subspan(before)) {
    if (auto* persisting = std::get_if<Persist>(&effect)) persisting->record.beacon = record_;
  }
}

void BeaconGate::on_message(PartyId from, Message message, Time now, Effects& out) {
  if (const auto* packet = std::get_if<BeaconPacketMessage>(&message)) {
    if (packet->packet == nullptr) return out.emit(Rejected{from, RejectReason::wrong_size});
    CeremonyEffects effects;
    ceremony_.on_packet(*packet->packet, now, effects);
    return perform(std::move(effects), now, out);
  }
  if (inner_ != nullptr) {
    return train([&](Effects& effects) { inner_->on_message(from, std::move(message), now, effects); }, out);
  }
  const auto waiting =
      std::count_if(early_.begin(), early_.end(), [&](const auto& early) { return early.first == from; });
  if (static_cast<std::size_t>(waiting) >= kEarlyPerSenderMax) {
    return out.emit(Rejected{from, RejectReason::too_many});
  }
  early_.emplace_back(from, std::move(message));
}

void BeaconGate::on_computed(ComputeId id, Computed result, Time now, Effects& out) {
  if (inner_ == nullptr) return;  // asked for before a crash
  train([&](Effects& effects) { inner_->on_computed(id, std::move(result), now, effects); }, out);
}

void BeaconGate::on_deadline(Time now, Effects& out) {
  if (inner_ != nullptr) {
    return train([&](Effects& effects) { inner_->on_deadline(now, effects); }, out);
  }
  CeremonyEffects effects;
  ceremony_.on_deadline(now, effects);
  perform(std::move(effects), now, out);
}

void BeaconGate::on_peer_down(PartyId peer, Time now, Effects& out) {
  if (inner_ == nullptr) return;  // the ceremony's own deadlines decide
  train([&](Effects& effects) { inner_->on_peer_down(peer, now, effects); }, out);
}

std::optional<Time> BeaconGate::next_deadline() const {
  return inner_ != nullptr ? inner_->next_deadline() : ceremony_.next_deadline();
}

}  // namespace hansa::protocols::beacon
