// Masks: the vectors of RFC 8439, equal bytes from every backend, and addition against a naive loop.
#include "src/crypto/mask.hpp"

#include "src/crypto/hash.hpp"
#include "tests/crypto/hex.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace hansa::crypto {
namespace {

Secret32 seed_of(std::byte tag) { return Secret32(hash("hansa.test", std::span(&tag, 1)).bytes); }

std::vector<std::byte> naive_stream(const Secret32& seed, std::uint32_t chunk, std::size_t size) {
  std::vector<std::byte> out(size);
  mask_bytes(seed, chunk, 0, out, mask_backends().back());
  return out;
}

TEST(Mask, EveryBackendGivesTheVectorsOfRfc8439) {
  for (const MaskBackend& backend : mask_backends()) {
    SCOPED_TRACE(backend.name);
    std::vector<std::byte> bytes(128);  // appendix A.1, vectors 1 and 2: key and nonce zero, blocks 0 and 1
    mask_bytes(Secret32(), 0, 0, bytes, backend);
    EXPECT_EQ(to_hex(bytes),
              "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
              "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
              "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
              "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
    Secret32
        key;  // vector 3: the last byte of the key is 1, block 1; vector 4: its second byte is ff, block 2
    key.bytes()[31] = std::byte{1};
    bytes.resize(64);
    mask_bytes(key, 0, 64, bytes, backend);
    EXPECT_EQ(to_hex(std::span(bytes).first(16)), "3aeb5224ecf849929b9d828db1ced4dd");
    key = Secret32();
    key.bytes()[1] = std::byte{0xff};
    mask_bytes(key, 0, 128, bytes, backend);
    EXPECT_EQ(to_hex(std::span(bytes).first(16)), "72d54dfbf12ec44b362692df94137f32");
  }
}

TEST(Mask, chacha_backend_equivalence) {
  if (mask_backends().size() < 2) GTEST_SKIP() << "this build has one backend only";
  const MaskBackend &one = mask_backends()[0], &other = mask_backends()[1];
  const auto compare = [&](std::uint32_t chunk, std::uint64_t first, std::size_t size) {
    std::vector<std::byte> a(size, std::byte{1}), b(size, std::byte{2});
    mask_bytes(seed_of(std::byte{7}), chunk, first, a, one);
    mask_bytes(seed_of(std::byte{7}), chunk, first, b, other);
    ASSERT_EQ(a, b) << "chunk " << chunk << ", " << size << " bytes from " << first;
  };
  Rng rng(3, Purpose::test);
  for (std::size_t size = 0; size <= 200; ++size) {
    compare(static_cast<std::uint32_t>(rng.next()), rng.below(std::uint64_t{1} << 34), size);
  }
  compare(5, 11, (std::size_t{1} << 20) + 3);
}

TEST(Mask, IsSeekable) {
  const auto whole = naive_stream(seed_of(std::byte{1}), 9, 4096);
  Rng rng(4, Purpose::test);
  for (int repeat = 0; repeat < 100; ++repeat) {
    const std::size_t first = rng.below(whole.size());
    std::vector<std::byte> piece(rng.below(whole.size() - first + 1));
    mask_bytes(seed_of(std::byte{1}), 9, first, piece);
    ASSERT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
  }
  EXPECT_NE(naive_stream(seed_of(std::byte{1}), 8, 64), naive_stream(seed_of(std::byte{1}), 9, 64));
  EXPECT_NE(naive_stream(seed_of(std::byte{2}), 9, 64), naive_stream(seed_of(std::byte{1}), 9, 64));
}

template <class T>
void check_addition(Lane lane, std::size_t elements, const MaskBackend& backend) {
  std::vector<T> vector(elements), expected(elements);
  Rng rng(elements, Purpose::test, lane_bytes(lane));
  for (std::size_t i = 0; i < elements; ++i) vector[i] = expected[i] = static_cast<T>(rng.next());
  const std::vector<MaskTerm> terms = {
      {seed_of(std::byte{1}), false}, {seed_of(std::byte{2}), true}, {seed_of(std::byte{3}), false}};
  for (const MaskTerm& term : terms) {
    const auto bytes = naive_stream(term.seed, 3, elements * sizeof(T));
    for (std::size_t i = 0; i < elements; ++i) {
      T mask = 0;
      for (std::size_t b = sizeof(T); b-- > 0;) {
        mask = static_cast<T>((static_cast<std::uint64_t>(mask) << 8) |
                              std::to_integer<std::uint64_t>(bytes[i * sizeof(T) + b]));
      }
      expected[i] = static_cast<T>(term.subtract ? expected[i] - mask : expected[i] + mask);
    }
  }
  add_masks(std::as_writable_bytes(std::span(vector)), lane, terms, 3, backend);
  EXPECT_EQ(vector, expected) << elements << " elements, " << backend.name;
}

TEST(Mask, AddingIsThatOfANaiveLoop) {
  for (const MaskBackend& backend : mask_backends()) {
    for (const std::size_t elements : {0u, 1u, 15u, 16u, 17u, 1023u, 2048u, 2049u, 5000u}) {
      check_addition<std::uint16_t>(Lane::bits16, elements, backend);
      check_addition<std::uint32_t>(Lane::bits32, elements, backend);
      check_addition<std::uint64_t>(Lane::bits64, elements, backend);
    }
  }
}

TEST(Secret, WipesItself) {
  alignas(Secret32) std::array<std::byte, sizeof(Secret32)> place{};
  auto* secret = new (place.data()) Secret32(seed_of(std::byte{9}));
  ASSERT_NE(place, decltype(place){});
  secret->~Secret32();
  EXPECT_EQ(place, decltype(place){});
}

}  // namespace
}  // namespace hansa::crypto
