// AUDIT: an owner that tells everybody the same wrong sum is found out by whoever asks for what it has
// summed. The RECEIPT fixed those pieces before anything was revealed, the own one included, and every member
// can unmask them. Who asks, and whom, is drawn in private and only known when the sums are out.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

constexpr std::size_t kStatementHeadBytes = 10 + 1 + 2 + 32;  // "hansa1/msg", type, sender, session

}  // namespace

void SecAggSession::begin_audit(SessionEffects& out) {
  if (static_cast<double>(audit_draw_[0] >> 11) * 0x1.0p-53 >= plan_.audit_probability) return;
  std::vector<std::size_t> chunks;
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    const Member owner = plan_.chunks[c].owner;
    const bool can_be = owner != me_ && contains(outcome_.chunks, c) && facts_[owner].receipt;
    if (can_be) chunks.push_back(c);
  }
  if (chunks.empty()) return;
  audited_chunk_ = chunks[audit_draw_[1] % chunks.size()];
  send(PacketType::audit, {}, set_of(plan_.chunks[*audited_chunk_].owner), out);
}

void SecAggSession::answer_audit(const Packet& packet, SessionEffects& out) {
  if (!is_owner() || !decision_ || !sums_[my_chunk_]) return drop(DropReason::late);
  if (std::exchange(facts_[packet.from].audit_answered, true)) return drop(DropReason::flood);
  Writer body;
  body.u64(decision_->inputs);
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (contains(decision_->inputs, i)) body.raw(*facts_[i].lanes);
  }
  send(PacketType::audited, body.bytes(), set_of(packet.from), out);
}

void SecAggSession::accept_audited(const Packet& packet, BytesView bytes, SessionEffects& out) {
  if (!audited_chunk_ || plan_.chunks[*audited_chunk_].owner != packet.from) return drop(DropReason::late);
  audited_packet_.assign(bytes.begin(), bytes.end());
  const auto& body = std::get<AuditedBody>(packet.parsed);
  const BytesView receipt =
      BytesView(said_[{PacketType::receipt, packet.from}].text).subspan(kStatementHeadBytes);
  const std::size_t piece = plan_.chunks[*audited_chunk_].lanes * lane_bytes(plan_.lane);
  const Set committed = *facts_[packet.from].receipt;
  if (body.inputs != decision_->inputs || (body.inputs & ~committed) != 0) return blame_owner(out);
  Reader lanes(body.lanes), hashes(receipt.subspan(8));
  Bytes sum(piece);
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (!contains(committed, i)) continue;
    const Hash256 promised{hashes.array<32>()};
    if (!contains(body.inputs, i)) continue;
    const BytesView own = lanes.take(piece);
    if (bulk_hash(own) != promised) return blame_owner(out);
    crypto::add_lanes(sum, own, plan_.lane);
  }
  Rebuilt secrets(plan_.inputs);
  if (!rebuild_all(secrets, out)) return;  // too few REVEALs came here; without proof there is no blame
  out.emplace_back(RunMask{MaskJob::audit, unmasking(*audited_chunk_, std::move(sum), secrets)});
}

void SecAggSession::conclude_audit(const Bytes& sum, SessionEffects& out) {
  HANSA_ASSERT(audited_chunk_.has_value());
  if (sum != outcome_.sums[*audited_chunk_]) blame_owner(out);
  audited_packet_ = Bytes();
}

void SecAggSession::blame_owner(SessionEffects& out) {
  const Member owner = plan_.chunks[*audited_chunk_].owner;
  Blame blame{owner, Misdeed::wrong_sum, {}, {audited_packet_, *sums_[*audited_chunk_]->packet}};
  for (const PacketType type : {PacketType::receipt, PacketType::result, PacketType::audited}) {
    blame.evidence.push_back(said_[{type, owner}]);
  }
  out.emplace_back(std::move(blame));
}

}  // namespace hansa::protocols::secure_sum
