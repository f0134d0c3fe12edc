#include "src/learn/models/cnn_stage.hpp"

#include "src/learn/kernels/kernels.hpp"

#include <algorithm>

// Pooling commutes with ReLU, so ReLU is applied to a quarter of the values, after pooling. Its backward pass
// is done where the gradient by the pooled value is made: by the mask of the layer above, or in
// input_delta().

namespace hansa::learn {

void ConvStage::patches(const float* input, float* columns) const noexcept {
  const std::size_t run = kSize * in_channels;
  for (std::size_t y = 0; y < map_height(); ++y) {
    for (std::size_t x = 0; x < map_width(); ++x) {
      const float* from = input + (y * width + x) * in_channels;
      for (std::size_t ky = 0; ky < kSize; ++ky, from += width * in_channels, columns += run) {
        std::copy_n(from, run, columns);
      }
    }
  }
}

void ConvStage::convolve(std::span<const float> parameters, const float* columns, float* map) const noexcept {
  GemmTask task;
  task.m = positions();
  task.n = out_channels;
  task.k = patch();
  task.a = columns;
  task.a_row = patch();
  task.b = parameters.data() + weight;
  task.b_row = out_channels;
  task.c = map;
  task.c_row = out_channels;
  task.start = GemmStart::bias;
  task.bias = parameters.data() + bias;
  kernels().gemm(task);
}

void ConvStage::pool(const float* map, float* pooled, std::uint32_t* winners) const noexcept {
  const std::size_t row = map_width() * out_channels;
  for (std::size_t y = 0; y < map_height() / 2; ++y) {
    for (std::size_t x = 0; x < map_width() / 2; ++x) {
      const std::size_t corner = 2 * y * row + 2 * x * out_channels;
      const std::size_t candidates[4] = {corner, corner + out_channels, corner + row,
                                         corner + row + out_channels};
      for (std::size_t c = 0; c < out_channels; ++c) {
        float best = map[corner + c];
        std::size_t winner = corner + c;
        for (int i = 1; i < 4; ++i) {
          const float value = map[candidates[i] + c];
          winner = value > best ? candidates[i] + c : winner;
          best = value > best ? value : best;
        }
        *pooled++ = std::max(best, 0.0f);
        *winners++ = static_cast<std::uint32_t>(winner);
      }
    }
  }
}

void ConvStage::unpool(const float* pooled_delta, const std::uint32_t* winners,
                       float* map_delta) const noexcept {
  std::fill_n(map_delta, positions() * out_channels, 0.0f);
  const std::size_t count = pooled();
  for (std::size_t i = 0; i < count; ++i) map_delta[winners[i]] = pooled_delta[i];
}

void ConvStage::add_gradient(const float* columns, const float* map_delta, float* gradient) const noexcept {
  GemmTask task;
  task.m = patch();
  task.n = out_channels;
  task.k = positions();
  task.a = columns;
  task.a_row = 1;
  task.a_column = patch();
  task.b = map_delta;
  task.b_row = out_channels;
  task.c = gradient;
  task.c_row = out_channels;
  task.start = GemmStart::accumulate;
  kernels().gemm(task);
  constexpr float kOne = 1.0f;
  task.m = 1;
  task.a = &kOne;
  task.a_row = 0;
  task.a_column = 0;
  task.c = gradient + patch() * out_channels;
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
        for (std::size_t i = 1; i < 4; ++i) winner = value(i) > value(winner) ? i : winner;
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
