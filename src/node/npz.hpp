// A model as NumPy reads it: an uncompressed zip archive with one float32 array per named part.
#pragma once

#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <string>

namespace hansa::node {

/// Replaces `path`. A model without named parts becomes one array called "parameters".
Result<void> write_npz(const std::string& path, const http::NodeApi::FinalModel& model);

}  // namespace hansa::node
