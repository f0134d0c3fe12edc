// W2 by hand over OpenBLAS.
#include "bench/openblas_loop.hpp"

#include "src/exec/usage.hpp"
#include "src/learn/models/batch_order.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace hansa::bench {
namespace {

constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;
constexpr int kTranspose = 112;

using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
                       float*, int);
using CoreName = char* (*)();
using Switch = void (*)();

/// The shape of the model, and buffers for one batch.
struct Net {
  int inputs = 0, hidden = 0, outputs = 0, batch = 0;
  std::vector<float> x, h, z, dh;
  std::size_t w1 = 0, b1 = 0, w2 = 0, b2 = 0;  // where they begin in the parameters

  Net(int in, int middle, int out, int rows)
      : inputs(in),
        hidden(middle),
        outputs(out),
        batch(rows),
        x(static_cast<std::size_t>(rows * in)),
        h(static_cast<std::size_t>(rows * middle)),
        z(static_cast<std::size_t>(rows * out)),
        dh(static_cast<std::size_t>(rows * middle)),
        b1(static_cast<std::size_t>(in * middle)),
        w2(b1 + static_cast<std::size_t>(middle)),
        b2(w2 + static_cast<std::size_t>(middle * out)) {}
};

void gather(const learn::Dataset& data, const std::uint8_t* pixels, std::span<const std::uint32_t> rows,
            std::vector<float>& x) {
  float* out = x.data();
  for (const std::uint32_t row : rows) {
    const std::uint8_t* in = pixels + std::size_t{row} * data.features;
    for (std::size_t i = 0; i < data.features; ++i) out[i] = static_cast<float>(in[i]) * data.pixel_scale;
    out += data.features;
  }
}

void softmax_gradient(const learn::Dataset& data, std::span<const std::uint32_t> rows, int classes,
                      float* z) {
  const float scale = 1.0f / static_cast<float>(rows.size());
  for (const std::uint32_t row : rows) {
    const float largest = *std::max_element(z, z + classes);
    float sum = 0;
    for (int c = 0; c < classes; ++c) sum += z[c] = std::exp(z[c] - largest);
    for (int c = 0; c < classes; ++c) z[c] *= scale / sum;
    z[static_cast<int>(data.label[row])] -= scale;
    z += classes;
  }
}

void add_bias(float* out, const float* bias, int rows, int width, bool relu) {
  for (int r = 0; r < rows; ++r, out += width) {
    for (int i = 0; i < width; ++i) {
      const float sum = out[i] + bias[i];
      out[i] = relu && sum < 0 ? 0 : sum;
    }
  }
}

void step_bias(float* bias, const float* delta, int rows, int width, float rate) {
  for (int r = 0; r < rows; ++r, delta += width) {
    for (int i = 0; i < width; ++i) bias[i] -= rate * delta[i];
  }
}

void step(const OpenBlas& blas, const learn::Dataset& data, const std::uint8_t* pixels,
          std::span<const std::uint32_t> rows, float rate, Net& net, float* p) {
  const int n = static_cast<int>(rows.size());
  gather(data, pixels, rows, net.x);
  blas.sgemm(false, false, n, net.hidden, net.inputs, 1, net.x.data(), net.inputs, p + net.w1, net.hidden, 0,
             net.h.data(), net.hidden);
  add_bias(net.h.data(), p + net.b1, n, net.hidden, true);
  blas.sgemm(false, false, n, net.outputs, net.hidden, 1, net.h.data(), net.hidden, p + net.w2, net.outputs,
             0, net.z.data(), net.outputs);
  add_bias(net.z.data(), p + net.b2, n, net.outputs, false);
  softmax_gradient(data, rows, net.outputs, net.z.data());
  blas.sgemm(false, true, n, net.hidden, net.outputs, 1, net.z.data(), net.outputs, p + net.w2, net.outputs,
             0, net.dh.data(), net.hidden);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n * net.hidden); ++i) {
    if (net.h[i] <= 0) net.dh[i] = 0;
  }
  blas.sgemm(true, false, net.hidden, net.outputs, n, -rate, net.h.data(), net.hidden, net.z.data(),
             net.outputs, 1, p + net.w2, net.outputs);
  step_bias(p + net.b2, net.z.data(), n, net.outputs, rate);
  blas.sgemm(true, false, net.inputs, net.hidden, n, -rate, net.x.data(), net.inputs, net.dh.data(),
             net.hidden, 1, p + net.w1, net.hidden);
  step_bias(p + net.b1, net.dh.data(), n, net.hidden, rate);
}

/// The five parties that each party averages, itself first, all with weight 1/5.
using Fives = std::vector<std::array<std::size_t, 5>>;

