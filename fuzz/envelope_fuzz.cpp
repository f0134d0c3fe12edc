// Any bytes as an envelope header, with the rest as body, and as a HELLO. What is accepted must be the one
// way to write what was read; the window must refuse the same message the second time.
#include "protocols/envelope/hello.hpp"
#include "src/wire/envelope.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

namespace {

using namespace hansa;

void open(std::span<const std::byte> header, std::span<const std::byte> body) {
  wire::Envelope envelope;
  std::span<const std::byte> text;
  std::optional<crypto::Signature> signature;
  if (wire::decode_envelope(header, {}, envelope, text, signature) != wire::EnvelopeError::none) return;
  if (text.size() + (signature ? sizeof *signature : 0) != header.size()) std::abort();

  // To the sender's peers in its own consortium, so that the later checks are reached.
  wire::EnvelopePolicy policy{.consortium = envelope.consortium, .proto_max = 255, .runs = {}};
  if (envelope.run) policy.runs.push_back({*envelope.run, 0, envelope.round, 0});
  wire::EnvelopeOpener opener;
  const auto* const rule = protocols::envelope::rule_of(envelope.type);
  const auto plane = rule != nullptr ? rule->plane : protocols::envelope::Plane::control;
  wire::Envelope opened;
  const auto first = opener.open(header, body, plane, envelope.sender, policy, opened);
  const auto second = opener.open(header, body, plane, envelope.sender, policy, opened);
  if (first == wire::EnvelopeError::none) {
    if (opened != envelope || second != wire::EnvelopeError::replay) std::abort();
    const auto again = wire::seal(opened, body, nullptr);
    if (!signature && !std::equal(again.begin(), again.end(), header.begin(), header.end())) std::abort();
  } else if (second != first) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  open(bytes, {});
  if (size > 0) {  // the first byte says where the body begins
    const std::size_t cut = std::min<std::size_t>(size, 1 + data[0]);
    open(bytes.subspan(1, cut - 1), bytes.subspan(cut));
  }
  if (const auto hello = protocols::envelope::decode_hello(bytes)) {
    const auto again = protocols::envelope::encode(*hello);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    const protocols::envelope::Hello ours{.release = "0.1.0"};
    if (protocols::envelope::negotiate(ours, *hello).ok() !=
        protocols::envelope::negotiate(*hello, ours).ok()) {
      std::abort();
    }
  }
  return 0;
}
