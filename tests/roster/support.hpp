// Organisations with known keys, and rosters that they sign.
#pragma once

#include "protocols/roster/rules.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

namespace hansa::protocols::roster {

inline crypto::Identity identity_number(std::uint8_t number, std::uint8_t kind = 0) {
  crypto::Bytes32 seed{};
  seed[0] = static_cast<std::byte>(number + 1);
  seed[1] = static_cast<std::byte>(kind);
  return crypto::Identity::from_seed(seed);
}
inline crypto::CurveKey curve_number(std::uint8_t number, std::uint8_t epoch = 1) {
  crypto::Bytes32 seed{};
  seed[0] = static_cast<std::byte>(number + 1);
  seed[2] = static_cast<std::byte>(epoch);
  return crypto::CurveKey::from_secret(seed);
}

inline constexpr UnixTime kNow = 1'790'000'000;

/// Organisations 0 to 25 are "Org A" to "Org Z".
inline Organisation organisation_number(std::uint8_t number) {
  return {.key = identity_number(number).public_key(),
          .name = std::string("Org ") + static_cast<char>('A' + number)};
}

using Members = std::vector<std::uint8_t>;

inline Members first_members(std::size_t n) {
  Members out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

inline std::vector<Organisation> organisations_of(const Members& members) {
  std::vector<Organisation> out;
  for (const std::uint8_t number : members) out.push_back(organisation_number(number));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

inline SignedRoster signed_by(SignedRoster roster, const Members& signers) {
  for (const std::uint8_t number : signers) sign(roster, identity_number(number));
  return roster;
}

inline SignedRoster genesis_of(const Members& members, Policy policy = Policy::supermajority,
                               RemovalPolicy removal = RemovalPolicy::policy) {
  Roster roster{.name = "delay-model", .policy = policy, .removal = removal};
  roster.organisations = organisations_of(members);
  roster.issued_at = kNow;
  roster.expires_at = kNow + kRosterLifetime;
  return signed_by(unsigned_roster(std::move(roster)), members);
}

/// The next version with these members and no signatures; `salt` makes rivals differ.
inline SignedRoster next_of(const SignedRoster& previous, const Members& members, UnixTime salt = 1) {
  Roster roster = previous.roster;
  roster.consortium = consortium_of(previous);
  roster.version += 1;
  roster.previous = previous.hash;
  roster.successor_of = {};
  roster.settles.clear();
  roster.organisations = organisations_of(members);
  roster.issued_at += salt;
  roster.expires_at = roster.issued_at + kRosterLifetime;
  return unsigned_roster(std::move(roster));
}

inline Members without(const Members& members, std::uint8_t one) {
  Members out;
  std::copy_if(members.begin(), members.end(), std::back_inserter(out),
               [&](std::uint8_t m) { return m != one; });
  return out;
}

inline NodeCertificate certificate_of(std::uint8_t organisation, std::uint8_t node, std::uint64_t serial,
                                      UnixTime now = kNow) {
  NodeCertificate out{.organisation = identity_number(organisation).public_key(),
                      .node = identity_number(node, 1).public_key(),
                      .curve = curve_number(node).public_key(),
                      .endpoints = {.control = {"fl.example:7717"}, .bulk = {"fl.example:7718"}},
                      .serial = serial,
                      .issued_at = now,
                      .not_after = now + kCertificateLifetime};
  sign(out, identity_number(organisation));
  return out;
}

}  // namespace hansa::protocols::roster
