#include "tests/actors/training_run.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <utility>

namespace hansa::actors::testing {
namespace {

constexpr std::size_t kRowsPerParty = 20;
constexpr std::size_t kFeatures = 6;

/// Two clouds of points, one per label.
std::shared_ptr<const learn::Dataset> two_clouds(std::size_t rows) {
  auto data = std::make_shared<learn::Dataset>();
  data->name = "two clouds";
  data->rows = rows;
  data->features = kFeatures;
  Rng rng(11, Purpose::test);
  for (std::size_t row = 0; row < rows; ++row) {
    const bool positive = rng.below(2) == 1;
    for (std::size_t f = 0; f < kFeatures; ++f) {
      data->dense.push_back(static_cast<float>(rng.normal() + (positive ? 0.7 : -0.7)));
    }
    data->label.push_back(positive ? 1.0f : 0.0f);
  }
  return data;
}

}  // namespace

TrainingRun::TrainingRun(const TrainingOptions& options)
    : strategy_(protocols::find_strategy(options.strategy)), run_(std::make_shared<protocols::RunOptions>()) {
  HANSA_ASSERT(strategy_ != nullptr);
  auto data = two_clouds(kRowsPerParty * options.parties);
  training_.model = learn::make_model(options.model, *data, {}).value();
  data =
      std::const_pointer_cast<learn::Dataset>(learn::with_storage(data, training_.model->storage()).value());
  training_.options.optimiser = learn::OptimiserKind::momentum;  // so that its state travels with the tasks
  training_.options.batch_size = 4;
  for (std::uint32_t p = 0; p < options.parties; ++p) {
    learn::Shard shard{data, {}};
    for (std::uint32_t row = 0; row < kRowsPerParty; ++row) shard.rows.push_back(row * options.parties + p);
    training_.shards.push_back(std::move(shard));
  }
  Parameters initial = Parameters::zeros(training_.model->parameter_count());
  training_.model->initialise(initial.span(), Rng(1, Purpose::initial_model));
  run_->parties = options.parties;
  run_->rounds = options.rounds;
  run_->finish_rounds = 1;
  run_->eval_every = 2;
  run_->parameter_count = static_cast<std::uint32_t>(initial.size());
  run_->initial_model = std::move(initial).freeze();
  run_->epidemic_fanout = 2;
  run_->cohort = {.parties = options.parties, .size = 2};
  run_->gossip_learning.period = options.gossip_period;
  if (strategy_->uses_topology) {
    topology::TopologyOptions graph{.parties = options.parties};
    if (strategy_->column_stochastic) graph.weights = "push-sum";
    run_->topology = topology::make_topology(options.topology, graph).value();
  }
}

exec::DriverInput TrainingRun::input(exec::EventSink& sink) const {
  exec::DriverInput input;
  input.parties = run_->parties;
  input.training = &training_;
  input.sink = &sink;
  input.make = [strategy = strategy_, run = run_](PartyId self, std::optional<protocols::Record> restored) {
    protocols::PartyOptions party;
    party.self = self;
    party.training_rows = kRowsPerParty;
    party.run = run;
    party.restored = std::move(restored);
    return strategy->make(std::move(party));
  };
  return input;
}

}  // namespace hansa::actors::testing
