#include "src/exec/entropy.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"

namespace hansa::exec {
namespace {

crypto::Hash256 stream_key(std::uint64_t seed, PartyId party, std::uint64_t boot_counter) noexcept {
  crypto::Hasher hasher("hansa.entropy.v1");
  return hasher.update_u64(seed).update_u64(index(party)).update_u64(boot_counter).finish();
}

}  // namespace

void OsEntropy::fill(std::span<std::byte> bytes) { crypto::random_bytes(bytes); }

SeededEntropy::SeededEntropy(std::uint64_t seed, PartyId party, std::uint64_t boot_counter) noexcept
    : stream_(stream_key(seed, party, boot_counter)) {}

void SeededEntropy::fill(std::span<std::byte> bytes) { stream_.fill(bytes); }

}  // namespace hansa::exec