/// Models of all parties, one after the other.
class Models {
 public:
  Models(const sim::Setup& setup, Memory memory) : count_(setup.run->parameter_count) {
    const std::span<const float> initial = setup.run->initial_model.span();
    const std::size_t stride = (count_ + 15) / 16 * 16;
    if (memory == Memory::ordinary) {
      ordinary_.resize(stride * setup.config.parties + 16);
    }
    auto at = reinterpret_cast<std::uintptr_t>(ordinary_.data());
    at = (at + 63) / 64 * 64;
    for (std::size_t i = 0; i < setup.config.parties; ++i) {
      if (memory == Memory::ordinary) {
        models_.push_back(reinterpret_cast<float*>(at) + i * stride);
        std::copy(initial.begin(), initial.end(), models_.back());
      } else {
        huge_.push_back(Parameters::copy_of(initial));
        models_.push_back(huge_.back().data());
      }
    }
  }
  float* operator[](std::size_t party) const noexcept { return models_[party]; }
  [[nodiscard]] std::size_t parties() const noexcept { return models_.size(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::size_t count_;
  std::vector<float> ordinary_;
  std::vector<Parameters> huge_;
  std::vector<float*> models_;
};

/// A block of columns of all models fits into the second-level cache, so each model is read from memory once.
void mix(const Fives& fives, const Models& from, const Models& to) {
  const std::size_t count = from.count();
  const std::size_t width = std::clamp<std::size_t>(65'536 / from.parties() / 16 * 16, 64, 4'096);
  for (std::size_t begin = 0; begin < count; begin += width) {
    const std::size_t end = std::min(begin + width, count);
    for (std::size_t i = 0; i < fives.size(); ++i) {
      const float* a = from[fives[i][0]];
      const float* b = from[fives[i][1]];
      const float* c = from[fives[i][2]];
      const float* d = from[fives[i][3]];
      const float* e = from[fives[i][4]];
      float* __restrict out = to[i];
      for (std::size_t j = begin; j < end; ++j) out[j] = 0.2f * (a[j] + b[j] + c[j] + d[j] + e[j]);
    }
  }
}

}  // namespace

const OpenBlas* OpenBlas::instance() {
  static const OpenBlas* const loaded = []() -> const OpenBlas* {
    setenv("OPENBLAS_NUM_THREADS", "1", 1);  // read when the library is loaded
    void* const library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    static OpenBlas blas;
    blas.sgemm_ = dlsym(library, "cblas_sgemm");
    blas.core_name_ = dlsym(library, "openblas_get_corename");
    blas.dynamic_quit_ = dlsym(library, "gotoblas_dynamic_quit");
    blas.dynamic_init_ = dlsym(library, "gotoblas_dynamic_init");
    return blas.sgemm_ != nullptr && blas.core_name_ != nullptr ? &blas : nullptr;
  }();
  return loaded;
}

bool OpenBlas::use_core(const std::string& core) const {
  if (dynamic_quit_ == nullptr || dynamic_init_ == nullptr) return core.empty();
  if (core.empty()) {
    unsetenv("OPENBLAS_CORETYPE");
  } else {
    setenv("OPENBLAS_CORETYPE", core.c_str(), 1);
  }
  reinterpret_cast<Switch>(dynamic_quit_)();
  reinterpret_cast<Switch>(dynamic_init_)();
  return core.empty() || this->core() == core;
}

std::string OpenBlas::core() const { return reinterpret_cast<CoreName>(core_name_)(); }

void OpenBlas::sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float* a,
                     int lda, const float* b, int ldb, float beta, float* c, int ldc) const {
  reinterpret_cast<Sgemm>(sgemm_)(kRowMajor, transpose_a ? kTranspose : kNoTranspose,
                                  transpose_b ? kTranspose : kNoTranspose, m, n, k, alpha, a, lda, b, ldb,
                                  beta, c, ldc);
}

Repetition openblas_d_psgd(const OpenBlas& blas, const sim::Setup& setup, Memory memory) {
  const std::size_t parties = setup.config.parties;
  const learn::Dataset& data = *setup.pooled.dataset;
  const learn::TrainOptions& options = setup.training.options;
  HANSA_ASSERT(setup.config.model == "mlp" && setup.config.model_options.hidden.size() == 1);
  HANSA_ASSERT(data.storage == learn::Storage::pixels && options.steps == 1);
  Net net(static_cast<int>(data.features), static_cast<int>(setup.config.model_options.hidden.front()),
          static_cast<int>(data.classes), static_cast<int>(options.batch_size));
  Fives fives(parties);
  Models first(setup, memory);
  Models second(setup, memory);
  Models* current = &first;
  Models* next = &second;
  std::vector<std::uint8_t> copy;
  if (memory == Memory::ordinary) copy = data.pixels;
  const std::uint8_t* pixels = copy.empty() ? data.pixels.data() : copy.data();
  for (std::size_t i = 0; i < parties; ++i) {
    const auto neighbours = setup.topology->in(0, party_at(i));
    HANSA_ASSERT(neighbours.size() == 4);
    fives[i][0] = i;
    for (std::size_t j = 0; j < 4; ++j) fives[i][j + 1] = index(neighbours[j].party);
  }
  learn::Workspace workspace;
  const double begin = exec::process_cpu_seconds();
  for (Round round = 0; round < setup.config.rounds; ++round) {
    for (std::size_t i = 0; i < parties; ++i) {
      learn::BatchOrder order(setup.training.shards[i], options,
                              Rng(setup.config.seed, Purpose::batch_order, i, round), workspace);
      step(blas, data, pixels, order.next(), options.learning_rate, net, (*current)[i]);
    }
    mix(fives, *current, *next);
    std::swap(current, next);
  }
  Repetition result;
  result.cpu_seconds = exec::process_cpu_seconds() - begin;
  result.node_rounds = std::uint64_t{parties} * setup.config.rounds;
  for (std::size_t i = 0; i < parties; ++i) {
    result.models.push_back(Parameters::copy_of({(*current)[i], current->count()}).freeze());
  }
  return result;
}

}  // namespace hansa::bench
