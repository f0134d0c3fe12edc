// Masks of all members cancel in the sum, to the bit, for any number of members, any ring and any cut.
#include "protocols/secure_sum/masking.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

namespace hansa::protocols::secure_sum {
namespace {

/// Cuts `lanes` elements into `chunks` pieces of nearly equal size, none empty.
std::vector<MaskTask::Chunk> cut(std::size_t lanes, std::size_t chunks) {
  std::vector<MaskTask::Chunk> out;
  chunks = std::min(chunks, lanes);
  for (std::size_t c = 0; c < chunks; ++c) {
    out.push_back({static_cast<std::uint32_t>(c), lanes * (c + 1) / chunks - lanes * c / chunks});
  }
  return out;
}

Bytes random_lanes(std::size_t bytes, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  Bytes out(bytes);
  for (auto& byte : out) byte = static_cast<std::byte>(rng.below(256));
  return out;
}

void check_cancellation(std::size_t n, std::size_t lanes, Lane lane) {
  const Hash256 sid = crypto::hash("hansa.test", Writer().u64(n).u64(lanes).bytes());
  std::vector<MemberSecrets> secrets;
  std::vector<Point> keys;
  for (std::size_t i = 0; i < n; ++i) {
    LabelledEntropy entropy("cancel", static_cast<std::uint16_t>(i));
    secrets.push_back(MemberSecrets::draw(entropy, 1));
    keys.push_back(Point::of(secrets[i].mask.secret()));
  }
  Bytes plain(lanes * lane_bytes(lane)), sum = plain;
  MaskTask unmask{lane, {}, cut(lanes, n), {}};
  std::size_t covered = 0;
  for (const auto& chunk : unmask.chunks) covered += chunk.lanes;
  ASSERT_EQ(covered, lanes);
  for (std::size_t i = 0; i < n; ++i) {
    const Bytes input = random_lanes(plain.size(), i);
    crypto::add_lanes(plain, input, lane);
    const auto terms = input_terms(sid, i, secrets[i], keys);
    ASSERT_EQ(terms.size(), n);
    crypto::add_lanes(sum, perform({lane, input, unmask.chunks, terms}), lane);
    unmask.terms.push_back({self_seed(sid, i, secrets[i].self.secret()), true});
  }
  EXPECT_NE(sum, plain);
  unmask.lanes = std::move(sum);
  EXPECT_EQ(perform(std::move(unmask)), plain) << n << " members, " << lanes << " elements";
}

TEST(Masking, mask_cancellation_exact) {
  for (const std::size_t n : {2u, 3u, 5u, 8u, 32u}) {
    for (const std::size_t lanes : {1u, 2u, 7u, 31u, 97u, 1009u}) {
      check_cancellation(n, lanes, Lane::bits32);
    }
    check_cancellation(n, 97, Lane::bits64);
    check_cancellation(n, 97, Lane::bits16);
  }
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
