#include "src/crypto/mask.hpp"

#include <hansa/assert.hpp>

#include <bit>
#include <cstring>
#include <vector>

namespace hansa::crypto {
namespace {

static_assert(std::endian::native == std::endian::little, "lanes are added as they lie in memory");

constexpr std::size_t kStreamBlockBytes = 64;
constexpr std::size_t kCacheBlockBytes = 8192;  // with its accumulator half of a 32 KiB first-level cache

template <class T, bool kSubtract>
void combine(std::byte* into, const std::byte* from, std::size_t bytes) noexcept {
  for (std::size_t at = 0; at < bytes; at += sizeof(T)) {
    T a, b;
    std::memcpy(&a, into + at, sizeof(T));
    std::memcpy(&b, from + at, sizeof(T));
    a = static_cast<T>(kSubtract ? a - b : a + b);
    std::memcpy(into + at, &a, sizeof(T));
  }
}

template <class T>
void combine(std::byte* into, const std::byte* from, std::size_t bytes, bool subtract) noexcept {
  subtract ? combine<T, true>(into, from, bytes) : combine<T, false>(into, from, bytes);
}

}  // namespace

void mask_bytes(const Secret32& seed, std::uint32_t chunk, std::uint64_t first, std::span<std::byte> out,
                const MaskBackend& backend) {
  const std::uint64_t block = first / kStreamBlockBytes;
  HANSA_ASSERT((first + out.size()) / kStreamBlockBytes < (std::uint64_t{1} << 32));  // 256 GiB per chunk
  const auto generator = backend.start(seed, chunk, static_cast<std::uint32_t>(block));
  if (const std::size_t skip = first % kStreamBlockBytes; skip != 0) {
    Secret<kStreamBlockBytes> whole;
    generator->next(whole.bytes());
    const std::size_t count = std::min(out.size(), kStreamBlockBytes - skip);
    std::copy_n(whole.bytes().begin() + static_cast<std::ptrdiff_t>(skip), count, out.begin());
    out = out.subspan(count);
  }
  if (!out.empty()) generator->next(out);
}

void add_lanes(std::span<std::byte> into, std::span<const std::byte> lanes, Lane lane,
               bool subtract) noexcept {
  HANSA_ASSERT(into.size() == lanes.size() && into.size() % lane_bytes(lane) == 0);
  switch (lane) {
    case Lane::bits16:
      return combine<std::uint16_t>(into.data(), lanes.data(), into.size(), subtract);
    case Lane::bits32:
      return combine<std::uint32_t>(into.data(), lanes.data(), into.size(), subtract);
    case Lane::bits64:
      return combine<std::uint64_t>(into.data(), lanes.data(), into.size(), subtract);
  }
}

void add_masks(std::span<std::byte> lanes, Lane lane, std::span<const MaskTerm> terms, std::uint32_t chunk,
               const MaskBackend& backend) {
  HANSA_ASSERT(lanes.size() % lane_bytes(lane) == 0);
  std::vector<std::unique_ptr<MaskBackend::Generator>> generators;
  generators.reserve(terms.size());
  for (const MaskTerm& term : terms) generators.push_back(backend.start(term.seed, chunk, 0));
  alignas(64) std::array<std::byte, kCacheBlockBytes> buffer;
  for (std::size_t at = 0; at < lanes.size(); at += buffer.size()) {
    const auto block = lanes.subspan(at, std::min(buffer.size(), lanes.size() - at));
    const auto mask = std::span(buffer).first(block.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      generators[i]->next(mask);
      add_lanes(block, mask, lane, terms[i].subtract);
    }
  }
  wipe(buffer);
}

}  // namespace hansa::crypto
