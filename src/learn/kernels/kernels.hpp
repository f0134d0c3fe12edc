// The inner loops of learning behind raw pointers. The same source is compiled twice, for AVX2 and for
// AVX-512, and the variant is chosen when the program starts. Both give the same bits: every output element
// of a matrix product is one chain of fused multiply-adds over k in ascending order (only the register tile
// differs), and every reduction runs in 16 fixed partial sums that are folded by a fixed tree (16 -> 8 -> 4
// -> 2 -> 1).
//
// This header is included by code compiled for different instruction sets: it must stay free of inline
// functions and of anything from the standard library that has them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hansa::learn {

/// What the accumulators of a matrix product hold before the first product.
enum class GemmStart { zero, bias, accumulate };
/// What happens to the accumulators after the last product.
enum class GemmFinish {
  store,  ///< c = sum
  relu,   ///< c = max(sum, 0)
  mask,   ///< c = mask > 0 ? sum : 0, the backward pass of a ReLU whose output is `mask`
  sgd,    ///< c -= rate * (sum + decay * c), a gradient applied without being stored
};

/// C[m][n] from A[m][k] * B[k][n]. Row strides are in floats; B and C have unit column stride. A is strided
/// both ways, so that a transposed A costs no copy. C must not overlap A or B.
struct GemmTask {
  std::size_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::size_t a_row = 0, a_column = 1;
  const float* b = nullptr;
  std::size_t b_row = 0;
  float* c = nullptr;
  std::size_t c_row = 0;
  GemmStart start = GemmStart::zero;
  GemmFinish finish = GemmFinish::store;
  const float* bias = nullptr;  ///< [n], start == bias
  const float* mask = nullptr;  ///< [m][n] with row stride c_row, finish == mask
  float rate = 0;               ///< finish == sgd
  float decay = 0;              ///< finish == sgd
};

/// Rows of a sparse data set in a given order, as every sparse kernel takes them.
struct SparseRows {
  const std::uint64_t* row_begin = nullptr;
  const std::uint32_t* column = nullptr;
  const float* value = nullptr;
  const float* label = nullptr;
  const std::uint32_t* rows = nullptr;  ///< [count] row numbers
  std::size_t count = 0;
};

/// Parameters of a factorization machine. `rank` is the padded rank: 8, or a multiple of 16 up to 128.
struct FmParameters {
  float* bias = nullptr;
  float* linear = nullptr;   ///< [features]
  float* factors = nullptr;  ///< [features][rank]
  std::size_t rank = 0;
};

/// Instruction-set variants.
enum class Isa { avx2, avx512 };

/// The functions of one variant. All are pure but for their output pointers, and thread-safe.
struct KernelTable {
  const char* name;

  void (*gemm)(const GemmTask& task);
  /// sum_i a[i] * b[i]
  float (*dot)(const float* a, const float* b, std::size_t n);
  /// out[i] = bias + dot(row rows[i] of `data`, w); rows have n floats
  void (*dot_rows)(const float* data, const std::uint32_t* rows, std::size_t count, const float* w,
                   std::size_t n, float bias, float* out);
  /// y += a * x
  void (*axpy)(float a, const float* x, float* y, std::size_t n);
  /// out[i] = weights[0] * inputs[0][i], then fused += weights[j] * inputs[j][i] for j = 1, 2, ... Each input
  /// is read once. `out` may be one of the inputs. n_inputs >= 1.
  void (*mix)(float* out, const float* const* inputs, const float* weights, std::size_t n_inputs,
              std::size_t count);
  /// out = weighted sum of rows of `data`, as `mix`: the gradient of a linear model
  void (*mix_rows)(float* out, const float* data, const std::uint32_t* rows, const float* weights,
                   std::size_t count, std::size_t n);
  /// w -= rate * (weighted sum of rows + decay * w): its SGD step
  void (*mix_rows_sgd)(float* w, const float* data, const std::uint32_t* rows, const float* weights,
                       std::size_t count, std::size_t n, float rate, float decay);
  /// sum_i (a[i] - b[i])^2 with differences and sums in double
  double (*squared_distance)(const float* a, const float* b, std::size_t n);
  /// out[r][i] = bytes[rows[r] * features + i] * scale
  void (*gather_bytes)(const std::uint8_t* bytes, std::size_t features, float scale,
                       const std::uint32_t* rows, std::size_t count, float* out);
  /// 2x2 maxima over maps [2 * height or one more][width][channels], at least 0. `offset` receives how far
  /// behind the corner of its square each maximum lies (0, channels, width * channels, or both added); of
  /// equals the left one wins, then the upper one. Outputs are [height][width / 2][channels].
  void (*max_pool)(const float* map, std::size_t height, std::size_t width, std::size_t channels,
                   float* pooled, std::uint32_t* offset);
  /// Per row: loss = -log softmax(z)[label] and z = (softmax(z) - onehot(label)) * scale, in place.
  void (*softmax_gradient)(float* z, std::size_t rows, std::size_t classes, const float* label, float scale,
                           float* loss);
  /// Per row: loss = log(1 + e^z) - label * z and z = (sigmoid(z) - label) * scale, in place.
  void (*logistic_gradient)(float* z, std::size_t rows, const float* label, float scale, float* loss);
  /// loss[i] = log(1 + e^z[i]) - label[i] * z[i]
  void (*logistic_loss)(const float* z, std::size_t rows, const float* label, float* loss);

  /// One SGD step per row, in order, in place. Writes each row's score before its step. `logistic`: logistic
  /// loss on 0/1 labels, otherwise half the squared error. Features of one row must be distinct.
  void (*fm_sgd)(const FmParameters& fm, const SparseRows& rows, bool logistic, float rate, float decay,
                 float* score);
  /// The same with AdaGrad; `squares` holds the sums of squared gradients, laid out like the parameters.
  void (*fm_adagrad)(const FmParameters& fm, const FmParameters& squares, const SparseRows& rows,
                     bool logistic, float rate, float epsilon, float decay, float* score);
  /// score[i] of each row; sums[i][rank] = sum of value * factors unless null
  void (*fm_forward)(const FmParameters& fm, const SparseRows& rows, float* score, float* sums);
  /// For row i and its non-zero (f, x) with slot s = *slots++: linear_gradient[s] += error[i] * x and
  /// factor_gradient[s] += x * pull[i] - (error[i] * x * x) * factors[f]
  void (*fm_accumulate)(const FmParameters& fm, const SparseRows& rows, const float* error, const float* pull,
                        const std::uint32_t* slots, float* linear_gradient, float* factor_gradient);

  /// A fixed amount of independent fused multiply-adds in registers; returns the operations done (a
  /// multiply-add is two) and leaves a value in *sink so that the work cannot be dropped.
  double (*peak_flop_probe)(std::uint64_t iterations, float* sink);
  /// a[i] = b[i] + 3 * c[i]; returns the bytes moved, counting two reads and one write
  double (*bandwidth_probe)(float* a, const float* b, const float* c, std::size_t n);
};

/// The active variant: the best one this processor has.
const KernelTable& kernels() noexcept;
/// A given variant, for tests and benchmarks. Precondition: `isa_available(isa)`.
const KernelTable& kernels(Isa isa) noexcept;
bool isa_available(Isa isa) noexcept;
/// Makes `isa` the active variant of the whole process: a hook for tests that compare variants.
void set_active_isa(Isa isa) noexcept;

}  // namespace hansa::learn
