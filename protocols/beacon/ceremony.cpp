// The frame: what a packet is about, which attempt it belongs to, and the loop that takes the steps.
#include "protocols/beacon/ceremony.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <string>

namespace hansa::protocols::beacon {
namespace {

constexpr std::size_t kEarlyPerMemberMax = 8;  // one attempt ahead: a commit, a reveal and some votes
constexpr std::uint8_t kAnswersMax = 8;        // certificates that anybody needs; more is an attack
constexpr std::uint32_t kAsksMax = 16;         // as long as the longest attempt among the others

Error refusal(std::string message, std::string hint) {
  return {ErrorKind::usage, std::move(message), std::move(hint)};
}

}  // namespace

Result<void> check_plan(const CeremonyPlan& plan) {
  const std::size_t n = plan.roster.size();
  if (n < 3 || n > kMembersMax) {
    return refusal(
        "a beacon is drawn among 3 to " + std::to_string(kMembersMax) + " members, not " + std::to_string(n),
        "every member hears from every other, so the work grows with the square");
  }
  if (quorum_of(n, plan.colluders) > n) {
    return refusal("no vote can decide among " + std::to_string(n) + " members of which " +
                       std::to_string(plan.colluders) + " may be dishonest",
                   "lower the number of colluders to at most a third");
  }
  auto sorted = plan.roster;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return refusal("a member is in the roster twice", "each member has its own key");
  }
  return {};
}

Hash256 ceremony_id(const CeremonyPlan& plan) {
  crypto::Hasher hasher("hansa1/ceremony");
  Writer head;
  head.u16(1).raw(plan.manifest.bytes);
  head.u16(static_cast<std::uint16_t>(plan.colluders)).u16(static_cast<std::uint16_t>(plan.roster.size()));
  hasher.update(head.bytes());
  for (const crypto::PublicKey& key : plan.roster) hasher.update(key);
  return hasher.finish();
}

Hash256 session_of(const Hash256& ceremony, std::uint32_t attempt,
                   std::span<const std::pair<Member, Hash256>> commitments) {
  crypto::Hasher hasher("hansa1/session");
  hasher.update(ceremony.bytes).update(Writer().u32(attempt).bytes());
  for (const auto& [member, commitment] : commitments) {
    hasher.update(Writer().u16(member).bytes()).update(commitment.bytes);
  }
  return hasher.finish();
}

Ceremony::Ceremony(CeremonyPlan plan, Member me, const crypto::Identity& identity, EntropySource& entropy)
    : plan_(std::move(plan)),
      id_(ceremony_id(plan_)),
      me_(me),
      identity_(&identity),
      entropy_(&entropy),
      members_(first_members(plan_.roster.size())),
      answers_(plan_.roster.size(), 0) {
  HANSA_ASSERT(check_plan(plan_).ok() && me < plan_.roster.size());
  HANSA_ASSERT(plan_.roster[me] == identity.public_key());
}

void Ceremony::start(Time now, CeremonyEffects& out) {
  HANSA_ASSERT(phase_ == CeremonyPhase::idle);
  now_ = now;
  begin_attempt(0, members_, out);
  advance(out);
}

void Ceremony::watch(std::uint32_t attempt, Time now, CeremonyEffects& out) {
  HANSA_ASSERT(phase_ == CeremonyPhase::idle);
  now_ = now;
  phase_ = CeremonyPhase::watching;
  attempt_ = begun_ = attempt;
  ask(out);
}

void Ceremony::restore(CeremonyPhase phase, Outcome outcome) {
  HANSA_ASSERT(phase_ == CeremonyPhase::idle && phase >= CeremonyPhase::drawn);
  phase_ = phase;
  outcome_ = std::move(outcome);
  attempt_ = outcome_.attempt;
  if (outcome_.certificate) certificate_ = signed_packet(PacketType::certificate, *outcome_.certificate);
}

std::optional<Time> Ceremony::next_deadline() const {
  if (phase_ != CeremonyPhase::running && phase_ != CeremonyPhase::watching) return std::nullopt;
  return deadline_;
}

void Ceremony::on_deadline(Time now, CeremonyEffects& out) {
  const auto due = next_deadline();
  if (!due || now < *due) return;
  now_ = now;
  if (phase_ == CeremonyPhase::watching) return ask(out);
  if (!view_) {
    begin_view(0, out);
  } else if (*view_ + 1 < kViewsMax) {
    begin_view(static_cast<std::uint16_t>(*view_ + 1), out);
  } else {
    return end(CeremonyPhase::failed, out);
  }
  advance(out);
}

