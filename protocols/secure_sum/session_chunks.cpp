// CHUNK and RECEIPT: the masks are computed, with the input or before it is there; the masked input leaves in
// pieces, one to each owner, with the proof that everybody was ready; each owner commits to what it has.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::secure_sum {

Result<void> SecAggSession::check_input(const SecureInput& input) const {
  if (input.spent_) {
    return Error{ErrorKind::usage, "this input was masked and sent in an earlier secure sum",
                 "train on and use the next model; two sums with one input can reveal it"};
  }
  if (input.lanes_.size() != plan_.lanes() * lane_bytes(plan_.lane)) {
    return Error{ErrorKind::usage, "the input of a secure sum has not the length of its plan", ""};
  }
  return {};
}

Result<void> SecAggSession::provide_input(std::shared_ptr<SecureInput> input, Time now, SessionEffects& out) {
  HANSA_ASSERT(input != nullptr && awaits_input());
  if (Result<void> usable = check_input(*input); !usable) return usable;
  now_ = now;
  input_since_ = now;
  if (over()) return {};
  input_ = std::move(input);
  advance(out);
  return {};
}

void SecAggSession::withhold_input(Time now, SessionEffects& out) {
  HANSA_ASSERT(awaits_input());
  now_ = now;
  input_since_ = now;
  withheld_ = true;
  advance(out);
}

/// The masks do not depend on the input. If it is not there yet, they are computed without it.
void SecAggSession::request_masks(SessionEffects& out) {
  enter(Phase::masking);
  std::vector<Point> keys;
  for (Member i = 0; i < plan_.inputs; ++i) keys.push_back(facts_[i].advert->mask.front());
  masked_with_input_ = input_ != nullptr;
  Bytes lanes = masked_with_input_ ? input_->lanes_ : Bytes(plan_.lanes() * lane_bytes(plan_.lane));
  MaskTask task{plan_.lane, std::move(lanes), {}, input_terms(*session_, me_, secrets_->own, keys)};
  for (std::size_t c = 0; c < plan_.chunks.size(); ++c) {
    task.chunks.push_back({static_cast<std::uint32_t>(c), plan_.chunks[c].lanes});
  }
  out.emplace_back(RunMask{MaskJob::input, std::move(task)});
}

bool SecAggSession::mask_step(SessionEffects& out) {
  if (withheld_) {
    enter(Phase::chunks);
    return true;
  }
  if (input_ != nullptr && secrets_->masked) {
    send_chunks(out);
    return true;
  }
  if (vote(out)) return true;
  if (!too_late()) return false;
  withheld_ = true;  // but the others still need this member's piece, its vote and its shares
  is_owner() ? send_receipt(out) : enter(Phase::commit);
  return true;
}

/// Whether at least one honest owner has committed to pieces without this member's, so that its input can be
/// in no sum that this owner has part in.
bool SecAggSession::too_late() const {
  std::size_t without = 0;
  for (const ChunkPlan& chunk : plan_.chunks) {
    const auto& receipt = facts_[chunk.owner].receipt;
    if (receipt && !contains(*receipt, me_)) ++without;
  }
  return without >= std::min(plan_.colluders + 1, plan_.chunks.size());
}

Set SecAggSession::lanes_missing() const {
  const Set wanted = all_inputs() & ~(withheld_ ? set_of(me_) : Set{0});
  return wanted & ~inputs_that([](const Facts& f) { return f.lanes.has_value(); });
}

void SecAggSession::send_chunks(SessionEffects& out) {
  HANSA_ASSERT(phase_ == Phase::masking && !input_->spent_ && !withheld_);
  MaskedLanes masked = *std::exchange(secrets_->masked, std::nullopt);  // masks hide one input only
  Bytes lanes = std::move(masked.lanes);
  HANSA_ASSERT(lanes.size() == input_->lanes_.size());
  if (!masked.has_input) crypto::add_lanes(lanes, input_->lanes_, plan_.lane);
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
  if (phase_ == Phase::chunks && !withheld_ && lanes_missing() == 0) longest_wait_ = now_ - phase_began_;
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
