// A node's audit log on disk: what it did and saw, in order, such that nothing of it can be changed later
// without being found. Each entry lies behind its own hash, so damage is found and named; the hashes are the
// leaves of a Merkle tree (RFC 6962) whose root the node signs, and other nodes cosign it, so that a history
// that was rewritten by someone with the node's own key is found as well.
//
// The folder holds `log` (the entries), `heads` (the node's signed heads), `cosignatures` (others' words
// about them) and `witnessed` (the last head of every other node that this one cosigned). Entries are
// appended; they are flushed to disk before a head that covers them is signed, and a head is flushed before
// anyone sees it. So a power cut can only tear entries that no head covers: such a tail is cut when the log
// is opened, and said. Whatever a head covers and is missing or different is damage. docs/audit.md has the
// layout.
#pragma once

#include "protocols/audit/head.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::store {

/// One thing that happened. WARNING: entries are kept and shown; callers put no secrets in.
struct AuditEntry {
  protocols::audit::UnixMillis time_ms = 0;
  std::string kind;  ///< e.g. "run.finished": 1 to 32 of a-z, '.' and '_'
  std::string text;  ///< JSON, at most kAuditTextBytesMax
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};
inline constexpr std::size_t kAuditKindBytesMax = 32;
inline constexpr std::size_t kAuditTextBytesMax = 16 * 1024;

/// The bytes that are hashed and stored: time (8), length of kind (4), kind, length of text (4), text.
[[nodiscard]] std::vector<std::byte> encode_entry(const AuditEntry& entry);
/// None if the bytes are not exactly one entry.
[[nodiscard]] std::optional<AuditEntry> decode_entry(std::span<const std::byte> bytes);

/// What verify_log() found. `problem` is empty if everything fits.
struct AuditReport {
  crypto::PublicKey node{};                          ///< whose log it is, by its first bytes
  std::uint64_t entries = 0;                         ///< intact, up to the first problem
  std::uint64_t heads = 0;                           ///< that match
  std::uint64_t cosignatures = 0;                    ///< valid ones, of heads that match
  std::size_t witnesses = 0;                         ///< different nodes among them
  std::optional<protocols::audit::SignedHead> head;  ///< the last that matches
  std::uint64_t cosigned_size = 0;  ///< entries below the largest head that another node cosigned
  std::uint64_t torn_bytes = 0;     ///< behind the last whole entry: cut when the log is opened; no problem
  std::optional<std::uint64_t> bad_entry;  ///< the first that was changed or is missing
  std::string problem;  ///< what is wrong and where, e.g. "entry 17: its hash does not fit its bytes"
  [[nodiscard]] bool ok() const noexcept { return problem.empty(); }
};

/// Reads the whole folder and changes nothing; may run beside the node that writes it, and then sees a state
/// that was true a moment ago. An error only if there is no log to read.
[[nodiscard]] Result<AuditReport> verify_log(const std::filesystem::path& folder);

/// Entries `from` on, at most `limit`, from the folder alone; stops before the first that is damaged.
[[nodiscard]] Result<std::vector<std::pair<std::uint64_t, AuditEntry>>> read_log(
    const std::filesystem::path& folder, std::uint64_t from, std::size_t limit);

/// Not thread-safe; one per folder. Holds 64 bytes of memory per entry.
class AuditLog {
 public:
  /// Begins a log of `node`, or checks all of the one that is there; its parent must be private. An error of
  /// kind bad_data if it is damaged: then nothing is changed.
  [[nodiscard]] static Result<AuditLog> open(const std::filesystem::path& folder,
                                             const crypto::PublicKey& node);
  /// Like open(); a damaged log is moved aside to `folder`-damaged-N first and a new one begun, whose first
  /// entry says so.
  [[nodiscard]] static Result<AuditLog> open_or_replace(const std::filesystem::path& folder,
                                                        const crypto::PublicKey& node,
                                                        protocols::audit::UnixMillis now_ms);
  AuditLog(AuditLog&& other) noexcept;
  AuditLog& operator=(AuditLog&&) = delete;
  AuditLog(const AuditLog&) = delete;
  ~AuditLog();

  /// Adds an entry and returns its number. On disk for certain only after sign_head(). After an error the log
  /// takes no more.
  Result<std::uint64_t> append(const AuditEntry& entry);
  /// Flushes all entries, signs their root and flushes the head; the last head again if nothing was added.
  Result<protocols::audit::SignedHead> sign_head(const crypto::Identity& node,
                                                 protocols::audit::UnixMillis now_ms, std::uint64_t boot_id);
  /// Keeps another node's cosignature of one of our heads; it must be checked already.
  Result<void> keep(const protocols::audit::Cosignature& cosignature);
  /// Keeps a head of another node that we are about to cosign, in place of its last; durable when it returns.
  Result<void> witness(const protocols::audit::SignedHead& head);

  [[nodiscard]] const protocols::audit::Tree& tree() const noexcept { return tree_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return tree_.size(); }
  [[nodiscard]] const std::optional<protocols::audit::SignedHead>& head() const noexcept { return head_; }
  /// The last head of every other node that we cosigned.
  [[nodiscard]] const std::map<crypto::PublicKey, protocols::audit::SignedHead>& witnessed() const noexcept {
    return witnessed_;
  }
  /// Entries `from` on, at most `limit`, read from disk.
  [[nodiscard]] Result<std::vector<std::pair<std::uint64_t, AuditEntry>>> read(std::uint64_t from,
                                                                               std::size_t limit) const {
    return read_log(folder_, from, limit);
  }
  /// What opening had to repair, in words; empty if nothing.
  [[nodiscard]] const std::string& repaired() const noexcept { return repaired_; }

 private:
  explicit AuditLog(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> begin(const crypto::PublicKey& node);
  Result<void> resume(const crypto::PublicKey& node);
  Result<void> load_witnessed();
  Result<void> write(int file, std::span<const std::byte> bytes, const char* name);
  Result<void> flush(int file, const char* name);

  std::filesystem::path folder_;
  int log_ = -1, heads_ = -1, cosignatures_ = -1;
  bool failed_ = false;
  protocols::audit::Tree tree_;
  std::optional<protocols::audit::SignedHead> head_;
  std::map<crypto::PublicKey, protocols::audit::SignedHead> witnessed_;
  std::string repaired_;
};

}  // namespace hansa::store
