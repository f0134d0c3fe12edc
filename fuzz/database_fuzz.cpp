// Any bytes as a node's state database: opened, or moved aside and begun anew; and then rows are read or
// counted as damaged, and a counter never goes back. SQLite reads the file; what we make of it is ours.
#include "fuzz/private_folder.hpp"
#include "src/store/state_db.hpp"

#include <cstdint>

using hansa::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  auto db = store::StateDb::open(fuzzing::only_file("state.db", data, size));
  if (!db.ok()) return require(!db.error().message.empty()), 0;
  for (const char* table : {"roster", "run", "binding"}) {
    const auto rows = db->all(table);
    require(rows.ok() || !rows.error().message.empty());
  }
  const auto before = db->counter("boot");
  if (!before.ok()) return 0;
  const auto next = db->next("boot", 5);
  require(!next.ok() || (*next >= 5 && *next > *before));
  return 0;
}
