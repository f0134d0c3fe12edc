// What a receiver and some of its neighbours can compute from every packet of their sum that any of them saw,
// relayed ones included: exact linear algebra over real runs (protocols/secure_sum/leakage.hpp). Then what
// two receivers that work together can, on a graph that check_neighbourhoods() accepts and on one that it
// refuses.
#include "protocols/gossip/neighbourhood_check.hpp"
#include "protocols/gossip/secure_neighbourhood.hpp"
#include "protocols/secure_sum/leakage.hpp"
#include "tests/protocols/support/neighbourhoods.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

namespace hansa::protocols::testing {
namespace {

using secure_sum::contains;
using secure_sum::Row;
using secure_sum::Set;
using secure_sum::set_of;

struct Seen {
  PartyId from{}, to{};
  RelayedPacketMessage message;
};

/// One round of a fleet, and all that was sent in it.
struct Trace {
  RunOptions run;
  std::vector<Seen> sent;
  std::size_t complete = 0;  ///< receivers that got their sum
};

Trace trace_of(std::shared_ptr<const topology::Topology> graph, Faults faults, std::uint64_t seed) {
  Trace trace{.run = neighbourhood_run(std::move(graph), 1)};
  Fleet fleet(make_d_psgd, trace.run, faults, seed);
  fleet.on_batch = [&](PartyId from, std::span<const Effect> effects) {
    for (const Effect& effect : effects) {
      const auto* send = std::get_if<Send>(&effect);
      if (send != nullptr)
        trace.sent.push_back({from, send->to, std::get<RelayedPacketMessage>(send->message)});
    }
  };
  EXPECT_TRUE(fleet.run(2h));
  for (const auto& seen : fleet.events()) {
    const auto* sum = std::get_if<SumEnded>(&seen.event);
    if (sum != nullptr && sum->first_member == seen.party && sum->contributors > 0) ++trace.complete;
  }
  return trace;
}

std::vector<PartyId> members_of(const Trace& trace, PartyId receiver) {
  std::vector<PartyId> members;
  for (const auto& n : trace.run.topology->in(0, receiver)) members.push_back(n.party);
  members.push_back(receiver);
  return members;
}

/// What `coalition` knows about the inputs of `receiver`'s sum: one column per input, those of colluders
/// zero.
std::vector<Row> equations(const Trace& trace, PartyId receiver, const std::set<PartyId>& coalition) {
  const std::vector<PartyId> members = members_of(trace, receiver);
  Set colluders = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (coalition.contains(members[i])) colluders |= set_of(i);
  }
  secure_sum::CoalitionView view(neighbourhood_plan(trace.run, 0, receiver), colluders);
  for (const Seen& seen : trace.sent) {
    if (seen.message.receiver != receiver || seen.message.packet->empty()) continue;
    if (!coalition.contains(seen.from) && !coalition.contains(seen.to)) continue;
    const auto packet = secure_sum::decode_packet(*seen.message.packet, view.plan());
    EXPECT_TRUE(std::holds_alternative<secure_sum::Packet>(packet));
    view.hold(std::get<secure_sum::Packet>(packet));
  }
  return view.equations(view.facts(0), view.secrets());
}

/// The same with one column per party, each input times its public weight.
std::vector<Row> weighted(const Trace& trace, PartyId receiver, const std::set<PartyId>& coalition) {
  const auto inputs = trace.run.topology->in(0, receiver);
  std::vector<Row> rows;
  for (const Row& row : equations(trace, receiver, coalition)) {
    Row wide(trace.run.parties);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto weight = static_cast<std::uint64_t>(std::lround(std::ldexp(inputs[i].weight, 24)));
      wide[index(inputs[i].party)] = static_cast<std::uint64_t>(static_cast<unsigned __int128>(row[i]) *
                                                                weight % secure_sum::kEquationPrime);
    }
    rows.push_back(std::move(wide));
  }
  return rows;
}

/// Every receiver with 0 to k - 2 of its neighbours.
void expect_only_honest_sums(const Trace& trace) {
  Rng rng(7, Purpose::test);
  std::size_t sums = 0;
  for (std::uint32_t r = 0; r < trace.run.parties; ++r) {
    const std::vector<PartyId> members = members_of(trace, P(r));
    const std::size_t inputs = members.size() - 1;
    const std::size_t colluders = r % (inputs - 1);
    std::set<PartyId> coalition{P(r)};
    while (coalition.size() < colluders + 1) coalition.insert(members[rng.below(inputs)]);
    Row honest(inputs);
    for (std::size_t i = 0; i < inputs; ++i) honest[i] = coalition.contains(members[i]) ? 0 : 1;
    const std::vector<Row> known = equations(trace, P(r), coalition);
    EXPECT_TRUE(known.empty() || known == std::vector<Row>{honest}) << "receiver " << r;
    sums += known.size();
    coalition.erase(P(r));
    EXPECT_TRUE(equations(trace, P(r), coalition).empty()) << "inputs alone learn nothing";
  }
  EXPECT_GE(sums, trace.complete) << "a lost REVEAL was sent all the same";
}

TEST(NeighbourhoodLeakage, AReceiverAndItsNeighboursLearnTheHonestSum) {
  const Trace whole = trace_of(random_graph(10, 8), {}, 1);
  EXPECT_EQ(whole.complete, 10U);
  expect_only_honest_sums(whole);
}

TEST(NeighbourhoodLeakage, NothingMoreWhenPartiesCrashOrPacketsAreLost) {
  std::size_t complete = 0;
  for (const Faults& faults : {Faults{.latency_max = 50ms, .crash = 0.001, .mortal_every = 10},
                               Faults{.loss = 0.0005, .duplication = 0.1, .latency_max = 2s}}) {
    const Trace broken = trace_of(random_graph(10, 8), faults, 4);
    complete += broken.complete;
    expect_only_honest_sums(broken);
  }
  EXPECT_LT(complete, 20U);
  EXPECT_GT(complete, 0U);
}

/// Parties whose model some two receivers that work together can compute.
std::size_t exposed_to_pairs(const Trace& trace) {
  std::size_t exposed = 0;
  for (std::uint32_t a = 0; a < 4; ++a) {
    for (std::uint32_t b = a + 1; b < 4; ++b) {
      std::vector<Row> rows = weighted(trace, P(a), {P(a), P(b)});
      for (Row& row : weighted(trace, P(b), {P(a), P(b)})) rows.push_back(std::move(row));
      exposed += secure_sum::exposed_unknowns(rows, 2).size();
    }
  }
  return exposed;
}

TEST(NeighbourhoodLeakage, TwoReceiversLearnNoModelOnAnAcceptedGraph) {
  std::uint64_t seed = 1;
  while (!check_neighbourhoods(*random_graph(18, 8, seed), 0).ok()) ASSERT_LT(++seed, 100U);
  const auto graph = random_graph(18, 8, seed);
  EXPECT_EQ(exposed_to_pairs(trace_of(graph, {}, 3)), 0U);
}

TEST(NeighbourhoodLeakage, TwoReceiversLearnAModelOnARefusedGraph) {
  const auto graph = nearly_complete_graph(10, {{1, 9}});  // only 9 is 0's neighbour and not 1's
  ASSERT_FALSE(check_neighbourhoods(*graph, 0).ok());
  EXPECT_GT(exposed_to_pairs(trace_of(graph, {}, 3)), 0U);
}

}  // namespace
}  // namespace hansa::protocols::testing
