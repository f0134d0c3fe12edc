// Any bytes as a node's state database: opened, or moved aside and begun anew; and then rows are read or
// counted as damaged, and a counter never goes back. SQLite reads the file; what we make of it is ours.
#include "src/store/state_db.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// A private folder in memory, for this process.
const std::filesystem::path& folder() {
  static const std::filesystem::path kFolder = [] {
    std::string name =
        std::filesystem::is_directory("/dev/shm") ? "/dev/shm/hansa-fuzz-XXXXXX" : "/tmp/hansa-fuzz-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return std::filesystem::path(name);
  }();
  return kFolder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) std::filesystem::remove(entry);
  const std::filesystem::path file = folder() / "state.db";
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  auto db = store::StateDb::open(file);
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
