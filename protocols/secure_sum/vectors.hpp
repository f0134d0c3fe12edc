// Known answers: every secret of a small session drawn from a label instead of from randomness, so that two
// implementations can be compared byte by byte.
#pragma once

#include "protocols/machine.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <string>

namespace hansa::protocols::secure_sum {

/// The k-th fill of member i gives the first bytes of BLAKE2b-512(label | LE16 i | LE32 k). For tests and
/// vectors only: everybody knows these secrets.
class LabelledEntropy final : public EntropySource {
 public:
  LabelledEntropy(std::string label, std::uint16_t member) : label_(std::move(label)), member_(member) {}
  void fill(std::span<std::byte> bytes) override;  ///< at most 64 bytes at a time

 private:
  std::string label_;
  std::uint16_t member_;
  std::uint32_t draws_ = 0;
};

struct VectorSizes {
  std::size_t members = 4;
  std::size_t threshold = 3;
  std::size_t length = 16;  ///< ring elements
  std::size_t chunk = 4;    ///< elements per chunk; the last one may be shorter
  std::string seed_label = "hansa1/kat";
};

/// The vectors as lines of text (docs/wire-format.md): a whole sum without dropouts in Z_2^32, with
/// q_i[k] = 1000 i + k. An error if the sizes cannot be.
Result<std::string> known_answers(const VectorSizes& sizes);

}  // namespace hansa::protocols::secure_sum
