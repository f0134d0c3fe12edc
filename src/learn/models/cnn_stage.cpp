// Convolution as a matrix product over patches, pooling, and both backward; then the same from the
// definition, in double precision, as an oracle.
#include "src/learn/models/cnn_stage.hpp"

#include "src/learn/kernels/kernels.hpp"

#include <algorithm>
#include <cstring>

// Pooling commutes with ReLU, so ReLU is applied to a quarter of the values, after pooling. Its backward pass
// is done where the gradient by the pooled value is made: by the mask of the layer above, or in
// input_delta().

namespace hansa::learn {

/// kWidth floats for each run, or any number of whole vectors if kWidth is 0.
template <std::size_t kWidth>
void ConvStage::copy_patches(const float* input, float* columns) const noexcept {
  const std::size_t run = kSize * in_channels;
  const std::size_t step = width * in_channels;
  const std::size_t rows = map_height();
  const std::size_t row_positions = map_width();
  const std::size_t channels = in_channels;
  for (std::size_t y = 0; y < rows; ++y) {
    for (std::size_t x = 0; x < row_positions; ++x) {
      const float* from = input + y * step + x * channels;
      for (std::size_t ky = 0; ky < kSize; ++ky, from += step, columns += run) {
        if constexpr (kWidth > 0) {
          std::memcpy(columns, from, kWidth * sizeof(float));
        } else {
          for (std::size_t i = 0; i < run; i += kSlack)
            std::memcpy(columns + i, from + i, kSlack * sizeof(float));
        }
      }
      *columns++ = 1.0f;
    }
  }
}

void ConvStage::patches(const float* input, float* columns) const noexcept {
  // A run of a patch is short; whole vectors beat an exact copy, and what they write too much is overwritten
  // next.
  const std::size_t run = kSize * in_channels;
  if (run <= 8) {
    copy_patches<8>(input, columns);
  } else if (run <= 16) {
    copy_patches<16>(input, columns);
  } else {
    copy_patches<0>(input, columns);
  }
}

void ConvStage::convolve(std::span<const float> parameters, const float* columns, float* map) const noexcept {
  GemmTask task;
  task.m = positions();
  task.n = out_channels;
  task.k = patch();
  task.a = columns;
  task.a_row = column_stride();
  task.b = parameters.data() + weight;
  task.b_row = out_channels;
  task.c = map;
  task.c_row = out_channels;
  task.start = GemmStart::bias;
  task.bias = parameters.data() + bias;
  kernels().gemm(task);
}

void ConvStage::pool(const float* map, float* pooled, std::uint32_t* winners) const noexcept {
  kernels().max_pool(map, map_height() / 2, map_width(), out_channels, pooled, winners);
}

void ConvStage::unpool(const float* pooled_delta, const std::uint32_t* winners,
                       float* map_delta) const noexcept {
  std::fill_n(map_delta, positions() * out_channels, 0.0f);
  for (std::size_t y = 0; y < map_height() / 2; ++y) {
    float* corner = map_delta + 2 * y * map_width() * out_channels;
    for (std::size_t x = 0; x < map_width() / 2; ++x, corner += 2 * out_channels) {
      for (std::size_t c = 0; c < out_channels; ++c) corner[c + *winners++] = *pooled_delta++;
    }
  }
}

void ConvStage::add_gradient(const float* columns, const float* map_delta, float* gradient) const noexcept {
  GemmTask task;
  task.m = column_stride();  // weights, then the bias
  task.n = out_channels;
  task.k = positions();
  task.a = columns;
  task.a_row = 1;
  task.a_column = column_stride();
  task.b = map_delta;
  task.b_row = out_channels;
  task.c = gradient;
  task.c_row = out_channels;
  task.start = GemmStart::accumulate;
  kernels().gemm(task);
}

void ConvStage::input_delta(const float* transposed, const float* map_delta, float* columns,
                            const float* input, float* delta) const noexcept {
  GemmTask task;
  task.m = positions();
  task.n = patch();
  task.k = out_channels;
  task.a = map_delta;
  task.a_row = out_channels;
  task.b = transposed;
  task.b_row = patch();
  task.c = columns;
  task.c_row = patch();
  kernels().gemm(task);
  std::fill_n(delta, input_size(), 0.0f);
  const std::size_t run = kSize * in_channels;
  for (std::size_t y = 0; y < map_height(); ++y) {
    for (std::size_t x = 0; x < map_width(); ++x) {
      float* to = delta + (y * width + x) * in_channels;
      for (std::size_t ky = 0; ky < kSize; ++ky, to += width * in_channels, columns += run) {
        for (std::size_t i = 0; i < run; ++i) to[i] += columns[i];
      }
    }
  }
  for (std::size_t i = 0; i < input_size(); ++i) delta[i] = input[i] > 0 ? delta[i] : 0.0f;
}

std::vector<double> ConvStage::oracle_map(std::span<const float> parameters,
                                          const std::vector<double>& input) const {
  std::vector<double> map(positions() * out_channels);
  for (std::size_t y = 0; y < map_height(); ++y) {
    for (std::size_t x = 0; x < map_width(); ++x) {
      for (std::size_t o = 0; o < out_channels; ++o) {
        double sum = parameters[bias + o];
        for (std::size_t ky = 0; ky < kSize; ++ky) {
          for (std::size_t kx = 0; kx < kSize; ++kx) {
            for (std::size_t c = 0; c < in_channels; ++c) {
              const float w = parameters[weight + ((ky * kSize + kx) * in_channels + c) * out_channels + o];
              sum += static_cast<double>(w) * input[((y + ky) * width + x + kx) * in_channels + c];
            }
          }
        }
        map[(y * map_width() + x) * out_channels + o] = sum;
      }
    }
  }
  return map;
}

std::vector<double> ConvStage::oracle_forward(std::span<const float> parameters,
                                              const std::vector<double>& input) const {
  const std::vector<double> map = oracle_map(parameters, input);
  std::vector<double> out;
  for (std::size_t y = 0; y < map_height() / 2; ++y) {
    for (std::size_t x = 0; x < map_width() / 2; ++x) {
      for (std::size_t o = 0; o < out_channels; ++o) {
        double best = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          const std::size_t at = ((2 * y + i / 2) * map_width() + 2 * x + i % 2) * out_channels + o;
          best = std::max(best, map[at]);
        }
        out.push_back(best);
      }
    }
  }
  return out;
}

