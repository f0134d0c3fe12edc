// The audit log's decoders, proofs and files with any bytes: what decodes must encode to the same bytes, a
// proof that passes must be the one that the tree itself gives, and a folder of any content must be read to
// its end and judged.
#include "fuzz/private_folder.hpp"
#include "fuzz/require.hpp"
#include "protocols/audit/head.hpp"
#include "src/store/audit_log.hpp"
#include "src/store/audit_scan.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <span>
#include <vector>

using hansa::fuzzing::private_folder;
using hansa::fuzzing::require;

namespace {

using namespace hansa;
namespace audit = protocols::audit;
using Bytes = std::vector<std::byte>;

void decoders(std::span<const std::byte> input) {
  for (const auto type :
       {protocols::envelope::Type::audit_head, protocols::envelope::Type::audit_cosignature}) {
    const auto message = audit::decode(type, input);
    if (!message) continue;
    require(audit::type_of(*message) == type);
    require(std::ranges::equal(audit::encode(*message), input));
    if (const auto* const evidence = std::get_if<audit::Evidence>(&*message)) {
      static_cast<void>(check(*evidence));
    }
  }
  if (const auto entry = store::decode_entry(input)) {
    require(std::ranges::equal(store::encode_entry(*entry), input));
  }
}

/// A list of up to 64 entries, and a proof that the input made up.
void proofs(std::span<const std::byte> input) {
  if (input.size() < 4) return;
  const auto number = [&](std::size_t i) { return std::to_integer<std::uint64_t>(input[i]); };
  audit::Tree tree;
  const std::uint64_t size = 1 + number(0) % 64, from = number(1) % (size + 1), index = number(2) % size;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::byte entry[] = {static_cast<std::byte>(i)};
    tree.append(audit::leaf_hash(entry));
  }
  audit::Proof proof(std::min<std::size_t>((input.size() - 4) / 32, audit::kProofHashesMax));
  for (std::size_t i = 0; i < proof.size(); ++i)
    std::copy_n(input.begin() + 4 + static_cast<std::ptrdiff_t>(32 * i), 32, proof[i].bytes.begin());
  if (audit::verify_inclusion(tree.leaf(index), index, size, proof, tree.root())) {
    require(proof == tree.inclusion(index, size));
  }
  if (audit::verify_consistency(from, size, tree.root(from), tree.root(), proof)) {
    require(proof == tree.consistency(from, size));
  }
  require(audit::verify_inclusion(tree.leaf(index), index, size, tree.inclusion(index, size), tree.root()));
  require(audit::verify_consistency(from, size, tree.root(from), tree.root(), tree.consistency(from, size)));
}

void put(const char* name, std::span<const std::byte> bytes) {
  std::ofstream(private_folder() / name, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// The input cut into three files, behind a good preamble so that there is something to read.
void files(std::span<const std::byte> input) {
  if (input.size() < 2) return;
  const std::size_t first =
      std::min<std::size_t>(std::to_integer<std::size_t>(input[0]) * 4, input.size() - 2);
  const std::size_t rest = input.size() - 2 - first;
  const std::size_t second = std::min<std::size_t>(std::to_integer<std::size_t>(input[1]) * 4, rest);
  Bytes log = store::audit_preamble(crypto::PublicKey{});
  const auto entries = input.subspan(2, first);
  log.insert(log.end(), entries.begin(), entries.end());
  put("log", log);
  put("heads", input.subspan(2 + first, second));
  put("cosignatures", input.subspan(2 + first + second));
  const auto report = store::verify_log(private_folder());
  require(report.ok());
  const auto read = store::read_log(private_folder(), 0, 1000);
  require(read.ok() && read->size() == std::min<std::uint64_t>(report->entries, 1000));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(reinterpret_cast<const std::byte*>(data), size);
  decoders(input);
  proofs(input);
  files(input);
  return 0;
}
