// One lock around who is who and what has been seen; the sockets have a thread of their own and are never
// called with the lock held.
#include "src/node/messenger.hpp"

#include <hansa/version.hpp>

#include <algorithm>
#include <utility>

namespace hansa::node {
namespace {

using protocols::envelope::Plane;
using wire::EnvelopeError;

constexpr std::size_t kStrangersMax = 64;
constexpr std::size_t kPingBytesMax = 64;

Plane plane_of(net::Channel channel) noexcept {
  switch (channel) {
    case net::Channel::bulk:
      return Plane::bulk;
    case net::Channel::lobby:
      return Plane::lobby;
    case net::Channel::control:
      break;
  }
  return Plane::control;
}

net::Channel channel_of(Plane plane) noexcept {
  return plane == Plane::bulk    ? net::Channel::bulk
         : plane == Plane::lobby ? net::Channel::lobby
                                 : net::Channel::control;
}

/// What a refused message costs its sender; none if it may be a matter of timing.
std::optional<net::Offence> offence_of(EnvelopeError error) noexcept {
  switch (error) {
    case EnvelopeError::bad_signature:
    case EnvelopeError::bad_hash:
      return net::Offence::bad_signature;
    case EnvelopeError::oversize:
    case EnvelopeError::malformed:
    case EnvelopeError::not_canonical:
    case EnvelopeError::wrong_plane:
    case EnvelopeError::unlisted:
    case EnvelopeError::body_length:
    case EnvelopeError::not_signed:
      return net::Offence::invalid_message;
    default:
      return std::nullopt;
  }
}

std::size_t place_of(const protocols::envelope::TypeRule& rule) noexcept {
  return static_cast<std::size_t>(&rule - protocols::envelope::kTypes.data());
}

}  // namespace

Messenger::Messenger(MessengerOptions options, MailReceiver& receiver)
    : options_(std::move(options)), receiver_(receiver) {}

Result<std::unique_ptr<Messenger>> Messenger::open(MessengerOptions options, MailReceiver& receiver) {
  net::TransportOptions sockets = std::move(options.transport);
  std::unique_ptr<Messenger> messenger(new Messenger(std::move(options), receiver));
  auto transport = net::Transport::open(std::move(sockets), *messenger);
  if (!transport) return transport.error();
  messenger->transport_ = std::move(transport).value();
  return messenger;
}

Messenger::~Messenger() = default;

void Messenger::set_consortium(const crypto::Hash256& consortium, std::uint64_t roster_version) {
  const std::lock_guard lock(mutex_);
  std::copy_n(consortium.bytes.begin(), policy_.consortium.size(), policy_.consortium.begin());
  roster_version_ = roster_version;
}

void Messenger::set_peers(const std::vector<MeshPeer>& peers) {
  std::vector<net::Peer> list;
  std::map<NodeKey, net::CurvePublic> curves;
  {
    const std::lock_guard lock(mutex_);
    nodes_.clear();
    std::vector<NodeKey> senders;
    for (const MeshPeer& peer : peers) {
      if (peer.node == options_.identity->public_key()) continue;
      nodes_[peer.curve] = peer.node;
      if (peer.other_curve) nodes_[*peer.other_curve] = peer.node;
      curves[peer.node] = peer.curve;
      senders.push_back(peer.node);
      list.push_back({peer.curve, peer.other_curve, peer.control_endpoint, peer.bulk_endpoint});
    }
    opener_.replay().retain(senders);
    std::erase_if(up_, [&](const auto& entry) { return !curves.contains(entry.first); });
    std::erase_if(curves_, [&](const auto& entry) { return !curves.contains(entry.first); });
  }
  transport_->set_peers(std::move(list));
  // Only now: until the transport knows a peer by its new key, messages go to the old one.
  const std::lock_guard lock(mutex_);
  curves_ = std::move(curves);
}

void Messenger::set_runs(std::vector<wire::OpenRun> runs) {
  const std::lock_guard lock(mutex_);
  policy_.runs = std::move(runs);
}

void Messenger::expect_boot(const NodeKey& sender, std::uint64_t boot) {
  const std::lock_guard lock(mutex_);
  opener_.replay().expect_boot(sender, boot);
}

void Messenger::dial_lobby(const std::optional<MeshPeer>& host) {
  if (!host) return transport_->dial_lobby(std::nullopt);
  {
    const std::lock_guard lock(mutex_);
    strangers_[host->node] = host->curve;
  }
  transport_->dial_lobby(net::Peer{host->curve, std::nullopt, host->control_endpoint, ""});
}

bool Messenger::send(const NodeKey& to, Type type, SharedBytes body, std::optional<crypto::Hash256> run,
                     Round round) {
  const protocols::envelope::TypeRule* rule = protocols::envelope::rule_of(static_cast<std::uint16_t>(type));
  HANSA_ASSERT(rule != nullptr);
  wire::Envelope envelope;
  envelope.type = static_cast<std::uint16_t>(type);
  envelope.sender = options_.identity->public_key();
  envelope.boot_id = options_.boot_id;
  envelope.seq = sequence_.fetch_add(1) + 1;
  envelope.run = run;
  envelope.round = round;
  net::CurvePublic curve{};
  {
    const std::lock_guard lock(mutex_);
    envelope.consortium = policy_.consortium;
    envelope.roster_version = roster_version_;
    const auto& known = rule->plane == Plane::lobby ? strangers_ : curves_;
    const auto place = known.find(to);
    if (place == known.end()) return false;
    curve = place->second;
  }
  if (rule->plane == Plane::lobby) envelope.consortium = {};  // a stranger has none yet
  const crypto::Identity* signer = rule->must_sign ? options_.identity.get() : nullptr;
  auto header = std::make_shared<const Bytes>(wire::seal(envelope, *body, signer));
  const bool queued = transport_->send(curve, channel_of(rule->plane), std::move(header), std::move(body));
  if (queued) ++counters_[place_of(*rule)].sent;
  return queued;
}

std::optional<NodeKey> Messenger::node_of(const net::CurvePublic& curve) const {
  const auto place = nodes_.find(curve);
  return place == nodes_.end() ? std::nullopt : std::optional(place->second);
}

void Messenger::on_frame(const net::CurvePublic& from, net::Channel channel,
                         std::span<const std::byte> header, std::span<const std::byte> body) {
  wire::Envelope envelope;
  EnvelopeError error = EnvelopeError::none;
  {
    const std::lock_guard lock(mutex_);
    const bool lobby = channel == net::Channel::lobby;
    const std::optional<NodeKey> node = lobby ? std::nullopt : node_of(from);
    if (!lobby && !node) return;  // taken off the list a moment ago
    wire::EnvelopePolicy policy = policy_;
    if (lobby) policy.consortium = {};
    error = opener_.open(header, body, plane_of(channel), node, policy, envelope);
    if (error == EnvelopeError::none && lobby) {
      if (strangers_.size() >= kStrangersMax && !strangers_.contains(envelope.sender)) strangers_.clear();
      strangers_[envelope.sender] = from;
    }
  }
  if (error != EnvelopeError::none) {
    const auto offence = offence_of(error);
    if (offence && channel != net::Channel::lobby) transport_->penalise(from, *offence);
    return;
  }
  const auto type = static_cast<Type>(envelope.type);
  if (const auto* rule = protocols::envelope::rule_of(envelope.type)) ++counters_[place_of(*rule)].received;
  if (type >= Type::bulk_offer && type <= Type::bulk_refusal) {
    return receiver_.on_bulk(envelope.sender, type, envelope.run, body);
  }
  handle({envelope.sender, type, envelope.run, envelope.round, envelope.boot_id,
          std::make_shared<const Bytes>(body.begin(), body.end())});
}

/// What the mail itself answers; all else goes to the receiver.
void Messenger::handle(Arrived mail) {
  if (mail.type == Type::ping) {
    if (mail.body->size() <= kPingBytesMax) send(mail.from, Type::pong, mail.body);
    return;
  }
  if (mail.type == Type::hello) {
    const auto theirs = protocols::envelope::decode_hello(*mail.body);
    if (!theirs) return;
    const protocols::envelope::Hello ours{.release = std::string(program_version())};
    const auto agreement = protocols::envelope::negotiate(ours, *theirs);
    if (!agreement) receiver_.on_incompatible(mail.from, agreement.error().message);
    return;
  }
  receiver_.on_mail(std::move(mail));
}

void Messenger::say_hello(const NodeKey& to) {
  const protocols::envelope::Hello hello{.release = std::string(program_version())};
  send(to, Type::hello, std::make_shared<const Bytes>(encode(hello)));
}

void Messenger::on_peer(const net::CurvePublic& peer, bool up) {
  NodeKey node{};
  {
    const std::lock_guard lock(mutex_);
    const auto found = node_of(peer);
    if (!found) return;
    node = *found;
    up_[node] = up;
  }
  if (up) say_hello(node);
  receiver_.on_peer(node, up);
}

std::array<std::uint64_t, wire::kEnvelopeErrors> Messenger::rejected() const {
  const std::lock_guard lock(mutex_);
  std::array<std::uint64_t, wire::kEnvelopeErrors> copy{};
  std::copy(opener_.counters().begin(), opener_.counters().end(), copy.begin());
  return copy;
}

void Messenger::penalise(const NodeKey& node, net::Offence offence) {
  net::CurvePublic curve{};
  {
    const std::lock_guard lock(mutex_);
    const auto known = curves_.find(node);
    if (known == curves_.end()) return;
    curve = known->second;
  }
  transport_->penalise(curve, offence);
}

std::map<NodeKey, net::PeerStats> Messenger::peer_stats() const {
  const std::vector<net::PeerStats> all = transport_->peer_stats();
  std::map<NodeKey, net::PeerStats> result;
  const std::lock_guard lock(mutex_);
  for (const net::PeerStats& stats : all) {
    if (const auto node = node_of(stats.key)) result.emplace(*node, stats);
  }
  return result;
}

std::vector<Messenger::TypeCount> Messenger::type_counts() const {
  std::vector<TypeCount> result;
  for (const auto& rule : protocols::envelope::kTypes) {
    const Counters& counters = counters_[place_of(rule)];
    result.push_back({rule.name, counters.sent, counters.received});
  }
  return result;
}

std::vector<NodeKey> Messenger::connected() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeKey> result;
  for (const auto& [node, up] : up_) {
    if (up) result.push_back(node);
  }
  return result;
}

}  // namespace hansa::node
