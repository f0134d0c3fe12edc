// The key that encrypts connections is the node's own affair: no organisation key is needed to replace it.
// The node makes a new one, says so to everybody, signed with its node key, and takes it a moment later.
// Peers accept old and new for a day; whoever heard nothing of it is dialled with the old key, which is kept
// for that until the next rotation, and is told. So nobody is cut off, and a key lives for thirty days.
//
// On disk a new key lies beside the one in use until it is taken. A node that dies in between takes it when
// it starts, and says so again if nobody can have heard of it.
#include "src/node/core.hpp"

#include "protocols/roster/layout.hpp"
#include "src/store/key_files.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace hansa::node {
namespace {

namespace roster = protocols::roster;

constexpr auto kTryAgainAfter = std::chrono::hours(1);
/// A rotation that is due waits so long for trainings and open lobbies, whose tickets name the old key.
constexpr roster::UnixTime kPatience = roster::kCurveLifetime / 6;

bool same_nodes(const std::vector<roster::AllowedNode>& a, const std::vector<roster::AllowedNode>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const roster::AllowedNode& x, const roster::AllowedNode& y) {
                      return x.node == y.node && x.curves == y.curves && x.trains == y.trains;
                    });
}

}  // namespace

std::int64_t Core::unix_now() const {
  return options_.unix_time ? options_.unix_time() : hansa::node::unix_now();
}

Result<void> Core::rotate_key() {
  return ask<Result<void>>([this] { return rotate_key_now(); });
}

Result<void> Core::rotate_key_now() {
  const roster::NodeEntry* own = keeper_.own_node();
  if (own == nullptr || !keeper_.member()) {
    return Error{ErrorKind::failed, "this node belongs to no consortium yet, so nobody has its key", ""};
  }
  if (const auto may = may_sign(); !may) return may.error();
  if (switch_at_) return Error{ErrorKind::failed, "a new connection key is being taken already", ""};
  const crypto::CurveKey key = crypto::CurveKey::generate();
  const std::uint32_t epoch = std::max(own->curve().epoch, keys_.curve.epoch) + 1;
  const auto saved = store::save_curve_key(options_.folder.next_curve_key(), key, epoch, /*replace=*/true);
  if (!saved) return saved.error();
  if (lobby_closes_) log("warning", "tickets that are out name the old connection key; make new ones");
  switch_at_ = now() + options_.key_notice;
  return announce_key(key, epoch);
}

Result<void> Core::announce_key(const crypto::CurveKey& key, std::uint32_t epoch) {
  roster::CurveRotation rotation;
  rotation.node = keys_.node->public_key();
  rotation.curve = key.public_key();
  rotation.curve_epoch = epoch;
  rotation.previous_curve = keeper_.own_node()->curve().key;
  rotation.issued_at = unix_now();
  roster::sign(rotation, *keys_.node);
  roster::KeeperEffects effects;
  const auto taken = keeper_.publish(rotation, unix_now(), effects);
  perform(std::move(effects));
  if (!taken) return taken.error();
  audit_->record("key.announced", {{"epoch", std::to_string(epoch)}}, moment());
  log("info", "connection key " + std::to_string(epoch) + " is announced");
  return {};
}

/// After a start: if our key is newer than what the roster has, nobody has heard of it.
void Core::announce_again() {
  const roster::NodeEntry* own = keeper_.own_node();
  if (own == nullptr || keys_.curve.epoch <= own->curve().epoch) return;
  if (const auto told = announce_key(keys_.curve.key, keys_.curve.epoch); !told) {
    log("error", "the connection key cannot be announced: " + told.error().message);
  }
}

void Core::tell_rotation(const NodeKey& peer) {
  const roster::NodeEntry* own = keeper_.own_node();
  if (own == nullptr || !own->rotation) return;
  tell_roster(peer, std::make_shared<const Bytes>(roster::encode(*own->rotation)));
}

void Core::take_next_key() {
  switch_at_.reset();
  must(take_next_curve_key(options_.folder), "the new connection key cannot be kept");
  auto curve = store::load_curve_key(options_.folder.curve_key());
  if (!curve) return must(curve.error(), "the new connection key cannot be read");
  keys_.previous_curve = keys_.curve.key;
  keys_.curve = std::move(curve).value();
  must(messenger_->transport().rotate(keys_.curve.key), "the node cannot listen with its new connection key");
  audit_->record("key.taken", {{"epoch", std::to_string(keys_.curve.epoch)}}, moment());
  log("info", "connection key " + std::to_string(keys_.curve.epoch) + " is in use");
  emit("status", "");
}

/// Keys and certificates end by themselves as time passes; the own key is replaced at half of its life.
void Core::tend_keys() {
  if (switch_at_ && now() >= *switch_at_) take_next_key();
  if (stopping_ || now() < next_key_look_) return;
  next_key_look_ = now() + options_.key_notice;
  if (!same_nodes(keeper_.allowed_nodes(unix_now()), allowed_)) roster_changed();
  const auto due = keeper_.rotation_due();
  if (!due || unix_now() < *due || switch_at_ || recovering() || !keeper_.member()) return;
  const bool busy = lobby_closes_ || std::any_of(local_.begin(), local_.end(), [](const auto& entry) {
                      return entry.second.training != nullptr;
                    });
  if (busy && unix_now() < *due + kPatience) return;
  if (const auto begun = rotate_key_now(); !begun) {
    log("error", "the connection key cannot be replaced: " + begun.error().message);
    next_key_look_ = now() + kTryAgainAfter;
  }
}

}  // namespace hansa::node
