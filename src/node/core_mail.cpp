// What arrives. On the transport's thread a message is only queued; the loop hands it to the machine that it
// is for. Only statements about who is there go straight to their own thread: they must not wait for the
// disk.
#include "src/node/core.hpp"

#include "protocols/roster/identity.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {
namespace {

constexpr auto kAnswersMayComeLate = std::chrono::seconds(30);
constexpr auto kMisdeedPause = std::chrono::minutes(1);  ///< before the same is evidence again

}  // namespace

void Core::on_mail(Arrived mail) {
  if (mail.type == Type::membership) return membership_->deliver(mail.from, std::move(mail.body));
  post([this, mail = std::move(mail)]() mutable { handle(std::move(mail)); });
}

void Core::on_bulk(const NodeKey& from, Type type, const std::optional<crypto::Hash256>& run,
                   std::span<const std::byte> body) {
  exchange_->on_message(from, type, run, body);
}

void Core::on_peer(const NodeKey& peer, bool up) {
  if (!up) exchange_->on_peer_down(peer);
  post([this, peer, up] {
    up_[peer] = up;
    if (up) {
      up_since_[peer] = now();
      tell_rotation(peer);
      membership_->connected(peer);
      protocols::roster::KeeperEffects kept;
      keeper_.on_connected(peer, unix_now(), kept);
      perform(std::move(kept));
      protocols::runs::RunEffects runs;
      book_.on_peer_up(peer, runs);
      perform(std::move(runs));
      audit_->peer_up(peer);
    }
    log("info", label_of(peer) + (up ? " is connected" : " is disconnected"));
    emit("peer", "");
  });
}

/// For logs and evidence: an organisation may have several nodes.
std::string Core::label_of(const NodeKey& node) const {
  const auto found =
      std::find_if(allowed_.begin(), allowed_.end(), [&](const auto& each) { return each.node == node; });
  const bool alone =
      found == allowed_.end() || std::count_if(allowed_.begin(), allowed_.end(), [&](const auto& each) {
                                   return each.organisation == found->organisation;
                                 }) == 1;
  const std::string name = name_of(node);
  return alone ? name : name + " (" + protocols::roster::short_text(protocols::roster::id_of(node)) + ")";
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
      log("info", label_of(node) + " is " + std::string(protocols::membership::name_of(state)));
      emit("peer", "");
      if (state != State::unreachable && state != State::left) return;
      for (auto& [run, local] : local_) {
        if (local.training != nullptr) local.training->peer_down(node);
      }
    });
  };
  config.on_accused = [this](const protocols::membership::Accusation& accusation) {
    post([this, accusation] {
      log("info", label_of(accusation.accuser) + " cannot reach " + label_of(accusation.subject));
    });
  };
  config.on_misbehaved = [this](const NodeKey& node) {
    post([this, node] {
      evidence("membership", label_of(node), "sent a forged or malformed statement about who is there");
    });
  };
  membership_ = MembershipThread::make(std::move(config));
}

void Core::on_incompatible(const NodeKey& peer, const std::string& what) {
  post([this, peer, what] { evidence("version", label_of(peer), what); });
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
      return;
  }
}

/// Chunks come and go without the loop; it is told of whole frames only.
void Core::start_exchange() {
  BulkExchangeConfig config;
  config.send = [this](const NodeKey& to, Type type, SharedBytes body, std::optional<RunId> run) {
    messenger_->send(to, type, std::move(body), run);
  };
  config.deliver = [this](const RunId& run, const NodeKey& from, std::uint8_t kind, SharedBytes frame) {
    if (kind == kFinalBlob) {
      return post([this, run, from, model = std::move(frame)] { adopt(run, from, model); });
    }
    post([this,
          mail = Arrived{
              .from = from, .type = Type::round_message, .run = run, .body = std::move(frame)}]() mutable {
      deliver(std::move(mail));
    });
  };
  config.on_misbehaved = [this](const NodeKey& peer, protocols::bulk::Misdeed misdeed) {
    post([this, peer, misdeed] { misbehaved(peer, misdeed); });
  };
  config.on_failed = [this](const NodeKey& peer, const std::string& why) {
    post([this, peer, why] { log("warning", "a message of " + label_of(peer) + " is not fetched: " + why); });
  };
  exchange_ = std::make_unique<BulkExchange>(std::move(config));
}

/// What a holder of blobs does wrong costs it points; what no honest one does is evidence as well.
void Core::misbehaved(const NodeKey& peer, protocols::bulk::Misdeed misdeed) {
  using protocols::bulk::Misdeed;
  if (misdeed == Misdeed::late_chunk) return messenger_->penalise(peer, net::Offence::late_chunk);
  const bool false_bytes = misdeed != Misdeed::unrequested;
  // Answers that waited at an honest peer for a connection come to a node that may have forgotten its
  // questions.
  const auto since = up_since_.find(peer);
  if (!false_bytes && since != up_since_.end() && now() - since->second < kAnswersMayComeLate) return;
  messenger_->penalise(peer, false_bytes ? net::Offence::false_chunk : net::Offence::invalid_message);
  const auto [last, first] = misdeeds_.try_emplace({peer, misdeed}, now());
  if (!first && now() - last->second < kMisdeedPause) return;
  last->second = now();
  evidence("bulk", label_of(peer),
           misdeed == Misdeed::bad_chunk      ? "sent a piece of a model that is not what its hash says"
           : misdeed == Misdeed::bad_manifest ? "sent a list of pieces that is not what its hash says"
                                              : "pushed pieces of a model that nobody asked for");
}

void Core::frame_to(const RunId& run, const NodeKey& to, actors::FrameRef frame) {
  constexpr std::size_t kDirectBytesMax = 60 * 1024;  // a control message has 64 KiB
  if (frame->size() <= kDirectBytesMax) {
    messenger_->send(to, Type::round_message, std::move(frame), run);
  } else {
    exchange_->offer(run, to, frame);  // packed here, on the training's thread: the loop has others to serve
  }
}

}  // namespace hansa::node
