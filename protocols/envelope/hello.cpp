#include "protocols/envelope/hello.hpp"

#include <algorithm>

namespace hansa::protocols::envelope {
namespace {

constexpr std::size_t kFixedBytes = 1 + 1 + 8 + 1;
constexpr std::size_t kReleaseBytesMax = 64;

std::string range(const Hello& hello) {
  return std::to_string(hello.proto_min) + " to " + std::to_string(hello.proto_max) + " (release " +
         hello.release + ")";
}

}  // namespace

std::vector<std::byte> encode(const Hello& hello) {
  HANSA_ASSERT(!hello.release.empty() && hello.release.size() <= kReleaseBytesMax);
  std::vector<std::byte> body;
  body.reserve(kFixedBytes + hello.release.size());
  body.push_back(static_cast<std::byte>(hello.proto_min));
  body.push_back(static_cast<std::byte>(hello.proto_max));
  for (int i = 0; i < 8; ++i) body.push_back(static_cast<std::byte>(hello.features >> 8 * i));
  body.push_back(static_cast<std::byte>(hello.release.size()));
  for (const char c : hello.release) body.push_back(static_cast<std::byte>(c));
  return body;
}

std::optional<Hello> decode_hello(std::span<const std::byte> body) {
  if (body.size() < kFixedBytes) return std::nullopt;
  Hello hello;
  hello.proto_min = std::to_integer<std::uint8_t>(body[0]);
  hello.proto_max = std::to_integer<std::uint8_t>(body[1]);
  for (std::size_t i = 0; i < 8; ++i) hello.features |= std::to_integer<std::uint64_t>(body[2 + i]) << 8 * i;
  const auto length = std::to_integer<std::size_t>(body[10]);
  if (length == 0 || length > kReleaseBytesMax || body.size() != kFixedBytes + length) return std::nullopt;
  if (hello.proto_min == 0 || hello.proto_min > hello.proto_max) return std::nullopt;
  for (const std::byte b : body.subspan(kFixedBytes)) {
    const char c = std::to_integer<char>(b);
    if (c < ' ' || c > '~') return std::nullopt;  // it is printed on terminals
    hello.release.push_back(c);
  }
  return hello;
}

Result<Agreement> negotiate(const Hello& ours, const Hello& theirs) {
  const std::uint8_t proto = std::min(ours.proto_max, theirs.proto_max);
  if (proto < ours.proto_min || proto < theirs.proto_min) {
    const bool we_are_older = ours.proto_max < theirs.proto_min;
    return Error{
        ErrorKind::failed,
        "version_mismatch: this node speaks protocols " + range(ours) + ", the peer " + range(theirs),
        we_are_older ? "upgrade this node" : "ask the peer's operator to upgrade"};
  }
  return Agreement{proto, ours.features & theirs.features};
}

}  // namespace hansa::protocols::envelope
