// One table of rows and one of counters; what they mean is their callers' business.
#include "src/store/state_db.hpp"

#include "src/store/key_files.hpp"

#include <hansa/assert.hpp>

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string>
#include <utility>

namespace hansa::store {
namespace {

constexpr std::uint64_t kLayoutVersion = 1;
constexpr std::string_view kPromises = "promises";
/// The row with the layout's version, for ever: unlike SQLite's user_version it has a hash, so that a flipped
/// bit is not taken for a later program.
constexpr std::string_view kLayoutTable = "layout", kLayoutKey = "version";

Error failure(sqlite3* handle, std::string doing) {
  const int code = handle == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle);
  const std::string why = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
  std::string hint = "look at the disk with the state folder";
  if (code == SQLITE_FULL) hint = "make room on the disk with the state folder; nothing was lost";
  if (code == SQLITE_BUSY) hint = "is another node running with this state folder?";
  return {ErrorKind::failed, "the state database cannot " + std::move(doing) + ": " + why, hint};
}

/// Counters have no hash, but nobody counts so far: what is above is damaged.
constexpr std::uint64_t kCounterMax = std::uint64_t{1} << 62;

crypto::Hash256 row_hash(std::string_view table, BytesView key, BytesView value) {
  crypto::Hasher hasher("hansa1/row");
  hasher.update_u64(table.size()).update(table).update_u64(key.size()).update(key).update(value);
  return hasher.finish();
}

/// A prepared statement that finalises itself. Columns and parameters count as SQLite does.
class Query {
 public:
  Query(sqlite3* handle, const char* sql) { code_ = sqlite3_prepare_v2(handle, sql, -1, &query_, nullptr); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { sqlite3_finalize(query_); }

  Query& bind(int place, BytesView bytes) {
    // A null pointer would bind NULL: an empty blob has an address, too.
    const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
    note(sqlite3_bind_blob64(query_, place, data, bytes.size(), SQLITE_TRANSIENT));
    return *this;
  }
  Query& bind(int place, std::string_view text) {
    note(sqlite3_bind_text64(query_, place, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
  }
  Query& bind(int place, std::uint64_t number) {
    note(sqlite3_bind_int64(query_, place, static_cast<sqlite3_int64>(number)));
    return *this;
  }
  /// True while there is a row.
  bool step() {
    if (code_ != SQLITE_OK && code_ != SQLITE_ROW) return false;
    code_ = sqlite3_step(query_);
    return code_ == SQLITE_ROW;
  }
  [[nodiscard]] bool failed() const noexcept { return code_ != SQLITE_DONE && code_ != SQLITE_ROW; }
  [[nodiscard]] Bytes blob(int column) const {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(query_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(query_, column));
    return data == nullptr ? Bytes() : Bytes(data, data + size);
  }
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(query_, column));
  }
  [[nodiscard]] std::string text(int column) const {
    const auto* data = sqlite3_column_text(query_, column);
    return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data));
  }

 private:
  void note(int code) {
    if (code_ == SQLITE_OK) code_ = code;
  }
  sqlite3_stmt* query_ = nullptr;
  int code_ = SQLITE_OK;
};

bool run(sqlite3* handle, const char* sql) {
  return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

/// Everything between begin and commit, or nothing.
class Transaction {
 public:
  explicit Transaction(sqlite3* handle) : handle_(handle), open_(run(handle, "BEGIN IMMEDIATE")) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (open_) run(handle_, "ROLLBACK");
  }
  [[nodiscard]] bool open() const noexcept { return open_; }
  bool commit() {
    if (!open_ || !run(handle_, "COMMIT")) return false;
    open_ = false;
    return true;
  }

 private:
  sqlite3* handle_;
  bool open_;
};

bool healthy(sqlite3* handle) {
  Query check(handle, "PRAGMA integrity_check(1)");
  return check.step() && check.text(0) == "ok";
}

sqlite3* open_handle(const std::filesystem::path& file) {
  // SQLite would ask the umask; its other files get the mode of this one.
  const int fresh = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fresh >= 0) ::close(fresh);
  if (fresh < 0) ::chmod(file.c_str(), 0600);
  sqlite3* handle = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &handle, kFlags, nullptr) != SQLITE_OK) {
    sqlite3_close_v2(handle);
    return nullptr;
  }
  sqlite3_extended_result_codes(handle, 0);
  sqlite3_busy_timeout(handle, 2000);
  return handle;
}

