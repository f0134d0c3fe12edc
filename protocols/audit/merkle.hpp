// A Merkle tree over an append-only list, as in RFC 6962 (Laurie, Langley, Kasper 2013): one hash of 32 bytes
// stands for the whole list, and a proof of log2(n) hashes shows that an entry is in it, or that a longer
// list begins with a shorter one. Leaves and inner nodes are hashed with different first bytes, so that
// neither can be passed off as the other.
#pragma once

#include "src/crypto/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hansa::protocols::audit {

using crypto::Hash256;
using Proof = std::vector<Hash256>;

/// More hashes than any proof has: two for each level of a tree of 2^64 entries.
inline constexpr std::size_t kProofHashesMax = 128;

/// SHA-256 of 0x00 and the entry.
[[nodiscard]] Hash256 leaf_hash(std::span<const std::byte> entry) noexcept;
/// SHA-256 of 0x01 and both children.
[[nodiscard]] Hash256 node_hash(const Hash256& left, const Hash256& right) noexcept;
/// The root of no entries: SHA-256 of nothing.
[[nodiscard]] Hash256 empty_root() noexcept;

/// The hashes of all complete subtrees, 64 bytes per entry, so that every question takes O(log n) hashes.
/// Not thread-safe.
class Tree {
 public:
  /// Adds the leaf of the next entry.
  void append(const Hash256& leaf);

  [[nodiscard]] std::uint64_t size() const noexcept { return levels_.empty() ? 0 : levels_[0].size(); }
  [[nodiscard]] const Hash256& leaf(std::uint64_t index) const;
  /// Of the first `size` entries, at most size().
  [[nodiscard]] Hash256 root(std::uint64_t size) const;
  [[nodiscard]] Hash256 root() const { return root(size()); }
  /// That entry `index` is among the first `size`; index < size <= size().
  [[nodiscard]] Proof inclusion(std::uint64_t index, std::uint64_t size) const;
  /// That the first `size` entries begin with the first `from`; from <= size <= size(). Empty for 0 and for
  /// `size` itself.
  [[nodiscard]] Proof consistency(std::uint64_t from, std::uint64_t size) const;

 private:
  [[nodiscard]] Hash256 subtree(std::uint64_t begin, std::uint64_t end) const;

  std::vector<std::vector<Hash256>> levels_;  ///< [k][i]: entries i 2^k to (i + 1) 2^k
};

/// Whether `proof` shows that `leaf` is entry `index` of the list of `size` entries with this root.
[[nodiscard]] bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size,
                                    const Proof& proof, const Hash256& root) noexcept;

/// What a consistency proof says about a tree's past and present.
struct Roots {
  Hash256 before, after;
  friend bool operator==(const Roots&, const Roots&) = default;
};
/// The two roots that `proof` leads to, 0 < from < size; none if its length is wrong. `before_root` matters
/// only where `from` is a power of two, since the proof leaves it out there.
[[nodiscard]] std::optional<Roots> roots_of(const Proof& proof, std::uint64_t from, std::uint64_t size,
                                            const Hash256& before_root) noexcept;

/// Whether `proof` shows that the list of `size` entries with root `after` begins with the list of `from`
/// entries with root `before`.
[[nodiscard]] bool verify_consistency(std::uint64_t from, std::uint64_t size, const Hash256& before,
                                      const Hash256& after, const Proof& proof) noexcept;

}  // namespace hansa::protocols::audit
