// Any bytes as a backup, which may come from anywhere: refused with what is wrong, or read to its end, where
// every piece has the size and hash that it is said to have.
#include "fuzz/private_folder.hpp"
#include "src/store/backup_file.hpp"

#include <cstdint>

using hansa::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  constexpr std::size_t kPieceMax = 1 << 16;
  const auto backup = store::BackupReader::open(fuzzing::only_file("node.backup", data, size));
  if (!backup.ok()) return require(!backup.error().message.empty()), 0;
  const std::filesystem::path piece = fuzzing::private_folder() / "piece";
  for (const auto& each : backup->pieces()) {
    require(backup->has(each.name));
    const auto bytes = backup->read(each.name, kPieceMax);
    require(!bytes.ok() || bytes->size() == each.bytes);
    require(bytes.ok() || each.bytes > kPieceMax);  // open() has checked the hash
    const auto extracted = backup->extract(each.name, piece);
    require(!extracted.ok() || std::filesystem::file_size(piece) == each.bytes);
    if (extracted.ok()) std::filesystem::remove(piece);
  }
  return 0;
}
