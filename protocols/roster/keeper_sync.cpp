// How two keepers come to the same state. A digest names the head and a hash of each sixteenth of the other
// objects. Who sees a head that it does not know fetches the versions in between; who sees other hashes sends
// its list of names, and either side asks for what it lacks. Everything is asked for, nothing is pushed
// twice.
#include "protocols/roster/keeper.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

constexpr std::size_t kBuckets = 16;
constexpr std::size_t kInventoryMax = 4096;  ///< names in one list
constexpr std::size_t kWantMax = 256;        ///< objects asked for at once
constexpr std::size_t kLocatorMax = 40;      ///< versions named in a fetch: the last few, then ever fewer
constexpr std::size_t kStepsMax = 1024;      ///< versions in one answer
constexpr std::size_t kRefusedMax = 4096;

std::size_t bucket_of(const Hash256& id) { return std::to_integer<std::size_t>(id.bytes[0] >> 4); }

/// What others depend on comes first.
int rank_of(const Bytes& object) {
  switch (static_cast<Kind>(object.front())) {
    case Kind::roster:
      return 0;
    case Kind::request:
      return 1;
    case Kind::certificate:
      return 2;
    case Kind::proposal:
      return 3;
    default:
      return 4;
  }
}

Writer begin(Kind kind) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(kind));
  return out;
}

}  // namespace

RosterHint RosterKeeper::hint() const {
  if (chain_.empty()) return {};
  return {chain_.head().roster.version, chain_.head().hash};
}

RosterKeeper::Access RosterKeeper::access_of(const PublicKey& node) const {
  const auto members = organisations();
  for (const auto& [key, organisation] : members) {
    const NodeEntry* entry = nodes_.find(key, node);
    if (entry != nullptr && !entry->certificate.retired) return Access::member;
  }
  for (const PublicKey& key : former()) {
    const NodeEntry* entry = nodes_.find(key, node);
    if (entry != nullptr && !entry->certificate.retired && !revoked(node)) return Access::former;
  }
  if (own_request_) {
    for (const Bootstrap& bootstrap : own_request_->ticket.bootstrap) {
      if (bootstrap.node == node) return Access::inviter;
    }
  }
  for (const auto& [id, pending] : requests_) {
    for (const NodeCertificate& certificate : pending.request.certificates) {
      if (certificate.node == node) return Access::applicant;
    }
  }
  return Access::none;
}

void RosterKeeper::on_message(const PublicKey& from, BytesView message, UnixTime now, KeeperEffects& out) {
  const Access access = access_of(from);
  Outcome outcome = KeeperReject::malformed;
  if (!message.empty() && message.size() <= kRosterBytesMax) {
    const auto kind = static_cast<Kind>(message.front());
    if (kind == Kind::digest || kind == Kind::inventory || kind == Kind::want || kind == Kind::fetch ||
        kind == Kind::rosters) {
      const bool insider = access == Access::member || access == Access::inviter;
      const bool about_versions =
          kind == Kind::digest || kind == Kind::fetch || (kind == Kind::rosters && access == Access::former);
      if (access == Access::none || (!insider && !about_versions)) {
        outcome = KeeperReject::unlisted;
      } else {
        switch (kind) {
          case Kind::digest:
            outcome = on_digest(from, access, message, out);
            break;
          case Kind::inventory:
            outcome = on_inventory(from, message, out);
            break;
          case Kind::want:
            outcome = on_want(from, message, out);
            break;
          case Kind::fetch:
            outcome = on_fetch(from, access, message, out);
            break;
          default:
            outcome = on_rosters(from, message, now, out);
        }
      }
    } else {
      outcome = take(message, access, now, out);
      if (!outcome) {
        out.emplace_back(TellAll{Bytes(message.begin(), message.end()), from});
      } else if (*outcome != KeeperReject::stale && *outcome != KeeperReject::clock &&
                 *outcome != KeeperReject::too_many && access == Access::member &&
                 refused_.size() < kRefusedMax) {
        refused_.insert(object_id(message));
      }
      // Something about a version that is not here: the sender may know it.
      if (outcome == KeeperReject::stale && (kind == Kind::roster || kind == Kind::proposal)) {
        // Once per peer and interval, or what one of us cannot use would go back and forth for ever.
        if (access != Access::none && asked_.insert(from).second) out.emplace_back(Tell{from, digest(true)});
      }
    }
  }
  if (outcome) ++rejected_[static_cast<std::size_t>(*outcome)];
}

void RosterKeeper::on_hint(const PublicKey& from, const RosterHint& theirs, UnixTime, KeeperEffects& out) {
  if (theirs == hint() || access_of(from) == Access::none) return;
  out.emplace_back(Tell{from, digest(true)});
}

void RosterKeeper::on_connected(const PublicKey& peer, UnixTime, KeeperEffects& out) {
  if (own_request_) retell(out);
  if (access_of(peer) != Access::none && !chain_.empty()) out.emplace_back(Tell{peer, digest(true)});
}

