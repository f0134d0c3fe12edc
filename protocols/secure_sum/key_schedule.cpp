#include "protocols/secure_sum/key_schedule.hpp"

#include "src/crypto/kdf.hpp"

#include <algorithm>

namespace hansa::protocols::secure_sum {
namespace {

Scalar draw_scalar(EntropySource& entropy) {
  crypto::Secret<64> wide;
  entropy.fill(wide.bytes());
  return Scalar::reduce(wide.bytes());
}

}  // namespace

MemberSecrets MemberSecrets::draw(EntropySource& entropy, std::size_t threshold) {
  std::vector<Scalar> self, mask;
  self.reserve(threshold);
  mask.reserve(threshold);
  for (std::size_t k = 0; k < threshold; ++k) {
    self.push_back(draw_scalar(entropy));
    mask.push_back(draw_scalar(entropy));
  }
  MemberSecrets secrets;
  secrets.self = Polynomial(std::move(self));
  secrets.mask = Polynomial(std::move(mask));
  secrets.exchange = crypto::ExchangeKey(draw_scalar(entropy).bytes());
  return secrets;
}

Bytes MemberSecrets::advert() const {
  Writer out;
  out.raw(exchange.public_key());
  for (const Point& point : self.commitments()) out.raw(point.bytes());
  for (const Point& point : mask.commitments()) out.raw(point.bytes());
  return std::move(out).bytes();
}

Hash256 session_id(const Hash256& first, std::span<const crypto::PublicKey> identities,
                   std::span<const Bytes> adverts) {
  crypto::Hasher hasher("hansa1/sid");
  hasher.update(first.bytes);
  for (std::size_t i = 0; i < adverts.size(); ++i) {
    hasher.update(Writer().u16(static_cast<std::uint16_t>(i)).bytes());
    hasher.update(identities[i]).update(adverts[i]);
  }
  return hasher.finish();
}

Secret32 pair_seed(const Hash256& session, Member mine, const Scalar& my_key, Member theirs,
                   const Point& their_key) {
  const Secret32 key = crypto::shared_secret(my_key, their_key);
  const Point my_point = Point::of(my_key);
  const bool first = mine < theirs;
  Writer context;
  context.raw(session.bytes).u16(static_cast<std::uint16_t>(std::min(mine, theirs)));
  context.u16(static_cast<std::uint16_t>(std::max(mine, theirs)));
  context.raw((first ? my_point : their_key).bytes()).raw((first ? their_key : my_point).bytes());
  return crypto::derive_key(key.bytes(), "hansa1/pairmask", context.bytes());
}

Secret32 self_seed(const Hash256& session, Member member, const Scalar& secret) {
  Writer context;
  context.raw(session.bytes).u16(static_cast<std::uint16_t>(member));
  return crypto::derive_key(secret.bytes(), "hansa1/selfmask", context.bytes());
}

}  // namespace hansa::protocols::secure_sum
