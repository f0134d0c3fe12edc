// Round-based strategies against naive synchronous implementations, bit for bit and for any order of
// delivery; and D-PSGD on the complete graph against a straightforward centralised FedAvg.
#include "tests/protocols/support/fleet.hpp"

#include "topology/cohorts.hpp"
#include "topology/random_schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace hansa::protocols::testing {
namespace {

using Model = std::vector<float>;
using Models = std::vector<Model>;
using Row = std::vector<std::pair<std::size_t, double>>;  // (party, weight), ascending by party

constexpr std::uint32_t kParties = 9;
constexpr Round kRounds = 7;
constexpr std::size_t kSize = 37;

/// Local training that depends on the model, so that a wrong order of steps shows.
double contract(PartyId party, Round round, std::span<float> model) {
  for (std::size_t i = 0; i < model.size(); ++i) {
    const float target = 0.1f * known_step(party, round, i);
    model[i] -= 0.3f * (model[i] - target);
  }
  return 1;
}

Model weighted_sum(const Row& row, const Models& models) {
  Model sum(models.front().size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = static_cast<float>(row[0].second) * models[row[0].first][i];
    for (std::size_t j = 1; j < row.size(); ++j) {
      sum[i] = std::fma(static_cast<float>(row[j].second), models[row[j].first][i], sum[i]);
    }
  }
  return sum;
}

/// Train everybody, multiply by the round's matrix, repeat.
template <class RowOf>
Models synchronous(const RunOptions& run, RowOf row_of) {
  Models models(run.parties, Model(run.initial_model.span().begin(), run.initial_model.span().end()));
  for (Round round = 0; round < run.rounds; ++round) {
    if (round + run.finish_rounds < run.rounds) {
      for (std::size_t p = 0; p < models.size(); ++p) contract(party_at(p), round, models[p]);
    }
    Models mixed;
    for (std::size_t p = 0; p < models.size(); ++p) mixed.push_back(weighted_sum(row_of(round, p), models));
    models = mixed;
  }
  return models;
}

Row uniform(std::vector<PartyId> others, std::size_t self) {
  others.push_back(party_at(self));
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  Row row;
  for (const PartyId party : others) row.emplace_back(index(party), 1.0 / static_cast<double>(others.size()));
  return row;
}

/// Two graphs in turn with unequal symmetric weights.
std::shared_ptr<const topology::Topology> alternating_graph() {
  std::vector<MatrixTopology::Matrix> rounds;
  for (const std::size_t step : {std::size_t{1}, std::size_t{4}}) {
    MatrixTopology::Matrix w(kParties, std::vector<double>(kParties, 0));
    for (std::size_t i = 0; i < kParties; ++i) {
      w[i][(i + step) % kParties] = w[(i + step) % kParties][i] = 0.1 + 0.02 * static_cast<double>(i);
    }
    for (std::size_t i = 0; i < kParties; ++i) {
      double rest = 1;
      for (const double weight : w[i]) rest -= weight;
      w[i][i] = rest;
    }
    rounds.push_back(w);
  }
  return std::make_shared<MatrixTopology>(rounds, topology::Promise::symmetric_doubly_stochastic);
}

RunOptions differential_run() {
  RunOptions run = run_options(kParties, kRounds, kSize);
  run.deadline.floor = 1000s;
  run.deadline.ceiling = 4000s;
  run.finish_rounds = 2;
  run.cohort = {.parties = kParties, .size = 3, .grid = false, .seed = 5};
  run.topology = alternating_graph();
  return run;
}

/// 50 orders of delivery give the same bits; returns them.
Models any_order(const char* strategy, RunOptions run) {
  Models first;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    run.eval_every = static_cast<Round>(seed % 3);  // what is evaluated must not matter
    const Faults faults{.duplication = seed % 2 == 0 ? 0.3 : 0, .latency_max = seed == 1 ? 1ms : 500ms};
    Fleet fleet(find_strategy(strategy)->make, run, faults, seed);
    fleet.train = contract;
    EXPECT_TRUE(fleet.run(10h));
    EXPECT_EQ(fleet.count<PeerMissing>(), 0U);
    if (seed == 1) first = fleet.final_models();
    EXPECT_EQ(fleet.final_models(), first) << strategy << " seed " << seed;
  }
  return first;
}

