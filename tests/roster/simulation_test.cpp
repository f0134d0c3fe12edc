// Consortia of three to seven organisations, some of which sign whatever they like, on a network that loses
// and reorders, with nodes that crash. The invariant: one version of the roster has one hash at all honest
// members, or they hold evidence and no rounds start. Every run replays from its seed.
#include "tests/roster/mesh.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace hansa::protocols::roster {
namespace {

struct Plan {
  std::uint64_t seed = 0;
  std::size_t organisations = 4;
  std::size_t liars = 0;  ///< the first ones
  bool removals = true;
};

class Simulation {
 public:
  explicit Simulation(const Plan& plan)
      : plan_(plan),
        mesh_(Mesh::established(plan.organisations, plan.seed)),
        rng_(plan.seed, Purpose::test, 7) {
    mesh_->loss = 0.2;
    mesh_->reorder = true;
    mesh_->now = kNow + 100;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (rng_.below(3) == 0) mesh_->deliver();
      mesh_->now += static_cast<UnixTime>(rng_.below(20));
      mesh_->tick();
    }
    mesh_->loss = 0;
    for (std::size_t i = 0; i < mesh_->size(); ++i) (*mesh_)[i].online = true;
    mesh_->settle(3 * static_cast<int>(mesh_->size()) + 6);
  }

  /// Honest members of the last common roster with different versions must know of a fork.
  void check() const {
    std::map<std::uint32_t, std::set<Hash256>> hashes;
    bool all_know = true;
    for (std::size_t i = plan_.liars; i < mesh_->size(); ++i) {
      const RosterChain& chain = (*mesh_)[i].keeper.chain();
      for (std::uint32_t v = 1; v <= chain.head().roster.version; ++v) hashes[v].insert(chain.at(v)->hash);
      all_know = all_know && chain.fork().has_value();
      if (chain.fork()) {
        EXPECT_FALSE((*mesh_)[i].keeper.may_start_rounds(mesh_->now));
      }
    }
    for (const auto& [version, names] : hashes) {
      if (names.size() > 1) forked = true;
      highest = std::max(highest, version);
    }
    EXPECT_TRUE(!forked || all_know) << "seed " << plan_.seed << ": versions differ without evidence";
    if (!forked) {
      EXPECT_EQ(hashes.rbegin()->second.size(), 1u);
    }
    for (std::size_t i = plan_.liars; i < mesh_->size(); ++i) {
      const auto fork = (*mesh_)[i].keeper.chain().fork();
      if (!fork) continue;
      const std::set<PublicKey> caught = Branches{fork->common, fork->branches}.double_signers();
      // An honest organisation may be among them, if others rejected its first choice and lied; never alone.
      const bool liar_caught = std::any_of(caught.begin(), caught.end(), [&](const PublicKey& key) {
        for (std::size_t j = 0; j < plan_.liars; ++j) {
          if ((*mesh_)[j].org() == key) return true;
        }
        return false;
      });
      EXPECT_TRUE(liar_caught) << "seed " << plan_.seed;
    }
  }

  mutable bool forked = false;
  mutable std::uint32_t highest = 1;

 private:
  Roster random_change(const RosterKeeper& keeper) {
    Roster next = keeper.draft(mesh_->now);
    next.settles.clear();
    if (plan_.removals && rng_.below(3) == 0 && next.organisations.size() > 3) {
      next.organisations.erase(next.organisations.begin() +
                               static_cast<std::ptrdiff_t>(rng_.below(next.organisations.size())));
    } else {
      next.features = {"f" + std::to_string(rng_.below(1000))};
    }
    return next;
  }

  void step() {
    const std::size_t i = rng_.below(mesh_->size());
    Party& party = (*mesh_)[i];
    const bool liar = i < plan_.liars;
    switch (rng_.below(8)) {
      case 0:
        if (liar) {
          two_faced(party);
        } else {
          static_cast<void>(propose(*mesh_, party, random_change(party.keeper)));
        }
        break;
      case 1:
        party.online = !party.online || rng_.below(4) != 0;
        break;
      case 2:
        if (party.online) mesh_->restart(party);
        break;
      default:
        vote(party, liar);
    }
  }

  /// Two rival versions, each shown to one half.
  void two_faced(Party& party) {
    if (!party.keeper.member()) return;
    for (std::size_t face = 0; face < 2; ++face) {
      SignedRoster rival = unsigned_roster(random_change(party.keeper));
      for (std::size_t j = 0; j < plan_.liars; ++j) sign(rival, (*mesh_)[j].key);
      SignedRoster proposal = rival;
      proposal.signatures = {*std::find_if(rival.signatures.begin(), rival.signatures.end(),
                                           [&](const auto& s) { return s.organisation == party.org(); })};
      for (std::size_t to = 0; to < mesh_->size(); ++to) {
        if (to >= plan_.liars && to % 2 != face) continue;
        mesh_->inject(party.node, (*mesh_)[to], encode(proposal, Kind::proposal));
        for (const RosterSignature& s : rival.signatures) {
          mesh_->inject(party.node, (*mesh_)[to],
                        encode(Vote{consortium_of(rival), rival.hash, s.organisation, true, s.signature}));
        }
      }
    }
  }

  void vote(Party& party, bool liar) {
    if (!party.online) return;
    const auto proposals = party.keeper.proposals();
    if (proposals.empty()) return;
    const ProposalView& one = proposals[rng_.below(proposals.size())];
    if (liar && rng_.below(3) == 0) {  // rejects in public, approves in private
      static_cast<void>(reject(*mesh_, party, one.hash));
      Vote yes{party.keeper.chain().consortium(), one.hash, party.org(), true, {}};
      sign(yes, party.key);
      mesh_->inject(party.node, (*mesh_)[rng_.below(mesh_->size())], encode(yes));
    } else if (!liar && rng_.below(4) == 0) {
      static_cast<void>(reject(*mesh_, party, one.hash));
    } else {
      static_cast<void>(approve(*mesh_, party, one.hash, liar));
    }
  }

  Plan plan_;
  std::unique_ptr<Mesh> mesh_;
  Rng rng_;
};

TEST(RosterSimulation, HonestOrganisationsNeverFork) {
  std::uint32_t progress = 0;
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Simulation simulation({.seed = seed, .organisations = 3 + seed % 5});
    simulation.run(120);
    simulation.check();
    EXPECT_FALSE(simulation.forked) << "seed " << seed;
    progress += simulation.highest - 1;
  }
  EXPECT_GT(progress, 10u) << "nothing was ever decided, so nothing was tested";
}

TEST(RosterSimulation, TooFewDoubleSignersCannotFork) {
  // docs/governance.md: below 2 of 4, below 3 of 7 nobody forks anything.
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::size_t n = seed % 2 == 0 ? 4 : 7;
    Simulation simulation({.seed = seed, .organisations = n, .liars = n == 4 ? 1u : 2u, .removals = false});
    simulation.run(70);
    simulation.check();
    EXPECT_FALSE(simulation.forked) << "seed " << seed;
  }
}

TEST(RosterSimulation, EnoughDoubleSignersForkAndAreCaught) {
  std::size_t forks = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::size_t n = 3 + seed % 5;
    Simulation simulation({.seed = seed, .organisations = n, .liars = n / 2 + 1});
    simulation.run(60);
    simulation.check();
    forks += simulation.forked ? 1 : 0;
  }
  EXPECT_GT(forks, 0u) << "no run forked, so the evidence was never tested";
  RecordProperty("forks", static_cast<int>(forks));
}

}  // namespace
}  // namespace hansa::protocols::roster
