// CHUNK and RECEIPT: the masked input leaves in pieces, one to each owner, with the proof that everybody was
// ready; each owner then commits to what it has.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::secure_sum {

void SecAggSession::request_masks(SessionEffects& out) {
  enter(Phase::masking);
  std::vector<Point> keys;
  for (Member i = 0; i < plan_.inputs; ++i) keys.push_back(facts_[i].advert->mask.front());
  MaskTask task{plan_.lane, input_->lanes_, {}, input_terms(*session_, me_, secrets_->own, keys)};
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    task.chunks.push_back({static_cast<std::uint32_t>(c), plan_.chunks[c].lanes});
  }
  out.emplace_back(RunMask{MaskJob::input, std::move(task)});
}

void SecAggSession::send_chunks(const Bytes& lanes, SessionEffects& out) {
  HANSA_ASSERT(phase_ == Phase::masking && lanes.size() == input_->lanes_.size());
  HANSA_ASSERT(!input_->spent_);
  input_->spent_ = true;
  crypto::wipe(input_->lanes_);
  input_->lanes_ = Bytes();
  enter(Phase::chunks);
  Bytes ready;
  for (Member i = 0; i < plan_.inputs; ++i) {
    HANSA_ASSERT(facts_[i].ready.has_value());  // no CHUNK before everybody is READY
    ready.insert(ready.end(), facts_[i].ready->begin(), facts_[i].ready->end());
  }
  std::size_t at = 0;
  for (const ChunkPlan& chunk : plan_.chunks) {
    const auto piece = std::span(lanes).subspan(at, chunk.lanes * lane_bytes(plan_.lane));
    at += piece.size();
    if (chunk.owner == me_) {
      facts_[me_].lanes = Bytes(piece.begin(), piece.end());
      continue;
    }
    Writer body(2 + ready.size() + piece.size());
    body.u16(static_cast<std::uint16_t>(chunk.owner)).raw(ready).raw(piece);
    send(PacketType::chunk, body.bytes(), set_of(chunk.owner), out);
  }
}

void SecAggSession::accept_chunk(const Packet& packet, SessionEffects&) {
  if (phase_ < Phase::share || phase_ > Phase::chunks) return drop(DropReason::late);
  const auto& body = std::get<ChunkBody>(packet.parsed);
  Reader ready(body.ready);
  std::vector<Signature> signatures;
  for (Member i = 0; i < plan_.inputs; ++i) {
    signatures.push_back(ready.array<64>());
    if (facts_[i].ready == signatures.back()) continue;  // checked before
    const Bytes text = signed_bytes(PacketType::ready, i, *session_, {});
    if (!crypto::verify(plan_.members[i], text, signatures.back())) return drop(DropReason::bad_bundle);
  }
  for (Member i = 0; i < plan_.inputs; ++i) {  // a READY that did not reach us: it counts all the same
    if (!facts_[i].ready && i != me_) facts_[i].ready = signatures[i];
  }
  facts_[packet.from].lanes = Bytes(body.lanes.begin(), body.lanes.end());
}

void SecAggSession::send_receipt(SessionEffects& out) {
  enter(Phase::commit);
  receipt_inputs_ = inputs_that([](const Facts& f) { return f.lanes.has_value(); });
  facts_[me_].receipt = receipt_inputs_;
  Writer body;
  body.u64(receipt_inputs_);
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (facts_[i].lanes) body.raw(bulk_hash(*facts_[i].lanes).bytes);
  }
  send(PacketType::receipt, body.bytes(), everyone_else(), out);
}

}  // namespace hansa::protocols::secure_sum