void Ceremony::on_packet(BytesView bytes, Time now, CeremonyEffects& out) {
  now_ = now;
  const auto decoded = decode_packet(bytes, plan_.roster.size());
  if (const auto* reason = std::get_if<DropReason>(&decoded)) return drop(*reason);
  const Packet& packet = std::get<Packet>(decoded);
  if (packet.ceremony != id_) return drop(DropReason::other_ceremony);
  if (packet.from == me_ || phase_ == CeremonyPhase::idle) return drop(DropReason::duplicate);
  if (over()) return answer_late(packet, out);
  if (known(packet, bytes)) return drop(DropReason::duplicate);
  if (!authentic(packet)) return drop(DropReason::bad_signature);
  handle(packet, bytes, out);
  advance(out);
}

/// What is here word for word needs no second look at its signature.
bool Ceremony::known(const Packet& packet, BytesView bytes) const {
  if (phase_ != CeremonyPhase::running || packet.attempt != attempt_) return false;
  const auto same = [&](const Shared& other) {
    return std::equal(other->begin(), other->end(), bytes.begin(), bytes.end());
  };
  if (packet.type == PacketType::commit && commits_[packet.from]) return same(commits_[packet.from]->packet);
  if (packet.type == PacketType::reveal && reveals_[packet.from]) return same(reveals_[packet.from]->packet);
  return false;
}

bool Ceremony::authentic(const Packet& packet) const {
  const Bytes text = signed_bytes(packet.type, packet.from, packet.ceremony, packet.body);
  return crypto::verify(plan_.roster[packet.from], text, packet.signature);
}

void Ceremony::handle(const Packet& packet, BytesView bytes, CeremonyEffects& out) {
  if (packet.type == PacketType::certificate) return accept_certificate(packet, out);
  if (packet.type == PacketType::ask) {
    asked_.set(packet.from);
    if (packet.attempt < attempt_) answer(packet.from, out);
    return;
  }
  if (phase_ == CeremonyPhase::watching) return drop(DropReason::late);  // only certificates tell it anything
  if (packet.attempt < attempt_) {
    drop(DropReason::late);
    const auto* vote = std::get_if<VoteBody>(&packet.parsed);
    if (vote != nullptr && (vote->ballot.view > 0 || !vote->ballot.complete)) answer(packet.from, out);
    return;
  }
  if (packet.attempt > attempt_) {
    const auto waiting = std::count_if(early_.begin(), early_.end(),
                                       [&](const auto& early) { return early.first == packet.from; });
    if (static_cast<std::size_t>(waiting) >= kEarlyPerMemberMax) return drop(DropReason::flood);
    early_.emplace_back(packet.from, Bytes(bytes.begin(), bytes.end()));
    return;
  }
  if (packet.members != members_ || !members_.test(packet.from)) return drop(DropReason::unknown_sender);
  if (packet.type == PacketType::commit) return accept_commit(packet, bytes, out);
  if (packet.type == PacketType::reveal) return accept_reveal(packet, bytes, out);
  accept_vote(packet, bytes, out);
}

/// After the end: members that seem not to know get the certificate.
void Ceremony::answer_late(const Packet& packet, CeremonyEffects& out) {
  drop(DropReason::late);
  const auto* vote = std::get_if<VoteBody>(&packet.parsed);
  const bool lost = vote != nullptr && (vote->ballot.view > 0 || !vote->ballot.complete);
  if (packet.type != PacketType::ask && !lost) return;
  if (certificate_ == nullptr || answers_[packet.from] >= kAnswersMax || !authentic(packet)) return;
  answer(packet.from, out);
}

void Ceremony::answer(Member to, CeremonyEffects& out) {
  if (certificate_ == nullptr) return;
  if (answers_[to] >= kAnswersMax) return drop(DropReason::flood);
  ++answers_[to];
  out.push_back(SendPacket{to, attempt_, certificate_});
}

void Ceremony::advance(CeremonyEffects& out) {
  while (phase_ == CeremonyPhase::running && step(out)) {
  }
}

