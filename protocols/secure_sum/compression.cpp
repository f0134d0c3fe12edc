#include "protocols/secure_sum/compression.hpp"

#include "src/crypto/mask.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace hansa::protocols::secure_sum {
namespace {

constexpr unsigned kChunkBits = 6;  // a sum has at most 64 chunks

}  // namespace

crypto::Hash256 index_seed(std::uint64_t draw, Round round, PartyId first_member,
                           std::uint32_t attempt) noexcept {
  crypto::Hasher hasher("hansa1/indices");
  return hasher.update_u64(draw)
      .update_u64(round)
      .update_u64(index(first_member))
      .update_u64(attempt)
      .finish();
}

std::uint32_t summed_count(std::uint32_t count, double fraction) noexcept {
  if (fraction >= 1 || count == 0) return count;
  const auto nearest = static_cast<std::uint32_t>(std::floor(fraction * count + 0.5));
  return std::clamp(nearest, std::uint32_t{1}, count);
}

/// Selection sampling (Knuth, The art of computer programming 2, 3.4.2, algorithm S): each coordinate in turn
/// is taken with the probability (still needed) / (still left), by 8 bytes of a ChaCha20 stream.
std::vector<std::uint32_t> summed_indices(const Compression& compression, std::size_t chunk,
                                          std::uint32_t count) {
  std::vector<std::uint32_t> indices;
  std::uint32_t needed = summed_count(count, compression.fraction);
  if (needed == count) return indices;
  indices.reserve(needed);
  const crypto::Secret32 seed(compression.indices.bytes);
  std::array<std::byte, 4096> block;
  for (std::uint32_t i = 0; needed > 0; ++i) {
    const std::size_t at = i % (block.size() / 8) * 8;
    if (at == 0) crypto::mask_bytes(seed, static_cast<std::uint32_t>(chunk), std::uint64_t{i} * 8, block);
    std::uint64_t random = 0;
    for (std::size_t b = 8; b > 0; --b)
      random = random << 8 | std::to_integer<std::uint64_t>(block[at + b - 1]);
    const auto below = static_cast<std::uint64_t>(static_cast<unsigned __int128>(random) * (count - i) >> 64);
    if (below >= needed) continue;
    indices.push_back(i);
    --needed;
  }
  return indices;
}

Result<void> encode_piece(const FixedPointFormat& format, const Compression& compression, PartyId party,
                          std::size_t chunk, std::span<const float> values, std::span<const float> base,
                          double weight, std::span<std::byte> lanes) {
  const auto count = static_cast<std::uint32_t>(values.size());
  std::vector<float> gathered;
  if (summed_count(count, compression.fraction) < count) {
    for (const std::uint32_t i : summed_indices(compression, chunk, count)) {
      gathered.push_back(base.empty() ? values[i] : values[i] - base[i]);
    }
    values = gathered;
  } else if (!base.empty()) {
    gathered.resize(count);
    for (std::size_t i = 0; i < count; ++i) gathered[i] = values[i] - base[i];
    values = gathered;
  }
  if (format.lane != Lane::bits16) return encode(format, values, weight, lanes);
  const std::uint64_t place = std::uint64_t{compression.round} << kChunkBits | chunk;
  Rng dither(compression.seed, Purpose::rounding, index(party), place);
  return encode(format, values, weight, lanes, &dither);
}

Result<double> decode_piece(const FixedPointFormat& format, const Compression& compression, std::size_t chunk,
                            std::span<const std::byte> lanes, std::size_t contributors,
                            std::span<const float> base, std::span<float> values) {
  const auto count = static_cast<std::uint32_t>(values.size());
  const std::uint32_t summed = summed_count(count, compression.fraction);
  if (summed == count && base.empty()) return decode_mean(format, lanes, contributors, values);
  std::vector<float> means(summed);
  const Result<double> weight = decode_mean(format, lanes, contributors, means);
  if (!weight) return weight;
  const std::vector<std::uint32_t> indices = summed_indices(compression, chunk, count);
  for (std::uint32_t k = 0; k < summed; ++k) {
    const std::uint32_t i = indices.empty() ? k : indices[k];
    values[i] = base.empty() ? means[k] : base[i] + means[k];
  }
  return weight;
}

void keep_unsummed(const Compression& compression, std::size_t chunk, std::span<const float> own,
                   std::span<float> values) {
  HANSA_ASSERT(own.size() == values.size());
  const auto count = static_cast<std::uint32_t>(values.size());
  if (summed_count(count, compression.fraction) == count) return;
  std::uint32_t begin = 0;
  for (const std::uint32_t i : summed_indices(compression, chunk, count)) {
    std::copy(own.begin() + begin, own.begin() + i, values.begin() + begin);
    begin = i + 1;
  }
  std::copy(own.begin() + begin, own.end(), values.begin() + begin);
}

}  // namespace hansa::protocols::secure_sum
