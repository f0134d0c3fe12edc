// The frame of a session: what comes in is checked and noted, then every possible step is taken.
#include "protocols/secure_sum/session.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

constexpr std::uint8_t kEarlyPacketsMax = 4;  // a SHARE and a READY, and as many replayed from other sessions

/// The hash of a long body, which ends the text that was signed; hashing is the dearest thing done to it.
Hash256 hash_in(const Bytes& text) {
  return Hash256{Reader(BytesView(text).last(sizeof(Hash256))).array<32>()};
}

}  // namespace

Result<SecAggSession> SecAggSession::make(SessionPlan plan, Member me, const crypto::Identity& identity,
                                          std::shared_ptr<SecureInput> input, EntropySource& entropy) {
  if (Result<void> started = crypto::initialise(); !started) return started.error();
  if (Result<void> checked = check_plan(plan); !checked) return checked.error();
  HANSA_ASSERT(me < plan.members.size() && plan.members[me] == identity.public_key());
  HANSA_ASSERT(input == nullptr || plan.is_input(me));
  SecAggSession session(std::move(plan), me, identity, std::move(input), entropy);
  if (session.input_ != nullptr) {
    if (Result<void> usable = session.check_input(*session.input_); !usable) return usable.error();
  }
  return session;
}

SecAggSession::SecAggSession(SessionPlan plan, Member me, const crypto::Identity& identity,
                             std::shared_ptr<SecureInput> input, EntropySource& entropy)
    : plan_(std::move(plan)),
      me_(me),
      identity_(&identity),
      input_(std::move(input)),
      my_chunk_(plan_.chunk_of(me)),
      first_session_(first_session_id(plan_)),
      facts_(plan_.members.size()),
      sums_(plan_.chunks.size()) {
  secrets_.emplace();
  secrets_->rebuilt.resize(plan_.inputs);
  if (gives_input()) secrets_->own = MemberSecrets::draw(entropy, plan_.threshold);
  entropy.fill(std::as_writable_bytes(std::span(audit_draw_)));
  outcome_.sums.resize(plan_.chunks.size());
}

void SecAggSession::start(Time now, SessionEffects& out) {
  now_ = now;
  if (input_ != nullptr) input_since_ = now;
  enter(Phase::advert);
  if (gives_input()) send(PacketType::advert, secrets_->own.advert(), everyone_else(), out);
  advance(out);
}

void SecAggSession::on_packet(BytesView packet, Time now, SessionEffects& out) {
  now_ = now;
  const auto decoded = decode_packet(packet, plan_);
  if (const auto* reason = std::get_if<DropReason>(&decoded)) return drop(*reason);
  handle(std::get<Packet>(decoded), packet, out);
  advance(out);
}

