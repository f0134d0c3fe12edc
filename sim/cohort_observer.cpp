// Packets are followed from a colluder's ADVERT on: those it is sent to are the members, and the hash of all
// ADVERTs is the session's id.
#include "sim/cohort_observer.hpp"

#include "protocols/gossip/pieces.hpp"
#include "protocols/gossip/secure_cohort.hpp"
#include "protocols/secure_sum/key_schedule.hpp"
#include "topology/cohorts.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace hansa::sim {
namespace {

using secure_sum::BytesView;
using secure_sum::CoalitionView;
using secure_sum::Packet;
using secure_sum::PacketType;
using secure_sum::Row;

bool is_advert(BytesView packet) {
  return packet.size() >= secure_sum::kEnvelopeBytes &&
         packet[0] == static_cast<std::byte>(PacketType::advert);
}

secure_sum::Hash256 session_of(BytesView packet) {
  secure_sum::Hash256 id;
  std::memcpy(id.bytes.data(), packet.data() + 3, id.bytes.size());
  return id;
}

/// As much of the session's plan as reading its packets takes.
secure_sum::SessionPlan plan_of(const protocols::RunOptions& run, const std::vector<PartyId>& members,
                                std::size_t cohort_size, std::uint32_t attempt) {
  secure_sum::SessionPlan plan;
  for (const PartyId member : members) plan.members.push_back(run.secure.roster[index(member)]);
  plan.inputs = members.size();
  const protocols::SumThresholds thresholds = protocols::thresholds_in(run.secure, cohort_size);
  plan.colluders = thresholds.colluders;
  plan.threshold = thresholds.votes;
  const protocols::SumTerms terms = protocols::terms_in(run.secure, attempt);
  plan.lane = terms.lane;
  for (std::size_t k = 0; k < members.size(); ++k) {
    const protocols::Piece piece = protocols::piece_of(run.parameter_count, k, members.size());
    const std::uint32_t summed = secure_sum::summed_count(piece.count, terms.fraction);
    if (piece.count > 0) plan.chunks.push_back({k, summed + std::size_t{1}});
  }
  return plan;
}

}  // namespace

CohortObserver::CohortObserver(std::shared_ptr<const protocols::RunOptions> run, CohortsSource cohorts)
    : run_(std::move(run)), cohorts_(std::move(cohorts)), in_use_(run_->parties) {}

std::vector<PartyId> CohortObserver::coalition_of(const protocols::RunOptions& run, Round round,
                                                  const std::vector<PartyId>& cohort) {
  std::vector<PartyId> coalition = cohort;
  Rng rng(run.seed, Purpose::observer, index(cohort.front()), round);
  rng.shuffle(coalition);
  if (cohort.size() < 3) return {};  // never summed
  coalition.resize(protocols::thresholds_in(run.secure, cohort.size()).colluders);
  std::sort(coalition.begin(), coalition.end());
  return coalition;
}

CohortObserver::RoundFacts* CohortObserver::facts_of(Round round) {
  if (round < in_use_.first()) return nullptr;
  const auto [entry, fresh] = rounds_.try_emplace(round);
  RoundFacts& facts = entry->second;
  if (!fresh) return &facts;
  constexpr auto kNone = ~std::uint32_t{0};
  const topology::CohortOptions cohorts = cohorts_();
  facts.cohort_of.assign(run_->parties, kNone);
  for (std::uint32_t party = 0; party < run_->parties; ++party) {
    if (facts.cohort_of[party] != kNone) continue;
    Cohort& cohort = facts.cohorts.emplace_back();
    cohort.members = topology::cohort_of(cohorts, round, party_at(party));
    cohort.coalition = coalition_of(*run_, round, cohort.members);
    for (const PartyId member : cohort.members) {
      facts.cohort_of[index(member)] = static_cast<std::uint32_t>(facts.cohorts.size() - 1);
    }
  }
  return &facts;
}

