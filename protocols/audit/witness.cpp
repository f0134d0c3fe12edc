// See witness.hpp. Signatures are checked before anything is remembered or answered.
#include "protocols/audit/witness.hpp"

#include <algorithm>
#include <type_traits>

namespace hansa::protocols::audit {
namespace {

constexpr std::size_t kKnownMax = 16;

bool smaller(const SignedHead& a, const SignedHead& b) noexcept { return a.head.size < b.head.size; }

}  // namespace

HeadWitness::HeadWitness(const crypto::Identity& self, const Tree& own,
                         const std::map<PublicKey, SignedHead>& witnessed, WitnessOptions options)
    : self_(&self), own_(&own), options_(options), seen_(witnessed) {}

void HeadWitness::set_peers(std::span<const PublicKey> peers) {
  const auto named = [&](const PublicKey& node) {
    return std::find(peers.begin(), peers.end(), node) != peers.end();
  };
  for (const auto& [node, peer] : peers_) {
    if (peer.last && !named(node)) seen_.insert_or_assign(node, *peer.last);
  }
  std::erase_if(peers_, [&](const auto& item) { return !named(item.first); });
  std::erase_if(cosigned_by_, [&](const auto& item) { return !named(item.first); });
  for (const PublicKey& node : peers) {
    if (node == self_->public_key()) continue;
    const auto [peer, fresh] = peers_.try_emplace(node);
    const auto seen = seen_.find(node);
    if (!fresh || seen == seen_.end()) continue;
    peer->second.last = seen->second;
    remember(peer->second, seen->second.head);
    seen_.erase(seen);
  }
}

void HeadWitness::announce(const SignedHead& head, Moment at, WitnessEffects& out) {
  head_ = head;
  next_gossip_ = at.now + options_.gossip;
  for (const auto& [node, peer] : peers_) out.emplace_back(Send{node, HeadAnnounced{head}});
}

void HeadWitness::on_peer_up(const PublicKey& peer, WitnessEffects& out) {
  if (head_ && peers_.contains(peer)) out.emplace_back(Send{peer, HeadAnnounced{*head_}});
}

void HeadWitness::on_message(const PublicKey& from, const Message& message, Moment at, WitnessEffects& out) {
  if (!peers_.contains(from)) return;
  std::visit(
      [&](const auto& m) {
        using M = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<M, HeadAnnounced>) {
          if (m.head.head.node == from) consider(m.head, true, at, out);
        } else if constexpr (std::is_same_v<M, ProofWanted>) {
          take(from, m, out);
        } else if constexpr (std::is_same_v<M, Evidence>) {
          const auto peer = peers_.find(m.earlier.head.node);
          if (peer != peers_.end() && !peer->second.caught && check(m))
            expose(peer->first, peer->second, m, out);
        } else {
          take(from, m, at, out);
        }
      },
      message);
}

void HeadWitness::take(const PublicKey& from, const ProofWanted& wanted, WitnessEffects& out) const {
  ProofGiven given{wanted.from, wanted.size, {}};
  if (wanted.from <= wanted.size && wanted.size <= own_->size())
    given.proof = own_->consistency(wanted.from, wanted.size);
  out.emplace_back(Send{from, std::move(given)});
}

void HeadWitness::take(const PublicKey& from, const Cosignature& cosignature, Moment at,
                       WitnessEffects& out) {
  if (cosignature.witness != from) return;
  const Head& head = cosignature.subject.head;
  if (head.node != self_->public_key()) {
    const auto peer = peers_.find(head.node);
    if (peer == peers_.end() || peer->second.caught) return;
    // Most of them are of heads we know, and then two signatures need not be checked.
    const auto& known = peer->second.known;
    if (std::find(known.begin(), known.end(), std::pair(head.size, head.root)) != known.end()) return;
    if (check(cosignature)) consider(cosignature.subject, false, at, out);
    return;
  }
  const auto before = cosigned_by_.find(from);
  const bool ours = head.size <= own_->size() && own_->root(head.size) == head.root;
  if (ours && before != cosigned_by_.end() && before->second >= head.size) return;
  if (!check(cosignature)) return;
  if (!ours) {
    out.emplace_back(OwnLogDiffers{cosignature});
    return;
  }
  cosigned_by_[from] = head.size;
  out.emplace_back(Cosigned{cosignature});
}

void HeadWitness::consider(const SignedHead& head, bool from_owner, Moment at, WitnessEffects& out) {
  const PublicKey& node = head.head.node;
  const auto found = peers_.find(node);
  if (found == peers_.end() || found->second.caught) return;
  Peer& peer = found->second;
  if (peer.last == head) {  // again, so perhaps our answer was lost
    if (!peer.cosignature) peer.cosignature = cosign(head, at.unix_ms, *self_);
    if (from_owner) out.emplace_back(Send{node, *peer.cosignature});
    return;
  }
  const auto waits = [&](const Waiting& w) { return w.head == head; };
  if (peer.queue.size() >= options_.queue_max || std::any_of(peer.queue.begin(), peer.queue.end(), waits))
    return;
  if (!check(head)) return;
  for (const Waiting& waiting : peer.queue) {
    if (waiting.head.head.size == head.head.size && waiting.head.head.root != head.head.root)
      return expose(node, peer, {waiting.head, head, {}}, out);
  }
  const bool contradicts = peer.last && peer.last->head.size == head.head.size;
  const Time paid = std::max(peer.paid_until, at.now);
  if (!contradicts && paid > at.now + options_.burst * options_.pace) return;
  peer.paid_until = paid + options_.pace;
  peer.queue.push_back({head, from_owner});
  if (peer.queue.size() == 1) go_on(node, peer, at, out);
}

