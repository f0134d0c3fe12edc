#include "protocols/secure_sum/masking.hpp"

#include <hansa/assert.hpp>

namespace hansa::protocols::secure_sum {

Bytes perform(MaskTask task, const crypto::MaskBackend& backend) {
  std::size_t at = 0;
  for (const MaskTask::Chunk& chunk : task.chunks) {
    const std::size_t size = chunk.lanes * lane_bytes(task.lane);
    HANSA_ASSERT(size <= task.lanes.size() - at);
    crypto::add_masks(std::span(task.lanes).subspan(at, size), task.lane, task.terms, chunk.number, backend);
    at += size;
  }
  HANSA_ASSERT(at == task.lanes.size());
  return std::move(task.lanes);
}

std::vector<crypto::MaskTerm> input_terms(const Hash256& session, Member member, const MemberSecrets& secrets,
                                          std::span<const Point> mask_keys) {
  std::vector<crypto::MaskTerm> terms;
  terms.push_back({self_seed(session, member, secrets.self.secret()), false});
  for (Member other = 0; other < mask_keys.size(); ++other) {
    if (other == member) continue;
    terms.push_back({pair_seed(session, member, secrets.mask.secret(), other, mask_keys[other]),
                     subtracts(member, other)});
  }
  return terms;
}

}  // namespace hansa::protocols::secure_sum
