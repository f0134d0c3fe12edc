// The heavy part of a secure sum, apart from its logic: adding masks to, or taking them off, a long vector.
// It is a value, so that a driver can compute it on another thread and bring the result back.
#pragma once

#include "protocols/secure_sum/byte_order.hpp"
#include "protocols/secure_sum/key_schedule.hpp"
#include "src/crypto/mask.hpp"

#include <vector>

namespace hansa::protocols::secure_sum {

using crypto::lane_bytes;

/// lanes += the masks of all terms, chunk by chunk.
struct MaskTask {
  struct Chunk {
    std::uint32_t number = 0;  ///< in the session
    std::size_t lanes = 0;
  };
  Lane lane = Lane::bits32;
  Bytes lanes;  ///< the chunks one after the other
  std::vector<Chunk> chunks;
  std::vector<crypto::MaskTerm> terms;
};

/// Pure; any thread. About 2 ns per term and 32-bit element, or 0.7 ns with OpenSSL.
[[nodiscard]] Bytes perform(MaskTask task,
                            const crypto::MaskBackend& backend = crypto::mask_backends().front());

/// The masks that `member` puts on its input: its own, and one for every other input member.
[[nodiscard]] std::vector<crypto::MaskTerm> input_terms(const Hash256& session, Member member,
                                                        const MemberSecrets& secrets,
                                                        std::span<const Point> mask_keys);

}  // namespace hansa::protocols::secure_sum
