// RFC 6962, section 2.1, with the iterative checks of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
#include "protocols/audit/merkle.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace hansa::protocols::audit {
namespace {

constexpr std::array<std::byte, 1> kLeaf = {std::byte{0}};
constexpr std::array<std::byte, 1> kNode = {std::byte{1}};

/// The largest power of two below `size`, which is at least 2: where RFC 6962 splits a list.
std::uint64_t split(std::uint64_t size) noexcept { return std::bit_floor(size - 1); }

}  // namespace

Hash256 leaf_hash(std::span<const std::byte> entry) noexcept { return crypto::sha256({kLeaf, entry}); }
Hash256 node_hash(const Hash256& left, const Hash256& right) noexcept {
  return crypto::sha256({kNode, left.bytes, right.bytes});
}
Hash256 empty_root() noexcept { return crypto::sha256({}); }

void Tree::append(const Hash256& leaf) {
  Hash256 hash = leaf;
  for (std::size_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    std::vector<Hash256>& row = levels_[level];
    row.push_back(hash);
    if (row.size() % 2 != 0) return;
    hash = node_hash(row[row.size() - 2], row.back());
  }
}

const Hash256& Tree::leaf(std::uint64_t index) const {
  HANSA_ASSERT(index < size());
  return levels_[0][index];
}

Hash256 Tree::subtree(std::uint64_t begin, std::uint64_t end) const {
  const std::uint64_t count = end - begin;
  if (std::has_single_bit(count) && begin % count == 0) {
    return levels_[static_cast<std::size_t>(std::countr_zero(count))][begin / count];
  }
  const std::uint64_t middle = begin + split(count);
  return node_hash(subtree(begin, middle), subtree(middle, end));
}

Hash256 Tree::root(std::uint64_t size) const {
  HANSA_ASSERT(size <= this->size());
  return size == 0 ? empty_root() : subtree(0, size);
}

Proof Tree::inclusion(std::uint64_t index, std::uint64_t size) const {
  HANSA_ASSERT(index < size && size <= this->size());
  Proof proof;
  for (std::uint64_t begin = 0, end = size; end - begin > 1;) {
    const std::uint64_t middle = begin + split(end - begin);
    const bool left = index < middle;
    proof.push_back(left ? subtree(middle, end) : subtree(begin, middle));
    (left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Proof Tree::consistency(std::uint64_t from, std::uint64_t size) const {
  HANSA_ASSERT(from <= size && size <= this->size());
  if (from == 0 || from == size) return {};
  Proof proof;
  std::uint64_t begin = 0, end = size;
  while (from != end) {
    const std::uint64_t middle = begin + split(end - begin);
    const bool left = from <= middle;
    proof.push_back(left ? subtree(middle, end) : subtree(begin, middle));
    (left ? end : begin) = middle;
  }
  if (begin != 0) proof.push_back(subtree(begin, end));  // else it is the old root, which the reader has
  std::reverse(proof.begin(), proof.end());
  return proof;
}

bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size, const Proof& proof,
                      const Hash256& root) noexcept {
  if (index >= size) return false;
  std::uint64_t place = index, last = size - 1;
  Hash256 hash = leaf;
  for (const Hash256& step : proof) {
    if (last == 0) return false;
    if (place % 2 != 0 || place == last) {
      hash = node_hash(step, hash);
      while (place % 2 == 0 && place != 0) place /= 2, last /= 2;
    } else {
      hash = node_hash(hash, step);
    }
    place /= 2, last /= 2;
  }
  return last == 0 && hash == root;
}

std::optional<Roots> roots_of(const Proof& proof, std::uint64_t from, std::uint64_t size,
                              const Hash256& before_root) noexcept {
  if (from == 0 || from >= size) return std::nullopt;
  const bool given = std::has_single_bit(from);
  if (proof.empty() && !given) return std::nullopt;
  std::uint64_t place = from - 1, last = size - 1;
  while (place % 2 != 0) place /= 2, last /= 2;
  Roots roots;
  roots.before = roots.after = given ? before_root : proof[0];
  for (std::size_t i = given ? 0 : 1; i < proof.size(); ++i) {
    if (last == 0) return std::nullopt;
    if (place % 2 != 0 || place == last) {
      roots.before = node_hash(proof[i], roots.before);
      roots.after = node_hash(proof[i], roots.after);
      while (place % 2 == 0 && place != 0) place /= 2, last /= 2;
    } else {
      roots.after = node_hash(roots.after, proof[i]);
    }
    place /= 2, last /= 2;
  }
  if (last != 0) return std::nullopt;
  return roots;
}

bool verify_consistency(std::uint64_t from, std::uint64_t size, const Hash256& before, const Hash256& after,
                        const Proof& proof) noexcept {
  if (from > size) return false;
  if (from == size) return proof.empty() && before == after;
  if (from == 0) return proof.empty() && before == empty_root();
  return roots_of(proof, from, size, before) == std::optional(Roots{before, after});
}

}  // namespace hansa::protocols::audit
