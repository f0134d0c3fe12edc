// The arithmetic behind privacy statements: odds against the table of the specification and against counting,
// coalitions against its measurements.
#include "sim/privacy/coalition.hpp"
#include "sim/privacy/knowledge.hpp"
#include "sim/privacy/odds.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <initializer_list>

namespace hansa::sim::privacy {
namespace {

/// To as many digits as the table gives.
double rounded(double p, int digits) {
  const double unit = std::pow(10, std::floor(std::log10(p)) - (digits - 1));
  return std::round(p / unit) * unit;
}

TEST(PrivacyOdds, TableOfTheSpecification) {
  struct Row {
    std::uint32_t n, f, t;
    double exceeds_10, breaks_10, exceeds_20, breaks_20;  // N = 1000
  };
  for (const Row& row : {Row{4, 1, 3, 5e-2, 4e-3, 0.18, 3e-2}, Row{5, 1, 4, 8e-2, 4e-4, 0.26, 7e-3},
                         Row{8, 2, 6, 4e-2, 2e-5, 0.20, 1e-3}, Row{8, 3, 6, 5e-3, 2e-5, 0.06, 1e-3},
                         Row{16, 5, 11, 3e-3, 2e-8, 0.08, 3e-5}, Row{16, 7, 12, 5e-5, 7e-10, 7e-3, 3e-6},
                         Row{32, 10, 22, 1e-4, 3e-16, 0.04, 2e-9}}) {
    SCOPED_TRACE(row.n);
    const auto expect = [](double got, double want) {
      const int digits = want > 0.1 ? 2 : 1;
      EXPECT_NEAR(rounded(got, digits), want, 1e-9 * want) << got;
    };
    expect(more_than(row.f, row.n, 100, 1000), row.exceeds_10);
    expect(more_than(row.t - 1, row.n, 100, 1000), row.breaks_10);
    expect(more_than(row.f, row.n, 200, 1000), row.exceeds_20);
    expect(more_than(row.t - 1, row.n, 200, 1000), row.breaks_20);
  }
}

TEST(PrivacyOdds, EqualCountingAllDraws) {
  constexpr std::uint32_t kParties = 10;
  for (std::uint32_t bad = 0; bad <= kParties; ++bad) {
    const std::uint32_t bad_set = (1U << bad) - 1;
    for (std::uint32_t drawn = 1; drawn <= kParties; ++drawn) {
      std::vector<std::uint32_t> draws(drawn + 1, 0);
      std::uint32_t all = 0;
      for (std::uint32_t set = 0; set < 1U << kParties; ++set) {
        if (std::popcount(set) != static_cast<int>(drawn)) continue;
        ++all;
        ++draws[static_cast<std::size_t>(std::popcount(set & bad_set))];
      }
      std::uint32_t above = 0;
      for (std::uint32_t limit = drawn; limit-- > 0;) {
        above += draws[limit + 1];
        EXPECT_NEAR(more_than(limit, drawn, bad, kParties), static_cast<double>(above) / all, 1e-14);
      }
    }
  }
}

TEST(PrivacyOdds, EitherOfTwoDrawsAndSeveralTries) {
  EXPECT_NEAR(more_than_in_either(1, 2, 2, 5), 2.0 / 10, 1e-15) << "both in the one, or both in the other";
  EXPECT_NEAR(more_than_in_either(0, 2, 2, 5), 1, 1e-15) << "only one place is outside both draws";
  EXPECT_NEAR(more_than_in_either(0, 2, 1, 5), 4.0 / 5, 1e-15);
  EXPECT_NEAR(at_least_once(0.5, 3), 0.875, 1e-15);
  EXPECT_NEAR(at_least_once(1e-18, 1000), 1e-15, 1e-27);
  EXPECT_EQ(at_least_once(1, 5), 1);
  EXPECT_EQ(at_least_once(0, 5), 0);
}

// ---------------------------------------------------------------- what coalitions work out

Equation equation(std::initializer_list<int> coefficients) {
  Equation result;
  for (const int c : coefficients) {
    result.push_back(c >= 0 ? Residue(static_cast<std::uint64_t>(c))
                            : Residue(0) - Residue(static_cast<std::uint64_t>(-c)));
  }
  return result;
}

TEST(PrivacyKnowledge, KnowsWhatFollows) {
  Knowledge knowledge(4);
  knowledge.learn(equation({1, 1, 1, 0}));
  EXPECT_EQ(knowledge.known(), 0U);
  knowledge.learn(equation({1, 1, 1, 0}));
  EXPECT_EQ(knowledge.rank(), 1U) << "the same again";
  knowledge.learn(equation({1, 0, 1, 0}));
  EXPECT_TRUE(knowledge.knows(1)) << "a difference of two sums";
  EXPECT_FALSE(knowledge.knows(0));
  knowledge.learn(equation({3, 5, -2, 0}));
  EXPECT_EQ(knowledge.known(), 3U);
  EXPECT_FALSE(knowledge.knows(3));
  knowledge.learn_unknown(3);
  EXPECT_EQ(knowledge.known(), 4U);
  EXPECT_EQ(knowledge.rank(), 4U);
  EXPECT_EQ(Residue(7) * Residue(7).inverse(), Residue(1));
}

std::vector<Cohorts> cohorts_in(const topology::CohortOptions& options, Round rounds) {
  std::vector<Cohorts> all;
  for (Round round = 0; round < rounds; ++round) all.push_back(cohorts_of(options, round));
  return all;
}

// Section 3.5 of the specification: 100 parties of which 10 collude, models that stand still. In cohorts of
// 10 nothing individual is known after 10 rounds and everything after 20; in cohorts of 20 after 20 and 40.
TEST(PrivacyCoalitions, StandingStillAsMeasured) {
  for (const std::uint32_t size : {10U, 20U}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const auto rounds = cohorts_in({.parties = 100, .size = size, .grid = false, .seed = seed}, 2 * size);
      const StandingStill found = if_models_stood_still(rounds, coalition_at(seed, 0, 100, 10), 100);
      ASSERT_TRUE(found.first && found.all) << size;
      EXPECT_GT(*found.first, size);
      EXPECT_LE(*found.all, 2 * size);
    }
  }
}

TEST(PrivacyCoalitions, TheSameSumTellsNothingNew) {
  const auto rounds = cohorts_in({.parties = 8, .size = 8, .grid = false, .seed = 1}, 50);
  const StandingStill found = if_models_stood_still(rounds, {0, 3}, 8);
  EXPECT_FALSE(found.first) << "all sum with all, always";
  const StandingStill all_but_one = if_models_stood_still(rounds, {0, 1, 2, 3, 4, 5, 6}, 8);
  EXPECT_EQ(all_but_one.first, 1U);
}

TEST(PrivacyCoalitions, GridWithoutTrainingGivesTheGrandSumOnly) {
  const topology::CohortOptions grid{.parties = 16, .size = 8, .grid = true, .seed = 1};
  // A coalition in one row and column learns its row's and the grand sum; the models of its row, if it holds
  // all but one place of it.
  EXPECT_EQ(found_without_training(grid, 0, 3, {5}), 0U);
  EXPECT_EQ(found_without_training(grid, 0, 3, {4, 5}), 0U);
  EXPECT_EQ(found_without_training(grid, 0, 3, {4, 5, 6}), 1U);
  EXPECT_EQ(found_without_training(grid, 1, 3, {1, 5, 9}), 1U) << "beginning with columns";
}

struct Leak {
  const char* name;
  std::uint32_t degree;
  std::uint32_t colluders;
  double share_low, share_high;  // of the others' models
};

// Section 4.4 of the specification: 100 parties, share of honest models recovered in one round.
TEST(PrivacyCoalitions, NeighbourhoodsAsMeasured) {
  for (const Leak& leak : {Leak{"ring", 2, 5, 0.002, 0.009}, Leak{"ring", 2, 20, 0.07, 0.11},
                           Leak{"ring", 2, 30, 0.18, 0.24}, Leak{"k-regular", 3, 20, 0.015, 0.04},
                           Leak{"k-regular", 4, 30, 0.02, 0.055}, Leak{"torus", 4, 30, 0.035, 0.065},
                           Leak{"k-regular", 8, 20, 0, 0}, Leak{"k-regular", 12, 30, 0, 0}}) {
    SCOPED_TRACE(std::string(leak.name) + " " + std::to_string(leak.colluders));
    const auto graph =
        topology::make_topology(leak.name, {.parties = 100, .degree = leak.degree, .seed = 3}).value();
    constexpr std::uint32_t kPlacements = 100;
    std::size_t found = 0;
    for (std::uint32_t k = 0; k < kPlacements; ++k) {
      found += found_in_neighbourhoods(*graph, coalition_at(1, k, 100, leak.colluders));
    }
    const double share = static_cast<double>(found) / (kPlacements * (100.0 - leak.colluders));
    EXPECT_GE(share, leak.share_low);
    EXPECT_LE(share, leak.share_high);
  }
}

}  // namespace
}  // namespace hansa::sim::privacy
