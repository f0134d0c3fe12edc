// IDX files: a magic number (two zero bytes, the element type, the number of dimensions), the sizes as
// big-endian 32-bit words, then the elements. The format of MNIST (LeCun, Cortes, Burges) and its
// descendants.
#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"
#include "src/learn/data/parse.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

std::uint32_t big_endian_word(std::string_view bytes, std::size_t at) noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | static_cast<unsigned char>(bytes[at + i]);
  return word;
}

Error bad(std::string_view origin, std::string_view message, std::string_view hint = "") {
  return Error{ErrorKind::bad_data, std::string(origin) + ": " + std::string(message), std::string(hint)};
}

}  // namespace

Result<std::vector<std::uint32_t>> idx_shape(std::string_view bytes, std::string_view origin) {
  if (bytes.empty()) return bad(origin, "the file is empty");
  constexpr unsigned char kBytes = 0x08;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 4 || at(0) != 0 || at(1) != 0 || at(3) == 0 || at(3) > 4) {
    return bad(origin, "not an IDX file (wrong magic number)", "IDX files begin with two zero bytes");
  }
  if (at(2) != kBytes) {
    return bad(origin,
               "IDX elements of type " + std::to_string(at(2)) + "; only bytes (type 8) are supported");
  }
  const std::size_t dimensions = at(3);
  const std::size_t header = 4 + 4 * dimensions;
  if (bytes.size() < header) return bad(origin, "the IDX header ends early; the file is incomplete");
  std::vector<std::uint32_t> shape;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    shape.push_back(big_endian_word(bytes, 4 + 4 * i));
    if (shape[i] == 0) return bad(origin, "dimension " + std::to_string(i + 1) + " of the IDX file is 0");
    if (elements > kReadLimits.file_bytes / shape[i]) {
      return bad(origin,
                 "the IDX header claims more than " + std::to_string(kReadLimits.file_bytes >> 20) + " MiB");
    }
    elements *= shape[i];
  }
  if (bytes.size() - header != elements) {
    return bad(origin,
               "the IDX header promises " + std::to_string(elements) + " bytes of data, the file has " +
                   std::to_string(bytes.size() - header),
               "copy or download it again");
  }
  return shape;
}

Result<ParsedRows> parse_idx(std::string_view images, std::string_view images_origin, std::string_view labels,
                             std::string_view labels_origin) {
  Result<std::vector<std::uint32_t>> shape = idx_shape(images, images_origin);
  if (!shape) return std::move(shape).error();
  if (shape->size() < 3) {
    return bad(images_origin,
               "an IDX file of " + std::to_string(shape->size()) + " dimensions; images have 3 or 4",
               "are images and labels swapped?");
  }
  Result<std::vector<std::uint32_t>> label_shape = idx_shape(labels, labels_origin);
  if (!label_shape) return std::move(label_shape).error();
  if (label_shape->size() != 1) {
    return bad(labels_origin,
               "an IDX file of " + std::to_string(label_shape->size()) + " dimensions; labels have 1",
               "are images and labels swapped?");
  }
  const std::uint32_t rows = (*shape)[0];
  if ((*label_shape)[0] != rows) {
    return bad(labels_origin, std::to_string((*label_shape)[0]) + " labels for " + std::to_string(rows) +
                                  " images in " + std::string(images_origin));
  }
  for (std::size_t i = 1; i < shape->size(); ++i) {
    if ((*shape)[i] > kReadLimits.image_side) {
      return bad(images_origin, "images with a side of " + std::to_string((*shape)[i]) +
                                    " pixels; the most is " + std::to_string(kReadLimits.image_side));
    }
  }
  auto dataset = std::make_shared<Dataset>();
  dataset->task = TaskKind::multiclass;
  dataset->storage = Storage::pixels;
  dataset->rows = rows;
  dataset->image_height = (*shape)[1];
  dataset->image_width = (*shape)[2];
  dataset->image_channels = shape->size() == 4 ? (*shape)[3] : 1;
  dataset->features = dataset->image_height * dataset->image_width * dataset->image_channels;
  const std::string_view data = images.substr(4 + 4 * shape->size());
  dataset->pixels.assign(reinterpret_cast<const std::uint8_t*>(data.data()),
                         reinterpret_cast<const std::uint8_t*>(data.data()) + data.size());
  std::uint32_t largest = 1;
  dataset->label.reserve(rows);
  for (const char c : labels.substr(8)) {
    const std::uint32_t label = static_cast<unsigned char>(c);
    largest = std::max(largest, label);
    dataset->label.push_back(static_cast<float>(label));
  }
  dataset->classes = largest + 1;
  ParsedRows parsed{dataset, std::vector<std::uint32_t>(rows)};
  for (std::uint32_t i = 0; i < rows; ++i) parsed.source_row[i] = i;
  return parsed;
}

Result<std::shared_ptr<const Dataset>> read_idx(const std::string& images_path,
                                                const std::string& labels_path) {
  Result<std::string> images = read_file(images_path);
  if (!images) return std::move(images).error();
  Result<std::string> labels = read_file(labels_path);
  if (!labels) return std::move(labels).error();
  Result<ParsedRows> parsed = parse_idx(*images, images_path, *labels, labels_path);
  if (!parsed) return std::move(parsed).error();
  parsed->dataset->name = images_path;
  return std::shared_ptr<const Dataset>(std::move(parsed->dataset));
}

}  // namespace hansa::learn
