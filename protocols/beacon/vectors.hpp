// Known answers of a ceremony: every member's randomness drawn from a label, so that two implementations can
// be compared byte by byte.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <string>

namespace hansa::protocols::beacon {

struct VectorSizes {
  std::size_t members = 4;
  std::string seed_label = "hansa1/kat";
};

/// The vectors as lines of text (docs/wire-format.md). An error if the sizes cannot be.
Result<std::string> known_answers(const VectorSizes& sizes);

}  // namespace hansa::protocols::beacon
