// The readers without the disk: text or bytes in, a data set or an error out. Used by the file readers, by
// tests and by the fuzz targets.
#pragma once

#include "src/learn/dataset.hpp"
#include "src/learn/load.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::learn {

/// Rows that a reader kept, and where each came from.
struct ParsedRows {
  std::shared_ptr<Dataset> dataset;
  std::vector<std::uint32_t> source_row;  ///< [rows] row number in the file, before any row was dropped
};

/// CSV text with a header line. `origin` names the file in messages ("origin:line: ..."). The storage is
/// dense if every feature is a z-score, and sparse otherwise.
Result<ParsedRows> parse_csv(std::string_view text, std::string_view origin, const CsvSchema& schema);

/// libsvm text. Binary labels may be 0/1 or -1/+1. `features` = 0 takes the largest index as their number.
Result<ParsedRows> parse_libsvm(std::string_view text, std::string_view origin, TaskKind task,
                                std::uint32_t features);

/// IDX images (three or four dimensions of bytes) and labels (one dimension of bytes).
Result<ParsedRows> parse_idx(std::string_view images, std::string_view images_origin, std::string_view labels,
                             std::string_view labels_origin);

/// The shape of an IDX file of bytes; the error says what is wrong with its header or size.
Result<std::vector<std::uint32_t>> idx_shape(std::string_view bytes, std::string_view origin);

/// Adds the rows of `more` to `dataset`. Both must be of one kind (task, storage, groups, image size); a
/// difference in the number of features is allowed for sparse data.
Result<void> append_rows(Dataset& dataset, const Dataset& more, std::string_view origin);

/// describe_file on bytes already read.
Result<DataDescription> describe_bytes(std::string_view bytes, std::string_view origin);

}  // namespace hansa::learn