TEST(Differential, DPsgdIsAMatrixProductPerRound) {
  const RunOptions run = differential_run();
  const Models expected = synchronous(run, [&](Round round, std::size_t p) {
    Row row{{p, run.topology->self_weight(round, party_at(p))}};
    for (const auto& n : run.topology->in(round, party_at(p))) row.emplace_back(index(n.party), n.weight);
    std::sort(row.begin(), row.end());
    return row;
  });
  EXPECT_EQ(any_order("d-psgd", run), expected);
}

TEST(Differential, EpidemicIsAUniformAverageOverTheSchedule) {
  RunOptions run = differential_run();
  run.epidemic_fanout = 3;
  const topology::RandomSchedule schedule(run.seed, kParties, 3);
  EXPECT_EQ(any_order("epidemic", run), synchronous(run, [&](Round round, std::size_t p) {
              return uniform(schedule.sources(round, party_at(p)), p);
            }));
}

TEST(Differential, CohortIsTheMeanOfItsMembers) {
  for (const bool grid : {false, true}) {
    RunOptions run = differential_run();
    run.cohort.grid = grid;
    EXPECT_EQ(any_order("cohort", run), synchronous(run, [&](Round round, std::size_t p) {
                return uniform(topology::cohort_of(run.cohort, round, party_at(p)), p);
              }));
  }
}

TEST(Differential, PushSumIsAColumnStochasticProduct) {
  RunOptions run = differential_run();
  MatrixTopology::Matrix w(kParties, std::vector<double>(kParties, 0));
  for (std::size_t j = 0; j < kParties; ++j) {  // unequal in-degrees: masses differ from 1
    const std::vector<std::size_t> targets =
        j % 2 == 0 ? std::vector<std::size_t>{j, (j + 1) % kParties}
                   : std::vector<std::size_t>{j, (j + 1) % kParties, (j + 2) % kParties, 0};
    for (const std::size_t i : targets) w[i][j] += 1.0 / static_cast<double>(targets.size());
  }
  run.topology = graph(w, topology::Promise::column_stochastic);
  Models models(kParties, Model(kSize, 0));
  std::vector<double> mass(kParties, 1);
  for (Round round = 0; round < kRounds; ++round) {
    for (std::size_t p = 0; p < kParties && round + run.finish_rounds < kRounds; ++p) {
      const Model before = models[p];
      contract(party_at(p), round, models[p]);
      const auto scale = static_cast<float>(1 / mass[p]);
      for (std::size_t i = 0; i < kSize && scale != 1.0f; ++i) {
        models[p][i] = before[i] + scale * (models[p][i] - before[i]);
      }
    }
    Models mixed;
    std::vector<double> next(kParties, 0);
    for (std::size_t p = 0; p < kParties; ++p) {
      double kept = mass[p];
      for (std::size_t q = 0; q < kParties; ++q) kept -= q == p ? 0 : mass[p] * w[q][p];
      Row row;
      double total = 0;
      next[p] = kept;
      for (std::size_t j = 0; j < kParties; ++j) {
        const double part = j == p ? kept : mass[j] * w[p][j];
        if (part > 0) row.emplace_back(j, part);
        total += part;
        if (j != p) next[p] += part;
      }
      for (auto& [party, weight] : row) weight /= total;
      mixed.push_back(weighted_sum(row, models));
    }
    models = mixed;
    mass = next;
  }
  EXPECT_EQ(any_order("push-sum", run), models);
  EXPECT_NE(mass[0], mass[1]) << "the graph must not be regular";
}

TEST(Differential, TwoFinishRoundsOnAGridGiveTheExactMean) {
  for (const std::uint32_t side : {2U, 3U, 5U}) {
    const std::uint32_t parties = side * side;
    RunOptions run = run_options(parties, 4, kSize);
    run.finish_rounds = 2;
    run.cohort = {.parties = parties, .size = side, .grid = true, .seed = 1};
    Fleet fleet(make_cohort, run, {.latency_max = 300ms}, side);
    Models trained(parties);
    fleet.train = [&](PartyId party, Round round, std::span<float> model) {
      contract(party, round, model);
      if (round == 1) trained[index(party)].assign(model.begin(), model.end());
      return 1.0;
    };
    ASSERT_TRUE(fleet.run(1h));
    const Models models = fleet.final_models();
    for (std::size_t i = 0; i < kSize; ++i) {
      double mean = 0;
      for (const Model& model : trained) mean += static_cast<double>(model[i]) / parties;
      EXPECT_NEAR(static_cast<double>(models[0][i]), mean, 1e-6);
    }
    for (const Model& model : models) EXPECT_EQ(model, models[0]) << "all parties end with the same bits";
  }
}

