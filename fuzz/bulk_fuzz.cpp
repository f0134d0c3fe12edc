// A holder and a fetcher of one small blob, with the input deciding what is delivered, dropped, injected, and
// when time passes. Whatever is fetched must be the blob, and no limit may be passed.
#include "protocols/bulk/bulk.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace hansa;
using namespace hansa::protocols::bulk;
namespace envelope = hansa::protocols::envelope;

using Bytes = std::vector<std::byte>;

Node node(std::uint8_t number) { return Node{std::byte{number}}; }

const Bytes& blob() {
  static const Bytes bytes = [] {
    Bytes b(kChunkBytes + 1000);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<std::byte>(i * 31 + i / 257);
    return b;
  }();
  return bytes;
}

const Manifest& manifest() {
  static const Manifest m = manifest_of(blob());
  return m;
}

Options options() {
  Options o;
  o.memory_bytes_max = 4 * kChunkBytes;
  o.fetches_max = 4;
  return o;
}

struct Pair {
  Bulk machines[2] = {Bulk(options()), Bulk(options())};
  std::deque<std::pair<std::size_t, std::pair<envelope::Type, Bytes>>> wire;  // to whom, which message
  Time now{};

  void perform(std::size_t i, Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* const send = std::get_if<Send>(&effect); send != nullptr && wire.size() < 64) {
        const std::size_t to = send->to == node(0) ? 0 : 1;
        if (to != i) wire.push_back({to, {type_of(send->message), encode(send->message)}});
      } else if (const auto* const fetched = std::get_if<Fetched>(&effect)) {
        if (manifest_of(fetched->blob.bytes).id() != fetched->id) std::abort();
      }
    }
    effects.clear();
    if (machines[i].memory_bytes() > options().memory_bytes_max) std::abort();
  }
  void deliver(std::size_t to, std::size_t from, envelope::Type type, std::span<const std::byte> body) {
    const auto message = decode(type, body);
    if (!message) return;
    if (encode(*message).size() != body.size()) std::abort();
    Effects effects;
    machines[to].on_message(node(static_cast<std::uint8_t>(from)), *message, now, effects);
    perform(to, effects);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span rest(reinterpret_cast<const std::byte*>(data), size);
  const auto take = [&](std::size_t count) {
    const auto front = rest.first(std::min(count, rest.size()));
    rest = rest.subspan(front.size());
    return front;
  };
  const auto byte = [&] {
    const auto front = take(1);
    return front.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(front[0]);
  };
  Pair pair;
  Effects effects;
  const Node reader[] = {node(1)}, holder[] = {node(0)};
  const BlobId id = pair.machines[0].hold(manifest(), {nullptr, blob()}, 1);
  pair.machines[0].offer(id, reader, effects);
  pair.perform(0, effects);
  while (!rest.empty()) {
    switch (byte() % 8) {
      case 0:
        static_cast<void>(pair.machines[1].fetch({id, blob().size(), 1}, holder, pair.now, effects).ok());
        pair.perform(1, effects);
        break;
      case 1:
      case 2: {  // the next message arrives, perhaps damaged
        if (pair.wire.empty()) break;
        auto [to, packet] = std::move(pair.wire.front());
        pair.wire.pop_front();
        const std::uint8_t damage = byte();
        if (damage < 64) packet.second[damage % packet.second.size()] ^= static_cast<std::byte>(1 + byte());
        if (damage < 250) pair.deliver(to, 1 - to, packet.first, packet.second);
        break;
      }
      case 3: {  // anything, from somebody
        const std::size_t to = byte() % 2, from = byte() % 3;
        const auto type = static_cast<envelope::Type>(64 + byte() % 7);
        const auto body = take(byte());
        pair.deliver(to, from, type, body);
        break;
      }
      case 4: {  // anything about the blob
        const std::size_t to = byte() % 2, from = byte() % 3;
        const auto type = static_cast<envelope::Type>(64 + byte() % 7);
        Bytes body(id.bytes.begin(), id.bytes.end());
        const auto more = take(byte());
        body.insert(body.end(), more.begin(), more.end());
        pair.deliver(to, from, type, body);
        break;
      }
      case 5:
        pair.now += std::chrono::milliseconds(100 * byte());
        for (std::size_t i = 0; i < 2; ++i) {
          pair.machines[i].on_deadline(pair.now, effects);
          pair.perform(i, effects);
        }
        break;
      case 6:
        pair.machines[1].on_peer_down(node(byte() % 3), pair.now, effects);
        pair.perform(1, effects);
        break;
      case 7:
        pair.machines[1].cancel(id, pair.now, effects);
        pair.perform(1, effects);
        break;
      default:
        break;
    }
  }
  return 0;
}
