// Seeded data sets for benchmarks, toys and tests. SYNTHETIC: they say nothing about the world, only about
// the code.
#pragma once

#include "src/learn/dataset.hpp"
#include "src/learn/load.hpp"

#include <hansa/result.hpp>

#include <memory>
#include <vector>

namespace hansa::learn {

/// What a generator made, with the scores of the hidden model that drew the labels: no model can rank better.
struct Generated {
  std::shared_ptr<Dataset> dataset;
  std::vector<float> hidden_score;  ///< [rows]; empty for more than two classes
};

/// Sparse rows of one-hot fields with Zipf-distributed values (exponent 1), each worth 1 / sqrt(non_zeros);
/// labels from a hidden factorization machine of rank 4 (binary, or regression with noise). Defaults: 200,000
/// rows, 226,000 features, 30 non-zeros. Uses options.seed, rows, features, non_zeros and task.
Result<Generated> generate_fm(const DataOptions& options);

/// Dense rows from one Gaussian per class (2 classes, or 4 for task multiclass), or a noisy linear function
/// (regression). Defaults: 2,000 rows, 20 features. Uses options.seed, rows, features and task.
Result<Generated> generate_classification(const DataOptions& options);

}  // namespace hansa::learn
