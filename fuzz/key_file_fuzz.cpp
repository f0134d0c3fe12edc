// Any bytes as a key file, with the checksum put right so that the fields behind it are reached: refused, or
// a key whose halves belong together and which is written the same way again. Sealed files are opened only if
// that is cheap.
#include "fuzz/require.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/key_file.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

using hansa::fuzzing::require;

namespace {

using namespace hansa::crypto;

void read(std::span<const std::byte> file) {
  const auto info = read_key_file_info(file, "fuzz");
  if (!info.ok()) return require(info.error().message.starts_with("fuzz"));
  const auto node = decode_node_key(file, "fuzz");
  if (node.ok()) {
    require(info->kind == KeyKind::node && !info->sealed && node->public_key() == info->public_key);
    require(std::ranges::equal(encode_node_key(node.value()), file));
  }
  const auto curve = decode_curve_key(file, "fuzz");
  if (curve.ok()) {
    require(info->kind == KeyKind::curve && !info->sealed && curve->epoch == info->epoch);
    require(std::ranges::equal(encode_curve_key(curve->key, curve->epoch), file));
  }
  if (info->sealed && info->cost.memory_kib <= 64 && info->cost.passes <= 2) {
    const auto opened = open_organisation_key(file, SecretText("walnut"), "fuzz");
    if (opened.ok()) require(opened->public_key() == info->public_key);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read(bytes);
  KeyFileBytes mended(bytes.begin(), bytes.end());
  const auto checksum = hash("hansa.keyfile.v1", mended).bytes;
  mended.insert(mended.end(), checksum.begin(), checksum.end());
  read(mended);
  return 0;
}
