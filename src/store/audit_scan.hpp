// Reading an audit folder from its first byte to its last. Opening a log and verifying one are the same
// reading; only what is done about a problem differs.
#pragma once

#include "src/store/audit_log.hpp"

#include <cstdint>
#include <filesystem>

namespace hansa::store {

/// First bytes of `log`: 16 of magic, the node's key, and SHA-256 of both.
inline constexpr std::size_t kAuditPreambleBytes = 16 + 32 + 32;
/// Before each entry: its length (4), four bytes that check this header, its leaf hash (32).
inline constexpr std::size_t kAuditRecordHeaderBytes = 4 + 4 + 32;

[[nodiscard]] std::vector<std::byte> audit_preamble(const crypto::PublicKey& node);
/// An entry as it stands in the file, header first.
[[nodiscard]] std::vector<std::byte> audit_record(std::span<const std::byte> entry,
                                                  const crypto::Hash256& leaf);

/// A folder's state.
struct AuditScan {
  AuditReport report;
  protocols::audit::Tree tree;
  // How much of each file is whole records; what follows is torn.
  std::uint64_t log_bytes = 0, heads_bytes = 0, cosignatures_bytes = 0;
};
enum class AuditDepth : std::uint8_t {
  open,    ///< every entry and every root, and the last head's signature
  verify,  ///< and every signature in the folder: 50 microseconds each
};
[[nodiscard]] Result<AuditScan> scan_audit(const std::filesystem::path& folder, AuditDepth depth);

/// The heads in `witnessed`; `bad` counts those that are not signed by their node.
[[nodiscard]] std::vector<protocols::audit::SignedHead> read_witnessed(const std::filesystem::path& folder,
                                                                       std::size_t& bad);

}  // namespace hansa::store
