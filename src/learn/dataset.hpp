// A data set in memory: rows of features in one of three storages, one label per row, and optionally one
// group per row (the column that says which party a row belongs to by nature). It is immutable once built and
// shared by every party of a simulation; a party sees it through a `Shard`, the list of its own row numbers.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hansa::learn {

/// What is to be learned.
enum class TaskKind {
  binary,      ///< labels 0 or 1
  multiclass,  ///< labels 0 .. classes-1
  regression,  ///< any finite number
};

/// How the features are held.
enum class Storage {
  dense,   ///< rows x features floats
  pixels,  ///< rows x features bytes; value = byte * scale
  sparse,  ///< compressed rows of (feature, value)
};

struct Dataset {
  std::string name;
  TaskKind task = TaskKind::binary;
  Storage storage = Storage::dense;
  std::size_t rows = 0;
  std::size_t features = 0;
  std::size_t classes = 2;       ///< 1 for regression
  std::size_t image_height = 0;  ///< > 0 for images: features = height * width * channels
  std::size_t image_width = 0;
  std::size_t image_channels = 1;

  std::vector<float> dense;          ///< storage dense: row-major [rows][features]
  std::vector<std::uint8_t> pixels;  ///< storage pixels: row-major [rows][features]
  float pixel_scale = 1.0f / 255.0f;
  std::vector<std::uint64_t> row_begin;  ///< storage sparse: [rows + 1]
  std::vector<std::uint32_t> column;     ///< storage sparse: feature of each non-zero, ascending in a row
  std::vector<float> value;              ///< storage sparse: value of each non-zero
  std::vector<float> label;              ///< [rows]

  std::vector<std::uint32_t> group;       ///< [rows] or empty: number of the natural party of each row
  std::vector<std::string> group_name;    ///< name of each group
  std::vector<std::string> feature_name;  ///< [features] or empty
};

/// The rows of `dataset` that belong together (a party's training rows, a test set). Row numbers, in any
/// order.
struct Shard {
  std::shared_ptr<const Dataset> dataset;
  std::vector<std::uint32_t> rows;
};

/// The test split used everywhere: row `i` (from 0) is a test row iff splitmix64(i) % 10 < 3
/// (specs/datasets.md).
bool is_test_row(std::uint64_t row) noexcept;

/// Same rows with another storage (sparse -> dense, dense -> sparse, pixels -> dense). Refuses a dense copy
/// above 4 GiB. `dense` from `pixels` applies the scale.
Result<std::shared_ptr<const Dataset>> with_storage(std::shared_ptr<const Dataset> dataset, Storage storage);

}  // namespace hansa::learn
