// How a cohort shares out a model: member k of n owns piece k.
#pragma once

#include "protocols/tasks.hpp"

#include <cstddef>
#include <cstdint>

namespace hansa::protocols {

/// Piece `k` of `n` of a model of `size` floats. Pieces cover the model once, in order, begin on cache lines
/// when the model is large enough, and may be empty.
[[nodiscard]] Piece piece_of(std::uint32_t size, std::size_t k, std::size_t n) noexcept;

}  // namespace hansa::protocols
