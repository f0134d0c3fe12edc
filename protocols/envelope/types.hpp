// What nodes say to each other, as one visible table. A number is never reused; a node that does not know one
// ignores the message, so that a newer node can speak to an older one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hansa::protocols::envelope {

/// Which of a node's sockets a message travels on.
enum class Plane : std::uint8_t { control, bulk, lobby };

enum class Type : std::uint16_t {
  hello = 1,
  ping = 2,
  pong = 3,
  membership = 16,
  roster_sync = 32,
  roster_sync_large = 33,
  lobby_sync = 40,
  run_sync = 48,
  commitment = 50,
  round_message = 51,
  secure_message = 52,
  bulk_offer = 64,
  bulk_manifest_request = 65,
  bulk_manifest = 66,
  bulk_chunk_request = 67,
  bulk_chunk = 68,
  bulk_refusal = 69,
  audit_head = 80,
  audit_cosignature = 81,
};

/// What must hold for every message of a type.
struct TypeRule {
  Type type{};
  std::string_view name;
  Plane plane{};
  bool must_sign = false;  ///< it is relayed, stored, or may become evidence
  bool in_run = false;     ///< it belongs to a run, and its round is checked
};

inline constexpr std::array kTypes = {
    TypeRule{Type::hello, "hello", Plane::control, true, false},
    TypeRule{Type::ping, "ping", Plane::control, true, false},
    TypeRule{Type::pong, "pong", Plane::control, true, false},
    TypeRule{Type::membership, "membership", Plane::control, true, false},
    TypeRule{Type::roster_sync, "roster_sync", Plane::control, false, false},
    TypeRule{Type::roster_sync_large, "roster_sync_large", Plane::bulk, false, false},
    TypeRule{Type::lobby_sync, "lobby_sync", Plane::lobby, true, false},
    TypeRule{Type::run_sync, "run_sync", Plane::control, false, false},
    TypeRule{Type::commitment, "commitment", Plane::control, true, true},
    TypeRule{Type::round_message, "round_message", Plane::control, false, true},
    TypeRule{Type::secure_message, "secure_message", Plane::control, false, true},
    TypeRule{Type::bulk_offer, "bulk_offer", Plane::control, true, false},
    TypeRule{Type::bulk_manifest_request, "bulk_manifest_request", Plane::bulk, false, false},
    TypeRule{Type::bulk_manifest, "bulk_manifest", Plane::bulk, false, false},
    TypeRule{Type::bulk_chunk_request, "bulk_chunk_request", Plane::bulk, false, false},
    TypeRule{Type::bulk_chunk, "bulk_chunk", Plane::bulk, false, false},
    TypeRule{Type::bulk_refusal, "bulk_refusal", Plane::bulk, false, false},
    TypeRule{Type::audit_head, "audit_head", Plane::control, true, false},
    TypeRule{Type::audit_cosignature, "audit_cosignature", Plane::control, true, false},
};

/// The rule of a type; null if we do not know it.
[[nodiscard]] constexpr const TypeRule* rule_of(std::uint16_t type) noexcept {
  for (const TypeRule& rule : kTypes) {
    if (static_cast<std::uint16_t>(rule.type) == type) return &rule;
  }
  return nullptr;
}

}  // namespace hansa::protocols::envelope
