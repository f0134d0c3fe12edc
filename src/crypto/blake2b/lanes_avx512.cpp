// Eight lanes in a register, which has rotations (flags in src/crypto/CMakeLists.txt).
#include "src/crypto/blake2b/lanes_impl.hpp"

namespace hansa::crypto::blake2b {
namespace {

struct Word {
  static constexpr std::size_t kWidth = 8;
  __m512i v;

  static HANSA_BLAKE_INLINE Word all(std::uint64_t x) noexcept {
    return {_mm512_set1_epi64(static_cast<long long>(x))};
  }
  template <int kBits>
  [[nodiscard]] HANSA_BLAKE_INLINE Word turned() const noexcept {
    return {_mm512_ror_epi64(v, kBits)};
  }
  HANSA_BLAKE_INLINE void store(std::uint64_t* to) const noexcept { _mm512_store_si512(to, v); }
  /// Word i of the block at `at` of each piece becomes m[i].
  static HANSA_BLAKE_INLINE void load(const Pieces& pieces, std::size_t first, std::size_t at,
                                      Word (&m)[16]) noexcept {
    for (std::size_t half = 0; half < 2; ++half) {
      __m512i row[8], pair[8], quad[8];
      for (std::size_t lane = 0; lane < kWidth; ++lane) {
        row[lane] = _mm512_loadu_si512(pieces[first + lane] + at + 64 * half);
      }
      for (std::size_t i = 0; i < 4; ++i) {  // [word, parity of its lane]: two lanes beside each other
        pair[2 * i] = _mm512_unpacklo_epi64(row[2 * i], row[2 * i + 1]);
        pair[2 * i + 1] = _mm512_unpackhi_epi64(row[2 * i], row[2 * i + 1]);
      }
      for (std::size_t i = 0; i < 2; ++i) {  // pairs of lanes 0-1 and 2-3, or 4-5 and 6-7
        for (std::size_t odd = 0; odd < 2; ++odd) {
          const __m512i low = pair[4 * i + odd], high = pair[4 * i + 2 + odd];
          quad[4 * i + odd] = _mm512_shuffle_i64x2(low, high, 0x88);      // words 0 and 4 (1 and 5)
          quad[4 * i + 2 + odd] = _mm512_shuffle_i64x2(low, high, 0xDD);  // words 2 and 6 (3 and 7)
        }
      }
      for (std::size_t word = 0; word < 4; ++word) {
        m[8 * half + word] = {_mm512_shuffle_i64x2(quad[word], quad[4 + word], 0x88)};
        m[8 * half + 4 + word] = {_mm512_shuffle_i64x2(quad[word], quad[4 + word], 0xDD)};
      }
    }
  }
};
HANSA_BLAKE_INLINE Word operator+(Word a, Word b) noexcept { return {_mm512_add_epi64(a.v, b.v)}; }
HANSA_BLAKE_INLINE Word operator^(Word a, Word b) noexcept { return {_mm512_xor_si512(a.v, b.v)}; }

}  // namespace

void hash_lanes_avx512(const Pieces& pieces, std::size_t size, Digests& out) noexcept;
void hash_lanes_avx512(const Pieces& pieces, std::size_t size, Digests& out) noexcept {
  hash_some<Word>(pieces, 0, size, out);
}

}  // namespace hansa::crypto::blake2b
