// Slots by an open-addressing hash table that is made anew for every batch: its cost follows the non-zeros of
// the batch, never the number of features.
#include "src/learn/models/touched.hpp"

#include "src/learn/models/slots.hpp"

#include <algorithm>
#include <bit>

namespace hansa::learn {

SparseRows sparse_rows(const Dataset& dataset, std::span<const std::uint32_t> rows) noexcept {
  return {dataset.row_begin.data(), dataset.column.data(), dataset.value.data(),
          dataset.label.data(),     rows.data(),           rows.size()};
}

std::size_t non_zero_count(const Dataset& dataset, std::span<const std::uint32_t> rows) noexcept {
  std::size_t count = 0;
  for (const std::uint32_t row : rows)
    count += dataset.row_begin[row + std::size_t{1}] - dataset.row_begin[row];
  return count;
}

TouchedFeatures find_touched(const Dataset& dataset, std::span<const std::uint32_t> rows,
                             Workspace& workspace) {
  const std::size_t non_zeros = non_zero_count(dataset, rows);
  const std::size_t capacity = std::bit_ceil(2 * non_zeros + 2);
  const std::size_t mask = capacity - 1;
  const int shift = std::countl_zero(capacity) + 1;  // 64 - log2(capacity)
  const auto slots = workspace.integers(kSlotNonZeros, non_zeros);
  const auto features = workspace.integers(kSlotTouched, non_zeros);
  const auto table = workspace.integers(kSlotTable, capacity);  // slot + 1, or 0 for free
  std::fill(table.begin(), table.end(), 0U);
  std::uint32_t used = 0;
  std::size_t out = 0;
  for (const std::uint32_t row : rows) {
    for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
      const std::uint32_t feature = dataset.column[j];
      // Fibonacci hashing: the high bits of the product depend on every bit of the feature.
      std::size_t at = (feature * std::uint64_t{0x9E3779B97F4A7C15}) >> shift;
      while (table[at] != 0 && features[table[at] - 1] != feature) at = (at + 1) & mask;
      if (table[at] == 0) {
        features[used] = feature;
        table[at] = ++used;
      }
      slots[out++] = table[at] - 1;
    }
  }
  return {slots, features.first(used)};
}

}  // namespace hansa::learn
