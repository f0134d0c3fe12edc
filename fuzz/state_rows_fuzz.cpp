// Any bytes as the rows of a node's database: the keeper's records and the run book's statements, as the node
// feeds them at its start. The first bit of each row says whose it is; then its kind and two lengths. Both
// machines refuse or come up, work through an hour, and the keeper comes up the same from what it is asked to
// keep.
#include "protocols/roster/keeper.hpp"
#include "protocols/runs/run_book.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

using namespace hansa;
using protocols::roster::RosterKeeper;
using Bytes = std::vector<std::byte>;

constexpr std::int64_t kNow = 1'800'000'000;

crypto::Identity identity(std::uint64_t number) {
  return crypto::Identity::from_seed(crypto::Hasher("fuzz/node").update_u64(number).finish().bytes);
}

/// The next `size` bytes, or what is left.
Bytes take(std::span<const std::byte>& in, std::size_t size) {
  const auto taken = in.first(std::min(size, in.size()));
  in = in.subspan(taken.size());
  return {taken.begin(), taken.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const crypto::Identity kNode = identity(1), kOrganisation = identity(2);
  std::span<const std::byte> in = std::as_bytes(std::span(data, size));
  std::vector<protocols::roster::Record> records;
  std::vector<Bytes> statements;
  while (in.size() >= 4) {
    const Bytes head = take(in, 4);
    const auto number = [&](std::size_t i) { return std::to_integer<std::size_t>(head[i]); };
    if (number(0) % 2 == 1) {
      statements.push_back(take(in, number(2) * 256 + number(3)));
      continue;
    }
    const auto kind = static_cast<protocols::roster::RecordKind>(number(0) / 2);
    Bytes key = take(in, number(1));
    records.push_back({kind, std::move(key), take(in, number(2) * 256 + number(3))});
  }
  protocols::runs::RunBook book(kNode);
  protocols::runs::RunEffects runs;
  book.restore(statements, kNow, runs);
  book.on_tick(kNow + 3600, runs);

  RosterKeeper keeper({.node = kNode.public_key(), .organisation = kOrganisation.public_key()});
  protocols::roster::KeeperEffects kept;
  if (const auto begun = keeper.start(records, kNow, kept, size % 2 == 1); !begun.ok()) {
    if (begun.error().message.empty()) std::abort();
    return 0;
  }
  keeper.on_tick(kNow + 3600, kept);
  static_cast<void>(keeper.may_start_rounds(kNow));
  static_cast<void>(keeper.warnings(kNow));
  static_cast<void>(keeper.proposals());
  return 0;
}