bool set_up(sqlite3* handle) {
  // Every commit moves on into the database at once: a damaged frame of the log ends the log there, and with
  // it would go all commits behind that frame, without a trace.
  return run(handle, "PRAGMA journal_mode = WAL") && run(handle, "PRAGMA synchronous = FULL") &&
         run(handle, "PRAGMA wal_autocheckpoint = 1") && run(handle, "PRAGMA trusted_schema = OFF") &&
         run(handle, "PRAGMA cell_size_check = ON") &&
         run(handle,
             "CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
             " hash BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID") &&
         run(handle,
             "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
             " WITHOUT ROWID");
}

/// Whether SQLite's file header says what no SQLite ever wrote into fields that have no checksum.
bool strange_header(const std::filesystem::path& file) {
  std::array<unsigned char, 48> header{};
  std::ifstream in(file, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(header.data()), header.size())) return false;
  const bool journal_versions = header[18] <= 2 && header[19] <= 2;
  const bool schema_format = header[44] == 0 && header[45] == 0 && header[46] == 0 && header[47] <= 4;
  return !journal_versions || !schema_format;
}

bool is_damage(int code, const std::filesystem::path& file) {
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return true;
  return (code == SQLITE_READONLY || code == SQLITE_ERROR) && strange_header(file);
}

BytesView view_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::filesystem::path spare_of(const std::filesystem::path& file) { return file.string() + ".spare"; }

/// Out of the way, with its write-ahead log.
Result<void> move_aside(const std::filesystem::path& file) {
  std::error_code error;
  for (int n = 1; n < 1000; ++n) {
    const std::string aside = file.string() + ".damaged-" + std::to_string(n);
    if (std::filesystem::exists(aside, error)) continue;
    std::filesystem::rename(file, aside, error);
    if (error) break;
    std::filesystem::rename(file.string() + "-wal", aside + "-wal", error);
    std::filesystem::remove(file.string() + "-shm", error);
    return {};
  }
  return Error{ErrorKind::failed, file.string() + " is damaged and cannot be moved aside",
               "move it away by hand, and keep it for inspection"};
}

bool put_row(sqlite3* handle, std::string_view table, BytesView key, BytesView value) {
  const crypto::Hash256 hash = row_hash(table, key, value);
  Query query(handle, "INSERT OR REPLACE INTO rows (kind, key, value, hash) VALUES (?1, ?2, ?3, ?4)");
  query.bind(1, table).bind(2, key).bind(3, value).bind(4, BytesView(hash.bytes)).step();
  return !query.failed();
}

bool fits(std::string_view table, BytesView key, BytesView value, const Bytes& hash) {
  const crypto::Hash256 expected = row_hash(table, key, value);
  return std::equal(expected.bytes.begin(), expected.bytes.end(), hash.begin(), hash.end());
}

}  // namespace

Result<StateDb> StateDb::open(const std::filesystem::path& file) {
  if (const auto folder = check_private_folder(file.parent_path()); !folder) return folder.error();
  bool damaged = false;
  for (int attempt = 0; attempt < 3; ++attempt) {  // the file, its spare, a new one
    StateDb db(open_handle(file), file);
    if (db.handle_ == nullptr) {
      return Error{ErrorKind::failed, file.string() + " cannot be opened", "see the rights of its folder"};
    }
    const bool ready = set_up(db.handle_);
    const int code = sqlite3_errcode(db.handle_);
    if (!ready && !is_damage(code, file)) return failure(db.handle_, "be opened");
    if (ready && healthy(db.handle_)) {
      const auto known = db.check_layout();
      if (!known) return known.error();
      if (const auto checked = db.check_rows(); !checked) return checked.error();
      if (const auto noted = db.note_layout(); !noted) return noted.error();
      db.damaged_ = damaged || !*known || db.bad_rows_ > 0;
      return db;
    }
    damaged = true;
    sqlite3_close_v2(std::exchange(db.handle_, nullptr));
    if (const auto moved = move_aside(file); !moved) return moved.error();
    std::error_code none;
    if (attempt == 0) std::filesystem::copy_file(spare_of(file), file, none);
  }
  return Error{ErrorKind::failed, file.string() + " cannot be created", "look at the disk"};
}

