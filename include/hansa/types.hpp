// The few names that every room shares: who a party is, which round it is in, what time it is.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace hansa {

/// A participant, numbered from 0 within one run. A strong type so that a party and a round cannot be
/// swapped.
enum class PartyId : std::uint32_t {};

/// Position of a party in arrays that hold one entry per party.
constexpr std::size_t index(PartyId party) noexcept { return static_cast<std::size_t>(party); }

/// The party at position `i`.
constexpr PartyId party_at(std::size_t i) noexcept { return static_cast<PartyId>(i); }

/// Training round, numbered from 0.
using Round = std::uint32_t;

/// A span of time in integer nanoseconds, so that virtual time adds up exactly.
using Duration = std::chrono::nanoseconds;

/// A moment: nanoseconds since the driver started. Machines are told the time; they never read a clock.
using Time = std::chrono::nanoseconds;

}  // namespace hansa