std::array<std::uint64_t, 16> RosterKeeper::buckets() const {
  std::array<crypto::Hasher, kBuckets> hashers{
      crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"),
      crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"),
      crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"),
      crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"),
      crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"), crypto::Hasher("hansa.bucket.v1"),
      crypto::Hasher("hansa.bucket.v1")};
  for (const auto& [id, object] : objects_) hashers[bucket_of(id)].update(id.bytes);
  std::array<std::uint64_t, kBuckets> out{};
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const Hash256 hash = hashers[i].finish();
    for (std::size_t byte = 8; byte-- > 0;)
      out[i] = out[i] << 8 | std::to_integer<std::uint64_t>(hash.bytes[byte]);
  }
  return out;
}

Bytes RosterKeeper::digest(bool answer) const {
  Writer out = begin(Kind::digest);
  const RosterHint own = hint();
  out.u8(answer ? 1 : 0).u32(own.version).raw(own.hash.bytes);
  for (const std::uint64_t hash : buckets()) out.u64(hash);
  return std::move(out).bytes();
}

Bytes RosterKeeper::fetch() const {
  Writer out = begin(Kind::fetch);
  std::vector<const SignedRoster*> named;
  const std::uint32_t head = hint().version;
  for (std::uint32_t back = 0, step = 1; back < head && named.size() < kLocatorMax; back += step) {
    named.push_back(chain_.at(head - back));
    if (named.size() >= 8) step *= 2;
  }
  out.u16(static_cast<std::uint16_t>(named.size()));
  for (const SignedRoster* version : named) out.raw(version->hash.bytes);
  return std::move(out).bytes();
}

RosterKeeper::Outcome RosterKeeper::on_digest(const PublicKey& from, Access access, BytesView message,
                                              KeeperEffects& out) {
  Source in(message, "digest");
  in.u8("kind");
  const bool answer = in.flag("answer");
  RosterHint theirs{in.u32("version"), {}};
  theirs.hash = in.hash("hash");
  std::array<std::uint64_t, kBuckets> hashes{};
  for (std::uint64_t& hash : hashes) hash = in.u64("bucket");
  if (!in.finish(0).ok()) return KeeperReject::malformed;
  if (theirs.version > 0 && chain_.find(theirs.hash) == nullptr) {
    out.emplace_back(Tell{from, fetch()});
    return std::nullopt;
  }
  if (answer && !(theirs == hint())) out.emplace_back(Tell{from, digest(false)});
  const bool insider = access == Access::member || (access == Access::inviter && member());
  if (!insider || theirs.version == 0) return std::nullopt;
  std::uint16_t mask = 0;
  const auto own = buckets();
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (own[i] != hashes[i]) mask = static_cast<std::uint16_t>(mask | 1u << i);
  }
  if (mask != 0) {
    tell_inventory(from, mask, true, out);
  } else if (theirs == hint()) {
    heard_agreement(from);
  }
  return std::nullopt;
}

void RosterKeeper::heard_agreement(const PublicKey& node) {
  if (!recovering_ || chain_.empty()) return;
  for (const auto& [key, organisation] : organisations()) {
    if (key != config_.organisation && nodes_.find(key, node) != nullptr) agreeing_.insert(key);
  }
  const Roster& head = chain_.head().roster;
  const std::size_t needed = votes_needed(head.policy, head.organisations.size());
  if (agreeing_.size() >= std::min(needed, head.organisations.size() - 1)) recovering_ = false;
}

void RosterKeeper::tell_inventory(const PublicKey& to, std::uint16_t mask, bool answer,
                                  KeeperEffects& out) const {
  std::array<std::vector<Hash256>, kBuckets> ids;
  for (const auto& [id, object] : objects_) {
    if ((mask >> bucket_of(id) & 1u) != 0) ids[bucket_of(id)].push_back(id);
  }
  const std::size_t names_max = std::min(kInventoryMax, config_.message_bytes / sizeof(Hash256));
  std::vector<Hash256> names;
  std::uint16_t part = 0;
  const auto flush = [&] {
    if (part == 0) return;
    Writer message = begin(Kind::inventory);
    message.u16(part).u8(answer ? 1 : 0).u16(static_cast<std::uint16_t>(names.size()));
    for (const Hash256& id : names) message.raw(id.bytes);
    out.emplace_back(Tell{to, std::move(message).bytes()});
    names.clear();
    part = 0;
  };
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if ((mask >> bucket & 1u) == 0) continue;
    if (names.size() + ids[bucket].size() > names_max) flush();
    if (ids[bucket].size() > names_max) ids[bucket].resize(names_max);
    names.insert(names.end(), ids[bucket].begin(), ids[bucket].end());
    part = static_cast<std::uint16_t>(part | 1u << bucket);
  }
  flush();
}

