// Every event ends in pump(), which starts, continues or gives up whatever it can; so no event needs to know
// what else is going on. A holder that fails is left, never waited for.
#include "protocols/bulk/bulk.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace hansa::protocols::bulk {
namespace {

constexpr std::size_t kLateMax = 64;         // chunks per holder that are still welcome after their time
constexpr std::uint32_t kList = 0xFFFFFFFF;  // stands for the list of hashes among late chunks
constexpr std::size_t kOwedMax = 1024;       // peers
constexpr int kFastPart = 16;                // of the time that a request may take

Blob whole(std::shared_ptr<std::byte[]> data, std::uint64_t size) {
  const std::span<const std::byte> bytes(data.get(), static_cast<std::size_t>(size));
  return {std::move(data), bytes};
}

}  // namespace

BlobId Bulk::hold(Manifest manifest, Blob blob, std::uint8_t kind) {
  HANSA_ASSERT(manifest.size == blob.bytes.size() && manifest.chunks.size() == chunks_of(manifest.size));
  const BlobId id = manifest.id();
  held_.try_emplace(id, Held{std::move(manifest), std::move(blob), nullptr, kind, {}});
  return id;
}

BlobId Bulk::hold(Packed packed, std::uint8_t kind) {
  const BlobId id = packed.manifest.id();
  held_.try_emplace(id, Held{std::move(packed.manifest), {}, std::move(packed.bodies), kind, {}});
  return id;
}

bool Bulk::offer(const BlobId& id, std::span<const Node> to, Effects& out) {
  const auto found = held_.find(id);
  if (found == held_.end()) return false;
  for (const Node& node : to) {
    found->second.readers.insert(node);
    out.emplace_back(Send{node, Offer{id, found->second.manifest.size, found->second.kind}});
  }
  return true;
}

void Bulk::release(const BlobId& id) { held_.erase(id); }

Result<void> Bulk::fetch(const Offer& wanted, std::span<const Node> holders, Time now, Effects& out) {
  const std::uint64_t most = std::min({options_.blob_bytes_max, options_.memory_bytes_max, kBlobBytesMax});
  if (wanted.size == 0 || wanted.size > most) {
    return Error{ErrorKind::bad_data,
                 "a blob of " + std::to_string(wanted.size) + " bytes is offered; the limit is " +
                     std::to_string(most),
                 "raise the model limit of this node if the run really needs it"};
  }
  auto found = fetches_.find(wanted.id);
  if (found == fetches_.end()) {
    if (fetches_.size() >= options_.fetches_max) {
      return Error{ErrorKind::failed, std::to_string(fetches_.size()) + " blobs are being fetched already",
                   ""};
    }
    found = fetches_.try_emplace(wanted.id).first;
    found->second.wanted = wanted;
    found->second.order = order_++;
  }
  for (const Node& node : holders) add_holder(found->second, node, out);
  pump(now, out);
  return {};
}

void Bulk::cancel(const BlobId& id, Time now, Effects& out) {
  const auto found = fetches_.find(id);
  if (found == fetches_.end()) return;
  forget(found);
  pump(now, out);
}

void Bulk::on_message(const Node& from, const Message& message, Time now, Effects& out) {
  struct Visitor {
    Bulk& bulk;
    const Node& from;
    Time now;
    Effects& out;
    void operator()(const ManifestRequest& m) const { bulk.serve(from, m, out); }
    void operator()(const ChunkRequest& m) const { bulk.serve(from, m, out); }
    void operator()(const Offer& m) const { bulk.take(from, m, now, out); }
    void operator()(const ManifestReply& m) const { bulk.take(from, m, now, out); }
    void operator()(const ChunkReply& m) const { bulk.take(from, m, now, out); }
    void operator()(const Refusal& m) const { bulk.take(from, m, now, out); }
  };
  std::visit(Visitor{*this, from, now, out}, message);
}

// --- Giving

Bulk::Held* Bulk::readable(const Node& by, const BlobId& id) {
  const auto found = held_.find(id);
  return found != held_.end() && found->second.readers.contains(by) ? &found->second : nullptr;
}

void Bulk::serve(const Node& from, const ManifestRequest& request, Effects& out) {
  const Held* const held = readable(from, request.id);
  if (held == nullptr) {
    ++counters_.refused;
    out.emplace_back(Send{from, Refusal{request.id}});
    return;
  }
  out.emplace_back(Send{from, ManifestReply{request.id, held->manifest}});
}

