// The kernels compiled for AVX-512 (flags in src/learn/CMakeLists.txt). Only raw pointers cross this file's
// border.
#include "src/learn/kernels/fm_impl.hpp"
#include "src/learn/kernels/gemm_impl.hpp"
#include "src/learn/kernels/vector_impl.hpp"

namespace hansa::learn {

extern const KernelTable kAvx512Kernels;
const KernelTable kAvx512Kernels = {
    "avx512",
    gemm,
    dot,
    dot_rows,
    axpy,
    mix,
    mix_rows,
    mix_rows_sgd,
    squared_distance,
    gather_bytes,
    max_pool,
    softmax_gradient,
    logistic_gradient,
    logistic_loss,
    fm_sgd,
    fm_adagrad,
    fm_forward,
    fm_accumulate,
    peak_flop_probe,
    bandwidth_probe,
};

}  // namespace hansa::learn
