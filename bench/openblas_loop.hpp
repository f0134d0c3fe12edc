// The strongest plain opponent: W2 (an MLP with one hidden layer, D-PSGD on a 4-regular graph) as one would
// write it by hand around a BLAS. Matrix products by sgemm with the update folded in (alpha = -rate, beta =
// 1), mixing in column blocks so that every model comes from memory once. OpenBLAS is loaded at run time;
// Debian's decides by processor which kernels it uses, and takes Haswell's on processors it does not know.
#pragma once

#include "bench/workload.hpp"

#include <string>

namespace hansa::bench {

class OpenBlas {
 public:
  /// Loads libopenblas.so.0 once. Null if it is not installed.
  static const OpenBlas* instance();

  /// Chooses kernels, as the environment variable OPENBLAS_CORETYPE would ("SkylakeX"; "" = its own choice).
  /// False if this library cannot change its mind.
  [[nodiscard]] bool use_core(const std::string& core) const;
  /// The name of the kernels in use.
  [[nodiscard]] std::string core() const;

  /// C = alpha op(A) op(B) + beta C; row-major, transposed if said so.
  void sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float* a, int lda,
             const float* b, int ldb, float beta, float* c, int ldc) const;

 private:
  OpenBlas() = default;
  void* sgemm_ = nullptr;
  void* core_name_ = nullptr;
  void* dynamic_quit_ = nullptr;
  void* dynamic_init_ = nullptr;
};

/// Where the loop keeps models and images.
enum class Memory {
  ordinary,  ///< as a plain program would: 64-byte aligned arrays on whatever pages malloc gives
  huge,      ///< in Hansa's arena and data set, which ask for huge pages
};

/// The whole loop. Same graph, initial model and batches as the real run.
/// Precondition: W2's model, data and strategy, one hidden layer, one local step.
Repetition openblas_d_psgd(const OpenBlas& blas, const sim::Setup& setup, Memory memory);

}  // namespace hansa::bench