/// Everything up to here costs an attacker more than us; from the signature on, the sender is known.
void SecAggSession::handle(const Packet& packet, BytesView bytes, SessionEffects& out) {
  if (const auto* share = std::get_if<ShareBody>(&packet.parsed); share != nullptr && share->to != me_) {
    return drop(DropReason::not_for_us);
  }
  if (const auto* chunk = std::get_if<ChunkBody>(&packet.parsed); chunk != nullptr && chunk->to != me_) {
    return drop(DropReason::not_for_us);
  }
  if (packet.from == me_) return drop(DropReason::duplicate);  // our own words, reflected
  if (phase_ == Phase::aborted) return drop(DropReason::late);
  const bool afterwards = packet.type == PacketType::pull || packet.type == PacketType::audit ||
                          packet.type == PacketType::audited;
  if (phase_ == Phase::complete && !afterwards) return drop(DropReason::late);
  Bytes text = signed_bytes(packet.type, packet.from, packet.session, packet.body);
  if (!crypto::verify(plan_.members[packet.from], text, packet.signature)) {
    return drop(DropReason::bad_signature);
  }
  const Hash256 body_hash = hash_in(text);
  if (!check_session(packet, bytes, out)) return;
  if (packet.type == PacketType::pull) return answer_pull(packet, out);
  if (packet.type == PacketType::audit) return answer_audit(packet, out);
  switch (note(packet.type, packet.from, std::move(text), packet.signature, out)) {
    case Statement::contradicting:
      if (packet.type == PacketType::result) poisoned_ |= set_of(plan_.chunk_of(packet.from));
      return drop(DropReason::contradiction);
    case Statement::repeated:
      return drop(DropReason::duplicate);
    case Statement::fresh:
      break;
  }
  Facts& facts = facts_[packet.from];
  switch (packet.type) {
    case PacketType::advert:
      return accept_advert(packet, bytes, out);
    case PacketType::share:
      return accept_share(packet, out);
    case PacketType::ready:
      facts.ready = packet.signature;
      return;
    case PacketType::chunk:
      return accept_chunk(packet, out);
    case PacketType::receipt:
      facts.receipt = std::get<ReceiptBody>(packet.parsed).inputs;
      return;
    case PacketType::propose:
      return accept_proposal(packet.from, std::get<ProposeBody>(packet.parsed), packet.signature);
    case PacketType::vote:
      return accept_vote(packet, out);
    case PacketType::reveal: {
      const auto& body = std::get<RevealBody>(packet.parsed);
      facts.reveal.emplace(body.decision, Bytes(body.shares.begin(), body.shares.end()));
      return;
    }
    case PacketType::result:
      return accept_result(packet, bytes, body_hash);
    case PacketType::done:
      return accept_done(packet);
    case PacketType::audited:
      return accept_audited(packet, bytes, out);
    case PacketType::pull:
    case PacketType::audit:
      return;
  }
}

/// Whether the packet belongs here. One that comes before the session id is known is kept for a while; a
/// SHARE from another session shows that somebody signed two ADVERTs, and its sender is sent ours to see.
bool SecAggSession::check_session(const Packet& packet, BytesView bytes, SessionEffects& out) {
  if (packet.type == PacketType::advert) {
    if (packet.session == first_session_) return true;
    drop(DropReason::other_session);
    return false;
  }
  if (session_ && packet.session == *session_) return true;
  const bool setup = packet.type == PacketType::share || packet.type == PacketType::ready;
  if (!session_ && setup) {
    if (facts_[packet.from].early_packets++ < kEarlyPacketsMax) {
      early_.emplace_back(packet.from, Bytes(bytes.begin(), bytes.end()));
    } else {
      drop(DropReason::flood);
      facts_[packet.from].early_packets = kEarlyPacketsMax;
    }
    return false;
  }
  if (setup && phase_ <= Phase::ready) tell_adverts(packet.from, out);
  drop(DropReason::other_session);
  return false;
}

/// Keeps the first thing that a member said of each kind; a second, different one is proof against it.
SecAggSession::Statement SecAggSession::note(PacketType type, Member member, Bytes text,
                                             const Signature& signature, SessionEffects& out) {
  const auto [place, fresh] = said_.try_emplace({type, member}, SignedStatement{text, signature});
  if (fresh) return Statement::fresh;
  if (place->second.text == text) return Statement::repeated;
  blame(member, Misdeed::contradiction, {place->second, {std::move(text), signature}}, out);
  return Statement::contradicting;
}

void SecAggSession::advance(SessionEffects& out) {
  while (step(out)) {
  }
}

