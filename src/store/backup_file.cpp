// Pieces are cut into parts of a mebibyte, since SQLite keeps a row in memory.
#include "src/store/backup_file.hpp"

#include "src/store/key_files.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <utility>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPartBytes = 1u << 20;
constexpr int kApplication = 0x48424B31;  // "HBK1": the file says what it is
constexpr std::size_t kPiecesMax = 10'000, kAboutMax = 64;
constexpr const char* kHashLabel = "hansa.backup.v1";

/// A prepared statement that finalises itself.
class Statement {
 public:
  Statement(sqlite3* handle, const char* sql) { sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& text(int place, std::string_view value) {
    sqlite3_bind_text64(statement_, place, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
  }
  Statement& number(int place, std::uint64_t value) {
    sqlite3_bind_int64(statement_, place, static_cast<sqlite3_int64>(value));
    return *this;
  }
  Statement& blob(int place, std::span<const std::byte> value) {
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    sqlite3_bind_blob64(statement_, place, data, value.size(), SQLITE_TRANSIENT);
    return *this;
  }
  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  bool done() { return step() == SQLITE_DONE; }
  [[nodiscard]] std::string text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string() : std::string(data);
  }
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }
  [[nodiscard]] std::span<const std::byte> blob(int column) const {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

bool run(sqlite3* handle, const char* sql) {
  return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

sqlite3* open_handle(const fs::path& file, int flags) {
  sqlite3* handle = nullptr;
  if (sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
    sqlite3_close_v2(handle);
    return nullptr;
  }
  sqlite3_busy_timeout(handle, 5000);
  return handle;
}

Error failure(const fs::path& file, sqlite3* handle, std::string_view doing) {
  const int code = handle == nullptr ? SQLITE_CANTOPEN : sqlite3_errcode(handle);
  const char* why = handle == nullptr ? "it cannot be opened" : sqlite3_errmsg(handle);
  return {code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorKind::bad_data : ErrorKind::failed,
          file.string() + ": cannot " + std::string(doing) + ": " + why,
          code == SQLITE_FULL ? "make room on the disk" : ""};
}

Error damaged(const fs::path& file, const std::string& what) {
  return {ErrorKind::bad_data, file.string() + ": the backup is damaged: " + what, "use another backup"};
}

/// Calls `take` with each part of a piece, in order. False: a part is missing, or `take` does not want it.
bool each_part(sqlite3* handle, std::string_view name,
               const std::function<bool(std::span<const std::byte>)>& take) {
  Statement parts(handle, "SELECT number, data FROM part WHERE name = ?1 ORDER BY number");
  parts.text(1, name);
  std::uint64_t next = 0;
  int code = SQLITE_DONE;
  while ((code = parts.step()) == SQLITE_ROW) {
    const auto data = parts.blob(1);
    if (parts.number(0) != next++ || data.size() > kPartBytes || !take(data)) return false;
  }
  return code == SQLITE_DONE;
}

}  // namespace

Result<BackupWriter> BackupWriter::create(const fs::path& file) {
  std::error_code ignored;
  if (fs::symlink_status(file, ignored).type() != fs::file_type::not_found) {
    return Error{ErrorKind::usage, file.string() + " exists already", "choose another name with -o"};
  }
  const fs::path beside = file.string() + ".tmp";
  fs::remove(beside, ignored);
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error{ErrorKind::failed, "cannot write " + file.string(),
                 "does the folder exist, and is it yours?"};
  }
  ::close(fd);
  sqlite3* handle = open_handle(beside, SQLITE_OPEN_READWRITE);
  BackupWriter writer(file, handle);
  const std::string application = "PRAGMA application_id = " + std::to_string(kApplication);
  const bool ready =
      handle != nullptr && run(handle, "PRAGMA journal_mode = OFF") && run(handle, application.c_str()) &&
      run(handle, "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID") &&
      run(handle,
          "CREATE TABLE piece (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, hash BLOB NOT NULL)"
          " WITHOUT ROWID") &&
      run(handle,
          "CREATE TABLE part (name TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,"
          " PRIMARY KEY (name, number))") &&
      run(handle, "BEGIN");
  if (!ready) return failure(file, handle, "write");
  return writer;
}

BackupWriter::BackupWriter(BackupWriter&& other) noexcept
    : file_(std::move(other.file_)), handle_(std::exchange(other.handle_, nullptr)) {}

BackupWriter::~BackupWriter() {
  if (handle_ == nullptr) return;
  sqlite3_close_v2(handle_);
  std::error_code ignored;
  fs::remove(beside(), ignored);
}

Result<void> BackupWriter::add(std::string_view name, std::span<const std::byte> bytes) {
  crypto::Hasher hasher(kHashLabel);
  hasher.update(bytes);
  Statement piece(handle_, "INSERT INTO piece VALUES (?1, ?2, ?3)");
  bool ok = piece.text(1, name).number(2, bytes.size()).blob(3, hasher.finish().bytes).done();
  for (std::size_t at = 0, number = 0; ok && at < bytes.size(); at += kPartBytes, ++number) {
    Statement part(handle_, "INSERT INTO part VALUES (?1, ?2, ?3)");
    const auto data = bytes.subspan(at, std::min(kPartBytes, bytes.size() - at));
    ok = part.text(1, name).number(2, number).blob(3, data).done();
  }
  if (!ok) return failure(file_, handle_, "write");
  return {};
}

Result<void> BackupWriter::add_file(std::string_view name, const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorKind::missing, "cannot read " + path.string(), "run hansa as the node's user"};
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(path, error);
  if (error) return Error{ErrorKind::failed, "cannot read " + path.string() + ": " + error.message(), ""};
  crypto::Hasher hasher(kHashLabel);
  std::vector<std::byte> buffer(kPartBytes);
  std::uint64_t have = 0;
  for (std::uint64_t number = 0; have < bytes; ++number) {
    const auto wanted = static_cast<std::streamsize>(std::min<std::uint64_t>(kPartBytes, bytes - have));
    if (!in.read(reinterpret_cast<char*>(buffer.data()), wanted)) {
      return Error{ErrorKind::failed, path.string() + ": became shorter while it was read", "try again"};
    }
    const std::span<const std::byte> data(buffer.data(), static_cast<std::size_t>(wanted));
    hasher.update(data);
    Statement part(handle_, "INSERT INTO part VALUES (?1, ?2, ?3)");
    if (!part.text(1, name).number(2, number).blob(3, data).done()) return failure(file_, handle_, "write");
    have += data.size();
  }
  Statement piece(handle_, "INSERT INTO piece VALUES (?1, ?2, ?3)");
  if (!piece.text(1, name).number(2, bytes).blob(3, hasher.finish().bytes).done())
    return failure(file_, handle_, "write");
  return {};
}

