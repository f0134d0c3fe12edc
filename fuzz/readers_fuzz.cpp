// Any bytes as a data file. The first byte picks the reader; the rest goes through an anonymous in-memory
// file, so that the readers are entered exactly as a run enters them.
#include "fuzz/memory_file.hpp"
#include "src/learn/load.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace hansa::learn;
using hansa::fuzzing::MemoryFile;

CsvSchema small_schema() {
  CsvSchema schema;
  schema.label = "y";
  schema.positive = {"yes", "1"};
  schema.group = "g";
  schema.groups = {"a", "b"};
  ColumnSchema number;
  number.name = "n";
  number.kind = ColumnSchema::Kind::bins;
  number.edges = {0.0, 1.0, 2.5};
  number.with_missing = true;
  ColumnSchema scaled = number;
  scaled.name = "z";
  scaled.kind = ColumnSchema::Kind::zscore;
  ColumnSchema text;
  text.name = "c";
  text.kind = ColumnSchema::Kind::one_hot;
  text.categories = {"red", "green"};
  ColumnSchema hashed;
  hashed.name = "h";
  hashed.kind = ColumnSchema::Kind::hashed;
  hashed.buckets = 8;
  schema.columns = {number, scaled, text, hashed};
  return schema;
}

/// What a reader accepts must be consistent: the training loops index by it without looking again.
void check(const hansa::Result<std::shared_ptr<const Dataset>>& result) {
  if (!result.ok()) {
    if (result.error().message.empty()) std::abort();
    return;
  }
  const Dataset& set = *result.value();
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  require(set.label.size() == set.rows);
  for (const float label : set.label) require(std::isfinite(label));
  for (const float value : set.dense) require(std::isfinite(value));
  for (const float value : set.value) require(std::isfinite(value));
  for (const std::uint32_t column : set.column) require(column < set.features);
  if (set.storage == Storage::sparse) {
    require(set.row_begin.size() == set.rows + 1 && set.row_begin.back() == set.column.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const MemoryFile file(data + 1, size - 1);
  switch (static_cast<unsigned>(data[0] - '0') % 5) {
    case 0:
      check(read_csv(file.path(), small_schema()));
      break;
    case 1:
      check(read_libsvm(file.path(), TaskKind::binary, 64));
      break;
    case 2:
      check(read_libsvm(file.path(), TaskKind::regression, 0));
      break;
    case 3:
      check(read_idx(file.path(), file.path()));
      break;
    case 4:
      static_cast<void>(describe_file(file.path()));
      break;
  }
  return 0;
}
