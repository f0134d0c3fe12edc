// Keys of what is learned: the run itself, its data, who talks to whom, and local training.
#include "src/config/schema_build.hpp"

#include "protocols/gossip/registry.hpp"
#include "src/learn/partition.hpp"
#include "topology/topology.hpp"

namespace hansa::config {

namespace {

template <class Entries>
std::vector<Choice> choices_of(const Entries& entries) {
  std::vector<Choice> list;
  for (const auto& entry : entries) list.push_back({entry.name, entry.summary});
  return list;
}

std::vector<Choice> model_choices() { return choices_of(learn::model_registry()); }
std::vector<Choice> strategy_choices() { return choices_of(protocols::strategy_registry()); }
std::vector<Choice> dataset_choices() { return choices_of(learn::dataset_registry()); }
std::vector<Choice> partitioner_choices() { return choices_of(learn::partitioner_registry()); }
std::vector<Choice> topology_choices() { return choices_of(topology::topology_registry()); }

std::vector<Choice> weight_choices() {
  return {{"metropolis-hastings", "1 / (1 + larger degree): symmetric, doubly stochastic"},
          {"uniform", "1 / (degree + 1) for everything that arrives"},
          {"sample-count", "in proportion to the training rows behind each model, as in FedAvg"}};
}

std::vector<Choice> task_choices() {  // order of learn::TaskKind
  return {{"binary", "two classes"}, {"multiclass", "several classes"}, {"regression", "a number"}};
}

constexpr auto kTasks = [] { return task_choices(); };
constexpr auto kOptimisers = [] { return optimiser_choices(); };

bool is_deepfm(const RunConfig& config) { return config.model == "deepfm"; }
bool is_not_deepfm(const RunConfig& config) { return config.model != "deepfm"; }

std::vector<Key> top_level() {
  using namespace build;
  return {
      text("name", HANSA_FIELD(name),
           "Title of the run, for its report and its folder; empty: the name of the configuration file "
           "without its ending."),
      required(integer("parties", HANSA_FIELD(parties), {1, 1 << 24}, "Number of participants.")),
      required(integer("rounds", HANSA_FIELD(rounds), {1, 1'000'000'000}, "Training rounds of every party.")),
      integer("seed", HANSA_FIELD(seed), {0, kI64Max},
              "Everything random follows from this number: same seed, same bits, whatever the number of "
              "threads."),
      choice("model", HANSA_FIELD(model), "model", model_choices, "What is trained."),
      choice("strategy", HANSA_FIELD(strategy), "strategy", strategy_choices,
             "How parties exchange and combine their models."),
      choice("aggregation", HANSA_FIELD(aggregation), "aggregation", aggregation_choices,
             "What a party may see of another party's model."),
  };
}

std::vector<Key> data_keys() {
  using namespace build;
  return {
      required(choice("data.dataset", HANSA_FIELD(data.dataset), "data set", dataset_choices,
                      "A built-in data set, or the format of your own files: csv, libsvm or idx.")),
      path("data.path", HANSA_FIELD(data.path),
           "csv, libsvm, idx: the file with the training rows; relative to the configuration file."),
      path("data.test_path", HANSA_FIELD(data.test_path),
           "csv, libsvm, idx: a file with the test rows; empty: a fixed 30 % of the rows of data.path."),
      path("data.labels_path", HANSA_FIELD(data.labels_path), "idx: the label file of data.path."),
      path("data.test_labels_path", HANSA_FIELD(data.test_labels_path),
           "idx: the label file of data.test_path."),
      path("data.schema", HANSA_FIELD(schema_path),
           "csv: the file that says what the columns mean (`hansa data describe FILE --schema` writes a "
           "first version); for a built-in CSV set, replaces its own schema."),
      enumerated("data.task", HANSA_FIELD(data.task), "task", kTasks, "libsvm: what the labels are."),
      integer("data.rows", HANSA_FIELD(data.rows), {0, 1'000'000'000},
              "Generated sets: number of rows; 0: the generator's own."),
      integer("data.features", HANSA_FIELD(data.features), {0, 1 << 30},
              "Generated sets and libsvm: number of features; 0: the generator's own, or the largest in the "
              "file."),
      integer("data.non_zeros", HANSA_FIELD(data.non_zeros), {0, 1 << 20},
              "Generated sets: non-zero features per row; 0: the generator's own."),
      integer("data.seed", HANSA_FIELD(data.seed), {0, kI64Max},
              "Generated sets: seed of the data, apart from the run's seed, so that several runs can learn "
              "from the same rows."),
  };
}

std::vector<Key> sharing_keys() {
  using namespace build;
  return {
      choice("partition.kind", HANSA_FIELD(partition.kind), "partitioner", partitioner_choices,
             "How rows are dealt to the parties."),
      real("partition.alpha", HANSA_FIELD(partition.alpha), {0, 1e6, true},
           "dirichlet, quantity-skew: concentration; the smaller, the more the parties differ (Hsu, Qi, "
           "Brown 2019)."),
      integer("partition.shards_per_party", HANSA_FIELD(partition.shards_per_party), {1, 1'000'000},
              "shards: label-sorted pieces per party (McMahan et al. 2017)."),
      integer("partition.rows_min", HANSA_FIELD(partition.rows_min), {1, 1'000'000'000},
              "Every party gets at least this many training rows, or the run does not start."),
      choice(
          "topology.name", HANSA_FIELD(topology.name), "topology", topology_choices,
          "Who talks to whom; or \"file:PATH\" for an edge list or JSON. Not used by the strategy cohort."),
      integer("topology.degree", HANSA_FIELD(topology.degree), {1, kU32Max},
              "k-regular, small-world: neighbours of a party; base-k: the maximum degree; tree: children of "
              "a party."),
      real("topology.probability", HANSA_FIELD(topology.probability), kProbability,
           "erdos-renyi: probability of an edge; small-world: probability that an edge is rewired."),
      integer("topology.attachments", HANSA_FIELD(topology.attachments), {1, kU32Max},
              "scale-free: edges that a new party brings (Barabasi and Albert 1999)."),
      choice("topology.weights", HANSA_FIELD(topology.weights), "weighting", weight_choices,
             "How a party weighs what it receives; push-sum has its own weights."),
      boolean("topology.allow_disconnected", HANSA_FIELD(topology.allow_disconnected),
              "Accept a graph in which some parties can never hear of each other."),
  };
}

std::vector<Key> training_keys() {
  using namespace build;
  return {
      integer("local.epochs", HANSA_FIELD(train.epochs), {1, 1'000'000},
              "Passes over a party's own rows per round, if local.steps is 0."),
      integer("local.steps", HANSA_FIELD(train.steps), {0, 1'000'000'000},
              "Optimiser steps per round; 0: go by local.epochs."),
      integer("local.batch_size", HANSA_FIELD(train.batch_size), {1, 1 << 24},
              "Rows per optimiser step; a party with fewer rows uses what it has."),
      integer("local.finish_rounds", HANSA_FIELD(local.finish_rounds), {0, 1'000'000'000},
              "So many last rounds only mix and do not train, so that the parties end closer together; less "
              "than rounds."),
      enumerated("optimiser.name", HANSA_FIELD(train.optimiser), "optimiser", kOptimisers,
                 "The local optimiser."),
      real("optimiser.learning_rate", HANSA_FIELD(train.learning_rate), {0, 1e6, true}, "Step size."),
      real("optimiser.momentum", HANSA_FIELD(train.momentum), {0, 1, false, true},
           "momentum, nesterov: share of the last step that is kept; adam: beta 1."),
      real("optimiser.beta2", HANSA_FIELD(train.beta2), {0, 1, false, true},
           "adam: memory of the squared gradients (Kingma and Ba 2015)."),
      real("optimiser.epsilon", HANSA_FIELD(train.epsilon), {0, 1, true},
           "adagrad, adam: added to the denominator."),
      real("optimiser.l2", HANSA_FIELD(train.l2), {0, 1e6}, "Weight decay: adds l2 * w to the gradient."),
  };
}

std::vector<Key> model_keys() {
  using namespace build;
  constexpr IntegerRange kWidth{1, 1 << 20};
  constexpr IntegerRange kRank{1, 4096};
  constexpr RealRange kStddev{0, 1e3};
  return {
      when(is_not_deepfm, integer("fm.rank", HANSA_FIELD(model_options.fm_rank), kRank,
                                  "fm: length of a feature's interaction vector (Rendle 2010).")),
      when(is_not_deepfm, real("fm.init_stddev", HANSA_FIELD(model_options.fm_init_stddev), kStddev,
                               "fm: standard deviation of the initial interaction vectors.")),
      when(is_not_deepfm, integers("mlp.hidden", HANSA_FIELD(model_options.hidden), kWidth,
                                   "mlp: widths of the hidden layers.")),
      integers("cnn.channels", HANSA_FIELD(model_options.channels), kWidth,
               "cnn: channels of the convolutions (5x5, ReLU, 2x2 max pool each; LeCun et al. 1998)."),
      integers("cnn.dense", HANSA_FIELD(model_options.dense), kWidth,
               "cnn: widths of the fully connected layers before the output."),
      when(is_deepfm,
           integer("deepfm.rank", HANSA_FIELD(model_options.fm_rank), kRank,
                   "deepfm: length of a feature's embedding, shared by both halves (Guo et al. 2017).")),
      when(is_deepfm, real("deepfm.init_stddev", HANSA_FIELD(model_options.fm_init_stddev), kStddev,
                           "deepfm: standard deviation of the initial embeddings.")),
      when(is_deepfm, integers("deepfm.hidden", HANSA_FIELD(model_options.hidden), kWidth,
                               "deepfm: widths of the hidden layers of the deep half.")),
  };
}

}  // namespace

std::vector<Choice> aggregation_choices() {
  return {{"plain", "models travel readable; a party sees its neighbours' models"},
          {"secure",
           "cohort: only the sum of a cohort's models becomes known, to its members; at least 3 parties. "
           "d-psgd: a party learns only the weighted sum of its neighbours' models; at least 8 neighbours"},
          {"plain-fixed",
           "cohort, d-psgd: the integers of secure, but readable: same averages, to compare with"}};
}

std::vector<Choice> optimiser_choices() {  // order of learn::OptimiserKind
  return {{"sgd", "plain stochastic gradient descent"},
          {"momentum", "heavy ball (Polyak 1964)"},
          {"nesterov", "accelerated gradient (Nesterov 1983, in the form of Sutskever et al. 2013)"},
          {"adagrad", "step sizes per parameter from the sum of squared gradients (Duchi et al. 2011)"},
          {"adam", "step sizes per parameter from running moments (Kingma and Ba 2015)"}};
}

std::vector<Key> build::run_keys() {
  std::vector<Key> keys;
  for (auto* part : {top_level, data_keys, sharing_keys, training_keys, model_keys}) {
    for (Key& key : part()) keys.push_back(key);
  }
  return keys;
}

}  // namespace hansa::config