Result<void> BackupWriter::finish(const std::map<std::string, std::string>& about) {
  for (const auto& [name, value] : about) {
    Statement row(handle_, "INSERT INTO about VALUES (?1, ?2)");
    if (!row.text(1, name).text(2, value).done()) return failure(file_, handle_, "write");
  }
  if (!run(handle_, "COMMIT")) return failure(file_, handle_, "write");
  sqlite3_close_v2(std::exchange(handle_, nullptr));
  const int fd = ::open(beside().c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  // link() refuses to replace what somebody else has put there meanwhile.
  const bool placed = flushed && ::link(beside().c_str(), file_.c_str()) == 0;
  ::unlink(beside().c_str());
  if (!placed) return Error{ErrorKind::failed, "cannot write " + file_.string(), "is the disk full?"};
  return {};
}

Result<BackupReader> BackupReader::open(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return Error{ErrorKind::missing, file.string() + " is not there, or is no file", ""};
  }
  sqlite3* handle = open_handle(file, SQLITE_OPEN_READONLY);
  BackupReader reader(file, handle);
  if (handle == nullptr) return failure(file, handle, "read");
  run(handle, "PRAGMA trusted_schema = OFF");
  Statement application(handle, "PRAGMA application_id");
  if (application.step() != SQLITE_ROW || application.number(0) != kApplication) {
    return Error{ErrorKind::bad_data, file.string() + " is no backup made by hansa, or a damaged one",
                 "`hansa backup -o FILE` writes one; is this the right file?"};
  }
  Statement about(handle, "SELECT name, value FROM about");
  while (about.step() == SQLITE_ROW && reader.about_.size() < kAboutMax)
    reader.about_.emplace(about.text(0), about.text(1));
  Statement pieces(handle, "SELECT name, bytes, hash FROM piece ORDER BY name");
  int code = SQLITE_DONE;
  while ((code = pieces.step()) == SQLITE_ROW && reader.pieces_.size() < kPiecesMax) {
    Piece piece{pieces.text(0), pieces.number(1), {}};
    const auto hash = pieces.blob(2);
    if (hash.size() != piece.hash.bytes.size()) return damaged(file, piece.name + " has no hash");
    std::copy(hash.begin(), hash.end(), piece.hash.bytes.begin());
    reader.pieces_.push_back(std::move(piece));
  }
  if (code != SQLITE_DONE) return damaged(file, "its list cannot be read");
  for (const Piece& piece : reader.pieces_) {
    crypto::Hasher hasher(kHashLabel);
    std::uint64_t bytes = 0;
    const bool whole = each_part(handle, piece.name, [&](std::span<const std::byte> part) {
      hasher.update(part);
      bytes += part.size();
      return bytes <= piece.bytes;
    });
    if (!whole || bytes != piece.bytes || hasher.finish() != piece.hash)
      return damaged(file, piece.name + " does not fit its hash");
  }
  return reader;
}

