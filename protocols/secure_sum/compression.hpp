// Secure sums with fewer bytes. Two ways, which go together:
// - Only a random fraction of the coordinates is summed, the same for all members of a sum; the others keep
//   their local values (random sparsification: Konecny et al. 2016, "Federated learning: strategies for
//   improving communication efficiency"). Which ones follows from the sum's public name, so no member can
//   choose, and nobody has to send an index.
// - In the ring Z_2^16 members sum differences from a base that all of them hold, rounded up or down at
//   random so that the mean is right (stochastic rounding: Gupta et al. 2015).
#pragma once

#include "protocols/secure_sum/fixed_point.hpp"
#include "src/crypto/hash.hpp"

#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hansa::protocols::secure_sum {

/// What the members of a sum have in common; the default changes nothing.
struct Compression {
  double fraction = 1;      ///< of each piece's coordinates that is summed, in (0, 1]
  crypto::Hash256 indices;  ///< which ones: see index_seed
  std::uint64_t seed = 0;   ///< of the run, with `round` for the rounding in the 16-bit ring
  Round round = 0;
};

/// The seed of a sum's index sets, from what names the sum: `draw` is the public draw that made the cohorts.
[[nodiscard]] crypto::Hash256 index_seed(std::uint64_t draw, Round round, PartyId first_member,
                                         std::uint32_t attempt) noexcept;

/// How many of `count` coordinates are summed: fraction * count to the nearest, at least one.
[[nodiscard]] std::uint32_t summed_count(std::uint32_t count, double fraction) noexcept;

/// Which ones, ascending: summed_count of them, every set being equally likely. `chunk` is the piece's number
/// in the sum. Empty if all are summed.
[[nodiscard]] std::vector<std::uint32_t> summed_indices(const Compression& compression, std::size_t chunk,
                                                        std::uint32_t count);

/// Encodes one piece of `party`'s model: its summed coordinates, less those of `base` if that is not empty
/// (then it has as many as `values`). `lanes` has summed_count + 1 elements. Errors are those of encode.
Result<void> encode_piece(const FixedPointFormat& format, const Compression& compression, PartyId party,
                          std::size_t chunk, std::span<const float> values, std::span<const float> base,
                          double weight, std::span<std::byte> lanes);

/// Writes base + mean at the summed coordinates of one piece of `values` and leaves the others. Errors are
/// those of check_sum; then `values` is as it was.
Result<double> decode_piece(const FixedPointFormat& format, const Compression& compression, std::size_t chunk,
                            std::span<const std::byte> lanes, std::size_t contributors,
                            std::span<const float> base, std::span<float> values);

/// At the coordinates of one piece that are not summed, copies `own` over `values`.
void keep_unsummed(const Compression& compression, std::size_t chunk, std::span<const float> own,
                   std::span<float> values);

}  // namespace hansa::protocols::secure_sum
