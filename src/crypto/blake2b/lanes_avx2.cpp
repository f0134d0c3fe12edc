// Four lanes in a register, twice (flags in src/crypto/CMakeLists.txt).
#include "src/crypto/blake2b/lanes_impl.hpp"

namespace hansa::crypto::blake2b {
namespace {

struct Word {
  static constexpr std::size_t kWidth = 4;
  __m256i v;

  static HANSA_BLAKE_INLINE Word all(std::uint64_t x) noexcept {
    return {_mm256_set1_epi64x(static_cast<long long>(x))};
  }
  template <int kBits>
  [[nodiscard]] HANSA_BLAKE_INLINE Word turned() const noexcept {
    if constexpr (kBits == 32) return {_mm256_shuffle_epi32(v, _MM_SHUFFLE(2, 3, 0, 1))};
    if constexpr (kBits == 24) {
      return {_mm256_shuffle_epi8(v, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3,
                                                      4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10))};
    }
    if constexpr (kBits == 16) {
      return {_mm256_shuffle_epi8(v, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2,
                                                      3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9))};
    }
    return {_mm256_or_si256(_mm256_srli_epi64(v, kBits), _mm256_slli_epi64(v, 64 - kBits))};
  }
  HANSA_BLAKE_INLINE void store(std::uint64_t* to) const noexcept {
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), v);
  }
  /// Word i of the block at `at` of each piece becomes m[i].
  static HANSA_BLAKE_INLINE void load(const Pieces& pieces, std::size_t first, std::size_t at,
                                      Word (&m)[16]) noexcept {
    for (std::size_t part = 0; part < 4; ++part) {
      __m256i row[4];
      for (std::size_t lane = 0; lane < kWidth; ++lane) {
        row[lane] =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pieces[first + lane] + at + 32 * part));
      }
      const __m256i a = _mm256_unpacklo_epi64(row[0], row[1]), b = _mm256_unpackhi_epi64(row[0], row[1]);
      const __m256i c = _mm256_unpacklo_epi64(row[2], row[3]), d = _mm256_unpackhi_epi64(row[2], row[3]);
      m[4 * part] = {_mm256_permute2x128_si256(a, c, 0x20)};
      m[4 * part + 1] = {_mm256_permute2x128_si256(b, d, 0x20)};
      m[4 * part + 2] = {_mm256_permute2x128_si256(a, c, 0x31)};
      m[4 * part + 3] = {_mm256_permute2x128_si256(b, d, 0x31)};
    }
  }
};
HANSA_BLAKE_INLINE Word operator+(Word a, Word b) noexcept { return {_mm256_add_epi64(a.v, b.v)}; }
HANSA_BLAKE_INLINE Word operator^(Word a, Word b) noexcept { return {_mm256_xor_si256(a.v, b.v)}; }

}  // namespace

void hash_lanes_avx2(const Pieces& pieces, std::size_t size, Digests& out) noexcept;
void hash_lanes_avx2(const Pieces& pieces, std::size_t size, Digests& out) noexcept {
  hash_some<Word>(pieces, 0, size, out);
  hash_some<Word>(pieces, 4, size, out);
}

}  // namespace hansa::crypto::blake2b
