// How the roster keeper's records lie in the node's database: one row each, its key the record's kind and
// key. Tools on the other side of the API get the same rows as hexadecimal text.
#pragma once

#include "protocols/roster/keeper_types.hpp"
#include "src/http/node_api.hpp"
#include "src/store/state_db.hpp"

#include <hansa/result.hpp>

#include <string>
#include <utility>
#include <vector>

namespace hansa::node {

/// A record as a row. An empty value means that there is to be no such row.
[[nodiscard]] store::StateDb::Row row_of(const protocols::roster::Record& record);
/// All records of these rows. Error: a row without a key.
[[nodiscard]] Result<std::vector<protocols::roster::Record>> records_of(
    const std::vector<store::StateDb::Row>& rows);

using RowText = std::pair<std::string, std::string>;  ///< key and value in hexadecimal
[[nodiscard]] RowText text_of(const store::StateDb::Row& row);
/// Error: text that is no row.
[[nodiscard]] Result<std::vector<store::StateDb::Row>> rows_of(const std::vector<RowText>& texts);

}  // namespace hansa::node
