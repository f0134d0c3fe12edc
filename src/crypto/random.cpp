#include "src/crypto/random.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

namespace hansa::crypto {

Result<void> initialise() {
  if (sodium_init() >= 0) return {};  // 0 = started now, 1 = had been started
  return Error{.kind = ErrorKind::failed,
               .message = "libsodium cannot start: the system's random source is not readable",
               .hint = "make /dev/urandom or the getrandom system call available to this process"};
}

void random_bytes(std::span<std::byte> bytes) {
  HANSA_ASSERT(sodium_init() >= 0);  // does nothing once started
  randombytes_buf(bytes.data(), bytes.size());
}

void wipe(std::span<std::byte> bytes) noexcept { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace hansa::crypto
