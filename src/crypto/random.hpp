// Start-up of the cryptographic library, and random bytes from the operating system. All of libsodium stays
// in this folder; what leaves it are value types.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <span>

namespace hansa::crypto {

/// Prepares libsodium: opens the system's random source and picks the fastest code for this processor. Call
/// it once at program start, before random_bytes; more calls do nothing. Thread-safe.
Result<void> initialise();

/// Fills `bytes` with randomness fit for keys and nonces. Thread-safe. Asserts if the library cannot be
/// started; a program that called initialise() has seen that as an error before.
void random_bytes(std::span<std::byte> bytes);

/// Overwrites `bytes` with zeros in a way that the compiler keeps.
void wipe(std::span<std::byte> bytes) noexcept;

}  // namespace hansa::crypto
