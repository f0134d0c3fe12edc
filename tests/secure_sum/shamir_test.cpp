// Secret sharing: any t shares rebuild, fewer exclude nothing, a changed bit is caught; and what seeds depend
// on.
#include "protocols/secure_sum/shamir.hpp"
#include "protocols/secure_sum/key_schedule.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include "src/crypto/hash.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

namespace hansa::protocols::secure_sum {
namespace {

using crypto::to_hex;

Scalar scalar(const std::string& label) {
  LabelledEntropy entropy(label, 0);
  crypto::Secret<64> wide;
  entropy.fill(wide.bytes());
  return Scalar::reduce(wide.bytes());
}

Polynomial polynomial(std::size_t threshold, const std::string& label) {
  std::vector<Scalar> coefficients;
  for (std::size_t k = 0; k < threshold; ++k) coefficients.push_back(scalar(label + std::to_string(k)));
  return Polynomial(std::move(coefficients));
}

TEST(Shamir, shamir_any_t_of_n) {
  for (std::size_t n = 2; n <= 7; ++n) {
    for (std::size_t t = 1; t <= n; ++t) {
      const Polynomial secret = polynomial(t, "secret");
      for (unsigned subset = 0; subset < (1u << n); ++subset) {
        if (static_cast<std::size_t>(std::popcount(subset)) != t) continue;
        std::vector<Share> shares;
        for (std::size_t i = 0; i < n; ++i) {
          if ((subset >> i) & 1) shares.push_back({i, secret.share(i)});
        }
        ASSERT_TRUE(rebuild_secret(shares) == secret.secret()) << n << " " << t << " " << subset;
      }
    }
  }
}

/// t - 1 shares and any claimed secret lie on one polynomial of degree t - 1: they exclude nothing.
TEST(Shamir, FewerSharesFitEverySecret) {
  constexpr std::size_t kThreshold = 4;
  const Polynomial secret = polynomial(kThreshold, "real");
  for (const char* label : {"claim one", "claim two", "claim three"}) {
    // The polynomial through (0, claim) and the shares of members 0 to 2, evaluated at member 3's place: any
    // value of the t-th share makes some secret, and this one makes the claimed secret.
    const Scalar claim = scalar(label);
    std::vector<Share> shares;
    for (std::size_t i = 0; i + 1 < kThreshold; ++i) shares.push_back({i, secret.share(i)});
    // Solve rebuild(shares + {3, y}) == claim, which is linear in y.
    auto with = [&](const Scalar& y) {
      auto all = shares;
      all.push_back({kThreshold - 1, y});
      return rebuild_secret(all);
    };
    const Scalar at_zero = with(Scalar()), slope = with(Scalar::from(1)) - at_zero;
    ASSERT_FALSE(slope.is_zero());
    EXPECT_TRUE(with((claim - at_zero) * slope.inverse()) == claim);
  }
}

TEST(Shamir, feldman_accepts_honest_rejects_any_bitflip) {
  const Polynomial secret = polynomial(3, "feldman");
  const auto commitments = secret.commitments();
  EXPECT_TRUE(commitments[0] == Point::of(secret.secret()));
  for (std::size_t member = 0; member < 8; ++member) {
    EXPECT_TRUE(share_fits(commitments, member, secret.share(member)));
    EXPECT_FALSE(share_fits(commitments, member + 1, secret.share(member)));
  }
  const Scalar share = secret.share(2);
  for (std::size_t bit = 0; bit < 252; ++bit) {
    crypto::Secret32 bytes(share.bytes());
    bytes.bytes()[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const auto changed = Scalar::decode(bytes.bytes());
    if (!changed) continue;  // not below the group order: refused before it is compared
    ASSERT_FALSE(share_fits(commitments, 2, *changed)) << bit;
  }
  for (std::size_t k = 0; k < commitments.size(); ++k) {
    auto changed = commitments;
    changed[k] = changed[k] + Point::of(Scalar::from(1));
    EXPECT_FALSE(share_fits(changed, 2, share));
  }
}

TEST(KeySchedule, pair_seed_symmetric) {
  const Scalar a = scalar("a"), b = scalar("b"), c = scalar("c");
  const Point pa = Point::of(a), pb = Point::of(b);
  const Hash256 sid = crypto::hash("hansa.test", {}), other = crypto::hash("hansa.test2", {});
  const auto hex = [](const Secret32& seed) { return to_hex(seed.bytes()); };
  const std::string seed = hex(pair_seed(sid, 2, a, 5, pb));
  EXPECT_EQ(seed, hex(pair_seed(sid, 5, b, 2, pa)));
  const std::set<std::string> all = {seed,
                                     hex(pair_seed(other, 2, a, 5, pb)),
                                     hex(pair_seed(sid, 3, a, 5, pb)),
                                     hex(pair_seed(sid, 2, a, 6, pb)),
                                     hex(pair_seed(sid, 5, a, 2, pb)),
                                     hex(pair_seed(sid, 2, c, 5, pb)),
                                     hex(pair_seed(sid, 2, a, 5, Point::of(c))),
                                     hex(self_seed(sid, 2, a)),
                                     hex(self_seed(sid, 3, a)),
                                     hex(self_seed(other, 2, a)),
                                     hex(self_seed(sid, 2, b))};
  EXPECT_EQ(all.size(), 11u) << "everything that a seed is bound to changes it";
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
