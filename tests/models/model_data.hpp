// Small random data sets of every storage and task, for tests of models.
#pragma once

#include <hansa/rng.hpp>

#include "src/learn/model.hpp"

#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace hansa::learn::test {

inline void fill_labels(Dataset& d, Rng& rng) {
  for (std::size_t i = 0; i < d.rows; ++i) {
    d.label.push_back(d.task == TaskKind::regression ? static_cast<float>(rng.normal())
                                                     : static_cast<float>(rng.below(d.classes)));
  }
}

inline std::size_t classes_of(TaskKind task) {
  return task == TaskKind::binary ? 2 : task == TaskKind::multiclass ? 5 : 1;
}

/// `non_zeros` per row for sparse data, drawn without repetition; images are height x width x channels.
inline std::shared_ptr<Dataset> random_dataset(TaskKind task, Storage storage, std::size_t rows,
                                               std::size_t features, std::uint64_t seed = 1,
                                               std::size_t non_zeros = 6) {
  auto d = std::make_shared<Dataset>();
  Rng rng(seed, Purpose::test);
  d->name = "random";
  d->task = task;
  d->storage = storage;
  d->rows = rows;
  d->features = features;
  d->classes = classes_of(task);
  if (storage == Storage::dense) {
    for (std::size_t i = 0; i < rows * features; ++i) d->dense.push_back(static_cast<float>(rng.normal()));
  } else if (storage == Storage::pixels) {
    for (std::size_t i = 0; i < rows * features; ++i)
      d->pixels.push_back(static_cast<std::uint8_t>(rng.below(256)));
  } else {
    d->row_begin.push_back(0);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t wanted = std::min(features, 1 + rng.below(non_zeros));
      std::vector<bool> has(features);
      for (std::size_t n = 0; n < wanted;) {
        const std::size_t f = rng.below(features);
        n += has[f] ? 0 : 1;
        has[f] = true;
      }
      for (std::size_t f = 0; f < features; ++f) {
        if (!has[f]) continue;
        d->column.push_back(static_cast<std::uint32_t>(f));
        d->value.push_back(static_cast<float>(0.5 + rng.uniform()));
      }
      d->row_begin.push_back(d->column.size());
    }
  }
  fill_labels(*d, rng);
  return d;
}

inline std::shared_ptr<Dataset> random_images(TaskKind task, std::size_t rows, std::size_t height,
                                              std::size_t width, std::size_t channels,
                                              std::uint64_t seed = 1) {
  auto d = random_dataset(task, Storage::pixels, rows, height * width * channels, seed);
  d->image_height = height;
  d->image_width = width;
  d->image_channels = channels;
  return d;
}

inline Shard whole(std::shared_ptr<const Dataset> d) {
  Shard shard{d, std::vector<std::uint32_t>(d->rows)};
  std::iota(shard.rows.begin(), shard.rows.end(), 0U);
  return shard;
}

/// One model of the registry with data that fit it.
struct Case {
  std::string label;
  std::shared_ptr<const Dataset> data;
  std::unique_ptr<const Model> model;
};

inline void add_case(std::vector<Case>& cases, const std::string& model, std::shared_ptr<const Dataset> data,
                     const ModelOptions& options) {
  static const char* const kTask[] = {"binary", "multiclass", "regression"};
  static const char* const kStorage[] = {"dense", "pixels", "sparse"};
  auto made = make_model(model, *data, options);
  HANSA_ASSERT(made.ok());
  cases.push_back(
      {model + " " + kTask[static_cast<int>(data->task)] + " " + kStorage[static_cast<int>(data->storage)],
       std::move(data), std::move(made).value()});
}

/// Every model of the registry x every task and storage it takes. `rows` per data set.
inline std::vector<Case> all_cases(std::size_t rows, std::uint64_t seed = 1) {
  std::vector<Case> cases;
  ModelOptions options;
  options.fm_rank = 5;
  options.fm_init_stddev = 0.3f;
  options.hidden = {7, 18};
  options.channels = {3, 4};
  options.dense = {9};
  for (const ModelEntry& entry : model_registry()) {
    const std::string name(entry.name);
    for (const TaskKind task : {TaskKind::binary, TaskKind::multiclass, TaskKind::regression}) {
      if (name == "cnn") {
        add_case(cases, name, random_images(task, rows, 17, 18, 2, seed), options);
      } else if (name == "fm" || name == "deepfm") {
        if (task == TaskKind::multiclass) continue;
        add_case(cases, name, random_dataset(task, Storage::sparse, rows, 21, seed), options);
      } else {
        add_case(cases, name, random_dataset(task, Storage::dense, rows, 21, seed), options);
        const Storage other = name == "mlp" ? Storage::pixels : Storage::sparse;
        add_case(cases, name, random_dataset(task, other, rows, 21, seed), options);
      }
    }
  }
  return cases;
}

/// Random parameters in reach of a trained model (zero starts would hide mistakes).
inline std::vector<float> start_of(const Model& model, std::uint64_t seed = 3) {
  std::vector<float> parameters(model.parameter_count());
  model.initialise(parameters, Rng(seed, Purpose::initial_model));
  if (model.name() == "logistic-regression") {
    Rng rng(seed, Purpose::test);
    for (float& p : parameters) p = static_cast<float>(0.3 * rng.normal());
  }
  return parameters;
}

}  // namespace hansa::learn::test
