// What a node promised or learned and must still know after a power cut: objects that others signed, what it
// signed itself, and counters that never go back. SQLite in WAL mode with synchronous = FULL, so that a call
// which returned is on the disk.
//
// A disk may also give back what was never written. Every row carries a hash of itself; a row that does not
// fit its hash is not returned but counted, and for promises it counts as "promised, we do not know what". A
// database that is damaged as a whole is moved aside, never repaired in silence. What was lost comes from the
// spare, an older copy beside it, so that a node finds its peers again and can ask them for the rest.
#pragma once

#include "src/crypto/hash.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct sqlite3;

namespace hansa::store {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

/// Whether a signature may leave the node.
enum class Promise : std::uint8_t {
  fresh,      ///< nothing was promised yet; now it is, durably
  same,       ///< exactly this was promised before
  different,  ///< something else was promised: never sign
};

/// Not thread-safe: one thread owns it.
class StateDb {
 public:
  struct Row {
    Bytes key, value;
  };

  /// Opens or creates `file` in a private folder, and checks all of it, every row included. A file that is
  /// damaged as a whole is renamed to FILE.damaged-N and the spare, or a new one, takes its place; damaged
  /// rows are replaced by those of the spare. Either way was_damaged() says so, and the caller must treat the
  /// node as one that has forgotten promises. An error if a later version of hansa has written the file.
  static Result<StateDb> open(const std::filesystem::path& file);
  StateDb(StateDb&&) noexcept;
  StateDb& operator=(StateDb&&) noexcept;
  ~StateDb();

  [[nodiscard]] bool was_damaged() const noexcept { return damaged_; }
  /// Rows that did not fit their hashes, since open().
  [[nodiscard]] std::uint64_t bad_rows() const noexcept { return bad_rows_; }

  /// Adds one to the counter and returns it, at least `at_least`.
  Result<std::uint64_t> next(std::string_view counter, std::uint64_t at_least = 1);
  /// The counter as it is; 0 if it was never moved, or if it cannot be right (counted in bad_rows()).
  Result<std::uint64_t> counter(std::string_view counter);

  /// Replaces the value of (table, key).
  Result<void> put(std::string_view table, BytesView key, BytesView value);
  Result<void> put_all(std::string_view table, const std::vector<Row>& rows);  ///< all of them, or none
  Result<std::optional<Bytes>> get(std::string_view table, BytesView key);
  Result<std::vector<Row>> all(std::string_view table);  ///< ascending by key
  Result<void> erase(std::string_view table, BytesView key);

  /// The one place that allows a signature: `digest` is that of `text`, which is to be signed as `scope`. The
  /// text is kept in `table` under its digest, unless something else was promised. At once: a crash in
  /// between would leave a promise of something that nobody has any more.
  Result<Promise> promise(BytesView scope, const crypto::Hash256& digest, std::string_view table,
                          BytesView text);

  /// Replaces the spare by a copy of what is there now. Worth it whenever something has changed that no peer
  /// could tell again.
  Result<void> save_spare();
  /// A consistent copy into a file that does not exist yet.
  Result<void> copy_to(const std::filesystem::path& file);

 private:
  StateDb(sqlite3* handle, std::filesystem::path file) : handle_(handle), file_(std::move(file)) {}
  Result<bool> check_layout();
  Result<void> note_layout();
  Result<void> check_rows();

  sqlite3* handle_ = nullptr;
  std::filesystem::path file_;
  bool damaged_ = false;
  std::uint64_t bad_rows_ = 0;
};

}  // namespace hansa::store