void Bulk::serve(const Node& from, const ChunkRequest& request, Effects& out) {
  const Held* const held = readable(from, request.id);
  if (held == nullptr || request.index >= held->manifest.chunks.size()) {
    ++counters_.refused;
    out.emplace_back(Send{from, Refusal{request.id}});
    return;
  }
  ++counters_.chunks_served;
  if (held->bodies != nullptr) {
    const auto body = Packed{{held->manifest.size, {}}, held->bodies}.body(request.index);
    const auto data = body.last(chunk_size(held->manifest.size, request.index));
    out.emplace_back(Send{from, ChunkReply{request.id, request.index, data, held->bodies, body}});
    return;
  }
  const auto data = held->blob.bytes.subspan(std::size_t{request.index} * kChunkBytes,
                                             chunk_size(held->manifest.size, request.index));
  out.emplace_back(Send{from, ChunkReply{request.id, request.index, data, held->blob.owner, {}}});
}

// --- Taking

void Bulk::take(const Node& from, const Offer& offer, Time now, Effects& out) {
  out.emplace_back(Offered{from, offer});
  const auto found = fetches_.find(offer.id);
  if (found == fetches_.end() || found->second.wanted.size != offer.size) return;
  add_holder(found->second, from, out);
  pump(now, out);
}

void Bulk::take(const Node& from, const ManifestReply& reply, Time now, Effects& out) {
  const auto found = fetches_.find(reply.id);
  if (found == fetches_.end()) return unexpected(from, out);
  Fetch& fetch = found->second;
  const auto asked = std::find_if(fetch.requests.begin(), fetch.requests.end(),
                                  [](const Request& r) { return !r.chunk.has_value(); });
  if (fetch.source != from || asked == fetch.requests.end()) {
    // It may be late, from a holder that was given up meanwhile; there is another list by now, or will be.
    Holder* const known = holder(fetch, from);
    if (known == nullptr || std::erase(known->late, kList) == 0) unexpected(from, out);
    return;
  }
  fetch.requests.erase(asked);
  const bool consistent = reply.manifest.chunks.size() == chunks_of(reply.manifest.size);
  if (!consistent || reply.manifest.id() != reply.id) {
    out.emplace_back(Misbehaved{from, Misdeed::bad_manifest});
    expel(fetch, from);
  } else if (reply.manifest.size != fetch.wanted.size) {
    // The name is right, so the size that we were told before is wrong. That is nobody's blob.
    out.emplace_back(Failed{reply.id, fetch.wanted.kind});
    forget(found);
  } else {
    fetch.manifest = reply.manifest;
    // Not zeroed: memory is taken page by page, as chunks arrive.
    fetch.data = options_.memory(static_cast<std::size_t>(fetch.wanted.size));
    fetch.missing = chunks_of(fetch.wanted.size);
    fetch.have.assign(fetch.missing, false);
  }
  pump(now, out);
}

void Bulk::take(const Node& from, const ChunkReply& reply, Time now, Effects& out) {
  const auto found = fetches_.find(reply.id);
  if (found == fetches_.end()) return unexpected(from, out);
  Fetch& fetch = found->second;
  const auto asked = std::find_if(fetch.requests.begin(), fetch.requests.end(),
                                  [&](const Request& r) { return r.chunk == reply.index; });
  if (fetch.source == from && asked != fetch.requests.end()) {
    const bool fast = now - asked->asked < options_.timeout / kFastPart;
    if (fast && fetch.credits < options_.credits_max) ++fetch.credits;
    fetch.requests.erase(asked);
  } else {
    Holder* const known = holder(fetch, from);
    const auto late = known == nullptr ? std::vector<std::uint32_t>::iterator{}
                                       : std::find(known->late.begin(), known->late.end(), reply.index);
    if (known == nullptr || late == known->late.end()) return unexpected(from, out);
    known->late.erase(late);
    out.emplace_back(Misbehaved{from, Misdeed::late_chunk});
    if (known->lied) return;
  }
  store(found, from, reply, out);
  pump(now, out);
}

void Bulk::store(Fetches::iterator found, const Node& from, const ChunkReply& reply, Effects& out) {
  Fetch& fetch = found->second;
  if (!fetch.manifest || reply.index >= fetch.have.size() || fetch.have[reply.index])
    return;  // came twice: from two holders, one of them late
  const bool whole_chunk = reply.data.size() == chunk_size(fetch.wanted.size, reply.index);
  const bool trusted = may_trust(fetch, reply.index);
  if (!whole_chunk || (!trusted && !right(fetch, reply.index, reply.data))) {
    out.emplace_back(Misbehaved{from, Misdeed::bad_chunk});
    return expel(fetch, from);
  }
  if (trusted) fetch.unchecked.push_back(reply.index);
  std::memcpy(fetch.data.get() + std::size_t{reply.index} * kChunkBytes, reply.data.data(),
              reply.data.size());
  fetch.have[reply.index] = true;
  ++counters_.chunks_received;
  if (--fetch.missing > 0) return;
  out.emplace_back(Fetched{reply.id, fetch.wanted.kind, whole(std::move(fetch.data), fetch.wanted.size)});
  forget(found);
}