/// Null if `party` is not in the coalition.
CohortObserver::Begun* CohortObserver::begun_by(PartyId party, const protocols::SecurePacketMessage& message,
                                                Cohort*& cohort) {
  RoundFacts* facts = facts_of(message.round);
  if (facts == nullptr) {
    findings_.late += says_something(*message.packet) ? 1 : 0;
    return nullptr;
  }
  cohort = &facts->cohorts[facts->cohort_of[index(party)]];
  if (!std::binary_search(cohort->coalition.begin(), cohort->coalition.end(), party)) return nullptr;
  return &cohort->begun[{party, message.attempt}];
}

void CohortObserver::on_sent(PartyId from, PartyId to, const protocols::Message& sent) {
  const auto* message = std::get_if<protocols::SecurePacketMessage>(&sent);
  if (message == nullptr || message->round >= run_->rounds) return;
  heard(from, message->round);
  Cohort* cohort = nullptr;
  Begun* begun = begun_by(from, *message, cohort);
  if (begun == nullptr) return;
  if (begun->session == nullptr && is_advert(*message->packet)) {
    if (begun->advert == nullptr) begun->members = {from};
    if (begun->advert == nullptr) begun->advert = message->packet;
    if (begun->advert == message->packet) begun->members.push_back(to);
    return;
  }
  if (begun->advert == nullptr) return;
  open(*cohort, message->attempt, *begun);
  hold(*begun->session, message->packet);
}

void CohortObserver::on_delivered(PartyId, PartyId to, const protocols::Message& delivered) {
  const auto* message = std::get_if<protocols::SecurePacketMessage>(&delivered);
  if (message == nullptr || message->round >= run_->rounds) return;
  Cohort* cohort = nullptr;
  Begun* begun = begun_by(to, *message, cohort);
  if (begun == nullptr) return;
  if (begun->advert == nullptr) {
    begun->early.push_back(message->packet);
    return;
  }
  open(*cohort, message->attempt, *begun);
  hold(*begun->session, message->packet);
}

/// Finds or begins the session that a member of the coalition takes part in, once its ADVERT has gone out.
void CohortObserver::open(Cohort& cohort, std::uint32_t attempt, Begun& begun) {
  if (begun.session != nullptr) return;
  std::vector<PartyId> members = begun.members;
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  const secure_sum::Hash256 first_id = session_of(*begun.advert);
  const auto same = [&](const std::unique_ptr<Session>& session) {
    return session->attempt == attempt && session->first_id == first_id && session->members == members;
  };
  auto found = std::find_if(cohort.sessions.begin(), cohort.sessions.end(), same);
  if (found == cohort.sessions.end()) {
    secure_sum::Set coalition = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const bool ours = std::binary_search(cohort.coalition.begin(), cohort.coalition.end(), members[i]);
      if (ours) coalition |= secure_sum::set_of(i);
    }
    CoalitionView view(plan_of(*run_, members, cohort.members.size(), attempt), coalition);
    auto session =
        std::make_unique<Session>(Session{attempt, first_id, members, std::move(view), {}, {}, {}, {}});
    session->adverts.resize(members.size());
    found = cohort.sessions.insert(cohort.sessions.end(), std::move(session));
  }
  begun.session = found->get();
  hold(*begun.session, begun.advert);
  for (const PacketRef& packet : std::exchange(begun.early, {})) hold(*begun.session, packet);
}

void CohortObserver::hold(Session& session, const PacketRef& bytes) {
  if (session.last == bytes) return;
  session.last = bytes;
  const auto decoded = secure_sum::decode_packet(*bytes, session.view.plan());
  const auto* packet = std::get_if<Packet>(&decoded);
  if (packet == nullptr) return;
  if (packet->type != PacketType::advert) {
    if (!session.id) return session.waiting.push_back(bytes);
    if (packet->session == *session.id) session.view.hold(*packet);
    return;
  }
  if (packet->session != session.first_id || session.adverts[packet->from]) return;
  session.adverts[packet->from].emplace(packet->body.begin(), packet->body.end());
  session.view.hold(*packet);
  std::vector<secure_sum::Bytes> bodies;
  for (const auto& advert : session.adverts) {
    if (!advert) return;
    bodies.push_back(*advert);
  }
  session.id = secure_sum::session_id(session.first_id, session.view.plan().members, bodies);
  for (const PacketRef& waiting : std::exchange(session.waiting, {})) hold(session, waiting);
}

