// ADVERT, SHARE, READY: fresh keys from everybody, a session id that is the hash of all of them, and shares
// of every secret that are checked before any input is touched. Whatever goes wrong here costs nothing: no
// masked byte has been sent.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::secure_sum {
namespace {

/// None if any of the encodings is not that of an element other than the identity.
std::optional<std::vector<Point>> decode_points(BytesView bytes) {
  std::vector<Point> points;
  for (Reader in(bytes); !in.rest().empty();) {
    const auto point = Point::decode(in.array<32>());
    if (!point) return std::nullopt;
    points.push_back(*point);
  }
  return points;
}

}  // namespace

void SecAggSession::accept_advert(const Packet& packet, BytesView bytes, SessionEffects& out) {
  if (phase_ != Phase::advert) return drop(DropReason::late);
  const auto& body = std::get<AdvertBody>(packet.parsed);
  auto self = decode_points(body.self), mask = decode_points(body.mask);
  if (!self || !mask) {
    drop(DropReason::bad_point);
    blame(packet.from, Misdeed::bad_advert, {said_[{PacketType::advert, packet.from}]}, out);
    return abort(AbortReason::bad_dealer, set_of(packet.from), out);
  }
  Advert advert{body.exchange_key, std::move(*self), std::move(*mask), {}, {}};
  advert.body.assign(packet.body.begin(), packet.body.end());
  advert.packet = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  facts_[packet.from].advert = std::move(advert);
}

/// All adverts are here: their hash is the session.
void SecAggSession::begin_session(SessionEffects& out) {
  std::vector<Bytes> bodies;
  for (Member i = 0; i < plan_.inputs; ++i) bodies.push_back(facts_[i].advert->body);
  session_ = session_id(first_session_, plan_.members, bodies);
  leaders_ = plan_.leaders;
  if (leaders_.empty()) {
    std::vector<std::pair<Hash256, Member>> order;
    for (Member i = 0; i < plan_.inputs; ++i) {
      const Hash256 key =
          crypto::Hasher("hansa1/leader").update(session_->bytes).update(plan_.members[i]).finish();
      order.emplace_back(key, i);
    }
    std::sort(order.begin(), order.end());
    for (const auto& [key, member] : order) leaders_.push_back(member);
  }
  enter(gives_input() ? Phase::share : Phase::ready);
  if (gives_input()) deal_shares(out);
  const auto early = std::move(early_);
  early_.clear();
  for (const auto& [from, bytes] : early) {
    if (over()) return;
    const auto decoded = decode_packet(bytes, plan_);
    handle(std::get<Packet>(decoded), bytes, out);
  }
}

Bytes SecAggSession::share_context(Member from, Member to) const {
  Writer out;
  out.raw(session_->bytes).u16(static_cast<std::uint16_t>(from)).u16(static_cast<std::uint16_t>(to));
  return std::move(out).bytes();
}

void SecAggSession::deal_shares(SessionEffects& out) {
  const MemberSecrets& own = secrets_->own;
  facts_[me_].shares = DealtShares{own.self.share(me_), own.mask.share(me_)};
  for (Member to = 0; to < plan_.inputs; ++to) {
    if (to == me_) continue;
    const auto keys = own.exchange.agree(facts_[to].advert->exchange_key, me_ < to);
    if (!keys) {  // a key of small order: nobody can talk to this member
      blame(to, Misdeed::bad_advert, {said_[{PacketType::advert, to}]}, out);
      return abort(AbortReason::bad_dealer, set_of(to), out);
    }
    crypto::Secret<64> plain;
    const Scalar self = own.self.share(to), mask = own.mask.share(to);
    std::copy(self.bytes().begin(), self.bytes().end(), plain.bytes().begin());
    std::copy(mask.bytes().begin(), mask.bytes().end(), plain.bytes().begin() + 32);
    Writer body;
    body.u16(static_cast<std::uint16_t>(to));
    body.raw(crypto::seal(keys->send, crypto::Nonce{}, share_context(me_, to), plain.bytes()));
    send(PacketType::share, body.bytes(), set_of(to), out);
  }
}

void SecAggSession::accept_share(const Packet& packet, SessionEffects& out) {
  if (phase_ != Phase::share) return drop(DropReason::late);
  const Member from = packet.from;
  const Advert& dealer = *facts_[from].advert;
  const auto keys = secrets_->own.exchange.agree(dealer.exchange_key, me_ < from);
  crypto::Secret<64> plain;
  bool good = keys && crypto::open(keys->receive, crypto::Nonce{}, share_context(from, me_),
                                   std::get<ShareBody>(packet.parsed).sealed, plain.bytes());
  const auto self = Scalar::decode(std::as_const(plain).bytes().first<32>());
  const auto mask = Scalar::decode(std::as_const(plain).bytes().last<32>());
  good = good && self && mask && share_fits(dealer.self, me_, *self) && share_fits(dealer.mask, me_, *mask);
  if (!good) {  // signed by the dealer for us, so nobody else can have spoilt it
    drop(DropReason::bad_share);
    blame(from, Misdeed::bad_share, {said_[{PacketType::share, from}]}, out);
    return abort(AbortReason::bad_dealer, set_of(from), out);
  }
  facts_[from].shares = DealtShares{*self, *mask};
}

/// Sends `to` every ADVERT that this session is made of. If it has another one of the same member, it then
/// holds the proof.
void SecAggSession::tell_adverts(Member to, SessionEffects& out) {
  if (std::exchange(facts_[to].told_adverts, true)) return;
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (i != to) out.emplace_back(SendPacket{to, facts_[i].advert->packet});
  }
}

}  // namespace hansa::protocols::secure_sum
