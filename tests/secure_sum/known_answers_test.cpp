// The known answers of docs/wire-format.md, byte by byte. They come from an independent reference.
#include "protocols/secure_sum/layout.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace hansa::protocols::secure_sum {
namespace {

constexpr const char* kVectors = R"(all chunks
sid0   7016e8e31bef5da8ac0964fac675a0bb1d8e447dbd36d8cf47947f7bd24035c7
sid    215506b370652ae2a59fc91e818a333ed53c62d778fd175ed4ed44f2e2e6bacc
beta_0 df713c0de416f02fbcbcd896a148731a28584f7b41c831d0ce557301b838210e
sk_0   97be2e74495e745e440527bca90bc986a5f99b1770f384173faf6290e3c9bc0c
pk_0   f41d6223c9388d6b725dd4e5a41e8e7dfabfce98b937f1c91d897b807aa54220
beta_1 cf6fd3a62582bb0cd1e6273c2ba3958d3466d385312236b104310e1a12a73104
sk_1   28e3053608948877f43c1e056c549bf6f6adeca61b03df2d9ad96dbcb75cbd0d
pk_1   441f3505141a0f1e4652e33573d1963caa1a7f5d4a855069c0cd5a19e155f30a
beta_2 f47ac49fa360a5b0d210dc8e4fde7a4e4771309bc491dd601b2b76bdbf979d02
sk_2   007826f5422c2ba4048a6cf5fe3374e418de55faa17f2cc4c65c21d804907302
pk_2   f6de8c3bbf617e95a6b3ae204fef1a63e6f25667ce790203644b09f767a11455
beta_3 bd3ce83f8b13fd9e94b6f4fef294632f531b7940c53d7a5b1bac627f9eedc200
sk_3   92592ee5f6600ee836e79ea344dd148465d18852150a839a746b633d6276df0f
pk_3   205aadb5294d62daf5f554ebcf6f1b91279ccda5c23620a6414e927d54a19944
share_self(0->1) 1b079ceb676a1caf5810961de79fc9aedc688a78bbaa1944007b5348dbf6610f
selfseed_0 497b5019754a37e4c37ee2068d8d7aa514d1e088d6c902b070c097f5fe3735d8
pairseed_01 7e516099270f9a44d0aded500508c277ae5beb8b8e218800d4ebb9b720e20881
pairseed_02 f1c1890f3d59265a7361f19c4de7488946df8c4d94e6a15b67c77a2d8bf64072
pairseed_03 35cffcdc68bc834f2eda4889d4982657a1cb2df859769a0762d940ab5ace1139
mask(pairseed_01,chunk 2)[0..3] 8a0930fc 05c25d28 875e0ea8 f5f5d68a
y_0 chunk 2 bytes 9ce2cff4fffea6308cbfb6f98b530a71
sum chunk 2 6032 6036 6040 6044 (plain: 6032..)
)";

TEST(SecureSum, kat_kdf_mask_shamir) {
  const auto text = known_answers({.members = 4, .threshold = 3, .length = 16, .chunk = 4});
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, kVectors);
}

TEST(SecureSum, VectorsExistForAnySizes) {  // known_answers asserts that every chunk sums up
  for (const VectorSizes& sizes : {VectorSizes{2, 1, 1, 1, "a"}, VectorSizes{12, 7, 100, 30, "b"},
                                   VectorSizes{5, 5, 7, 100, ""}, VectorSizes{3, 2, 9, 4, "c"}}) {
    const auto text = known_answers(sizes);
    ASSERT_TRUE(text.ok());
    EXPECT_NE(text->find("\nsum chunk "), std::string::npos);
  }
  EXPECT_NE(*known_answers({.seed_label = "other"}), kVectors);
  EXPECT_FALSE(known_answers({.members = 4, .threshold = 5}).ok());
  EXPECT_FALSE(known_answers({.members = 65}).ok());
  EXPECT_FALSE(known_answers({.length = 0}).ok());
}

TEST(SecureSum, TheWireFormatPageHasVectorsAndReasons) {
  std::ifstream file(HANSA_SOURCE_DIR "/docs/wire-format.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(page.find(kVectors), std::string::npos);
  for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
    const std::string name(drop_reason_name(static_cast<DropReason>(reason)));
    EXPECT_NE(page.find("| `" + name + "` |"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