/// Whether the file says the same about its layout wherever that stands; what contradicts the row is mended.
/// An error if a later program has written it.
Result<bool> StateDb::check_layout() {
  const std::uint64_t bad = bad_rows_;
  const auto row = get(kLayoutTable, view_of(kLayoutKey));
  if (!row) return row.error();
  bad_rows_ = bad;  // check_rows() counts it
  const std::string mine = std::to_string(kLayoutVersion);
  const BytesView expected = view_of(mine);
  if (*row && !std::equal((*row)->begin(), (*row)->end(), expected.begin(), expected.end())) {
    return Error{ErrorKind::failed, file_.string() + " was written by a later version of hansa",
                 "install that version again; nothing was changed"};
  }
  Query query(handle_, "PRAGMA user_version");
  const std::uint64_t version = query.step() ? query.number(0) : 0;
  if (query.failed()) return failure(handle_, "be read");
  // Without a row it is new, or from before there was one: 0 or 1.
  if (version == kLayoutVersion) return true;
  if (!run(handle_, "PRAGMA user_version = 1")) return failure(handle_, "be opened");
  return version == 0 && !*row;
}

Result<void> StateDb::note_layout() {
  const auto row = get(kLayoutTable, view_of(kLayoutKey));
  if (!row) return row.error();
  if (*row) return {};
  return put(kLayoutTable, view_of(kLayoutKey), view_of(std::to_string(kLayoutVersion)));
}

/// Damaged rows give way to those of the spare; so do rows whose key is damaged, which look like others. A
/// promise that is damaged stays: it still says that something was promised.
Result<void> StateDb::check_rows() {
  struct Found {
    std::string table;
    Bytes key;
  };
  std::vector<Found> bad;
  Query rows(handle_, "SELECT kind, key, value, hash FROM rows");
  while (rows.step()) {
    if (!fits(rows.text(0), rows.blob(1), rows.blob(2), rows.blob(3)))
      bad.push_back({rows.text(0), rows.blob(1)});
  }
  if (rows.failed()) return failure(handle_, "be read");
  if (bad.empty()) return {};
  bad_rows_ = bad.size();
  Transaction all(handle_);
  for (const Found& row : bad) {
    if (row.table == kPromises) continue;
    if (const auto gone = erase(row.table, row.key); !gone) return gone.error();
  }
  std::error_code none;
  StateDb spare(std::filesystem::exists(spare_of(file_), none) ? open_handle(spare_of(file_)) : nullptr, {});
  if (spare.handle_ != nullptr && healthy(spare.handle_)) {
    Query older(spare.handle_, "SELECT kind, key, value, hash FROM rows");
    while (older.step()) {
      const std::string table = older.text(0);
      const Bytes key = older.blob(1), value = older.blob(2);
      if (!fits(table, key, value, older.blob(3))) continue;
      Query known(handle_, "SELECT 1 FROM rows WHERE kind = ?1 AND key = ?2");
      if (known.bind(1, std::string_view(table)).bind(2, BytesView(key)).step()) continue;
      if (!put_row(handle_, table, key, value)) return failure(handle_, "be repaired");
    }
  }
  if (!all.commit()) return failure(handle_, "be repaired");
  return {};
}