std::vector<double> ConvStage::oracle_backward(std::span<const float> parameters,
                                               const std::vector<double>& input,
                                               const std::vector<double>& pooled_delta,
                                               std::span<double> gradient) const {
  const std::vector<double> map = oracle_map(parameters, input);
  std::vector<double> input_gradient(input.size(), 0.0);
  std::size_t at = 0;
  for (std::size_t py = 0; py < map_height() / 2; ++py) {
    for (std::size_t px = 0; px < map_width() / 2; ++px) {
      for (std::size_t o = 0; o < out_channels; ++o, ++at) {
        std::size_t winner = 0;
        const auto value = [&](std::size_t i) {
          return map[((2 * py + i / 2) * map_width() + 2 * px + i % 2) * out_channels + o];
        };
        for (const std::size_t i : {std::size_t{2}, std::size_t{1}, std::size_t{3}}) {
          winner = value(i) > value(winner) ? i : winner;
        }
        if (value(winner) <= 0) continue;
        const std::size_t y = 2 * py + winner / 2;
        const std::size_t x = 2 * px + winner % 2;
        gradient[bias + o] += pooled_delta[at];
        for (std::size_t k = 0; k < patch(); ++k) {
          const std::size_t from =
              ((y + k / in_channels / kSize) * width + x + k / in_channels % kSize) * in_channels +
              k % in_channels;
          const std::size_t w = weight + k * out_channels + o;
          gradient[w] += pooled_delta[at] * input[from];
          input_gradient[from] += pooled_delta[at] * static_cast<double>(parameters[w]);
        }
      }
    }
  }
  return input_gradient;
}

}  // namespace hansa::learn