void HeadWitness::go_on(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out) {
  while (!peer.queue.empty() && !peer.caught) {
    const SignedHead& head = peer.queue.front().head;
    if (!peer.last) {
      accept(node, peer, at, out);
      continue;
    }
    const auto [a, b] = std::minmax(*peer.last, head, smaller);
    if (a.head.size == b.head.size || a.head.size == 0) {  // no proof is needed
      const bool fits = a.head.size == b.head.size ? a.head.root == b.head.root : a.head.root == empty_root();
      if (!fits) return expose(node, peer, {a, b, {}}, out);
      accept(node, peer, at, out);
      continue;
    }
    peer.tries = 0;
    return ask(node, peer, at, out);
  }
}

void HeadWitness::ask(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out) const {
  const auto [a, b] = std::minmax(*peer.last, peer.queue.front().head, smaller);
  ++peer.tries;
  peer.deadline = at.now + options_.proof_timeout;
  out.emplace_back(Send{node, ProofWanted{a.head.size, b.head.size}});
}

void HeadWitness::take(const PublicKey& from, const ProofGiven& given, Moment at, WitnessEffects& out) {
  Peer& peer = peers_.at(from);
  if (peer.queue.empty() || peer.caught) return;
  const auto [a, b] = std::minmax(*peer.last, peer.queue.front().head, smaller);
  if (given.from != a.head.size || given.size != b.head.size) return;  // not what we asked for
  const auto roots = roots_of(given.proof, a.head.size, b.head.size, a.head.root);
  if (!roots || roots->after != b.head.root) return give_up(from, peer, at, out);
  if (roots->before != a.head.root) return expose(from, peer, {a, b, given.proof}, out);
  accept(from, peer, at, out);
  go_on(from, peer, at, out);
}

void HeadWitness::accept(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out) {
  const Waiting waiting = peer.queue.front();
  peer.queue.pop_front();
  remember(peer, waiting.head.head);
  if (peer.last && waiting.head.head.size < peer.last->head.size) {
    // Others may tell us of older heads; the node itself has no reason to sign one after the larger.
    const Head &now = waiting.head.head, &before = peer.last->head;
    if (waiting.from_owner && std::pair(now.boot_id, now.time_ms) > std::pair(before.boot_id, before.time_ms))
      out.emplace_back(RolledBack{*peer.last, waiting.head});
    return;
  }
  peer.last = waiting.head;
  peer.cosignature = cosign(waiting.head, at.unix_ms, *self_);
  out.emplace_back(Witnessed{waiting.head});
  out.emplace_back(Send{node, *peer.cosignature});
  std::size_t left = std::min(options_.forward_to, peers_.size());
  for (std::size_t i = 0; i < peers_.size() && left > 0; ++i) {
    const auto other = std::next(peers_.begin(), static_cast<std::ptrdiff_t>(turn_++ % peers_.size()));
    if (other->first == node) continue;
    out.emplace_back(Send{other->first, *peer.cosignature});
    --left;
  }
}

void HeadWitness::give_up(const PublicKey& node, Peer& peer, Moment at, WitnessEffects& out) {
  const auto [a, b] = std::minmax(*peer.last, peer.queue.front().head, smaller);
  out.emplace_back(ProofWithheld{node, a.head.size, b.head.size});
  peer.queue.pop_front();
  go_on(node, peer, at, out);
}

void HeadWitness::expose(const PublicKey& node, Peer& peer, Evidence evidence, WitnessEffects& out) const {
  peer.caught = true;
  peer.queue.clear();
  out.emplace_back(Caught{evidence});
  for (const auto& [other, state] : peers_) {
    if (other != node) out.emplace_back(Send{other, evidence});
  }
}

void HeadWitness::remember(Peer& peer, const Head& head) {
  peer.known.emplace_back(head.size, head.root);
  if (peer.known.size() > kKnownMax) peer.known.pop_front();
}

void HeadWitness::on_deadline(Moment at, WitnessEffects& out) {
  if (next_gossip_ && at.now >= *next_gossip_) announce(*head_, at, out);
  for (auto& [node, peer] : peers_) {
    if (peer.queue.empty() || at.now < peer.deadline) continue;
    if (peer.tries < options_.proof_tries) {
      ask(node, peer, at, out);
    } else {
      give_up(node, peer, at, out);
    }
  }
}

std::optional<Time> HeadWitness::next_deadline() const {
  std::optional<Time> next = next_gossip_;
  for (const auto& [node, peer] : peers_) {
    if (!peer.queue.empty()) next = next ? std::min(*next, peer.deadline) : peer.deadline;
  }
  return next;
}

bool HeadWitness::caught(const PublicKey& node) const {
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.caught;
}

std::optional<SignedHead> HeadWitness::last_of(const PublicKey& node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? std::nullopt : found->second.last;
}

std::uint64_t HeadWitness::cosigned_size() const noexcept {
  std::uint64_t most = 0;
  for (const auto& [node, size] : cosigned_by_) most = std::max(most, size);
  return most;
}

}  // namespace hansa::protocols::audit
