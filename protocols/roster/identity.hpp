// What people read, type and say over the telephone instead of a public key. An ID is the hash of the key in
// base32, in groups of seven letters whose last letter checks the six before it (after Syncthing's device
// IDs, which have Luhn digits); a fingerprint is six English words.
//
// The check letter is a weighted sum over the field GF(32) with different weights per place and a constant
// per group. So it finds every single wrong letter, every two neighbours typed in the wrong order and every
// two groups in the wrong order; Luhn's sum modulo 32 misses some of the second.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"

#include <hansa/result.hpp>

#include <string>
#include <string_view>

namespace hansa::protocols::roster {

/// The number behind an ID: BLAKE2b-256 of a public key, or a consortium's own hash. A plain value.
struct Id {
  crypto::Hash256 hash;

  friend auto operator<=>(const Id&, const Id&) = default;
};

/// The ID of an organisation's or a node's key. Lists, bans and scores go by the key itself, never by this
/// hash of it or by the hash of a certificate.
[[nodiscard]] Id id_of(const crypto::PublicKey& key) noexcept;

/// 61 letters in nine groups: "AKQ7M2D-...-XR5T9". Upper case.
[[nodiscard]] std::string to_text(const Id& id);
/// Reads what to_text wrote. Case, spaces and dashes do not matter, and 0, 1 and 8 pass for O, I and B.
/// Errors name the group: "group 3 (AKQ7M2D) has a typing error".
[[nodiscard]] Result<Id> parse_id(std::string_view text);

/// The first group, seven letters with their check letter: enough to tell a consortium's members apart on a
/// screen, not to authenticate one.
[[nodiscard]] std::string short_text(const Id& id);

inline constexpr std::size_t kFingerprintWords = 6;
/// Six of 1,024 words, separated by spaces: 60 bits of a hash of its own, so that comparing words and letters
/// compares different bits.
[[nodiscard]] std::string fingerprint(const Id& id);
[[nodiscard]] inline std::string fingerprint(const crypto::PublicKey& key) { return fingerprint(id_of(key)); }

}  // namespace hansa::protocols::roster
