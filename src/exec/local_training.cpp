#include "src/exec/local_training.hpp"

#include "src/exec/secure_tasks.hpp"
#include "src/learn/mix.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <utility>

namespace hansa::exec {
namespace {

using protocols::MixAndTrain;
using protocols::MixTerm;

bool passes_through(const MixAndTrain& task) {
  if (task.terms.size() != 1 || task.unsummed) return false;
  const MixTerm& term = task.terms.front();
  return term.weight == 1.0f && term.target == 0 && term.source.first == 0 &&
         term.source.count == task.size && term.source.block.size() == task.size;
}

/// The mixed model, not shared with anybody if it will be trained.
Parameters mix(MixAndTrain& task) {
  if (passes_through(task)) {
    ParametersRef only = std::move(task.terms.front().source.block);
    task.terms.clear();
    return Parameters::take_or_copy(std::move(only));
  }
  Parameters result = Parameters::uninitialised(task.size);
  std::vector<const float*> inputs;
  std::vector<double> weights;
  std::size_t covered = 0;
  for (std::size_t begin = 0; begin < task.terms.size();) {
    const MixTerm& first = task.terms[begin];
    inputs.clear();
    weights.clear();
    std::size_t end = begin;
    for (; end < task.terms.size() && task.terms[end].target == first.target; ++end) {
      HANSA_ASSERT(task.terms[end].source.count == first.source.count);
      inputs.push_back(task.terms[end].source.data());
      weights.push_back(static_cast<double>(task.terms[end].weight));
    }
    HANSA_ASSERT(first.target + first.source.count <= task.size);
    learn::mix(result.span().subspan(first.target, first.source.count), inputs, weights);
    covered += first.source.count;
    begin = end;
  }
  HANSA_ASSERT(covered == task.size);
  task.terms.clear();  // lets go of the neighbours' blocks before training
  if (const auto unsummed = std::exchange(task.unsummed, nullptr)) {
    for (std::size_t chunk = 0; chunk < unsummed->pieces.size(); ++chunk) {
      const protocols::Piece& piece = unsummed->pieces[chunk];
      protocols::secure_sum::keep_unsummed(unsummed->compression, chunk,
                                           unsummed->own.span().subspan(piece.offset, piece.count),
                                           result.span().subspan(piece.offset, piece.count));
    }
  }
  return result;
}

double non_zeros_per_row(const learn::Dataset& data) {
  if (data.storage != learn::Storage::sparse) return static_cast<double>(data.features);
  return data.rows == 0 ? 0.0 : static_cast<double>(data.column.size()) / static_cast<double>(data.rows);
}

void train(const LocalTraining& training, PartyId party, MixAndTrain& task, Parameters& model,
           Performed& performed, learn::Workspace& workspace) {
  const learn::Shard& shard = training.shards[index(party)];
  const std::size_t state_count = training.model->optimiser_state_count(training.options);
  Parameters state;
  if (state_count > 0) {
    state = task.optimiser_state ? Parameters::take_or_copy(std::move(task.optimiser_state))
                                 : Parameters::zeros(state_count);
  }
  Parameters before;
  if (task.step_scale != 1.0f) before = Parameters::copy_of(model.span());
  const Rng rng(training.seed, Purpose::batch_order, index(party), task.round);
  const learn::TrainStatistics statistics =
      training.model->train(model.span(), state.span(), shard, training.options, rng, workspace);
  if (before.size() > 0) {
    float* x = model.data();
    const float* z = before.data();
    for (std::size_t i = 0; i < model.size(); ++i) x[i] = z[i] + task.step_scale * (x[i] - z[i]);
  }
  performed.computed.loss_sum = statistics.loss_sum;
  performed.computed.rows = statistics.rows;
  if (state_count > 0) performed.computed.optimiser_state = std::move(state).freeze();
  const double non_zeros = non_zeros_per_row(*shard.dataset) * static_cast<double>(statistics.rows);
  const learn::Cost cost =
      training.model->train_cost(statistics.rows, statistics.steps, static_cast<std::uint64_t>(non_zeros));
  performed.cost.flop += cost.flop;
  performed.cost.bytes += cost.bytes;
}

Performed perform_task(const LocalTraining& training, PartyId party, MixAndTrain task,
                       learn::Workspace& workspace) {
  Performed performed;
  performed.cost.bytes = static_cast<double>(bytes_touched(task));
  if (!task.train && passes_through(task)) {
    performed.computed.model = std::move(task.terms.front().source.block);
    return performed;
  }
  const std::size_t terms = task.terms.size();
  performed.cost.flop = terms > 1 ? 2.0 * static_cast<double>(terms) * task.size : 0.0;
  Parameters model = mix(task);
  if (task.train) train(training, party, task, model, performed, workspace);
  performed.computed.model = std::move(model).freeze();
  return performed;
}

template <class SumTask>
Performed perform_task(const LocalTraining&, PartyId, SumTask task, learn::Workspace&) {
  Performed performed;
  performed.cost.bytes = static_cast<double>(bytes_touched(task));
  performed.computed = perform_sum(std::move(task));
  return performed;
}

}  // namespace

/// Every model is read once by somebody and written once, however many neighbours share it through the cache.
std::uint64_t bytes_touched(const MixAndTrain& task) {
  return passes_through(task) ? 0 : 2ULL * sizeof(float) * task.size;
}

Performed perform(const LocalTraining& training, PartyId party, protocols::Task task,
                  learn::Workspace& workspace) {
  return std::visit(
      [&](auto&& concrete) { return perform_task(training, party, std::move(concrete), workspace); },
      std::move(task));
}

std::uint64_t training_rows(const LocalTraining& training, PartyId party, const protocols::Task& task) {
  const auto* mix_and_train = std::get_if<MixAndTrain>(&task);
  if (mix_and_train == nullptr || !mix_and_train->train) return 0;
  const std::uint64_t rows = training.shards[index(party)].rows.size();
  const std::uint64_t batch = std::min<std::uint64_t>(training.options.batch_size, rows);
  return training.options.steps > 0 ? training.options.steps * batch : training.options.epochs * rows;
}

std::uint64_t mixing_bytes(const protocols::Task& task) {
  return std::visit([](const auto& concrete) { return bytes_touched(concrete); }, task);
}

}  // namespace hansa::exec
