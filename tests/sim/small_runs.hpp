// Small whole runs for every model: configurations in code, data generated or written to a temporary folder.
// Tests of the simulator and of the actors share them, so that both clocks are tried on the same runs.
#pragma once

#include "protocols/gossip/registry.hpp"
#include "sim/experiment.hpp"
#include "src/config/run_config.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace hansa::sim::testing {

/// A folder of this process that goes away with it.
inline const std::filesystem::path& scratch_folder() {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("hansa_sim_test_" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path;
}

/// Images of 16 x 16 pixels whose class is where a bright square stands, as an IDX pair; the images' path.
inline std::string idx_images(std::size_t count) {
  const std::filesystem::path path = scratch_folder() / ("images-" + std::to_string(count));
  if (std::filesystem::exists(path)) return path.string();
  constexpr std::size_t kSide = 16;
  std::ofstream images(path, std::ios::binary);
  std::ofstream labels(path.string() + "-labels", std::ios::binary);
  const auto big_endian = [](std::ofstream& out, std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) out.put(static_cast<char>(word >> shift & 0xFFU));
  };
  big_endian(images, 0x803);
  big_endian(images, static_cast<std::uint32_t>(count));
  big_endian(images, kSide);
  big_endian(images, kSide);
  big_endian(labels, 0x801);
  big_endian(labels, static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    Rng rng(3, Purpose::test, i);
    const auto label = static_cast<std::size_t>(rng.below(4));
    for (std::size_t y = 0; y < kSide; ++y) {
      for (std::size_t x = 0; x < kSide; ++x) {
        const bool bright = y / 8 == label / 2 && x / 8 == label % 2;
        images.put(static_cast<char>((bright ? 120 : 20) + rng.below(100)));
      }
    }
    labels.put(static_cast<char>(label));
  }
  return path.string();
}

/// Sparse rows with a number as label, in libsvm's format.
inline std::string libsvm_regression(std::size_t rows) {
  const std::filesystem::path path = scratch_folder() / ("regression-" + std::to_string(rows) + ".libsvm");
  if (std::filesystem::exists(path)) return path.string();
  std::ofstream out(path);
  for (std::size_t i = 0; i < rows; ++i) {
    Rng rng(4, Purpose::test, i);
    const auto user = rng.below(12);
    const auto item = rng.below(9);
    const double label =
        3 + 0.2 * static_cast<double>(user) - 0.1 * static_cast<double>(item) + 0.3 * rng.normal();
    out << label << ' ' << user + 1 << ":1 " << item + 13 << ":1\n";
  }
  return path.string();
}

/// A run of a few dozen milliseconds with `model` on data that suits it, big enough that training goes to the
/// worker threads (except the linear model, which stays inline).
inline config::RunConfig small_run(const std::string& model, const std::string& strategy) {
  config::RunConfig config;
  config.name = "test";
  config.parties = 6;
  config.rounds = 4;
  config.seed = 7;
  config.model = model;
  config.strategy = strategy;
  config.train.batch_size = 8;
  config.train.learning_rate = 0.05f;
  config.topology.name = "ring";
  config.cohort.size = 3;
  config.epidemic.fanout = 2;
  config.gossip_learning.period_ms = 200;
  config.eval.baselines = {};
  config.eval.every = 2;
  if (model == "cnn") {
    config.data.dataset = "idx";
    config.data.path = idx_images(160);
    config.data.labels_path = config.data.path + "-labels";
    config.model_options.channels = {2, 3};
    config.model_options.dense = {8};
    config.train.epochs = 8;
    config.train.optimiser = learn::OptimiserKind::momentum;
  } else if (model == "fm" || model == "deepfm") {
    config.data.dataset = "synthetic-fm";
    config.data.rows = 240;
    config.data.features = 2000;
    config.data.non_zeros = 6;
    config.train.optimiser = model == "fm" ? learn::OptimiserKind::sgd : learn::OptimiserKind::adagrad;
    config.model_options.hidden = {8};
    config.model_options.fm_rank = 4;
  } else {
    config.data.dataset = "synthetic-classification";
    config.data.rows = 360;
    if (model == "mlp") {
      config.data.features = 120;
      config.train.epochs = 8;
      config.train.optimiser = learn::OptimiserKind::adam;
      config.train.learning_rate = 0.01f;
      config.model_options.hidden = {16};
    }
  }
  return config;
}

/// An FM that predicts numbers, from a file.
inline config::RunConfig small_regression(const std::string& strategy) {
  config::RunConfig config = small_run("fm", strategy);
  config.data = {};
  config.data.dataset = "libsvm";
  config.data.task = learn::TaskKind::regression;
  config.data.path = libsvm_regression(200);
  config.train.learning_rate = 0.02f;
  return config;
}

/// Loss, repeats, reordering, jitter, uneven machines, crashes with returns (and, if asked, without).
inline void add_faults(config::RunConfig& config, bool some_for_ever = false) {
  config.network.loss = 0.1;
  config.network.duplicate = 0.1;
  config.network.reorder = 0.2;
  config.network.jitter_ms = 15;
  config.network.bandwidth_mbps = 50;
  config.compute.spread = 0.5;
  config.deadline.floor_ms = 300;
  config.deadline.ceiling_ms = 2'000;
  config.faults.crash_fraction = 0.4;
  config.faults.stay_down_fraction = some_for_ever ? 0.5 : 0;
  config.faults.down_ms = 400;
  config.faults.end_ms = 1'200;
}

inline bool long_tests() {
  const char* value = std::getenv("HANSA_LONG");
  return value != nullptr && std::string(value) == "1";
}

/// Runs `config`; a failure is a failure of the test, and gives an empty result.
inline RunResult run(const config::RunConfig& config, ExperimentOptions options = {}) {
  auto result = run_experiment(config, options);
  if (!result) {
    ADD_FAILURE() << config.strategy << ' ' << config.model << ": " << result.error().message;
    return {};
  }
  return std::move(result).value();
}

}  // namespace hansa::sim::testing
