// The one party of a live node: the same actors as in a simulated mesh, with the node's network and disk
// around them. The party's actor never waits for training; the trainer has a thread of its own.
#pragma once

#include "protocols/machine.hpp"
#include "src/exec/local_training.hpp"

#include <hansa/result.hpp>
#include <hansa/shared_bytes.hpp>
#include <hansa/types.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace hansa::actors {

using FrameRef = SharedBytes;

/// What a live party asks of its node. Called on the party's threads, in the order of its effects; no call
/// may block on the network.
class LiveNode {
 public:
  virtual ~LiveNode() = default;
  /// Take `frame` (wire::encode) towards party `to`.
  virtual void send(PartyId to, FrameRef frame) = 0;
  /// Make `record` durable before returning: what the party says next relies on it.
  virtual Result<void> persist(const protocols::Record& record) = 0;
  virtual void happened(const protocols::Event& event, Time now) = 0;
  /// A local training or evaluation is done; it took so long. On the trainer's thread.
  virtual void trained(Duration) {}
  /// The party could not go on; it says nothing any more.
  virtual void failed(const std::string& what) = 0;
};

/// Hosts one machine in a CAF actor system. Thread-safe. Destroying it ends the party after the input that it
/// is handling; a training under way is finished first.
class LiveParty {
 public:
  struct Options {
    PartyId self{};
    std::unique_ptr<protocols::Machine> machine;
    exec::LocalTraining training;  ///< shards by party; only this party's is looked at
  };
  /// `node` must outlive the party. Threads are started here; the machine begins with begin().
  static Result<std::unique_ptr<LiveParty>> make(Options options, LiveNode& node);

  virtual ~LiveParty() = default;
  virtual void begin() = 0;
  /// A frame from `from`, not decoded yet. One that is not a message is dropped and counted.
  virtual void deliver(PartyId from, FrameRef frame) = 0;
  virtual void peer_down(PartyId peer) = 0;
};

}  // namespace hansa::actors
