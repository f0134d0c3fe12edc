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
  roster_request = 32,
  roster_document = 33,
  roster_proposal = 34,
  roster_approval = 35,
  node_certificate = 36,
  join_request = 40,
  join_status = 41,
  run_manifest = 48,
  run_vote = 49,
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
    TypeRule{Type::roster_request, "roster_request", Plane::control, false, false},
    TypeRule{Type::roster_document, "roster_document", Plane::control, true, false},
    TypeRule{Type::roster_proposal, "roster_proposal", Plane::control, true, false},
    TypeRule{Type::roster_approval, "roster_approval", Plane::control, true, false},
    TypeRule{Type::node_certificate, "node_certificate", Plane::control, true, false},
    TypeRule{Type::join_request, "join_request", Plane::lobby, true, false},
    TypeRule{Type::join_status, "join_status", Plane::lobby, true, false},
    TypeRule{Type::run_manifest, "run_manifest", Plane::control, true, false},
    TypeRule{Type::run_vote, "run_vote", Plane::control, true, false},
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
