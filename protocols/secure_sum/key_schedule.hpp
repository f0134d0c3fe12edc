// From a member's random numbers to the seeds of its masks. Fresh for every attempt of every session, and
// bound to the session id, so that nothing of one session fits another.
#pragma once

#include "protocols/entropy.hpp"
#include "protocols/secure_sum/byte_order.hpp"
#include "protocols/secure_sum/plan.hpp"
#include "protocols/secure_sum/shamir.hpp"
#include "src/crypto/channel.hpp"

#include <span>
#include <vector>

namespace hansa::protocols::secure_sum {

using crypto::Secret32;

/// What a member draws for one session.
struct MemberSecrets {
  Polynomial self;               ///< its value at 0 seeds the member's own mask
  Polynomial mask;               ///< its value at 0 is the key of the pairwise masks
  crypto::ExchangeKey exchange;  ///< for sealing shares; another key, since that of the masks may be revealed

  /// Draws 64 bytes per number: self a_0, mask a_0, self a_1, ..., then the exchange key.
  [[nodiscard]] static MemberSecrets draw(EntropySource& entropy, std::size_t threshold);
  /// The body of the ADVERT.
  [[nodiscard]] Bytes advert() const;
};

/// "sid": the hash of sid0 and of every input member's number, identity and ADVERT body, in order.
[[nodiscard]] Hash256 session_id(const Hash256& first, std::span<const crypto::PublicKey> identities,
                                 std::span<const Bytes> adverts);

/// The seed that two members share. Either can be `mine`; the result is the same.
[[nodiscard]] Secret32 pair_seed(const Hash256& session, Member mine, const Scalar& my_key, Member theirs,
                                 const Point& their_key);
[[nodiscard]] Secret32 self_seed(const Hash256& session, Member member, const Scalar& secret);

/// How member `member` uses the mask that it shares with `other`: adds it if it comes first.
[[nodiscard]] constexpr bool subtracts(Member member, Member other) noexcept { return member > other; }

}  // namespace hansa::protocols::secure_sum