bool Ceremony::step(CeremonyEffects& out) {
  if (!reached_.empty()) return take_quorum(out);
  if (!early_.empty() && commits_[me_]) {
    std::vector<std::pair<Member, Bytes>> mine;
    std::swap(mine, early_);
    for (auto& [from, bytes] : mine) {
      const auto packet = std::get<Packet>(decode_packet(bytes, plan_.roster.size()));
      if (packet.attempt == attempt_) {
        handle(packet, bytes, out);
      } else if (packet.attempt > attempt_) {
        early_.emplace_back(from, std::move(bytes));
      }
    }
    if (early_.size() < mine.size()) return true;
  }
  const bool caught = (caught_ & members_).any();
  if (!session_ && !caught && all_committed()) {
    reveal(out);
    return true;
  }
  if (session_ && !beacon_) {
    beacon_ = beacon_if_complete();
    if (beacon_) return true;
  }
  if (prepare_ && (!view_ || *view_ < prepare_->ballot.view)) {
    begin_view(prepare_->ballot.view, out);
    return true;
  }
  if (prepare_ && *view_ == prepare_->ballot.view && !prepared_) {
    prepared_ = true;
    cast(Step::commit, prepare_->ballot, out);
    return true;
  }
  // Nothing to wait for: all is here, or only those are missing that were caught.
  if (!view_ && (beacon_ || (caught && (missing() & ~caught_).none()))) {
    begin_view(0, out);
    return true;
  }
  if (const auto view = view_to_join()) {
    begin_view(*view, out);
    return true;
  }
  return false;
}

void Ceremony::begin_attempt(std::uint32_t attempt, const MemberSet& members, CeremonyEffects& out) {
  phase_ = CeremonyPhase::running;
  attempt_ = attempt;
  members_ = members;
  commits_.assign(plan_.roster.size(), std::nullopt);
  reveals_.assign(plan_.roster.size(), std::nullopt);
  session_.reset();
  beacon_.reset();
  disputed_.reset();
  view_.reset();
  prepared_ = false;
  votes_.clear();
  reached_.clear();
  prepare_.reset();
  began_ = now_;
  deadline_ = now_ + plan_.patience;
  entropy_->fill(randomness_.bytes());
  out.push_back(AttemptBegun{attempt});
  Bytes32 shown;
  std::copy(randomness_.bytes().begin(), randomness_.bytes().end(), shown.begin());
  const Hash256 commitment = commitment_of(plan_.manifest, attempt, me_, shown);
  crypto::wipe(shown);
  const Shared packet = signed_packet(PacketType::commit, encode_commit(place(), commitment));
  commits_[me_] = Committed{commitment, packet};
  send(packet, members_, out);
}

void Ceremony::end(CeremonyPhase phase, CeremonyEffects& out) {
  phase_ = phase;
  randomness_ = {};
  commits_.clear();
  reveals_.clear();
  votes_.clear();
  early_.clear();
  if (phase == CeremonyPhase::failed)
    outcome_ = {.attempt = attempt_, .members = {}, .beacon = {}, .certificate = {}};
  out.push_back(CeremonyEnded{});
}

/// Asks a few members at a time, the next ones each time: most likely one of the first knows.
void Ceremony::ask(CeremonyEffects& out) {
  if (asks_ == kAsksMax) return end(CeremonyPhase::failed, out);
  const std::size_t n = plan_.roster.size();
  const std::size_t few = std::min(plan_.colluders + 1, n - 1);
  const Shared packet = signed_packet(PacketType::ask, encode_ask(place()));
  for (std::size_t k = 0; k < few; ++k) {
    const std::size_t to = (me_ + 1 + (asks_ * few + k) % (n - 1)) % n;
    out.push_back(SendPacket{static_cast<Member>(to), attempt_, packet});
  }
  ++asks_;
  deadline_ = now_ + 2 * plan_.patience;
}

Ceremony::Shared Ceremony::signed_packet(PacketType type, BytesView body) const {
  const auto signature = identity_->sign(signed_bytes(type, me_, id_, body));
  return std::make_shared<const Bytes>(encode_packet(type, me_, id_, signature, body));
}

void Ceremony::send(const Shared& packet, const MemberSet& to, CeremonyEffects& out) const {
  for (const Member member : members_of(to)) {
    if (member != me_) out.push_back(SendPacket{member, attempt_, packet});
  }
}

}  // namespace hansa::protocols::beacon
