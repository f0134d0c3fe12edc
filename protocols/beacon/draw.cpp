#include "protocols/beacon/draw.hpp"

#include "protocols/secure_sum/byte_order.hpp"

#include <utility>

namespace hansa::protocols::beacon {

using secure_sum::Reader;
using secure_sum::Writer;

std::vector<Member> members_of(const MemberSet& set) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set.test(i)) members.push_back(static_cast<Member>(i));
  }
  return members;
}

MemberSet first_members(std::size_t count) {
  MemberSet set;
  for (std::size_t i = 0; i < count; ++i) set.set(i);
  return set;
}

Hash256 commitment_of(const Hash256& manifest, std::uint32_t attempt, Member member,
                      const Bytes32& randomness) {
  crypto::Hasher hasher("hansa1/commit");
  hasher.update(manifest.bytes).update(Writer().u32(attempt).u16(member).bytes()).update(randomness);
  return hasher.finish();
}

Hash256 beacon_of(const Hash256& manifest, std::span<const Revealed> revealed) {
  crypto::Hasher hasher("hansa1/beacon");
  hasher.update(manifest.bytes);
  for (const Revealed& one : revealed) {
    hasher.update(Writer().u16(one.member).bytes()).update(one.randomness);
  }
  return hasher.finish();
}

std::uint64_t cohort_key(const Hash256& beacon, Round round) {
  crypto::Hasher hasher("hansa1/cohort");
  hasher.update(beacon.bytes).update(Writer().u32(round).bytes());
  const Hash256 hash = hasher.finish();
  return Reader(hash.bytes).u64();
}

std::shared_ptr<const topology::CohortDraw> cohort_draw(const Hash256& beacon, std::vector<PartyId> members) {
  auto draw = std::make_shared<topology::CohortDraw>();
  draw->members = std::move(members);
  draw->key = [beacon](Round round) { return cohort_key(beacon, round); };
  return draw;
}

}  // namespace hansa::protocols::beacon