RosterKeeper::Outcome RosterKeeper::on_inventory(const PublicKey& from, BytesView message,
                                                 KeeperEffects& out) {
  Source in(message, "inventory");
  in.u8("kind");
  const std::uint16_t mask = in.u16("mask");
  const bool answer = in.flag("answer");
  std::vector<Hash256> lacking;
  for (std::size_t n = in.count(kInventoryMax, "names"); n > 0 && !in.failed(); --n) {
    const Hash256 id = in.hash("name");
    const bool known = objects_.contains(id) || refused_.contains(id) || chain_.find(id) != nullptr;
    if (!known && lacking.size() < kWantMax) lacking.push_back(id);
  }
  if (!in.finish(0).ok()) return KeeperReject::malformed;
  if (!lacking.empty()) {
    Writer want = begin(Kind::want);
    want.u16(static_cast<std::uint16_t>(lacking.size()));
    for (const Hash256& id : lacking) want.raw(id.bytes);
    out.emplace_back(Tell{from, std::move(want).bytes()});
  }
  if (answer) tell_inventory(from, mask, false, out);
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::on_want(const PublicKey& from, BytesView message, KeeperEffects& out) {
  Source in(message, "want");
  in.u8("kind");
  std::vector<const Bytes*> wanted;
  for (std::size_t n = in.count(kWantMax, "names"); n > 0 && !in.failed(); --n) {
    const auto found = objects_.find(in.hash("name"));
    if (found != objects_.end()) wanted.push_back(&found->second);
  }
  if (!in.finish(0).ok()) return KeeperReject::malformed;
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Bytes* a, const Bytes* b) { return rank_of(*a) < rank_of(*b); });
  for (const Bytes* object : wanted) out.emplace_back(Tell{from, *object});
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::on_fetch(const PublicKey& from, Access access, BytesView message,
                                             KeeperEffects& out) {
  Source in(message, "fetch");
  in.u8("kind");
  std::uint32_t common = 0;
  for (std::size_t n = in.count(kLocatorMax, "versions"); n > 0 && !in.failed(); --n) {
    const SignedRoster* known = chain_.find(in.hash("hash"));
    if (known != nullptr && chain_.at(known->roster.version) == known) {
      common = std::max(common, known->roster.version);
    }
  }
  if (!in.finish(0).ok()) return KeeperReject::malformed;
  const std::size_t bytes_max =
      access == Access::member ? config_.message_bytes : config_.lobby_message_bytes;
  // A settlement can only be checked with the branches that it gives up, so these come before it.
  std::vector<Bytes> answer;
  std::size_t bytes = 0;
  const std::uint32_t head = hint().version;
  std::uint32_t version = common;
  while (version < head && answer.size() < kStepsMax - kBranchesMax) {
    const SignedRoster* next = chain_.at(version + 1);
    std::vector<Bytes> step;
    for (const Hash256& branch : next->roster.settles) step.push_back(encode(*chain_.find(branch)));
    step.push_back(encode(*next));
    std::size_t step_bytes = 0;
    for (const Bytes& roster : step) step_bytes += 4 + roster.size();
    if (!answer.empty() && bytes + step_bytes > bytes_max) break;
    bytes += step_bytes;
    std::move(step.begin(), step.end(), std::back_inserter(answer));
    ++version;
  }
  if (answer.empty()) return std::nullopt;
  if (bytes > bytes_max) {  // one step that is large by itself: its rosters travel alone
    for (Bytes& roster : answer) out.emplace_back(Tell{from, std::move(roster)});
    return std::nullopt;
  }
  Writer reply = begin(Kind::rosters);
  reply.u8(version < head ? 1 : 0).u16(static_cast<std::uint16_t>(answer.size()));
  for (const Bytes& roster : answer) reply.u32(static_cast<std::uint32_t>(roster.size())).raw(roster);
  out.emplace_back(Tell{from, std::move(reply).bytes()});
  return std::nullopt;
}

RosterKeeper::Outcome RosterKeeper::on_rosters(const PublicKey& from, BytesView message, UnixTime now,
                                               KeeperEffects& out) {
  Source in(message, "rosters");
  in.u8("kind");
  const bool more = in.flag("more");
  bool progress = false;
  Outcome wrong;
  for (std::size_t n = in.count(kStepsMax, "versions"); n > 0 && !in.failed() && !wrong; --n) {
    const BytesView one = in.take(in.u32("length"), "version");
    if (in.failed()) break;
    const Outcome outcome = take_roster(one, now, out);
    progress = progress || !outcome;
    if (outcome && *outcome != KeeperReject::duplicate) wrong = outcome;
  }
  if (wrong) return wrong;
  if (!in.finish(0).ok()) return KeeperReject::malformed;
  if (more && progress) out.emplace_back(Tell{from, fetch()});
  return std::nullopt;
}

}  // namespace hansa::protocols::roster
