// What run books say to each other; docs/wire-format.md has the layouts. Private to protocols/runs/.
#pragma once

#include <cstdint>

namespace hansa::protocols::runs {

/// First byte of a message.
enum class MessageKind : std::uint8_t {
  statement = 1,
  digest = 2,  ///< please answer with yours
  digest_reply = 3,
  remind = 4,  ///< what have you seen of me?
  reminder = 5,
};

}  // namespace hansa::protocols::runs
