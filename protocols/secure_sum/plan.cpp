#include "protocols/secure_sum/plan.hpp"

#include "protocols/secure_sum/byte_order.hpp"

#include <set>
#include <string>

namespace hansa::protocols::secure_sum {
namespace {

constexpr std::uint16_t kProtocolVersion = 1;

Error refuse(std::string message, std::string hint = "") {
  return {.kind = ErrorKind::usage, .message = std::move(message), .hint = std::move(hint)};
}

Result<void> check_members(const SessionPlan& plan) {
  if (plan.inputs < 3) {
    return refuse("a secure sum of " + std::to_string(plan.inputs) + " inputs hides nothing",
                  "use at least 3 members; from 4 on one may drop out");
  }
  if (plan.members.size() > kMembersMax || plan.members.size() < plan.inputs) {
    return refuse("a secure sum has at most " + std::to_string(kMembersMax) + " members");
  }
  if (std::set(plan.members.begin(), plan.members.end()).size() != plan.members.size()) {
    return refuse("a member of the secure sum is listed twice");
  }
  const std::size_t lowest = vote_threshold(plan.inputs, plan.colluders);
  if (plan.threshold < lowest || plan.threshold > plan.inputs) {
    return refuse("threshold " + std::to_string(plan.threshold) + " is out of range for " +
                      std::to_string(plan.inputs) + " inputs and " + std::to_string(plan.colluders) +
                      " colluders; allowed: " + std::to_string(lowest) + " to " + std::to_string(plan.inputs),
                  "fewer colluders, or more members");
  }
  if (plan.threshold < plan.colluders + 2) {
    return refuse("a sum must hold at least two inputs that are not the colluders'",
                  "fewer colluders, or more members");
  }
  return {};
}

}  // namespace

std::size_t SessionPlan::chunk_of(Member member) const noexcept {
  std::size_t chunk = 0;
  while (chunk < chunks.size() && chunks[chunk].owner != member) ++chunk;
  return chunk;
}

std::size_t SessionPlan::lanes() const noexcept {
  std::size_t sum = 0;
  for (const ChunkPlan& chunk : chunks) sum += chunk.lanes;
  return sum;
}

Set SessionPlan::owners() const noexcept {
  Set set = 0;
  for (const ChunkPlan& chunk : chunks) set |= set_of(chunk.owner);
  return set;
}

Result<void> check_plan(const SessionPlan& plan) {
  if (Result<void> members = check_members(plan); !members) return members;
  if (plan.chunks.empty()) return refuse("a secure sum needs an owner");
  std::size_t next_owner = 0;
  for (const ChunkPlan& chunk : plan.chunks) {
    if (chunk.owner < next_owner || chunk.owner >= plan.members.size()) {
      return refuse("the owners of a secure sum must be members in ascending order");
    }
    if (chunk.lanes == 0 || chunk.lanes > (std::size_t{1} << 31)) {
      return refuse("a chunk of a secure sum must have 1 to 2^31 elements");
    }
    next_owner = chunk.owner + 1;
  }
  for (Member member = plan.inputs; member < plan.members.size(); ++member) {
    if (!contains(plan.owners(), member)) return refuse("a member gives no input and owns no chunk");
  }
  for (const Member leader : plan.leaders) {
    if (leader >= plan.members.size()) return refuse("the leader of a secure sum must be a member");
  }
  const Patience& patience = plan.patience;
  if (patience.chunks >= patience.lead || patience.chunks + patience.lead >= patience.view ||
      patience.view >= patience.vote || 2 * patience.result >= patience.done) {
    return refuse("the patience of a secure sum is out of order",
                  "chunks < lead, chunks + lead < view < vote, and 2 * result < done");
  }
  return {};
}

Hash256 first_session_id(const SessionPlan& plan) {
  Writer out;
  out.u16(kProtocolVersion).raw(plan.task.bytes).u64(plan.epoch).u32(plan.round).u32(plan.cohort);
  out.u32(plan.attempt).u16(static_cast<std::uint16_t>(plan.inputs));
  out.u16(static_cast<std::uint16_t>(plan.threshold)).u16(static_cast<std::uint16_t>(plan.colluders));
  out.u8(static_cast<std::uint8_t>(plan.lane)).u8(static_cast<std::uint8_t>(plan.value_bits));
  out.f64(plan.clip).u64(plan.weight_max).u64(plan.parameters);
  out.u16(static_cast<std::uint16_t>(plan.chunks.size()));
  std::uint64_t bound = 0;
  for (const ChunkPlan& chunk : plan.chunks) out.u64(bound += chunk.lanes);
  out.u64(plan.owners());
  out.u16(static_cast<std::uint16_t>(plan.leaders.size()));
  for (const Member leader : plan.leaders) out.u16(static_cast<std::uint16_t>(leader));
  out.u16(static_cast<std::uint16_t>(plan.members.size()));
  for (const crypto::PublicKey& member : plan.members) out.raw(member);
  return crypto::hash("hansa1/sid0", out.bytes());
}

}  // namespace hansa::protocols::secure_sum