bool Bulk::may_trust(const Fetch& fetch, std::uint32_t index) const {
  const SpotChecks& spots = options_.spot_checks;
  if (!spots.secret || fetch.wanted.kind != spots.kind || fetch.holders.size() != 1) return false;
  if (fetch.have.size() <= spots.whole_chunks) return false;
  const crypto::Hash256 drawn = crypto::Hasher("hansa1/spot")
                                    .update(std::span<const std::byte>(*spots.secret))
                                    .update(std::span<const std::byte>(fetch.wanted.id.bytes))
                                    .update_u64(index)
                                    .finish();
  return std::to_integer<std::uint32_t>(drawn.bytes[0]) % spots.one_in != 0;
}

bool Bulk::right(const Fetch& fetch, std::uint32_t index, std::span<const std::byte> data) {
  ++counters_.chunks_checked;
  return chunk_hash(data) == fetch.manifest->chunks[index];
}

void Bulk::check_the_rest(Fetch& fetch, Effects& out) {
  const Node only = fetch.holders.front().node;
  bool lied = false;
  for (const std::uint32_t index : std::exchange(fetch.unchecked, {})) {
    const std::span<const std::byte> data(fetch.data.get() + std::size_t{index} * kChunkBytes,
                                          chunk_size(fetch.wanted.size, index));
    if (right(fetch, index, data)) continue;
    lied = true;
    fetch.have[index] = false;
    ++fetch.missing;
    fetch.next = 0;
  }
  if (!lied) return;
  out.emplace_back(Misbehaved{only, Misdeed::bad_chunk});
  expel(fetch, only);
}

void Bulk::take(const Node& from, const Refusal& refusal, Time now, Effects& out) {
  const auto found = fetches_.find(refusal.id);
  if (found == fetches_.end()) return;
  Fetch& fetch = found->second;
  Holder* const known = holder(fetch, from);
  if (known == nullptr) return;
  known->usable = false;
  if (fetch.source == from) leave(fetch);
  pump(now, out);
}

void Bulk::unexpected(const Node& from, Effects& out) {
  const auto owed = owed_.find(from);
  if (owed == owed_.end()) {
    out.emplace_back(Misbehaved{from, Misdeed::unrequested});
    return;
  }
  if (--owed->second == 0) owed_.erase(owed);
}

void Bulk::on_peer_down(const Node& peer, Time now, Effects& out) {
  owed_.erase(peer);
  for (auto& [id, fetch] : fetches_) {
    Holder* const known = holder(fetch, peer);
    if (known == nullptr) continue;
    known->usable = false;
    if (fetch.source == peer) leave(fetch);
    known->late.clear();  // what was on its way went down with the connection
  }
  pump(now, out);
}

void Bulk::on_deadline(Time now, Effects& out) {
  for (auto& [id, fetch] : fetches_) {
    const auto expired = std::count_if(fetch.requests.begin(), fetch.requests.end(),
                                       [&](const Request& r) { return r.deadline <= now; });
    if (expired == 0) continue;
    counters_.timeouts += static_cast<std::uint64_t>(expired);
    Holder& slow = *holder(fetch, *fetch.source);
    if (++slow.strikes >= options_.strikes) slow.usable = false;
    leave(fetch);
  }
  pump(now, out);
}

std::optional<Time> Bulk::next_deadline() const {
  std::optional<Time> next;
  for (const auto& [id, fetch] : fetches_) {
    for (const Request& request : fetch.requests) {
      if (!next || request.deadline < *next) next = request.deadline;
    }
  }
  return next;
}

// --- Holders and requests

Bulk::Holder* Bulk::holder(Fetch& fetch, const Node& node) noexcept {
  const auto found = std::find_if(fetch.holders.begin(), fetch.holders.end(),
                                  [&](const Holder& h) { return h.node == node; });
  return found == fetch.holders.end() ? nullptr : &*found;
}

