// What arrives. On the transport's thread a message is only queued; the loop hands it to the machine that it
// is for. Only statements about who is there go straight to their own thread: they must not wait for the
// disk.
#include "src/node/core.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {
namespace {

/// Kinds of blobs: what to do with one that has been fetched.
constexpr std::uint8_t kFrameBlob = 1;

bool is_bulk(Type type) noexcept { return type >= Type::bulk_offer && type <= Type::bulk_refusal; }

}  // namespace

void Core::on_mail(Arrived mail) {
  if (mail.type == Type::membership) return membership_->deliver(mail.from, std::move(mail.body));
  post([this, mail = std::move(mail)]() mutable { handle(std::move(mail)); });
}

void Core::on_peer(const NodeKey& peer, bool up) {
  post([this, peer, up] {
    up_[peer] = up;
    if (up) {
      membership_->connected(peer);
      protocols::roster::KeeperEffects kept;
      keeper_.on_connected(peer, unix_now(), kept);
      perform(std::move(kept));
      protocols::runs::RunEffects runs;
      book_.on_peer_up(peer, runs);
      perform(std::move(runs));
      audit_->peer_up(peer);
    } else {
      protocols::bulk::Effects bulk;
      bulk_.on_peer_down(peer, now(), bulk);
      perform(std::move(bulk));
    }
    log("info", name_of(peer) + (up ? " is connected" : " is disconnected"));
    emit("peer", "");
  });
}

/// Who is there is decided on another thread; what follows from it, here.
void Core::start_membership() {
  using protocols::membership::State;
  MembershipConfig config{.identity = keys_.node, .boot_id = boot_, .options = options_.membership};
  config.send = [this](const NodeKey& to, BytesRef body) {
    messenger_->send(to, Type::membership, std::move(body));
  };
  config.on_hint = [this](const NodeKey& node, const protocols::roster::RosterHint& hint) {
    post([this, node, hint] {
      protocols::roster::KeeperEffects effects;
      keeper_.on_hint(node, hint, unix_now(), effects);
      perform(std::move(effects));
    });
  };
  config.on_change = [this](const NodeKey& node, State state) {
    post([this, node, state] {
      log("info", name_of(node) + " is " + std::string(protocols::membership::name_of(state)));
      emit("peer", "");
      if (state != State::unreachable && state != State::left) return;
      for (auto& [run, local] : local_) {
        if (local.training != nullptr) local.training->peer_down(node);
      }
    });
  };
  config.on_accused = [this](const protocols::membership::Accusation& accusation) {
    post([this, accusation] {
      log("info", name_of(accusation.accuser) + " cannot reach " + name_of(accusation.subject));
    });
  };
  config.on_misbehaved = [this](const NodeKey& node) {
    post([this, node] {
      evidence("membership", name_of(node), "sent a forged or malformed statement about who is there");
    });
  };
  membership_ = MembershipThread::make(std::move(config));
}

void Core::on_incompatible(const NodeKey& peer, const std::string& what) {
  post([this, peer, what] { evidence("version", name_of(peer), what); });
}

void Core::handle(Arrived mail) {
  switch (mail.type) {
    case Type::roster_sync:
    case Type::roster_sync_large:
    case Type::lobby_sync: {
      protocols::roster::KeeperEffects effects;
      keeper_.on_message(mail.from, *mail.body, unix_now(), effects);
      return perform(std::move(effects));
    }
    case Type::run_sync: {
      protocols::runs::RunEffects effects;
      book_.on_message(mail.from, *mail.body, unix_now(), effects);
      return perform(std::move(effects));
    }
    case Type::audit_head:
    case Type::audit_cosignature:
      return audit_->on_mail(mail, moment());
    case Type::round_message:
    case Type::secure_message:
      return deliver(std::move(mail));
    default:
      if (is_bulk(mail.type)) handle_bulk(mail);
  }
}

void Core::handle_bulk(const Arrived& mail) {
  const auto message = protocols::bulk::decode(mail.type, *mail.body);
  if (!message) return;
  protocols::bulk::Effects effects;
  if (const auto* offer = std::get_if<protocols::bulk::Offer>(&*message)) {
    const auto local = mail.run ? local_.find(*mail.run) : local_.end();
    if (offer->kind != kFrameBlob || local == local_.end()) return;  // for a run that is not ours
    wanted_[offer->id] = {*mail.run, mail.from};
    bulk_.on_message(mail.from, *message, now(), effects);
    const NodeKey holders[] = {mail.from};
    if (const auto fetching = bulk_.fetch(*offer, holders, now(), effects); !fetching) {
      log("warning", "a message of " + name_of(mail.from) + " is not fetched: " + fetching.error().message);
    }
  } else {
    bulk_.on_message(mail.from, *message, now(), effects);
  }
  perform(std::move(effects));
}

void Core::perform(protocols::bulk::Effects effects) {
  for (protocols::bulk::Effect& effect : effects) {
    if (auto* send = std::get_if<protocols::bulk::Send>(&effect)) {
      const auto body = std::make_shared<const Bytes>(protocols::bulk::encode(send->message));
      std::optional<RunId> run;
      if (const auto* offer = std::get_if<protocols::bulk::Offer>(&send->message)) {
        const auto known = offered_.find(offer->id);
        if (known != offered_.end()) run = known->second;
      }
      messenger_->send(send->to, protocols::bulk::type_of(send->message), body, run);
    } else if (auto* fetched = std::get_if<protocols::bulk::Fetched>(&effect)) {
      const auto place = wanted_.find(fetched->id);
      if (place == wanted_.end()) continue;
      const auto [run, from] = place->second;
      wanted_.erase(place);
      const auto bytes = fetched->blob.bytes;
      deliver({.from = from,
               .type = Type::round_message,
               .run = run,
               .body = std::make_shared<const Bytes>(bytes.begin(), bytes.end())});
    } else if (auto* failed = std::get_if<protocols::bulk::Failed>(&effect)) {
      wanted_.erase(failed->id);
    } else if (auto* misbehaved = std::get_if<protocols::bulk::Misbehaved>(&effect)) {
      log("warning", name_of(misbehaved->peer) + " sent a chunk that was not asked for or is not true");
    }
  }
}

void Core::frame_to(const RunId& run, const NodeKey& to, actors::FrameRef frame) {
  constexpr std::size_t kDirectBytesMax = 60 * 1024;  // a control message has 64 KiB
  if (frame->size() <= kDirectBytesMax) {
    messenger_->send(to, Type::round_message, std::move(frame), run);
    return;
  }
  // Hashing is done here, on the training's thread: the loop has others to serve.
  auto manifest = protocols::bulk::manifest_of(*frame);
  post([this, run, to, frame = std::move(frame), manifest = std::move(manifest)]() mutable {
    const protocols::bulk::BlobId id = manifest.id();
    if (!bulk_.holds(id)) {
      bulk_.hold(std::move(manifest), {frame, std::span<const std::byte>(*frame)}, kFrameBlob);
      held_.emplace_back(id, now());
      offered_[id] = run;
    }
    protocols::bulk::Effects effects;
    const NodeKey readers[] = {to};
    bulk_.offer(id, readers, effects);
    perform(std::move(effects));
  });
}

}  // namespace hansa::node
