// One stage of the convolutional network for one image: 5x5 convolution without padding, ReLU, 2x2 max
// pooling. Maps are [row][column][channel]; weights are [5][5][in channel][out channel], which is the matrix
// [patch][out channel].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hansa::learn {

struct ConvStage {
  static constexpr std::size_t kSize = 5;

  std::size_t height = 0, width = 0, in_channels = 0, out_channels = 0;
  std::size_t weight = 0, bias = 0;  ///< offsets in the flat vector; the bias follows the weights

  ConvStage(std::size_t h, std::size_t w, std::size_t in, std::size_t out, std::size_t offset) noexcept
      : height(h),
        width(w),
        in_channels(in),
        out_channels(out),
        weight(offset),
        bias(offset + patch() * out) {}

  [[nodiscard]] std::size_t input_size() const noexcept { return height * width * in_channels; }
  [[nodiscard]] std::size_t patch() const noexcept { return kSize * kSize * in_channels; }
  /// Floats of a row of the patch matrix: the patch and a 1, whose weight is the bias.
  [[nodiscard]] std::size_t column_stride() const noexcept { return patch() + 1; }
  [[nodiscard]] std::size_t map_height() const noexcept { return height - kSize + 1; }
  [[nodiscard]] std::size_t map_width() const noexcept { return width - kSize + 1; }
  [[nodiscard]] std::size_t positions() const noexcept { return map_height() * map_width(); }
  [[nodiscard]] std::size_t pooled() const noexcept {
    return (map_height() / 2) * (map_width() / 2) * out_channels;
  }

  /// Patches are copied in whole vectors: this many floats behind `input` are read (and not used), and as
  /// many behind `columns` are written.
  static constexpr std::size_t kSlack = 16;

  /// input -> columns [positions][column_stride()]
  void patches(const float* input, float* columns) const noexcept;
  /// columns -> map [positions][out channels], before ReLU (pooling does it)
  void convolve(std::span<const float> parameters, const float* columns, float* map) const noexcept;
  /// map -> pooled maxima, at least 0, and the index in `map` each came from (of equals the left one, then
  /// the upper one)
  void pool(const float* map, float* pooled, std::uint32_t* winners) const noexcept;
  /// gradient by the pooled maxima -> gradient by the map
  void unpool(const float* pooled_delta, const std::uint32_t* winners, float* map_delta) const noexcept;
  /// Adds to `gradient` (weights, then bias).
  void add_gradient(const float* columns, const float* map_delta, float* gradient) const noexcept;
  /// Gradient by the input, 0 where the input is not positive (it is the pooled ReLU output of the stage
  /// before). `transposed` is the weight matrix transposed, `columns` is scratch, [positions][patch].
  void input_delta(const float* transposed, const float* map_delta, float* columns, const float* input,
                   float* delta) const noexcept;

  /// Pooled maps in double precision, straight from the definition.
  [[nodiscard]] std::vector<double> oracle_forward(std::span<const float> parameters,
                                                   const std::vector<double>& input) const;
  /// Adds to `gradient` (whole flat vector) and returns the gradient by the input.
  std::vector<double> oracle_backward(std::span<const float> parameters, const std::vector<double>& input,
                                      const std::vector<double>& pooled_delta,
                                      std::span<double> gradient) const;

 private:
  template <std::size_t kWidth>
  void copy_patches(const float* input, float* columns) const noexcept;
  [[nodiscard]] std::vector<double> oracle_map(std::span<const float> parameters,
                                               const std::vector<double>& input) const;
};

}  // namespace hansa::learn