void Bulk::add_holder(Fetch& fetch, const Node& node, Effects& out) {
  if (Holder* const known = holder(fetch, node)) {
    if (known->lied || known->usable) return;
    known->usable = true;
    known->strikes = 0;
    return;
  }
  if (fetch.holders.size() >= options_.holders_max) return;
  fetch.holders.push_back(Holder{.node = node, .late = {}});
  if (!fetch.unchecked.empty()) check_the_rest(fetch, out);
}

void Bulk::leave(Fetch& fetch) {
  Holder& source = *holder(fetch, *fetch.source);
  for (const Request& request : fetch.requests) {
    if (source.late.size() < kLateMax) source.late.push_back(request.chunk.value_or(kList));
  }
  fetch.requests.clear();
  fetch.source.reset();
  fetch.next = 0;
}

void Bulk::expel(Fetch& fetch, const Node& node) {
  Holder& liar = *holder(fetch, node);
  liar.usable = false;
  liar.lied = true;
  if (fetch.source == node) leave(fetch);
}

std::size_t Bulk::transfers_from(const Node& node) const {
  return static_cast<std::size_t>(std::count_if(fetches_.begin(), fetches_.end(),
                                                [&](const auto& f) { return f.second.source == node; }));
}

std::size_t Bulk::requests_at(const Node& node) const {
  std::size_t open = 0;
  for (const auto& [id, fetch] : fetches_) open += fetch.source == node ? fetch.requests.size() : 0;
  return open;
}

void Bulk::find_source(Fetch& fetch) const {
  const Holder* best = nullptr;
  for (const Holder& candidate : fetch.holders) {
    if (!candidate.usable || transfers_from(candidate.node) >= options_.transfers_per_peer) continue;
    if (best == nullptr || candidate.strikes < best->strikes) best = &candidate;
  }
  if (best == nullptr) return;
  fetch.source = best->node;
  fetch.credits = options_.credits;
}

void Bulk::ask(Fetch& fetch, Time now, Effects& out) const {
  const Time deadline = now + options_.timeout;
  if (!fetch.manifest) {
    if (!fetch.requests.empty()) return;
    fetch.requests.push_back({std::nullopt, now, deadline});
    out.emplace_back(Send{*fetch.source, ManifestRequest{fetch.wanted.id}});
    return;
  }
  const auto open = [&](std::uint32_t index) {
    return std::any_of(fetch.requests.begin(), fetch.requests.end(),
                       [&](const Request& r) { return r.chunk == index; });
  };
  const std::size_t share = options_.credits_max / std::max<std::size_t>(transfers_from(*fetch.source), 1);
  const std::size_t most = std::min(fetch.credits, std::max<std::size_t>(share, 1));
  std::size_t at_holder = requests_at(*fetch.source);
  for (; fetch.next < fetch.have.size() && fetch.requests.size() < most; ++fetch.next) {
    if (fetch.have[fetch.next] || open(fetch.next)) continue;
    if (at_holder++ >= options_.credits_max) break;  // another transfer had all; it gives back
    fetch.requests.push_back({fetch.next, now, deadline});
    out.emplace_back(Send{*fetch.source, ChunkRequest{fetch.wanted.id, fetch.next}});
  }
}

void Bulk::pump(Time now, Effects& out) {
  std::vector<Fetches::iterator> in_order;
  for (auto it = fetches_.begin(); it != fetches_.end(); ++it) in_order.push_back(it);
  std::sort(in_order.begin(), in_order.end(),
            [](const auto& a, const auto& b) { return a->second.order < b->second.order; });
  for (const auto& it : in_order) {
    Fetch& fetch = it->second;
    if (std::none_of(fetch.holders.begin(), fetch.holders.end(), [](const Holder& h) { return h.usable; })) {
      out.emplace_back(Failed{it->first, fetch.wanted.kind});
      forget(it);
      continue;
    }
    if (!fetch.reserved) {
      if (memory_ + fetch.wanted.size > options_.memory_bytes_max) continue;
      fetch.reserved = true;
      memory_ += fetch.wanted.size;
    }
    if (!fetch.source) find_source(fetch);
    if (fetch.source) ask(fetch, now, out);
  }
}

void Bulk::forget(Fetches::iterator fetch) {
  if (fetch->second.reserved) memory_ -= fetch->second.wanted.size;
  for (const Holder& known : fetch->second.holders) {
    std::size_t open = known.late.size();
    if (fetch->second.source == known.node) open += fetch->second.requests.size();
    if (open > 0 && (owed_.size() < kOwedMax || owed_.contains(known.node))) owed_[known.node] += open;
  }
  fetches_.erase(fetch);
}

}  // namespace hansa::protocols::bulk
