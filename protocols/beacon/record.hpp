// What a party must know after a crash about the draw of its cohorts.
#pragma once

#include "src/crypto/hash.hpp"

#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace hansa::protocols::beacon {

enum class Stage : std::uint8_t {
  begun,     ///< the ceremony has begun: what this party signed in it is gone
  ended,     ///< it is over, training has not begun
  training,  ///< the rest of the record is that of the training
};

/// Part of protocols::Record; never changed once shared.
struct BeaconRecord {
  Stage stage = Stage::begun;
  std::uint32_t attempt = 0;     ///< the last one begun, or the one that decided
  bool taking_part = false;      ///< false: left out, or there is no beacon; this party trains alone
  std::vector<PartyId> members;  ///< frozen, ascending; empty if this party does not know of any
  crypto::Hash256 beacon;
  std::shared_ptr<const std::vector<std::byte>> certificate;  ///< for members that still ask; or null
};

}  // namespace hansa::protocols::beacon
