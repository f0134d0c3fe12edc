// The split rule, and conversions between the storages.
#include "src/learn/dataset.hpp"

#include "src/learn/data/limits.hpp"
#include "src/learn/data/parse.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <utility>

namespace hansa::learn {
namespace {

/// A copy of everything but the features themselves.
std::shared_ptr<Dataset> without_features(const Dataset& from, Storage storage) {
  auto copy = std::make_shared<Dataset>();
  copy->name = from.name;
  copy->task = from.task;
  copy->storage = storage;
  copy->rows = from.rows;
  copy->features = from.features;
  copy->classes = from.classes;
  copy->image_height = from.image_height;
  copy->image_width = from.image_width;
  copy->image_channels = from.image_channels;
  copy->pixel_scale = from.pixel_scale;
  copy->label = from.label;
  copy->group = from.group;
  copy->group_name = from.group_name;
  copy->feature_name = from.feature_name;
  return copy;
}

Result<std::shared_ptr<const Dataset>> to_dense(const Dataset& from) {
  if (from.features != 0 && from.rows > kReadLimits.dense_bytes / sizeof(float) / from.features) {
    return Error{ErrorKind::usage,
                 from.name + ": " + std::to_string(from.rows) + " rows of " + std::to_string(from.features) +
                     " features are too large as a dense table (more than " +
                     std::to_string(kReadLimits.dense_bytes >> 30) + " GiB)",
                 "use a model for sparse data: logistic-regression or fm"};
  }
  std::shared_ptr<Dataset> to = without_features(from, Storage::dense);
  if (from.storage == Storage::pixels) {
    to->dense.resize(from.pixels.size());
    for (std::size_t i = 0; i < from.pixels.size(); ++i) {
      to->dense[i] = static_cast<float>(from.pixels[i]) * from.pixel_scale;
    }
  } else {
    to->dense.assign(from.rows * from.features, 0.0f);
    for (std::size_t row = 0; row < from.rows; ++row) {
      for (std::uint64_t k = from.row_begin[row]; k < from.row_begin[row + 1]; ++k) {
        to->dense[row * from.features + from.column[k]] = from.value[k];
      }
    }
  }
  return std::shared_ptr<const Dataset>(std::move(to));
}

Result<std::shared_ptr<const Dataset>> to_sparse(const Dataset& from) {
  if (from.features > kReadLimits.features) {
    return Error{ErrorKind::usage, from.name + ": too many features for sparse rows", ""};
  }
  std::shared_ptr<Dataset> to = without_features(from, Storage::sparse);
  to->row_begin.reserve(from.rows + 1);
  to->row_begin.push_back(0);
  for (std::size_t row = 0; row < from.rows; ++row) {
    for (std::size_t j = 0; j < from.features; ++j) {
      const std::size_t at = row * from.features + j;
      const float value = from.storage == Storage::pixels
                              ? static_cast<float>(from.pixels[at]) * from.pixel_scale
                              : from.dense[at];
      if (value == 0.0f) continue;
      to->column.push_back(static_cast<std::uint32_t>(j));
      to->value.push_back(value);
    }
    to->row_begin.push_back(to->column.size());
  }
  return std::shared_ptr<const Dataset>(std::move(to));
}

/// Numbers of `more`'s groups in `dataset`, adding names that are new.
std::vector<std::uint32_t> merge_group_names(Dataset& dataset, const Dataset& more) {
  std::vector<std::uint32_t> number;
  for (const std::string& name : more.group_name) {
    const auto found = std::find(dataset.group_name.begin(), dataset.group_name.end(), name);
    number.push_back(static_cast<std::uint32_t>(found - dataset.group_name.begin()));
    if (found == dataset.group_name.end()) dataset.group_name.push_back(name);
  }
  return number;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

bool is_test_row(std::uint64_t row) noexcept { return mix64(row) % 10 < 3; }

Result<std::shared_ptr<const Dataset>> with_storage(std::shared_ptr<const Dataset> dataset, Storage storage) {
  if (dataset->storage == storage) return dataset;
  switch (storage) {
    case Storage::dense:
      return to_dense(*dataset);
    case Storage::sparse:
      return to_sparse(*dataset);
    case Storage::pixels:
      break;
  }
  return Error{ErrorKind::usage, dataset->name + ": these rows are not images and cannot become pixels",
               "use an image data set, for example fashion-mnist"};
}

Result<void> append_rows(Dataset& dataset, const Dataset& more, std::string_view origin) {
  const auto differs = [&](std::string_view what) {
    return Error{ErrorKind::bad_data,
                 std::string(origin) + ": " + std::string(what) + " as in the training file " + dataset.name,
                 "training and test files must be made alike"};
  };
  const bool same_images = dataset.image_height == more.image_height &&
                           dataset.image_width == more.image_width &&
                           dataset.image_channels == more.image_channels;
  if (!same_images) return differs("the images are not of the same size");
  const bool same_kind = dataset.task == more.task && dataset.storage == more.storage &&
                         dataset.group.empty() == more.group.empty();
  if (!same_kind) return differs("the rows are not of the same kind");
  if (dataset.features != more.features && dataset.storage != Storage::sparse) {
    return differs("the rows do not have the same number of features");
  }
  if (dataset.rows + more.rows > kReadLimits.rows)
    return differs("there are too many rows in all to be numbered");
  if (dataset.storage == Storage::sparse) {
    const std::uint64_t base = dataset.column.size();
    for (std::size_t i = 1; i < more.row_begin.size(); ++i)
      dataset.row_begin.push_back(base + more.row_begin[i]);
  }
  if (!more.group.empty()) {
    const std::vector<std::uint32_t> number = merge_group_names(dataset, more);
    for (const std::uint32_t group : more.group) dataset.group.push_back(number[group]);
  }
  append(dataset.column, more.column);
  append(dataset.value, more.value);
  append(dataset.dense, more.dense);
  append(dataset.pixels, more.pixels);
  append(dataset.label, more.label);
  dataset.rows += more.rows;
  dataset.features = std::max(dataset.features, more.features);
  dataset.classes = std::max(dataset.classes, more.classes);
  return {};
}

}  // namespace hansa::learn
