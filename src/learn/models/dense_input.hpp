// Rows of dense or pixel storage as a matrix in the workspace.
#pragma once

#include "src/learn/model.hpp"

#include <span>

namespace hansa::learn {

/// [rows.size()][features] floats in the workspace.
const float* gather_features(const Dataset& dataset, std::span<const std::uint32_t> rows,
                             Workspace& workspace);

}  // namespace hansa::learn
