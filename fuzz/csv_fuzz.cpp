// Fuzz target: CSV text through the scanner, every kind of column, and the description with its suggested
// schema.
#include "src/learn/data/parse.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using hansa::learn::ColumnSchema;
using hansa::learn::CsvSchema;

namespace {

/// Columns a to f, one of each kind; label y, group g.
CsvSchema make_schema(char separator) {
  CsvSchema schema;
  schema.label = "y";
  schema.positive_at_least = 1;
  schema.group = "g";
  schema.separator = separator;
  const ColumnSchema::Kind kinds[] = {ColumnSchema::Kind::zscore,  ColumnSchema::Kind::bins,
                                      ColumnSchema::Kind::one_hot, ColumnSchema::Kind::hashed,
                                      ColumnSchema::Kind::month,   ColumnSchema::Kind::ignore};
  char name = 'a';
  for (const ColumnSchema::Kind kind : kinds) {
    ColumnSchema column;
    column.name = name++;
    column.kind = kind;
    column.edges = {0, 1};
    column.categories = {"x", "z"};
    column.buckets = 3;
    column.with_missing = kind == ColumnSchema::Kind::bins;
    schema.columns.push_back(column);
  }
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(hansa::learn::parse_csv(text, "fuzz", make_schema(',')));
  static_cast<void>(hansa::learn::parse_csv(text, "fuzz", make_schema(';')));
  // A header in front lets the fuzzer reach the rows without finding the column names first.
  const std::string with_header = "a,b,c,d,e,f,g,y\n" + std::string(text);
  static_cast<void>(hansa::learn::parse_csv(with_header, "fuzz", make_schema(',')));
  static_cast<void>(hansa::learn::describe_bytes(text, "fuzz"));
  return 0;
}
