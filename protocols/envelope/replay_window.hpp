// Whether a message has been seen before: a sliding window over the sender's sequence numbers, as in IPsec
// (RFC 6479) and WireGuard. Encryption refuses replays within one connection; this refuses them across
// connections, and of messages that somebody else passes on.
#pragma once

#include "src/crypto/identity.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace hansa::protocols::envelope {

/// Messages may overtake each other by this many.
inline constexpr std::uint64_t kReplayWindow = 8192;

enum class Freshness : std::uint8_t {
  fresh,
  replayed,  ///< seen, or so old that it cannot be told
  old_boot,  ///< from before the sender's last known restart
};

/// The window of one sender. 1 KiB.
class ReplayWindow {
 public:
  /// `least_boot`: lower boot counters are refused from the start.
  explicit ReplayWindow(std::uint64_t least_boot = 0) noexcept : boot_(least_boot) {}

  /// Marks (boot, sequence) as seen. Sequence numbers begin at 1 with every boot.
  [[nodiscard]] Freshness admit(std::uint64_t boot, std::uint64_t sequence) noexcept;
  [[nodiscard]] std::uint64_t boot() const noexcept { return boot_; }

 private:
  static constexpr std::size_t kWords = kReplayWindow / 64;
  [[nodiscard]] std::uint64_t& word(std::uint64_t sequence) noexcept { return seen_[sequence / 64 % kWords]; }
  void advance(std::uint64_t sequence) noexcept;

  std::uint64_t boot_;
  std::uint64_t highest_ = 0;
  std::array<std::uint64_t, kWords> seen_{};  // bit s % 8192 belongs to sequence number s
};

/// The windows of all senders. Not thread-safe.
class ReplayGuard {
 public:
  /// What was durable before a restart of ours: `sender` had this boot counter.
  void expect_boot(const crypto::PublicKey& sender, std::uint64_t boot);
  /// Call it last, for messages that are known to be `sender`'s: it remembers.
  [[nodiscard]] Freshness admit(const crypto::PublicKey& sender, std::uint64_t boot, std::uint64_t sequence);
  /// The highest boot counter seen; none if nothing was.
  [[nodiscard]] std::optional<std::uint64_t> boot_of(const crypto::PublicKey& sender) const;
  /// Forgets all senders but these.
  void retain(std::span<const crypto::PublicKey> senders);

 private:
  std::map<crypto::PublicKey, ReplayWindow> windows_;
};

}  // namespace hansa::protocols::envelope
