// What a node says about its log, and what others say about that. A head is a tree's size and root, signed by
// the log's node: whoever keeps one can later see whether the log still begins as it did. A cosignature is
// another node's word that it has seen this head and that it goes on from the last one it saw. The idea is
// that of witnessed transparency logs (C2SP tlog-checkpoint and tlog-cosignature); the layout is ours.
//
// Two heads of one node of which neither list begins with the other are Evidence: anyone can check it alone,
// and the node cannot deny it.
#pragma once

#include "protocols/audit/merkle.hpp"
#include "protocols/envelope/types.hpp"
#include "protocols/secure_sum/byte_order.hpp"
#include "src/crypto/identity.hpp"

#include <optional>
#include <variant>

namespace hansa::protocols::audit {

using crypto::PublicKey;
using crypto::Signature;
using secure_sum::Bytes;
using secure_sum::BytesView;

/// Milliseconds since 1970, by the clock of whoever signs.
using UnixMillis = std::int64_t;

/// The state of a node's log.
struct Head {
  PublicKey node{};
  std::uint64_t size = 0;  ///< entries
  Hash256 root;
  UnixMillis time_ms = 0;
  std::uint64_t boot_id = 0;  ///< the node's start that signed it
  friend bool operator==(const Head&, const Head&) = default;
};
struct SignedHead {
  Head head;
  Signature signature{};
  friend bool operator==(const SignedHead&, const SignedHead&) = default;
};
/// A witness has seen `subject`, and it goes on from the head that the witness cosigned before.
struct Cosignature {
  SignedHead subject;
  PublicKey witness{};
  UnixMillis time_ms = 0;
  Signature signature{};
  friend bool operator==(const Cosignature&, const Cosignature&) = default;
};

inline constexpr std::size_t kHeadBytes = 32 + 8 + 32 + 8 + 8;
inline constexpr std::size_t kSignedHeadBytes = kHeadBytes + 64;
inline constexpr std::size_t kCosignatureBytes = kSignedHeadBytes + 32 + 8 + 64;

[[nodiscard]] SignedHead sign(const Head& head, const crypto::Identity& node);
/// Asserts that the witness is not the subject.
[[nodiscard]] Cosignature cosign(const SignedHead& subject, UnixMillis time_ms,
                                 const crypto::Identity& witness);
[[nodiscard]] bool check(const SignedHead& head) noexcept;
/// Both signatures, and that the witness is not the log's own node.
[[nodiscard]] bool check(const Cosignature& cosignature) noexcept;

/// Two signed heads of one log that cannot both be true. Of the same size: their roots differ, and `proof` is
/// empty. Of different sizes: `proof` leads to the root of `later`, and to another root than that of
/// `earlier` at its size.
struct Evidence {
  SignedHead earlier, later;  ///< earlier.head.size <= later.head.size
  Proof proof;
};
/// Whether it shows what it claims; needs nothing but the evidence.
[[nodiscard]] bool check(const Evidence& evidence) noexcept;

/// "This is my log now."
struct HeadAnnounced {
  SignedHead head;
};
/// Asks a log's own node to show that its list of `size` entries begins with that of `from`.
struct ProofWanted {
  std::uint64_t from = 0, size = 0;
};
/// Answers it. Without hashes: it cannot.
struct ProofGiven {
  std::uint64_t from = 0, size = 0;
  Proof proof;
};
using Message = std::variant<HeadAnnounced, ProofWanted, ProofGiven, Evidence, Cosignature>;

/// The type of the envelope it travels in.
[[nodiscard]] envelope::Type type_of(const Message& message) noexcept;
/// The body of a message, and what a file holds. docs/wire-format.md has the layouts.
[[nodiscard]] Bytes encode(const Message& message);
[[nodiscard]] Bytes encode(const SignedHead& head);
[[nodiscard]] Bytes encode(const Cosignature& cosignature);
[[nodiscard]] Bytes encode(const Evidence& evidence);

// Layout alone: no signature is checked. None if the bytes are not exactly of that layout.
[[nodiscard]] std::optional<Message> decode(envelope::Type type, BytesView body);
[[nodiscard]] std::optional<SignedHead> decode_head(BytesView bytes);
[[nodiscard]] std::optional<Cosignature> decode_cosignature(BytesView bytes);
[[nodiscard]] std::optional<Evidence> decode_evidence(BytesView bytes);

}  // namespace hansa::protocols::audit
