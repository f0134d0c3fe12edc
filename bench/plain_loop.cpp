// Plain loops over learn::mix and Model::train.
#include "bench/plain_loop.hpp"

#include "src/exec/usage.hpp"
#include "src/learn/mix.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hansa::bench {
namespace {

std::vector<Parameters> copies_of_initial(const sim::Setup& setup) {
  std::vector<Parameters> models;
  for (std::uint32_t i = 0; i < setup.config.parties; ++i) {
    models.push_back(Parameters::copy_of(setup.run->initial_model.span()));
  }
  return models;
}

void train(const sim::Setup& setup, std::size_t party, Round round, Parameters& model,
           learn::Workspace& workspace) {
  const Rng rng(setup.config.seed, Purpose::batch_order, party, round);
  setup.model->train(model.span(), {}, setup.training.shards[party], setup.training.options, rng, workspace);
}

Repetition finish(const sim::Setup& setup, double cpu_seconds, std::vector<Parameters> models) {
  Repetition result;
  result.cpu_seconds = cpu_seconds;
  result.node_rounds = std::uint64_t{setup.config.parties} * setup.config.rounds;
  for (Parameters& model : models) result.models.push_back(std::move(model).freeze());
  return result;
}

/// One party's row of the mixing matrix, in party order.
struct Row {
  std::vector<std::size_t> party;
  std::vector<double> weight;
};

std::vector<Row> matrix_of(const sim::Setup& setup) {
  std::vector<Row> matrix(setup.config.parties);
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    bool self_done = false;
    const auto self = [&] {
      matrix[i].party.push_back(i);
      matrix[i].weight.push_back(setup.topology->self_weight(0, party_at(i)));
      self_done = true;
    };
    for (const topology::Neighbour& neighbour : setup.topology->in(0, party_at(i))) {
      if (!self_done && index(neighbour.party) > i) self();
      matrix[i].party.push_back(index(neighbour.party));
      matrix[i].weight.push_back(neighbour.weight);
    }
    if (!self_done) self();
  }
  return matrix;
}

}  // namespace

Repetition plain_d_psgd(const sim::Setup& setup) {
  const std::vector<Row> matrix = matrix_of(setup);
  std::vector<Parameters> current = copies_of_initial(setup);
  std::vector<Parameters> next = copies_of_initial(setup);
  std::vector<const float*> inputs;
  learn::Workspace workspace;
  const double begin = exec::process_cpu_seconds();
  for (std::size_t i = 0; i < current.size(); ++i) train(setup, i, 0, current[i], workspace);
  for (Round round = 1; round <= setup.config.rounds; ++round) {
    for (std::size_t i = 0; i < current.size(); ++i) {
      inputs.clear();
      for (const std::size_t party : matrix[i].party) inputs.push_back(current[party].data());
      learn::mix(next[i].span(), inputs, matrix[i].weight);
      if (round < setup.config.rounds) train(setup, i, round, next[i], workspace);
    }
    std::swap(current, next);
  }
  return finish(setup, exec::process_cpu_seconds() - begin, std::move(current));
}

Repetition plain_gossip(const sim::Setup& setup) {
  std::vector<Parameters> models = copies_of_initial(setup);
  const double half[] = {0.5, 0.5};
  learn::Workspace workspace;
  const double begin = exec::process_cpu_seconds();
  for (std::size_t i = 0; i < models.size(); ++i) train(setup, i, 0, models[i], workspace);
  for (Round round = 0; round < setup.config.rounds; ++round) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      Rng rng(setup.config.seed, Purpose::peer_choice, i, round);
      const auto neighbours = setup.topology->out(round, party_at(i));
      const std::size_t to = index(neighbours[rng.below(neighbours.size())].party);
      const float* inputs[] = {models[to].data(), models[i].data()};
      learn::mix(models[to].span(), inputs, half);
      train(setup, to, round + 1, models[to], workspace);
    }
  }
  return finish(setup, exec::process_cpu_seconds() - begin, std::move(models));
}

}  // namespace hansa::bench