/// Takes note of where `from` is, and judges the rounds that everybody has left behind.
void CohortObserver::heard(PartyId from, Round round) {
  in_use_.heard(from, round);
  while (!rounds_.empty() && rounds_.begin()->first < in_use_.first()) {
    for (Cohort& cohort : rounds_.begin()->second.cohorts) judge(cohort);
    rounds_.erase(rounds_.begin());
  }
}

struct CohortObserver::Part {
  const Session* session;
  CoalitionView::Secrets secrets;
  std::vector<std::uint32_t> begins;                                // by chunk: its first parameter
  std::map<CoalitionView::ChunkFacts, std::vector<Row>> equations;  // many chunks have the same
  bool learnt = false;
};

/// All that the cohort's sessions say about one parameter; one column per member of the cohort. Empty if it
/// is nothing.
std::vector<Row> CohortObserver::equations(const Cohort& cohort, std::vector<Part>& parts,
                                           std::uint32_t parameter) {
  std::vector<Row> rows;
  for (Part& part : parts) {
    const auto after = std::upper_bound(part.begins.begin(), part.begins.end(), parameter);
    const auto facts = part.session->view.facts(static_cast<std::size_t>(after - part.begins.begin() - 1));
    const auto [entry, fresh] = part.equations.try_emplace(facts);
    if (fresh) entry->second = part.session->view.equations(facts, part.secrets);
    part.learnt = part.learnt || !entry->second.empty();
    for (const Row& equation : entry->second) {
      Row& row = rows.emplace_back(cohort.members.size());
      for (std::size_t i = 0; i < equation.size(); ++i) {
        const PartyId member = part.session->members[i];
        const auto at = std::lower_bound(cohort.members.begin(), cohort.members.end(), member);
        row[static_cast<std::size_t>(at - cohort.members.begin())] = equation[i];
      }
    }
  }
  return rows;
}

/// Puts together what all attempts say. They cut the model into different pieces, so a stretch about which
/// the same is known ends wherever one of them begins a new piece.
void CohortObserver::judge(Cohort& cohort) {
  for (auto& [who, begun] : cohort.begun) {
    if (begun.advert != nullptr) open(cohort, who.second, begun);
  }
  if (cohort.sessions.empty()) return;
  std::vector<Part> parts;
  std::set<std::uint32_t> cuts;
  for (const auto& session : cohort.sessions) {
    Part& part = parts.emplace_back(Part{session.get(), session->view.secrets(), {}, {}});
    for (const auto& chunk : session->view.plan().chunks) {
      const std::size_t pieces = session->members.size();
      part.begins.push_back(protocols::piece_of(run_->parameter_count, chunk.owner, pieces).offset);
    }
    cuts.insert(part.begins.begin(), part.begins.end());
  }
  const auto [colluders, votes] = protocols::thresholds_in(run_->secure, cohort.members.size());
  std::set<std::vector<Row>> known;  // most stretches say the same
  std::set<std::size_t> exposed;
  for (const std::uint32_t cut : cuts) {
    const auto [rows, fresh] = known.insert(equations(cohort, parts, cut));
    if (!fresh) continue;
    const auto found = secure_sum::exposed_unknowns(*rows, votes - colluders);
    exposed.insert(found.begin(), found.end());
  }
  findings_.inputs_exposed += exposed.size();
  findings_.sessions += parts.size();
  for (const Part& part : parts) findings_.sums_learnt += part.learnt ? 1 : 0;
}

Findings CohortObserver::close() {
  for (auto& [round, facts] : rounds_) {
    for (Cohort& cohort : facts.cohorts) judge(cohort);
  }
  rounds_.clear();
  return findings_;
}

}  // namespace hansa::sim