TEST(Differential, TwoFinishRoundsOnAGridGiveTheExactWeightedMean) {
  RunOptions run = run_options(9, 4, kSize);
  run.finish_rounds = 2;
  run.cohort = {.parties = 9, .size = 3, .grid = true, .seed = 1};
  run.weights = MixWeights::sample_count;
  const std::vector<std::uint64_t> rows{5, 40, 12, 3, 100, 27, 1, 1, 64};
  Fleet fleet(make_cohort, run, {.latency_max = 300ms}, 1, rows);
  Models trained(9);
  fleet.train = [&](PartyId party, Round round, std::span<float> model) {
    contract(party, round, model);
    if (round == 1) trained[index(party)].assign(model.begin(), model.end());
    return 1.0;
  };
  ASSERT_TRUE(fleet.run(1h));
  const Models models = fleet.final_models();
  for (std::size_t i = 0; i < kSize; ++i) {
    double mean = 0;
    for (std::size_t p = 0; p < 9; ++p) {
      mean += static_cast<double>(rows[p]) / 253 * static_cast<double>(trained[p][i]);
    }
    EXPECT_NEAR(static_cast<double>(models[0][i]), mean, 1e-6);
  }
  for (const Model& model : models) EXPECT_EQ(model, models[0]);
}

// FedAvg (McMahan et al. 2017): linear regression by local full-batch gradient steps on parties' own rows.
struct Regression {
  std::vector<std::vector<std::vector<double>>> x;  // party, row, feature
  std::vector<std::vector<double>> y;

  explicit Regression(const std::vector<std::uint64_t>& rows) {
    Rng rng(7, Purpose::test);
    for (const std::uint64_t count : rows) {
      auto& party_x = x.emplace_back();
      auto& party_y = y.emplace_back();
      for (std::uint64_t r = 0; r < count; ++r) {
        std::vector<double> features{1.0, rng.normal(), rng.normal()};
        party_y.push_back(0.5 + 2 * features[1] - features[2] + 0.1 * rng.normal());
        party_x.push_back(std::move(features));
      }
    }
  }
  template <class Number>
  void train(std::size_t party, std::span<Number> model) const {
    for (int step = 0; step < 3; ++step) {
      std::vector<double> gradient(model.size(), 0);
      for (std::size_t r = 0; r < y[party].size(); ++r) {
        double error = -y[party][r];
        for (std::size_t k = 0; k < model.size(); ++k)
          error += static_cast<double>(model[k]) * x[party][r][k];
        for (std::size_t k = 0; k < model.size(); ++k) gradient[k] += error * x[party][r][k];
      }
      for (std::size_t k = 0; k < model.size(); ++k) {
        model[k] -= static_cast<Number>(0.1 * gradient[k] / static_cast<double>(y[party].size()));
      }
    }
  }
};

TEST(FedAvg, CompleteGraphWithSampleCountsEqualsACentralServer) {
  const std::vector<std::uint64_t> rows{5, 40, 12, 3, 100, 27};
  const Regression data(rows);
  constexpr Round rounds = 20;
  std::vector<double> global(3, 0);  // the server's model
  double all_rows = 0;
  for (const std::uint64_t count : rows) all_rows += static_cast<double>(count);
  for (Round round = 0; round < rounds; ++round) {
    std::vector<double> next(3, 0);
    for (std::size_t party = 0; party < rows.size(); ++party) {
      std::vector<double> local = global;
      data.train(party, std::span(local));
      for (std::size_t k = 0; k < 3; ++k) next[k] += static_cast<double>(rows[party]) / all_rows * local[k];
    }
    global = next;
  }

  RunOptions run = run_options(static_cast<std::uint32_t>(rows.size()), rounds, 3);
  run.weights = MixWeights::sample_count;
  for (const char* strategy : {"d-psgd", "cohort"}) {  // one cohort of everybody is the same average
    Fleet fleet(find_strategy(strategy)->make, run, {.latency_max = 200ms}, 3, rows);
    fleet.train = [&](PartyId party, Round, std::span<float> model) {
      data.train(index(party), model);
      return 1.0;
    };
    ASSERT_TRUE(fleet.run(1h));
    for (const Model& model : fleet.final_models()) {
      for (std::size_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(static_cast<double>(model[k]), global[k], 2e-6) << strategy;
      }
    }
  }
  EXPECT_NEAR(global[1], 2, 0.1) << "and it learns";
}

}  // namespace
}  // namespace hansa::protocols::testing
