// One lock around bulk's machine. Hashing what goes out happens before it is taken, so that a model that is
// being packed never delays one that is arriving.
#include "src/node/bulk_exchange.hpp"

#include "src/crypto/random.hpp"
#include "src/node/process_memory.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {
namespace {

namespace bulk = protocols::bulk;

constexpr auto kTrimEvery = std::chrono::seconds(5);
constexpr std::uint64_t kLargeBytes = std::uint64_t{1} << 20;  ///< blobs for which memory is kept
constexpr std::size_t kSpareBytesMax = std::size_t{256} << 20;

bulk::Memory memory_of(BufferPool& pool) {
  return [&pool](std::size_t bytes) { return pool.take(bytes); };
}

/// A frame is its sender's own; a final model is what several parties must agree on.
bulk::SpotChecks spot_checks() {
  bulk::SpotChecks checks{.secret = {{}}, .kind = kFrameBlob};
  crypto::random_bytes(*checks.secret);
  return checks;
}

}  // namespace

BulkExchange::BulkExchange(BulkExchangeConfig config)
    : config_(std::move(config)),
      pool_(kSpareBytesMax),
      bulk_({.memory = memory_of(pool_), .spot_checks = spot_checks()}) {}

Time BulkExchange::now() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began_);
}

void BulkExchange::set_runs(std::set<Run> runs) {
  const std::lock_guard lock(mutex_);
  runs_ = std::move(runs);
  for (std::size_t i = held_.size(); i-- > 0;) {
    if (!runs_.contains(held_[i].run)) let_go(i);
  }
  std::erase_if(last_, [this](const auto& entry) { return !runs_.contains(entry.first); });
}

std::optional<BulkExchange::BlobId> BulkExchange::packed_before(const Run& run,
                                                                const SharedBytes& frame) const {
  const auto last = last_.find(run);
  if (last == last_.end() || !bulk_.holds(last->second.id)) return std::nullopt;
  const auto owner = last->second.owner.lock();  // alive: nothing else can lie at its address
  const bool same = owner != nullptr && owner == frame.owner() &&
                    frame->data() == last->second.bytes.data() && frame.size() == last->second.bytes.size();
  return same ? std::optional(last->second.id) : std::nullopt;
}

void BulkExchange::want_final(const Run& run, std::set<Key> holders) {
  const std::lock_guard lock(mutex_);
  if (holders.empty()) {
    finals_.erase(run);
  } else {
    finals_[run] = std::move(holders);
  }
}

void BulkExchange::offer(const Run& run, const Key& to, const SharedBytes& frame, std::uint8_t kind) {
  const Key readers[] = {to};
  {
    const std::lock_guard lock(mutex_);
    if (const auto id = packed_before(run, frame)) {
      bulk_.offer(*id, readers, effects_);
      return perform(run);
    }
  }
  if (frame.size() >= kLargeBytes) keep_chunk_memory();
  bulk::Packed packed = bulk::pack(*frame, memory_of(pool_));
  const std::lock_guard lock(mutex_);
  ++frames_packed_;
  const BlobId id = packed.manifest.id();
  if (!bulk_.holds(id)) {
    bulk_.hold(std::move(packed), kind);
    held_.push_back({id, run, frame.size(), now()});
    held_bytes_ += frame.size();
    while (held_.size() > 1 && held_bytes_ > config_.held_bytes_max) let_go(0);
  }
  last_[run] = {frame.owner(), *frame, id};
  bulk_.offer(id, readers, effects_);
  perform(run);
}

void BulkExchange::let_go(std::size_t place) {
  const auto held = held_.begin() + static_cast<std::ptrdiff_t>(place);
  bulk_.release(held->id);
  held_bytes_ -= held->bytes;
  held_.erase(held);
}

void BulkExchange::on_message(const Key& from, protocols::envelope::Type type, const std::optional<Run>& run,
                              std::span<const std::byte> body) {
  const auto message = bulk::decode(type, body);
  if (!message) return;
  const std::lock_guard lock(mutex_);
  if (const auto* offer = std::get_if<bulk::Offer>(&*message)) {
    if (!run || !runs_.contains(*run)) return;  // for a run that is not ours
    if (offer->kind == kFinalBlob) {
      const auto wanted = finals_.find(*run);
      if (wanted == finals_.end() || !wanted->second.contains(from)) return;
    } else if (offer->kind != kFrameBlob) {
      return;
    }
    take_offer(from, *run, *offer);
  } else {
    bulk_.on_message(from, *message, now(), effects_);
  }
  perform();
}

void BulkExchange::take_offer(const Key& from, const Run& run, const bulk::Offer& offer) {
  if (offer.size >= kLargeBytes) keep_chunk_memory();
  bulk_.on_message(from, offer, now(), effects_);
  const Key holders[] = {from};
  if (const auto fetching = bulk_.fetch(offer, holders, now(), effects_); !fetching) {
    return config_.on_failed(from, fetching.error().message);
  }
  // Two parties whose models are equal to the bit offer the same blob: both have sent it.
  auto& senders = wanted_[offer.id];
  const std::pair sender(run, from);
  if (std::find(senders.begin(), senders.end(), sender) == senders.end()) senders.push_back(sender);
}

void BulkExchange::on_peer_down(const Key& peer) {
  const std::lock_guard lock(mutex_);
  bulk_.on_peer_down(peer, now(), effects_);
  perform();
}

void BulkExchange::tick() {
  const std::lock_guard lock(mutex_);
  const Time at = now();
  bulk_.on_deadline(at, effects_);
  perform();
  while (!held_.empty() && at - held_.front().since > config_.held_for) let_go(0);
  if (at < trim_at_) return;
  trim_at_ = at + kTrimEvery;
  pool_.trim();
  // Not between two rounds: the next one needs it again.
  const std::uint64_t moved = bulk_.counters().chunks_received + bulk_.counters().chunks_served;
  if (std::exchange(moved_before_, moved) == moved) release_free_memory();
}

void BulkExchange::perform(const std::optional<Run>& run) {
  const bulk::Effects effects = std::exchange(effects_, {});
  for (const bulk::Effect& effect : effects) {
    if (const auto* send = std::get_if<bulk::Send>(&effect)) {
      const bool is_offer = std::holds_alternative<bulk::Offer>(send->message);
      config_.send(send->to, bulk::type_of(send->message), bulk::encode_shared(send->message),
                   is_offer ? run : std::nullopt);
    } else if (const auto* fetched = std::get_if<bulk::Fetched>(&effect)) {
      deliver(*fetched);
    } else if (const auto* failed = std::get_if<bulk::Failed>(&effect)) {
      for (const auto& [of, from] : wanted_[failed->id]) config_.on_failed(from, "nobody gives it any more");
      wanted_.erase(failed->id);
    } else if (const auto* misbehaved = std::get_if<bulk::Misbehaved>(&effect)) {
      config_.on_misbehaved(misbehaved->peer, misbehaved->misdeed);
    }
  }
}

void BulkExchange::deliver(const bulk::Fetched& fetched) {
  const auto place = wanted_.find(fetched.id);
  if (place == wanted_.end()) return;
  for (const auto& [run, from] : place->second) {
    config_.deliver(run, from, fetched.kind, {fetched.blob.owner, fetched.blob.bytes});
  }
  wanted_.erase(place);
}

BulkExchange::Counters BulkExchange::counters() const {
  const std::lock_guard lock(mutex_);
  return {bulk_.counters(), frames_packed_, held_bytes_};
}

}  // namespace hansa::node
