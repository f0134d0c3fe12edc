// Randomness for secrets, apart from the machines so that their building blocks can ask for it.
#pragma once

#include <cstddef>
#include <span>

namespace hansa::protocols {

/// Randomness for secrets: keys, shares, nonces, noise. A node's driver takes it from the operating system,
/// the simulator from (seed, party, boot counter), so that a restart never repeats it. Never used for
/// learning.
class EntropySource {
 public:
  virtual ~EntropySource() = default;
  virtual void fill(std::span<std::byte> bytes) = 0;
};

}  // namespace hansa::protocols
