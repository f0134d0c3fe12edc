// Any bytes at a run book. The first byte picks what they are: a message as it comes from a member, or the
// fields of a statement that a party of a run really signs. Nothing may assert, and no statement of a
// stranger may change what the book knows.
#include "protocols/runs/run_book.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using namespace hansa;
using namespace hansa::protocols::runs;

constexpr std::int64_t kNow = 1'800'000'000;

crypto::Identity identity(std::uint64_t number) {
  return crypto::Identity::from_seed(crypto::Hasher("fuzz/node").update_u64(number).finish().bytes);
}

struct World {
  std::vector<crypto::Identity> keys{identity(0), identity(1), identity(2)};
  RunManifest manifest;
  RunId run;

  World() {
    for (const auto& key : keys) manifest.parties.push_back(key.public_key());
    std::sort(manifest.parties.begin(), manifest.parties.end());
    manifest.proposer = keys[0].public_key();
    manifest.quorum = 2;
    manifest.approve_by_s = kNow + 600;
    run = read_statement(sign_statement(keys[0], {}, kNow, manifest))->run;
  }
  [[nodiscard]] RunBook book() const {
    RunBook book(keys[1]);
    std::vector<Member> members;
    for (const auto& key : keys) members.push_back({key.public_key(), "org"});
    book.set_members(std::move(members));
    RunEffects out;
    book.restore({sign_statement(keys[0], {}, kNow, manifest)}, kNow, out);
    return book;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  if (size < 2) return 0;
  const BytesView bytes = std::as_bytes(std::span(data, size)).subspan(2);
  RunBook book = world.book();
  RunEffects out;
  const crypto::Identity& signer = world.keys[data[1] % world.keys.size()];
  Bytes message{std::byte{1}};
  switch (data[0] % 4) {
    case 0:
      message.assign(bytes.begin(), bytes.end());
      break;
    case 1: {  // signed by a party: any reason
      const Stop stop{std::string(bytes.size() % (kLimits.reason_bytes_max + 1), 'x')};
      const Bytes statement = sign_statement(signer, world.run, kNow, stop);
      message.insert(message.end(), statement.begin(), statement.end());
      break;
    }
    case 2: {
      const Bytes statement = sign_statement(signer, world.run, kNow, Finish{data[1], {}});
      message.insert(message.end(), statement.begin(), statement.end());
      break;
    }
    default:  // a body of any bytes with no valid signature
      message.insert(message.end(), bytes.begin(), bytes.end());
      break;
  }
  book.on_message(signer.public_key(), message, kNow, out);
  book.on_tick(kNow + 10'000, out);
  if (book.runs().size() != 1) std::abort();  // a manifest needs a signature that fuzzing does not find
  return 0;
}
