// Which features a batch of sparse rows touches: each gets a small number (a slot) in order of first
// appearance, so that a gradient over hundreds of touched features needs no vector over millions. Also the
// view of a data set that the sparse kernels take.
#pragma once

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/model.hpp"

#include <cstdint>
#include <span>

namespace hansa::learn {

SparseRows sparse_rows(const Dataset& dataset, std::span<const std::uint32_t> rows) noexcept;

/// Non-zeros of the given rows.
std::size_t non_zero_count(const Dataset& dataset, std::span<const std::uint32_t> rows) noexcept;

struct TouchedFeatures {
  std::span<const std::uint32_t> slots;     ///< [non-zeros in row order] slot of each
  std::span<const std::uint32_t> features;  ///< [slots] feature of each slot
};

/// Lies in the workspace until the next call.
TouchedFeatures find_touched(const Dataset& dataset, std::span<const std::uint32_t> rows,
                             Workspace& workspace);

}  // namespace hansa::learn
