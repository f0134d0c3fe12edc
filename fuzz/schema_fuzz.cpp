// Any text as a schema, which comes with a proposed run and so from another organisation, and any text as a
// data file read with it: an error, or rows whose indices and numbers are sound.
#include "fuzz/require.hpp"
#include "src/config/run_config.hpp"
#include "src/learn/data/parse.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

using hansa::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\0'), size);
  const auto schema = config::parse_schema(text.substr(0, end), "fuzz.schema.toml");
  if (!schema.ok()) return require(!schema.error().message.empty()), 0;
  const auto rows = learn::parse_csv(text.substr(std::min(end + 1, size)), "fuzz.csv", schema.value());
  if (!rows.ok()) return require(!rows.error().message.empty()), 0;
  const learn::Dataset& set = *rows->dataset;
  require(set.label.size() == set.rows && rows->source_row.size() == set.rows);
  for (const float label : set.label) require(std::isfinite(label));
  for (const float value : set.dense) require(std::isfinite(value));
  return 0;
}
