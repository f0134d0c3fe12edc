// A backup is one SQLite file: named pieces of any size, each with its hash, and a few words about them.
// SQLite because it is there, is read by every system for decades to come, and notices a cut file. What goes
// into a backup of a node, and what must not, stands in src/node/backup.hpp.
#pragma once

#include "src/crypto/hash.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace hansa::store {

/// Writes a new file, mode 0600; without finish() nothing stays. Not thread-safe.
class BackupWriter {
 public:
  /// An error if `file` exists.
  [[nodiscard]] static Result<BackupWriter> create(const std::filesystem::path& file);
  BackupWriter(BackupWriter&& other) noexcept;
  BackupWriter& operator=(BackupWriter&&) = delete;
  BackupWriter(const BackupWriter&) = delete;
  ~BackupWriter();

  [[nodiscard]] Result<void> add(std::string_view name, std::span<const std::byte> bytes);
  /// As long as `path` is now; a file that grows meanwhile does not matter.
  [[nodiscard]] Result<void> add_file(std::string_view name, const std::filesystem::path& path);
  /// Writes `about`, flushes, and puts the file in place.
  [[nodiscard]] Result<void> finish(const std::map<std::string, std::string>& about);

 private:
  BackupWriter(std::filesystem::path file, sqlite3* handle) : file_(std::move(file)), handle_(handle) {}
  [[nodiscard]] std::filesystem::path beside() const { return file_.string() + ".tmp"; }

  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
};

/// Reads a file that may come from anywhere: every size is bounded, every hash is checked. Not thread-safe.
class BackupReader {
 public:
  struct Piece {
    std::string name;
    std::uint64_t bytes = 0;
    crypto::Hash256 hash;
  };
  /// Reads all of it once; errors name what is damaged.
  [[nodiscard]] static Result<BackupReader> open(const std::filesystem::path& file);
  BackupReader(BackupReader&& other) noexcept;
  BackupReader& operator=(BackupReader&&) = delete;
  BackupReader(const BackupReader&) = delete;
  ~BackupReader();

  [[nodiscard]] const std::map<std::string, std::string>& about() const noexcept { return about_; }
  [[nodiscard]] const std::vector<Piece>& pieces() const noexcept { return pieces_; }
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// A piece of at most `bytes_max` bytes.
  [[nodiscard]] Result<std::vector<std::byte>> read(std::string_view name, std::size_t bytes_max) const;
  /// Writes a piece to a file, durably and atomically, mode 0600. Its folder must be private.
  [[nodiscard]] Result<void> extract(std::string_view name, const std::filesystem::path& to) const;

 private:
  BackupReader(std::filesystem::path file, sqlite3* handle) : file_(std::move(file)), handle_(handle) {}

  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, std::string> about_;
  std::vector<Piece> pieces_;
};

/// A consistent copy of the state database `from` into the new file `to`, also while a node uses it. The copy
/// is checked.
[[nodiscard]] Result<void> copy_database(const std::filesystem::path& from, const std::filesystem::path& to);
/// Whether the database file is whole, in words: empty if it is. May run beside the node that uses it.
[[nodiscard]] Result<std::string> check_database(const std::filesystem::path& file);

}  // namespace hansa::store
