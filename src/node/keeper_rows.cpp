#include "src/node/keeper_rows.hpp"

#include "src/crypto/hash.hpp"

namespace hansa::node {

using protocols::roster::Record;
using protocols::roster::RecordKind;

store::StateDb::Row row_of(const Record& record) {
  store::StateDb::Row row{{static_cast<std::byte>(record.kind)}, record.value};
  row.key.insert(row.key.end(), record.key.begin(), record.key.end());
  return row;
}

Result<std::vector<Record>> records_of(const std::vector<store::StateDb::Row>& rows) {
  std::vector<Record> records;
  for (const store::StateDb::Row& row : rows) {
    if (row.key.empty()) {
      return Error{ErrorKind::bad_data, "a row of the roster has no key", "restore the node from its backup"};
    }
    records.push_back({static_cast<RecordKind>(row.key[0]), {row.key.begin() + 1, row.key.end()}, row.value});
  }
  return records;
}

RowText text_of(const store::StateDb::Row& row) {
  return {crypto::to_hex(row.key), crypto::to_hex(row.value)};
}

Result<std::vector<store::StateDb::Row>> rows_of(const std::vector<RowText>& texts) {
  std::vector<store::StateDb::Row> rows;
  for (const auto& [key_text, value_text] : texts) {
    auto key = crypto::from_hex(key_text), value = crypto::from_hex(value_text);
    if (!key || !value || key->empty()) {
      return Error{ErrorKind::bad_data, "the node's roster cannot be read",
                   "use the same version of the tool and the node"};
    }
    rows.push_back({std::move(*key), std::move(*value)});
  }
  return rows;
}

}  // namespace hansa::node