BackupReader::BackupReader(BackupReader&& other) noexcept
    : file_(std::move(other.file_)),
      handle_(std::exchange(other.handle_, nullptr)),
      about_(std::move(other.about_)),
      pieces_(std::move(other.pieces_)) {}

BackupReader::~BackupReader() { sqlite3_close_v2(handle_); }

bool BackupReader::has(std::string_view name) const noexcept {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) { return piece.name == name; });
}

Result<std::vector<std::byte>> BackupReader::read(std::string_view name, std::size_t bytes_max) const {
  std::vector<std::byte> bytes;
  const bool whole = each_part(handle_, name, [&](std::span<const std::byte> part) {
    if (bytes.size() + part.size() > bytes_max) return false;
    bytes.insert(bytes.end(), part.begin(), part.end());
    return true;
  });
  if (!has(name) || !whole) return damaged(file_, std::string(name) + " is missing or too large");
  return bytes;
}

Result<void> BackupReader::extract(std::string_view name, const fs::path& to) const {
  if (!has(name)) return damaged(file_, std::string(name) + " is missing");
  if (const auto checked = check_private_folder(to.parent_path()); !checked) return checked;
  const fs::path beside = to.string() + ".tmp";
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && each_part(handle_, name, [&](std::span<const std::byte> part) {
                         while (!part.empty()) {
                           const ssize_t done = ::write(fd, part.data(), part.size());
                           if (done <= 0 && errno != EINTR) return false;
                           if (done > 0) part = part.subspan(static_cast<std::size_t>(done));
                         }
                         return true;
                       });
  const bool flushed = written && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!flushed || ::rename(beside.c_str(), to.c_str()) != 0) {
    ::unlink(beside.c_str());
    return Error{ErrorKind::failed, "cannot write " + to.string(), "is the disk full?"};
  }
  const int folder = ::open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool placed = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!placed) return Error{ErrorKind::failed, "cannot flush " + to.parent_path().string(), ""};
  return {};
}

Result<void> copy_database(const fs::path& from, const fs::path& to) {
  sqlite3* handle = open_handle(from, SQLITE_OPEN_READWRITE);
  if (handle == nullptr) return failure(from, handle, "be read");
  Result<void> done;
  {
    Statement copy(handle, "VACUUM INTO ?1");
    if (!copy.text(1, to.native()).done()) done = failure(from, handle, "be copied");
  }
  sqlite3_close_v2(handle);
  if (!done) return done;
  const auto problem = check_database(to);
  if (!problem) return problem.error();
  if (!problem->empty()) return Error{ErrorKind::bad_data, from.string() + ": " + *problem, "`hansa doctor`"};
  return {};
}

Result<std::string> check_database(const fs::path& file) {
  sqlite3* handle = open_handle(file, SQLITE_OPEN_READWRITE);
  if (handle == nullptr) return failure(file, handle, "be read");
  std::string problem;
  {
    Statement check(handle, "PRAGMA integrity_check(1)");
    const int code = check.step();
    problem = code == SQLITE_ROW ? check.text(0) : sqlite3_errmsg(handle);
    if (problem == "ok") problem.clear();
  }
  sqlite3_close_v2(handle);
  return problem;
}

}  // namespace hansa::store
