// Merkle trees against the published roots of RFC 6962's reference implementation, against a tree built
// straight from the RFC's definition, and against every way to spoil a proof.
#include "protocols/audit/merkle.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace hansa::protocols::audit {
namespace {

using Bytes = std::vector<std::byte>;

Bytes hex_bytes(const std::string& text) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return out;
}
Bytes entry(std::uint64_t i) { return {static_cast<std::byte>(i), static_cast<std::byte>(i >> 8)}; }
Tree tree_of(std::uint64_t size) {
  Tree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(leaf_hash(entry(i)));
  return tree;
}

/// MTH(D[begin:end]) as RFC 6962 writes it.
Hash256 naive_root(std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return crypto::sha256({});
  if (end - begin == 1) return leaf_hash(entry(begin));
  std::uint64_t k = 1;
  while (2 * k < end - begin) k *= 2;
  return node_hash(naive_root(begin, begin + k), naive_root(begin + k, end));
}

/// Every way to spoil `proof` that leaves it a proof: a bit in each hash, a hash less, a hash more.
template <class Accepts>
void expect_spoilt_fail(const Proof& proof, const Accepts& accepts) {
  for (std::size_t i = 0; i < proof.size(); ++i) {
    Proof flipped = proof;
    flipped[i].bytes[i % 32] ^= std::byte{1};
    EXPECT_FALSE(accepts(flipped));
    Proof shorter = proof;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(accepts(shorter));
  }
  Proof longer = proof;
  longer.push_back(Hash256{});
  EXPECT_FALSE(accepts(longer));
}

TEST(Sha256, VectorsOfTheStandard) {
  const Bytes abc = hex_bytes("616263");
  EXPECT_EQ(crypto::sha256({abc}).hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(crypto::sha256({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(crypto::sha256({std::span(abc).first(1), std::span(abc).subspan(1)}), crypto::sha256({abc}));
}

TEST(MerkleTree, PublishedRoots) {
  const char* const entries[] = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const char* const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                               "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree;
  EXPECT_EQ(tree.root().hex(), roots[0]);
  for (std::size_t i = 0; i < std::size(entries); ++i) {
    tree.append(leaf_hash(hex_bytes(entries[i])));
    EXPECT_EQ(tree.root().hex(), roots[i + 1]) << i + 1;
  }
}

TEST(MerkleTree, RootsOfAllSizesAreThoseOfTheDefinition) {
  const Tree tree = tree_of(200);
  for (std::uint64_t size = 0; size <= 200; ++size) EXPECT_EQ(tree.root(size), naive_root(0, size)) << size;
}

TEST(MerkleTree, InclusionProofsOfAllSizesVerifyAndSpoiltOnesDoNot) {
  const Tree tree = tree_of(200);
  for (std::uint64_t size = 1; size <= 200; ++size) {
    const Hash256 root = tree.root(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      const Proof proof = tree.inclusion(i, size);
      ASSERT_TRUE(verify_inclusion(tree.leaf(i), i, size, proof, root)) << i << " of " << size;
      EXPECT_LE(proof.size(), static_cast<std::size_t>(std::bit_width(size)));
      EXPECT_FALSE(verify_inclusion(tree.leaf(i), (i + 1) % (size + 1), size, proof, root));
      EXPECT_FALSE(verify_inclusion(leaf_hash(entry(i + 1)), i, size, proof, root));
      EXPECT_FALSE(verify_inclusion(tree.leaf(i), i, size, proof, tree.root(size - 1)));
      expect_spoilt_fail(proof,
                         [&](const Proof& p) { return verify_inclusion(tree.leaf(i), i, size, p, root); });
    }
  }
}

TEST(MerkleTree, ConsistencyProofsOfAllSizesVerifyAndSpoiltOnesDoNot) {
  const Tree tree = tree_of(200);
  for (std::uint64_t size = 1; size <= 200; ++size) {
    const Hash256 after = tree.root(size);
    for (std::uint64_t from = 0; from <= size; ++from) {
      const Hash256 before = tree.root(from);
      const Proof proof = tree.consistency(from, size);
      const auto accepts = [&](const Proof& p) { return verify_consistency(from, size, before, after, p); };
      ASSERT_TRUE(accepts(proof)) << from << " to " << size;
      expect_spoilt_fail(proof, accepts);
      Hash256 other = before;
      other.bytes[31] ^= std::byte{1};
      EXPECT_FALSE(verify_consistency(from, size, other, after, proof));
      if (from == 0) continue;  // any list begins with the empty one
      other = after;
      other.bytes[0] ^= std::byte{1};
      EXPECT_FALSE(verify_consistency(from, size, before, other, proof));
      EXPECT_FALSE(verify_consistency(size + 1, size, before, after, proof));
    }
  }
}

}  // namespace
}  // namespace hansa::protocols::audit