/// Takes one step, if the facts allow one.
bool SecAggSession::step(SessionEffects& out) {
  switch (phase_) {
    case Phase::advert:
      if (inputs_that([](const Facts& f) { return f.advert.has_value(); }) != all_inputs()) return false;
      begin_session(out);
      return true;
    case Phase::share:
      if (inputs_that([](const Facts& f) { return f.shares.has_value(); }) != all_inputs()) return false;
      enter(Phase::ready);
      send(PacketType::ready, {}, everyone_else(), out);
      return true;
    case Phase::ready:
      if (inputs_that([](const Facts& f) { return f.ready.has_value(); }) != all_inputs()) return false;
      gives_input() && !withheld_ ? request_masks(out) : enter(Phase::chunks);
      return true;
    case Phase::masking:
      return mask_step(out);
    case Phase::chunks:
      if (vote(out)) return true;
      if (!is_owner()) {
        enter(Phase::commit);
        return true;
      }
      if ((lanes_missing() & ~gone_) != 0) return false;
      send_receipt(out);
      return true;
    case Phase::commit:
      if (vote(out)) return true;
      if (quorum_is_gone()) {
        abort(AbortReason::no_quorum, gone_, out);
        return false;
      }
      if (contains(gone_, leader(view_)) && view_ + 1 < views()) {
        ++view_;
        return true;
      }
      if (!may_propose() || !best_decision()) return false;
      propose(out);
      return true;
    case Phase::voted:
      if (certified()) {
        reveal(out);
        return true;
      }
      if (quorum_is_gone()) abort(AbortReason::no_quorum, gone_, out);
      return false;
    case Phase::revealed:
      if (rebuild_secrets(out)) return true;
      if (plan_.has_outside_owner()) return false;
      if (!pulled_at_ && results_are_lost()) pull_missing(out);
      if (chunks_missing() != 0) return false;
      send_done(out);
      return true;
    case Phase::done:
      compare_dones(out);
      if (!settled()) return false;
      complete(out);
      return true;
    case Phase::complete:
    case Phase::aborted:
      return false;
  }
  return false;
}

void SecAggSession::on_masked(MaskJob job, Bytes lanes, Time now, SessionEffects& out) {
  now_ = now;
  if (job == MaskJob::audit) return conclude_audit(lanes, out);
  if (job == MaskJob::input) {
    MaskedLanes masked(std::move(lanes), masked_with_input_);
    if (phase_ != Phase::masking) return;  // the others have gone on without this input
    secrets_->masked.emplace(std::move(masked));
  } else {
    if (over()) return;
    send_result(std::move(lanes), out);
  }
  advance(out);
}

std::optional<Time> SecAggSession::next_deadline() const {
  const Patience& patience = plan_.patience;
  switch (phase_) {
    case Phase::advert:
    case Phase::share:
    case Phase::ready:
      if (awaits_input()) return std::nullopt;  // as long as this member trains, waiting costs nothing
      return std::max(phase_began_, input_since_.value_or(phase_began_)) + patience.setup;
    case Phase::chunks:
      return phase_began_ + patience.chunks;
    case Phase::commit: {
      const Time lead = phase_began_ + patience.lead;
      if (leader(view_) == me_ && !proposed_ && lead > now_) return lead;
      return phase_began_ + static_cast<std::int64_t>(view_ + 1) * patience.view;
    }
    case Phase::voted:
      return phase_began_ + patience.vote;
    case Phase::revealed:
      return pulled_at_.value_or(phase_began_) + patience.result;
    case Phase::done:
      return phase_began_ + patience.done;
    case Phase::masking:
    case Phase::complete:
    case Phase::aborted:
      break;
  }
  return std::nullopt;
}

void SecAggSession::on_deadline(Time now, SessionEffects& out) {
  now_ = now;
  const std::optional<Time> due = next_deadline();
  if (due && now >= *due) {
    const auto without = [&](auto has) { return all_inputs() & ~inputs_that(has); };
    switch (phase_) {
      case Phase::advert:
      case Phase::share:
      case Phase::ready:
        give_up_setup(awaited_in_setup(), now, out);
        break;
      case Phase::chunks:
        send_receipt(out);
        break;
      case Phase::commit:
        next_view(out);
        break;
      case Phase::voted:
        abort(AbortReason::no_quorum, without([](const Facts& f) { return f.vote.has_value(); }), out);
        break;
      case Phase::revealed:
        if (plan_.has_outside_owner()) {
          abort(AbortReason::no_quorum, without([](const Facts& f) { return f.reveal.has_value(); }), out);
        } else if (pulled_at_) {
          send_done(out);
        } else {
          pull_missing(out);
        }
        break;
      case Phase::done:
        complete(out);
        break;
      default:
        break;
    }
  }
  advance(out);  // a leader's own deadline is only a fact
}

