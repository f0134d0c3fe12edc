// The first words of two nodes: which protocol versions each speaks, which features it has, which release it
// is. They use the highest version that both speak, or part with an error that names both.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hansa::protocols::envelope {

inline constexpr std::uint8_t kProtocolMin = 1;
inline constexpr std::uint8_t kProtocolMax = 1;

/// Body of a HELLO. Sent to every peer as soon as it is connected, before anything else; answered by the
/// peer's own.
struct Hello {
  std::uint8_t proto_min = kProtocolMin;
  std::uint8_t proto_max = kProtocolMax;
  std::uint64_t features = 0;  ///< bit i: has feature i of the roster's table
  std::string release;         ///< for people, e.g. "0.1.0"; 1 to 64 printable ASCII characters

  friend bool operator==(const Hello&, const Hello&) = default;
};

/// proto_min 1, proto_max 1, features 8 (little-endian), length of release 1, release.
[[nodiscard]] std::vector<std::byte> encode(const Hello& hello);
/// None if the bytes are not exactly one well-formed HELLO.
[[nodiscard]] std::optional<Hello> decode_hello(std::span<const std::byte> body);

/// What two nodes agree on.
struct Agreement {
  std::uint8_t proto = 0;
  std::uint64_t features = 0;  ///< that both have; used only if the roster says so as well
};
/// The same at both ends. The error's message begins with "version_mismatch" and has both ranges and
/// releases.
[[nodiscard]] Result<Agreement> negotiate(const Hello& ours, const Hello& theirs);

}  // namespace hansa::protocols::envelope
