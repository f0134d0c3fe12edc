// What comes out of a ceremony and what follows from it: a number that nobody chose, drawn by commitment and
// reveal (Blum, "Coin flipping by telephone", CRYPTO 1981). Everybody first says the hash of 32 random bytes,
// and shows the bytes only when the hashes of all others are known. The beacon is the hash of all bytes.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"
#include "topology/cohorts.hpp"

#include <hansa/types.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hansa::protocols::beacon {

using crypto::Bytes32;
using crypto::Hash256;

using Member = std::uint16_t;  ///< position in the roster
/// Every member hears from every other three times, so the work grows with the square of their number.
inline constexpr std::size_t kMembersMax = 256;
using MemberSet = std::bitset<kMembersMax>;

/// The members of `set`, ascending.
[[nodiscard]] std::vector<Member> members_of(const MemberSet& set);
/// The first `count` members.
[[nodiscard]] MemberSet first_members(std::size_t count);

/// What a member signs before it shows `randomness`.
[[nodiscard]] Hash256 commitment_of(const Hash256& manifest, std::uint32_t attempt, Member member,
                                    const Bytes32& randomness);

struct Revealed {
  Member member = 0;
  Bytes32 randomness{};
};
/// H("hansa1/beacon"; manifest, then member and randomness of each, ascending).
[[nodiscard]] Hash256 beacon_of(const Hash256& manifest, std::span<const Revealed> revealed);

/// The key of the permutation that places the members in `round`: H("hansa1/cohort"; beacon, round), its
/// first eight bytes.
[[nodiscard]] std::uint64_t cohort_key(const Hash256& beacon, Round round);

/// The draw of all cohorts from `beacon` over `members`, ascending.
[[nodiscard]] std::shared_ptr<const topology::CohortDraw> cohort_draw(const Hash256& beacon,
                                                                      std::vector<PartyId> members);

}  // namespace hansa::protocols::beacon
