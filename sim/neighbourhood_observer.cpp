// One session per receiver and round; its members and their numbers follow from the graph.
#include "sim/neighbourhood_observer.hpp"

#include "protocols/gossip/secure_cohort.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace hansa::sim {
namespace {

using secure_sum::CoalitionView;
using secure_sum::Row;

std::span<const topology::Neighbour> neighbours(const protocols::RunOptions& run, PartyId party) {
  return run.topology->in(0, party);
}

/// What a party's model is multiplied with in the sum of `receiver`, as a number of the equations' field: its
/// weight in 2^-30ths. By sample count it is the same in every sum, so that it can be left to the unknown.
std::uint64_t coefficient(const protocols::RunOptions& run, const topology::Neighbour& neighbour) {
  if (run.weights == protocols::MixWeights::sample_count) return 1;
  return static_cast<std::uint64_t>(neighbour.weight * 0x1.0p30 + 0.5);
}

}  // namespace

NeighbourhoodObserver::NeighbourhoodObserver(std::shared_ptr<const protocols::RunOptions> run)
    : run_(std::move(run)), in_use_(run_->parties) {}

std::vector<PartyId> NeighbourhoodObserver::coalition_of(const protocols::RunOptions& run, Round round) {
  Rng rng(run.seed, Purpose::observer, ~std::uint64_t{0}, round);
  const PartyId first = party_at(rng.below(run.parties));
  std::set<PartyId> near;
  for (const topology::Neighbour& neighbour : neighbours(run, first)) {
    near.insert(neighbour.party);
    for (const topology::Neighbour& next : neighbours(run, neighbour.party)) near.insert(next.party);
  }
  near.erase(first);
  std::vector<PartyId> coalition(near.begin(), near.end());
  rng.shuffle(coalition);
  const std::size_t size = protocols::colluders_in(run.secure, neighbours(run, first).size());
  coalition.resize(std::min(coalition.size(), size - 1));
  coalition.push_back(first);
  std::sort(coalition.begin(), coalition.end());
  return coalition;
}

/// As much of the session's plan as reading its packets takes.
CoalitionView NeighbourhoodObserver::view_of(const RoundFacts& facts, PartyId receiver) const {
  secure_sum::SessionPlan plan;
  secure_sum::Set coalition = 0;
  const auto add = [&](PartyId member) {
    const bool ours = std::binary_search(facts.coalition.begin(), facts.coalition.end(), member);
    if (ours) coalition |= secure_sum::set_of(plan.members.size());
    plan.members.push_back(run_->secure.roster[index(member)]);
  };
  for (const topology::Neighbour& neighbour : neighbours(*run_, receiver)) add(neighbour.party);
  plan.inputs = plan.members.size();
  plan.threshold = plan.inputs;
  plan.lane = run_->secure.lane;
  plan.chunks = {{plan.inputs, run_->parameter_count + std::size_t{1}}};
  add(receiver);
  return {std::move(plan), coalition};
}

void NeighbourhoodObserver::on_sent(PartyId from, PartyId, const protocols::Message& sent) {
  const auto* message = std::get_if<protocols::RelayedPacketMessage>(&sent);
  if (message == nullptr || message->round >= run_->rounds) return;
  in_use_.heard(from, message->round);
  while (!rounds_.empty() && rounds_.begin()->first < in_use_.first()) {
    judge(rounds_.begin()->second);
    rounds_.erase(rounds_.begin());
  }
  hold(from, *message);
}

void NeighbourhoodObserver::on_delivered(PartyId, PartyId to, const protocols::Message& delivered) {
  const auto* message = std::get_if<protocols::RelayedPacketMessage>(&delivered);
  if (message != nullptr && message->round < run_->rounds) hold(to, *message);
}

void NeighbourhoodObserver::hold(PartyId by, const protocols::RelayedPacketMessage& message) {
  if (message.packet->empty()) return;  // only says that somebody takes no part
  if (message.round < in_use_.first()) {
    findings_.late += says_something(*message.packet) ? 1 : 0;
    return;
  }
  const auto [entry, fresh] = rounds_.try_emplace(message.round);
  RoundFacts& facts = entry->second;
  if (fresh) facts.coalition = coalition_of(*run_, message.round);
  if (!std::binary_search(facts.coalition.begin(), facts.coalition.end(), by)) return;
  auto sum = facts.sums.find(message.receiver);
  if (sum == facts.sums.end()) {
    sum = facts.sums.emplace(message.receiver, view_of(facts, message.receiver)).first;
  }
  const auto decoded = secure_sum::decode_packet(*message.packet, sum->second.plan());
  if (const auto* packet = std::get_if<secure_sum::Packet>(&decoded)) sum->second.hold(*packet);
}

void NeighbourhoodObserver::judge(const RoundFacts& facts) {
  std::vector<Row> rows;
  for (const auto& [receiver, view] : facts.sums) {
    const auto equations = view.equations(view.facts(0), view.secrets());
    const auto members = neighbours(*run_, receiver);
    for (const Row& equation : equations) {
      Row& row = rows.emplace_back(run_->parties);
      for (std::size_t i = 0; i < members.size(); ++i) {
        row[index(members[i].party)] = secure_sum::product(equation[i], coefficient(*run_, members[i]));
      }
    }
    ++findings_.sessions;
    findings_.sums_learnt += equations.empty() ? 0 : 1;
  }
  findings_.inputs_exposed += secure_sum::exposed_unknowns(std::move(rows), 2).size();
}

Findings NeighbourhoodObserver::close() {
  for (const auto& [round, facts] : rounds_) judge(facts);
  rounds_.clear();
  return findings_;
}

}  // namespace hansa::sim
