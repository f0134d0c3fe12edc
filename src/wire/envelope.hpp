// The envelope around everything that nodes send: who says it, in which consortium, run and round, under
// which number, and, where it is relayed, stored or may become evidence, with which signature. A message is
// two frames: the header made here, and the body, which is raw bytes. docs/wire-format.md has every byte.
//
// What comes in is hostile until open() has returned `none`.
#pragma once

#include "protocols/envelope/replay_window.hpp"
#include "protocols/envelope/types.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"

#include <hansa/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hansa::wire {

/// The first 8 bytes of the consortium's id.
using ConsortiumTag = std::array<std::byte, 8>;

/// Bits of Envelope::flags. A receiver refuses a message with a bit among the lower eight that it does not
/// know, and ignores the upper eight that it does not know.
inline constexpr std::uint16_t kFlagSigned = 1;
inline constexpr std::uint16_t kMandatoryFlags = 0x00FF;

/// The header of a message.
struct Envelope {
  std::uint8_t proto = 1;
  std::uint16_t type = 0;  ///< protocols::envelope::Type, or a number that only others know
  ConsortiumTag consortium{};
  std::uint64_t roster_version = 0;
  crypto::PublicKey sender{};  ///< node key
  std::uint64_t boot_id = 0;   ///< how often the sender has been started
  std::uint64_t seq = 0;       ///< from 1 with every start
  std::optional<crypto::Hash256> run;
  Round round = 0;
  std::uint16_t flags = 0;
  std::uint64_t body_len = 0;
  crypto::Hash256 body_hash;  ///< only in signed messages; CURVE protects the others

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// The hash that a signed header has of its body.
[[nodiscard]] crypto::Hash256 body_hash(std::span<const std::byte> body) noexcept;

/// The header frame for `body`. body_len, body_hash and the signed flag are filled in here. Signed by
/// `signer`, whose public key must be `envelope.sender`; null: not signed. Thread-safe.
[[nodiscard]] std::vector<std::byte> seal(Envelope envelope, std::span<const std::byte> body,
                                          const crypto::Identity* signer);

/// Why a message was refused, for counters and scores. The order is that of the checks.
enum class EnvelopeError : std::uint8_t {
  none,
  oversize,       ///< a frame above its limit
  malformed,      ///< not the fixed array, a field of another type or length, bytes behind the end
  not_canonical,  ///< the same header can be written in fewer bytes
  version,        ///< a protocol version that was not agreed on
  unknown_flag,   ///< a mandatory flag that we do not know
  unknown_type,   ///< a type that we do not know; ignored, no offence
  wrong_plane,    ///< a type that does not travel on this socket
  consortium,     ///< another consortium's
  unlisted,       ///< its sender is not the node whose connection delivered it
  body_length,    ///< the body is not as long as the header says
  not_signed,     ///< a type that must be signed, and is not
  bad_hash,       ///< the body is not the one that was signed
  bad_signature,  ///< not the sender's
  old_boot,       ///< from before the sender's last start
  replay,         ///< seen before, or too old to tell
  unknown_run,    ///< belongs to no run that is under way here
  stale_round,    ///< a round that is over, or far ahead
  stale_roster,   ///< the run needs a newer roster
};
inline constexpr std::size_t kEnvelopeErrors = 19;
/// The enumerator's name, e.g. "bad_signature", for counters.
[[nodiscard]] std::string_view name_of(EnvelopeError error) noexcept;

/// Each number with its reason.
struct EnvelopeLimits {
  std::size_t header_bytes = 256;                   ///< the longest takes 222, and room for a field
  std::size_t control_body_bytes = 64 * 1024;       ///< above, it travels in chunks
  std::size_t bulk_body_bytes = 256 * 1024 + 1024;  ///< a chunk and what names it
  std::size_t lobby_body_bytes = 15 * 1024;         ///< with its header below the lobby's 16 KiB
};

/// Splits a header frame and checks its form, not its truth: `none` or oversize, malformed, not_canonical.
/// `signature` is empty if the header is not signed, and `signed_bytes` is what it is over, without the
/// label.
[[nodiscard]] EnvelopeError decode_envelope(std::span<const std::byte> header, const EnvelopeLimits& limits,
                                            Envelope& out, std::span<const std::byte>& signed_bytes,
                                            std::optional<crypto::Signature>& signature) noexcept;

/// A run that takes messages.
struct OpenRun {
  crypto::Hash256 id;
  Round first = 0, last = 0;         ///< rounds that matter now
  std::uint64_t roster_version = 0;  ///< the one it was agreed on under
};

/// What messages are checked against; the caller keeps it up to date.
struct EnvelopePolicy {
  ConsortiumTag consortium{};
  std::uint8_t proto_min = 1, proto_max = 1;
  std::vector<OpenRun> runs;
};

/// Opens and checks messages, remembers their numbers and counts refusals. Not thread-safe.
class EnvelopeOpener {
 public:
  explicit EnvelopeOpener(EnvelopeLimits limits = {}) noexcept : limits_(limits) {}

  /// `none` and `out`, or the first reason to refuse the message; then `out` is not to be used.
  /// `delivered_by` is the node key of the peer on whose connection it came. In the lobby nobody is listed
  /// yet: pass none, and the signature alone says who it is.
  [[nodiscard]] EnvelopeError open(std::span<const std::byte> header, std::span<const std::byte> body,
                                   protocols::envelope::Plane plane,
                                   const std::optional<crypto::PublicKey>& delivered_by,
                                   const EnvelopePolicy& policy, Envelope& out);

  [[nodiscard]] protocols::envelope::ReplayGuard& replay() noexcept { return replay_; }
  /// Refusals so far, by reason; at `none` the messages that were accepted.
  [[nodiscard]] std::span<const std::uint64_t, kEnvelopeErrors> counters() const noexcept {
    return counters_;
  }

 private:
  [[nodiscard]] EnvelopeError check(std::span<const std::byte> header, std::span<const std::byte> body,
                                    protocols::envelope::Plane plane,
                                    const std::optional<crypto::PublicKey>& delivered_by,
                                    const EnvelopePolicy& policy, Envelope& out);

  EnvelopeLimits limits_;
  protocols::envelope::ReplayGuard replay_;
  std::array<std::uint64_t, kEnvelopeErrors> counters_{};
};

}  // namespace hansa::wire