StateDb::StateDb(StateDb&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      file_(std::move(other.file_)),
      damaged_(other.damaged_),
      bad_rows_(other.bad_rows_) {}

StateDb& StateDb::operator=(StateDb&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(file_, other.file_);
  damaged_ = other.damaged_;
  bad_rows_ = other.bad_rows_;
  return *this;
}

StateDb::~StateDb() { sqlite3_close_v2(handle_); }

Result<std::uint64_t> StateDb::next(std::string_view name, std::uint64_t at_least) {
  Transaction all(handle_);
  if (!all.open()) return failure(handle_, "count");
  const auto before = counter(name);
  if (!before) return before.error();
  const std::uint64_t value = std::max(*before + 1, at_least);
  Query query(handle_, "INSERT OR REPLACE INTO counters (name, value) VALUES (?1, ?2)");
  query.bind(1, name).bind(2, value).step();
  if (query.failed() || !all.commit()) return failure(handle_, "count");
  return value;
}

Result<std::uint64_t> StateDb::counter(std::string_view name) {
  Query query(
      handle_,
      "SELECT value, typeof(value) = 'integer' AND value BETWEEN 0 AND ?2 FROM counters WHERE name = ?1");
  const bool found = query.bind(1, name).bind(2, kCounterMax).step();
  if (query.failed()) return failure(handle_, "be read");
  if (found && query.number(1) == 1) return query.number(0);
  if (found) ++bad_rows_;
  return std::uint64_t{0};
}

Result<void> StateDb::put(std::string_view table, BytesView key, BytesView value) {
  if (!put_row(handle_, table, key, value)) return failure(handle_, "be written");
  return {};
}

Result<void> StateDb::put_all(std::string_view table, const std::vector<Row>& rows) {
  Transaction all(handle_);
  if (!all.open()) return failure(handle_, "be written");
  for (const Row& row : rows) {
    if (!put_row(handle_, table, row.key, row.value)) return failure(handle_, "be written");
  }
  if (!all.commit()) return failure(handle_, "be written");
  return {};
}

Result<std::optional<Bytes>> StateDb::get(std::string_view table, BytesView key) {
  Query query(handle_, "SELECT value, hash FROM rows WHERE kind = ?1 AND key = ?2");
  const bool found = query.bind(1, table).bind(2, key).step();
  if (query.failed()) return failure(handle_, "be read");
  if (!found) return std::optional<Bytes>();
  Bytes value = query.blob(0);
  if (fits(table, key, value, query.blob(1))) return std::optional<Bytes>(std::move(value));
  ++bad_rows_;
  return std::optional<Bytes>();
}

Result<std::vector<StateDb::Row>> StateDb::all(std::string_view table) {
  Query query(handle_, "SELECT key, value, hash FROM rows WHERE kind = ?1 ORDER BY key");
  query.bind(1, table);
  std::vector<Row> rows;
  while (query.step()) {
    Row row{query.blob(0), query.blob(1)};
    if (fits(table, row.key, row.value, query.blob(2))) {
      rows.push_back(std::move(row));
    } else {
      ++bad_rows_;
    }
  }
  if (query.failed()) return failure(handle_, "be read");
  return rows;
}

Result<void> StateDb::erase(std::string_view table, BytesView key) {
  Query query(handle_, "DELETE FROM rows WHERE kind = ?1 AND key = ?2");
  query.bind(1, table).bind(2, key).step();
  if (query.failed()) return failure(handle_, "be written");
  return {};
}

Result<Promise> StateDb::promise(BytesView scope, const crypto::Hash256& digest, std::string_view table,
                                 BytesView text) {
  Transaction all(handle_);
  if (!all.open()) return failure(handle_, "be written");
  Query query(handle_, "SELECT value, hash FROM rows WHERE kind = ?1 AND key = ?2");
  const bool found = query.bind(1, kPromises).bind(2, scope).step();
  if (query.failed()) return failure(handle_, "be read");
  if (found) {
    const Bytes value = query.blob(0);
    const bool intact = fits(kPromises, scope, value, query.blob(1));
    if (!intact) ++bad_rows_;  // we promised something, and do not know what
    const bool same =
        intact && std::equal(value.begin(), value.end(), digest.bytes.begin(), digest.bytes.end());
    if (!same) return Promise::different;
  } else if (!put_row(handle_, kPromises, scope, digest.bytes)) {
    return failure(handle_, "be written");
  }
  if (!put_row(handle_, table, digest.bytes, text) || !all.commit()) return failure(handle_, "be written");
  return found ? Promise::same : Promise::fresh;
}

Result<void> StateDb::save_spare() {
  const std::filesystem::path spare = spare_of(file_), fresh = spare.string() + ".new";
  std::error_code error;
  std::filesystem::remove(fresh, error);
  if (const auto copied = copy_to(fresh); !copied) return copied.error();
  std::filesystem::rename(fresh, spare, error);
  if (error) {
    return Error{ErrorKind::failed, spare.string() + ": " + error.message(),
                 "look at the disk with the state folder"};
  }
  return {};
}

Result<void> StateDb::copy_to(const std::filesystem::path& file) {
  Query query(handle_, "VACUUM INTO ?1");
  query.bind(1, std::string_view(file.native())).step();
  if (query.failed()) return failure(handle_, "be copied to " + file.string());
  ::chmod(file.c_str(), 0600);
  return {};
}

}  // namespace hansa::store
