#include "actors/mesh.hpp"

#include "actors/messages.hpp"
#include "actors/party.hpp"
#include "actors/trainer.hpp"
#include "src/wire/codec.hpp"

#include <hansa/assert.hpp>

#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/send.hpp>

#include <utility>

namespace hansa::actors {

std::size_t MeshState::send(PartyId from, PartyId to, protocols::Message message) {
  HANSA_ASSERT(index(to) < parties.size());
  const caf::actor& receiver = parties[index(to)];
  std::size_t bytes = 0;
  progress.input_added();
  if (encode_messages_) {
    auto frame = std::make_shared<const std::vector<std::byte>>(wire::encode(message));
    bytes = frame->size();
    caf::anon_send(receiver, Frame{from, std::move(frame)});
  } else {
    bytes = wire::encoded_size(message);
    caf::anon_send(receiver, Delivery{from, std::move(message)});
  }
  if (input_.bytes_sent_total != nullptr) {
    input_.bytes_sent_total->fetch_add(bytes, std::memory_order_relaxed);
  }
  return bytes;
}

Mesh::Mesh(caf::actor_system& system, const exec::DriverInput& input, bool encode_messages,
           ReportSink& reports)
    : system_(system),
      state_(std::make_shared<MeshState>(input, encode_messages, reports, system.clock().now())) {
  state_->parties.reserve(input.parties);
  try {
    for (std::uint32_t i = 0; i < input.parties; ++i) spawn(party_at(i));
  } catch (...) {
    state_->parties.clear();  // breaks the circle, as the destructor would have
    throw;
  }
}

void Mesh::spawn(PartyId party) {
  auto machine = state_->input().make(party, std::nullopt);
  // Lazy: nothing runs before Begin, when all parties know each other.
  auto trainer = system_.spawn<TrainerActor, caf::lazy_init>(state_);
  state_->parties.push_back(
      system_.spawn<PartyActor, caf::lazy_init>(state_, party, std::move(trainer), std::move(machine)));
}

Mesh::~Mesh() { state_->parties.clear(); }

void Mesh::begin() {
  for (std::size_t i = 0; i < state_->parties.size(); ++i) state_->progress.input_added();
  for (const caf::actor& party : state_->parties) caf::anon_send(party, Begin{});
}

void Mesh::leave() {
  state_->leaving.store(true, std::memory_order_relaxed);
  for (const caf::actor& party : state_->parties) caf::anon_send(party, Leave{});
}

Time Mesh::now() const { return system_.clock().now() - state_->began; }

}  // namespace hansa::actors
