// Bytes go through a kernel that scales them; floats are copied row by row.
#include "src/learn/models/dense_input.hpp"

#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/models/slots.hpp"

#include <algorithm>

namespace hansa::learn {

const float* gather_features(const Dataset& dataset, std::span<const std::uint32_t> rows,
                             Workspace& workspace) {
  HANSA_ASSERT(dataset.storage != Storage::sparse);
  float* out = workspace.floats(kSlotInput, rows.size() * dataset.features).data();
  if (dataset.storage == Storage::pixels) {
    kernels().gather_bytes(dataset.pixels.data(), dataset.features, dataset.pixel_scale, rows.data(),
                           rows.size(), out);
    return out;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(dataset.dense.data() + rows[i] * dataset.features, dataset.features,
                out + i * dataset.features);
  }
  return out;
}

}  // namespace hansa::learn
