#include "sim/evaluation.hpp"

#include "src/exec/usage.hpp"
#include "src/learn/mix.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <cmath>
#include <cstring>
#include <map>
#include <utility>

namespace hansa::sim {
namespace {

constexpr std::size_t kRowsPerPredict = 4096;  // keeps the workspace of wide models small

std::uint64_t content_hash(std::span<const float> values) noexcept {
  std::uint64_t hash = values.size();
  for (const float value : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
  }
  return mix64(hash);
}

bool same_bits(const ParametersRef& a, const ParametersRef& b) noexcept {
  return a == b || (a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// For each model the position of the first one with the same bits; its own position if it is the first.
std::vector<std::size_t> first_equal(const std::vector<ParametersRef>& models) {
  std::vector<std::size_t> first(models.size());
  std::map<std::uint64_t, std::vector<std::size_t>> by_hash;
  for (std::size_t i = 0; i < models.size(); ++i) {
    first[i] = i;
    if (!models[i]) continue;
    auto& candidates = by_hash[content_hash(models[i].span())];
    for (const std::size_t candidate : candidates) {
      if (same_bits(models[candidate], models[i])) first[i] = candidate;
    }
    if (first[i] == i) candidates.push_back(i);
  }
  return first;
}

}  // namespace

learn::Metrics Evaluator::evaluate_one(std::span<const float> parameters, learn::Workspace& workspace) const {
  const learn::Dataset& data = *test_.dataset;
  const std::size_t outputs = model_.outputs();
  std::vector<float> scores(test_.rows.size() * outputs);
  std::vector<float> labels(test_.rows.size());
  for (std::size_t begin = 0; begin < test_.rows.size(); begin += kRowsPerPredict) {
    const std::size_t count = std::min(kRowsPerPredict, test_.rows.size() - begin);
    model_.predict(parameters, data, std::span(test_.rows).subspan(begin, count),
                   std::span(scores).subspan(begin * outputs, count * outputs), workspace);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = data.label[test_.rows[i]];
  return learn::compute_metrics(data.task, data.classes, scores, labels);
}

std::vector<learn::Metrics> Evaluator::evaluate(const std::vector<ParametersRef>& models,
                                                exec::WorkerPool& pool) const {
  const double began = exec::thread_cpu_seconds();
  const std::vector<std::size_t> first = first_equal(models);
  double inside = exec::thread_cpu_seconds() - began;
  std::vector<std::size_t> distinct;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models[i] && first[i] == i) distinct.push_back(i);
  }
  std::vector<learn::Metrics> result(models.size());
  std::vector<double> seconds(distinct.size(), 0.0);
  pool.parallel_for(distinct.size(), [&](std::size_t k, learn::Workspace& workspace) {
    const double job_began = exec::thread_cpu_seconds();
    result[distinct[k]] = evaluate_one(models[distinct[k]].span(), workspace);
    seconds[k] = exec::thread_cpu_seconds() - job_began;
  });
  for (const double of_job : seconds) inside += of_job;
  cpu_seconds_ += inside;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (first[i] != i) result[i] = result[first[i]];
  }
  return result;
}

Parameters mean_model(const std::vector<ParametersRef>& models) {
  std::vector<double> sum;
  std::size_t count = 0;
  for (const ParametersRef& model : models) {
    if (!model) continue;
    sum.resize(model.size(), 0.0);
    const float* values = model.data();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(values[i]);
    ++count;
  }
  HANSA_ASSERT(count > 0);
  Parameters mean = Parameters::uninitialised(sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    mean.data()[i] = static_cast<float>(sum[i] / static_cast<double>(count));
  }
  return mean;
}

double consensus_distance(const std::vector<ParametersRef>& models, std::span<const float> mean) {
  double sum = 0;
  std::size_t count = 0;
  for (const ParametersRef& model : models) {
    if (!model) continue;
    sum += learn::squared_distance(model.span(), mean);
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

}  // namespace hansa::sim
