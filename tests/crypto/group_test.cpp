// Multiples and refused encodings are those of RFC 9496 appendix A.
#include "src/crypto/group.hpp"

#include "src/crypto/hash.hpp"
#include "tests/crypto/hex.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

namespace hansa::crypto {
namespace {

constexpr const char* kMultiples[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
};

TEST(Group, GivesTheMultiplesOfRfc9496) {
  const Point base = Point::of(Scalar::from(1));
  Point sum;
  for (std::uint64_t k = 0; k < std::size(kMultiples); ++k) {
    EXPECT_EQ(to_hex(Point::of(Scalar::from(k)).bytes()), kMultiples[k]);
    EXPECT_EQ(to_hex((Scalar::from(k) * base).bytes()), kMultiples[k]);
    EXPECT_EQ(to_hex(sum.bytes()), kMultiples[k]);
    const auto decoded = Point::decode(array_from_hex<32>(kMultiples[k]));
    EXPECT_EQ(decoded.has_value(), k != 0) << "the identity is refused, every other element accepted";
    sum = sum + base;
  }
}

// At least one encoding for each reason that RFC 9496 appendix A.2 names.
constexpr const char* kRefused[] = {
    // not below p
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // a negative field element
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // x^2 is not a square
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    // s = -1, which would give y = 0
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

TEST(Group, RefusesEncodingsThatRfc9496Refuses) {
  for (const char* encoding : kRefused) {
    EXPECT_FALSE(Point::decode(array_from_hex<32>(encoding)).has_value()) << encoding;
  }
}

Scalar random_scalar(Rng& rng) {
  std::array<std::byte, 64> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.below(256));
  return Scalar::reduce(bytes);
}

TEST(Group, ScalarsAreAFieldAndPointsFollowThem) {
  Rng rng(1, Purpose::test);
  for (int repeat = 0; repeat < 20; ++repeat) {
    const Scalar a = random_scalar(rng), b = random_scalar(rng), c = random_scalar(rng);
    EXPECT_TRUE((a + b) * c == a * c + b * c);
    EXPECT_TRUE((a - b) + b == a);
    EXPECT_TRUE(a * a.inverse() == Scalar::from(1));
    EXPECT_TRUE((a - a).is_zero());
    EXPECT_TRUE(Point::of(a + b) == Point::of(a) + Point::of(b));
    EXPECT_TRUE(Point::of(a * b) == a * Point::of(b));
    EXPECT_TRUE(a * Point::of(b) == b * Point::of(a)) << "what Diffie and Hellman need";
  }
  const Scalar a = random_scalar(rng);
  EXPECT_TRUE((Point::of(a) + Point::of(Scalar() - a)).is_identity());
  EXPECT_TRUE((a * Point()).is_identity());
}

TEST(Group, ScalarsMustBeBelowTheOrder) {
  // L - 1, L and L + 1, little-endian.
  EXPECT_TRUE(
      Scalar::decode(array_from_hex<32>("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")));
  EXPECT_FALSE(
      Scalar::decode(array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")));
  EXPECT_FALSE(
      Scalar::decode(array_from_hex<32>("eed3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")));
  EXPECT_FALSE(
      Scalar::decode(array_from_hex<32>("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")));
}

}  // namespace
}  // namespace hansa::crypto
