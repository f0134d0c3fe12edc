// What actors of one mesh send each other. These messages never leave the process, so CAF need not know how
// to serialise them; everything big inside is a counted reference.
#pragma once

#include "protocols/machine.hpp"
#include "src/exec/local_training.hpp"

#include <hansa/shared_bytes.hpp>
#include <hansa/types.hpp>

#include <caf/allowed_unsafe_message_type.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace hansa::actors {

/// To a party, once, before anything else matters: start the machine.
struct Begin {};
/// To a party: say farewell and quit.
struct Leave {};
/// To a party: a peer's message, passed on as it is; the payload is a shared immutable block.
struct Delivery {
  PartyId from{};
  protocols::Message message;
};
/// To a party: a peer's message as bytes.
struct Frame {
  PartyId from{};
  SharedBytes bytes;
};
/// To a party, from itself: the alarm for `at`.
struct Alarm {
  Time at{};
};
/// To a party: the failure detector gave up on `peer`.
struct PeerDown {
  PartyId peer{};
};
/// To a trainer: perform this and answer with Done. Consumed by the handler.
struct Work {
  PartyId party{};
  protocols::ComputeId id = 0;
  protocols::Task task;
};
/// To a party, from its trainer.
struct Done {
  protocols::ComputeId id = 0;
  exec::Performed performed;
  Duration took{};
};

}  // namespace hansa::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Begin)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Delivery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Frame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Alarm)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::PeerDown)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hansa::actors::Done)
