// What all members of a session agree on before it begins. Its hash starts the session id, so that members
// who disagree about anything here never understand each other.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"
#include "src/crypto/mask.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hansa::protocols::secure_sum {

using crypto::Hash256;
using crypto::Lane;

using Member = std::size_t;                     ///< position in SessionPlan::members
using Set = std::uint64_t;                      ///< of members, or of chunks: bit i is number i
inline constexpr std::size_t kMembersMax = 64;  ///< sets are 64-bit words

[[nodiscard]] constexpr Set set_of(std::size_t i) noexcept { return Set{1} << i; }
[[nodiscard]] constexpr bool contains(Set set, std::size_t i) noexcept { return ((set >> i) & 1) != 0; }
[[nodiscard]] constexpr Set first_of(std::size_t count) noexcept {
  return count == kMembersMax ? ~Set{0} : set_of(count) - 1;
}

/// One piece of the vector, summed by one owner.
struct ChunkPlan {
  Member owner = 0;
  std::size_t lanes = 0;  ///< ring elements, the weight included
};

/// How long a member waits, each from the beginning of the step. A leader must outwait slow owners, members a
/// slow leader, and the vote everybody, or a session would be abandoned that can still end well.
struct Patience {
  Duration setup = std::chrono::seconds(10);  ///< each of ADVERT, SHARE, READY
  Duration chunks = std::chrono::seconds(5);  ///< an owner, for the other members' CHUNKs
  Duration lead = std::chrono::seconds(8);    ///< a leader, for RECEIPTs; longer than chunks
  Duration view = std::chrono::seconds(20);   ///< for one leader's PROPOSE; longer than chunks + lead
  Duration vote = std::chrono::seconds(60);   ///< for t VOTEs; longer than view
  Duration result = std::chrono::seconds(5);  ///< for the RESULTs, and again for pulled ones
  Duration done = std::chrono::seconds(20);   ///< for the other members' DONEs; longer than result twice
};

struct SessionPlan {
  Hash256 task;             ///< of architecture, parameter order and initial model
  std::uint64_t epoch = 0;  ///< of the member list
  std::uint32_t round = 0;
  std::uint32_t cohort = 0;  ///< number of the group in this round
  std::uint32_t attempt = 0;
  /// In canonical order. The first `inputs` give an input; the others, if any, only own chunks.
  std::vector<crypto::PublicKey> members;
  std::size_t inputs = 0;
  std::size_t threshold = 0;  ///< t: shares that rebuild a secret, votes that decide, smallest sum
  std::size_t colluders = 0;  ///< f: members that may work together without learning anything
  Lane lane = Lane::bits32;
  int value_bits = 0;
  double clip = 0;
  std::uint64_t weight_max = 0;   ///< sample count that weighs 1
  std::uint64_t parameters = 0;   ///< of the model
  std::vector<ChunkPlan> chunks;  ///< owners ascending, at most one chunk each
  std::vector<Member> leaders;    ///< in this order; empty: all inputs, in the order of a hash
  Patience patience;
  /// How often a member checks one owner afterwards, as a share of sessions. Its own choice, not agreed.
  double audit_probability = 0.1;

  /// The chunk that `member` owns; chunks.size() if none.
  [[nodiscard]] std::size_t chunk_of(Member member) const noexcept;
  [[nodiscard]] std::size_t lanes() const noexcept;  ///< of the whole input
  [[nodiscard]] Set owners() const noexcept;
  [[nodiscard]] bool is_input(Member member) const noexcept { return member < inputs; }
  /// An owner that gives no input itself: the receiver of a neighbourhood sum.
  [[nodiscard]] bool has_outside_owner() const noexcept { return members.size() > inputs; }
};

/// t = floor((n + f) / 2) + 1, so that two different decisions would need more votes than there are voices.
[[nodiscard]] constexpr std::size_t vote_threshold(std::size_t inputs, std::size_t colluders) noexcept {
  return (inputs + colluders) / 2 + 1;
}

/// Refuses what cannot be safe or does not fit together: fewer than 3 inputs, a threshold too low for the
/// colluders or above the inputs, owners out of order, repeated members, empty chunks.
Result<void> check_plan(const SessionPlan& plan);

/// "sid0": under it adverts are signed.
[[nodiscard]] Hash256 first_session_id(const SessionPlan& plan);

}  // namespace hansa::protocols::secure_sum
