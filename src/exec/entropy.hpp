// The two sources of secret randomness that a driver injects into machines: the operating system on a node,
// and a replayable stream in the simulator. The replayable one takes a boot counter, because a party that
// crashed and came back must never draw the same nonce or mask again.
#pragma once

#include "protocols/machine.hpp"
#include "src/crypto/keystream.hpp"

#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hansa::exec {

/// From the operating system. Thread-safe. crypto::initialise() must have succeeded.
class OsEntropy final : public protocols::EntropySource {
 public:
  void fill(std::span<std::byte> bytes) override;
};

/// Replayable: the same (seed, party, boot) gives the same bytes, different ones give unrelated bytes. For
/// simulations and tests only, never for real secrets. Not thread-safe.
class SeededEntropy final : public protocols::EntropySource {
 public:
  /// `boot_counter`: how often this party has been started, from 0.
  SeededEntropy(std::uint64_t seed, PartyId party, std::uint64_t boot_counter) noexcept;
  void fill(std::span<std::byte> bytes) override;

 private:
  crypto::Keystream stream_;
};

}  // namespace hansa::exec