Set SecAggSession::awaited_in_setup() const {
  const auto without = [&](auto has) { return all_inputs() & ~inputs_that(has); };
  switch (phase_) {
    case Phase::advert:
      return all_inputs() & ~advertised();
    case Phase::share:
      return without([](const Facts& f) { return f.shares.has_value(); });
    case Phase::ready:
      return without([](const Facts& f) { return f.ready.has_value(); });
    default:
      return 0;
  }
}

Set SecAggSession::advertised() const {
  return inputs_that([](const Facts& f) { return f.advert.has_value(); });
}

void SecAggSession::give_up_setup(Set missing, Time now, SessionEffects& out) {
  now_ = now;
  if (phase_ <= Phase::ready) abort(AbortReason::setup_timeout, missing, out);
}

void SecAggSession::leave_behind(Set members, Time now, SessionEffects& out) {
  now_ = now;
  gone_ |= members;
  if (phase_ > Phase::ready && !over()) advance(out);
}

void SecAggSession::on_connection_lost(Member member, Time now, SessionEffects& out) {
  now_ = now;
  lost_ |= set_of(member);
  if (phase_ == Phase::revealed) advance(out);
}

void SecAggSession::enter(Phase phase) noexcept {
  phase_ = phase;
  phase_began_ = now_;
}

/// Signs `body`, notes it as our own word and sends it to every member of `to`.
void SecAggSession::send(PacketType type, BytesView body, Set to, SessionEffects& out) {
  const Hash256& session = type == PacketType::advert ? first_session_ : *session_;
  const Bytes text = signed_bytes(type, me_, session, body);
  const Signature signature = identity_->sign(text);
  auto packet = std::make_shared<const Bytes>(encode_packet(type, me_, session, signature, body));
  Facts& mine = facts_[me_];
  if (type == PacketType::ready) mine.ready = signature;
  if (type == PacketType::propose) accept_proposal(me_, parse_propose(body), signature);
  if (type == PacketType::advert || type == PacketType::result) {  // those that we keep like others'
    const auto decoded = decode_packet(*packet, plan_);
    const auto& own = std::get<Packet>(decoded);
    type == PacketType::advert ? accept_advert(own, *packet, out)
                               : accept_result(own, *packet, hash_in(text));
  }
  for (Member member = 0; member < plan_.members.size(); ++member) {
    if (contains(to, member)) out.emplace_back(SendPacket{member, packet});
  }
}

void SecAggSession::blame(Member member, Misdeed misdeed, std::vector<SignedStatement> evidence,
                          SessionEffects& out) {
  out.emplace_back(Blame{member, misdeed, std::move(evidence)});
}

Set SecAggSession::everyone_else() const noexcept { return first_of(plan_.members.size()) & ~set_of(me_); }

/// Forgets every secret, whatever the end was.
void SecAggSession::finish(SessionEffects& out) {
  secrets_.reset();
  for (Facts& facts : facts_) {
    facts.shares.reset();
    if (phase_ == Phase::complete) continue;  // an audit may still ask for the rest, which is no secret
    facts.lanes.reset();
    facts.reveal.reset();
  }
  early_.clear();
  input_.reset();
  out.emplace_back(SessionEnded{});
}

void SecAggSession::abort(AbortReason reason, Set missing, SessionEffects& out) {
  outcome_.reason = reason;
  outcome_.missing = missing;
  outcome_.retry_safe = input_ == nullptr || !input_->spent_;
  enter(Phase::aborted);
  finish(out);
}

}  // namespace hansa::protocols::secure_sum
