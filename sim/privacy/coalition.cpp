#include "sim/privacy/coalition.hpp"

#include "sim/privacy/knowledge.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace hansa::sim::privacy {
namespace {

/// What the colluders know before anything is sent: their own models.
Knowledge own_knowledge(std::uint32_t parties, const Coalition& colluders) {
  Knowledge knowledge(parties);
  for (const std::uint32_t colluder : colluders) knowledge.learn_unknown(colluder);
  return knowledge;
}

std::vector<Equation> own_models(std::uint32_t parties) {
  std::vector<Equation> models(parties, Equation(parties));
  for (std::uint32_t i = 0; i < parties; ++i) models[i][i] = Residue(1);
  return models;
}

Equation sum_of(const std::vector<PartyId>& cohort, const std::vector<Equation>& models) {
  Equation sum(models.size());
  for (const PartyId member : cohort) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] + models[index(member)][i];
  }
  return sum;
}

/// `models` are the inputs of a round as combinations of the unknowns.
void learn_sums(const Cohorts& cohorts, const Coalition& colluders, const std::vector<Equation>& models,
                Knowledge& knowledge) {
  for (const auto& cohort : cohorts) {
    const bool one_of_them = std::any_of(cohort.begin(), cohort.end(), [&](PartyId member) {
      return std::binary_search(colluders.begin(), colluders.end(), static_cast<std::uint32_t>(member));
    });
    if (one_of_them) knowledge.learn(sum_of(cohort, models));
  }
}

/// Every member goes on with the average of its cohort.
void average(const Cohorts& cohorts, std::vector<Equation>& models) {
  for (const auto& cohort : cohorts) {
    Equation mean = sum_of(cohort, models);
    const Residue share = Residue(cohort.size()).inverse();
    for (Residue& value : mean) value = value * share;
    for (const PartyId member : cohort) models[index(member)] = mean;
  }
}

/// A mixing weight as a residue: exactly where it is one over an integer, as Metropolis-Hastings weights are.
Residue residue_of(double weight) {
  const double over = std::round(1 / weight);
  if (std::abs(weight * over - 1) < 1e-9) return Residue(static_cast<std::uint64_t>(over)).inverse();
  return Residue(static_cast<std::uint64_t>(std::llround(std::ldexp(weight, 40))));
}

/// sum += factor * model.
void add(Equation& sum, Residue factor, const Equation& model) {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    if (!model[i].is_zero()) sum[i] = sum[i] + factor * model[i];
  }
}

}  // namespace

Cohorts cohorts_of(const topology::CohortOptions& options, Round round) {
  Cohorts cohorts;
  std::vector<bool> placed(options.parties, false);
  for (std::uint32_t i = 0; i < options.parties; ++i) {
    if (placed[i]) continue;
    cohorts.push_back(topology::cohort_of(options, round, PartyId{i}));
    for (const PartyId member : cohorts.back()) placed[index(member)] = true;
  }
  return cohorts;
}

Coalition coalition_at(std::uint64_t seed, std::uint32_t number, std::uint32_t parties,
                       std::uint32_t colluders) {
  Coalition places(parties);
  std::iota(places.begin(), places.end(), 0U);
  Rng(seed, Purpose::evaluation, ~0ULL, number).shuffle(places);
  places.resize(std::min(colluders, parties));
  std::sort(places.begin(), places.end());
  return places;
}

StandingStill if_models_stood_still(const std::vector<Cohorts>& rounds, const Coalition& colluders,
                                    std::uint32_t parties) {
  const std::vector<Equation> models = own_models(parties);
  Knowledge knowledge = own_knowledge(parties, colluders);
  StandingStill result;
  for (Round round = 0; round < rounds.size() && !result.all; ++round) {
    learn_sums(rounds[round], colluders, models, knowledge);
    const std::size_t known = knowledge.known();
    if (known > colluders.size() && !result.first) result.first = round + 1;
    if (known == parties) result.all = round + 1;
  }
  return result;
}

std::size_t found_without_training(const topology::CohortOptions& options, Round first, Round last,
                                   const Coalition& colluders) {
  Knowledge knowledge = own_knowledge(options.parties, colluders);
  std::vector<Equation> models = own_models(options.parties);
  for (Round round = first; round <= last; ++round) {
    const Cohorts cohorts = cohorts_of(options, round);
    learn_sums(cohorts, colluders, models, knowledge);
    average(cohorts, models);
  }
  return knowledge.known() - colluders.size();
}

std::size_t found_in_neighbourhoods(const topology::Topology& graph, const Coalition& colluders,
                                    Round rounds) {
  const std::uint32_t parties = graph.parties();
  Knowledge knowledge = own_knowledge(parties, colluders);
  std::vector<Equation> models = own_models(parties);
  for (Round round = 0; round < rounds && knowledge.known() < parties; ++round) {
    std::vector<Equation> sums(parties, Equation(parties));
    for (std::uint32_t i = 0; i < parties; ++i) {
      for (const topology::Neighbour& from : graph.in(0, PartyId{i})) {
        add(sums[i], residue_of(from.weight), models[index(from.party)]);
      }
    }
    for (const std::uint32_t colluder : colluders) knowledge.learn(sums[colluder]);
    for (std::uint32_t i = 0; i < parties; ++i) {  // a party keeps what its neighbours do not weigh
      Residue kept(1);
      for (const topology::Neighbour& from : graph.in(0, PartyId{i})) kept = kept - residue_of(from.weight);
      add(sums[i], kept, models[i]);
    }
    models = std::move(sums);
  }
  return knowledge.known() - colluders.size();
}

}  // namespace hansa::sim::privacy
