// The function itself, over a vector type that the including file defines as `Word`: 64 bits of each lane.
// In an unnamed namespace, because each variant is compiled with other instructions.
#pragma once

#include "src/crypto/blake2b/lanes.hpp"

#include <immintrin.h>

#define HANSA_BLAKE_INLINE inline __attribute__((always_inline))

namespace hansa::crypto::blake2b {
namespace {

constexpr std::array<std::uint64_t, 8> kStart = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                                 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                                 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
constexpr std::uint64_t kParameters = 0x01010040;  // 64 bytes of digest, no key, no tree

constexpr std::array<std::array<std::uint8_t, 16>, 10> kOrder = {{
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
}};

template <class Word>
HANSA_BLAKE_INLINE void mix(Word& a, Word& b, Word& c, Word& d, Word x, Word y) noexcept {
  a = a + b + x;
  d = (d ^ a).template turned<32>();
  c = c + d;
  b = (b ^ c).template turned<24>();
  a = a + b + y;
  d = (d ^ a).template turned<16>();
  c = c + d;
  b = (b ^ c).template turned<63>();
}

template <std::size_t kRound, class Word>
HANSA_BLAKE_INLINE void round(Word (&v)[16], const Word (&m)[16]) noexcept {
  constexpr auto s = kOrder[kRound % 10];
  mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

/// Word::kWidth pieces, from `first` on.
template <class Word>
HANSA_BLAKE_INLINE void hash_some(const Pieces& pieces, std::size_t first, std::size_t size,
                                  Digests& out) noexcept {
  Word h[8];
  for (std::size_t i = 0; i < 8; ++i) h[i] = Word::all(kStart[i]);
  h[0] = h[0] ^ Word::all(kParameters);
  for (std::size_t at = 0; at < size; at += kBlockBytes) {
    Word m[16];
    Word::load(pieces, first, at, m);
    const bool last = at + kBlockBytes == size;
    Word v[16];
    for (std::size_t i = 0; i < 8; ++i) {
      v[i] = h[i];
      v[8 + i] = Word::all(kStart[i]);
    }
    v[12] = v[12] ^ Word::all(at + kBlockBytes);
    if (last) v[14] = v[14] ^ Word::all(~std::uint64_t{0});
    round<0>(v, m);
    round<1>(v, m);
    round<2>(v, m);
    round<3>(v, m);
    round<4>(v, m);
    round<5>(v, m);
    round<6>(v, m);
    round<7>(v, m);
    round<8>(v, m);
    round<9>(v, m);
    round<10>(v, m);
    round<11>(v, m);
    for (std::size_t i = 0; i < 8; ++i) h[i] = h[i] ^ v[i] ^ v[8 + i];
  }
  for (std::size_t i = 0; i < 8; ++i) {
    alignas(64) std::array<std::uint64_t, Word::kWidth> words;
    h[i].store(words.data());
    for (std::size_t lane = 0; lane < Word::kWidth; ++lane) {
      __builtin_memcpy(out[first + lane].data() + 8 * i, &words[lane], 8);
    }
  }
}

}  // namespace
}  // namespace hansa::crypto::blake2b
