// POSIX calls, since appending and flushing are beyond the standard library. The reading is in
// audit_scan.cpp.
#include "src/store/audit_log.hpp"

#include "protocols/checked_reader.hpp"
#include "src/store/audit_scan.hpp"
#include "src/store/key_files.hpp"

#include <hansa/assert.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
namespace audit = protocols::audit;
using audit::SignedHead;

Error system_error(const fs::path& path, const std::string& what, int code = errno) {
  return {ErrorKind::failed,
          path.string() + ": cannot " + what + ": " + std::generic_category().message(code),
          code == ENOSPC ? "free some disk space, then start the node again"
                         : "look at the disk with the state folder"};
}

bool is_kind(std::string_view kind) noexcept {
  return !kind.empty() && kind.size() <= kAuditKindBytesMax &&
         std::all_of(kind.begin(), kind.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '_'; });
}

Result<void> flush_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (!done) return system_error(folder, "flush the folder", code);
  return {};
}

/// Opens `file` for appending, cut to `size` bytes.
Result<int> open_cut(const fs::path& file, std::uint64_t size) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(file, "open it");
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
    const Error error = system_error(file, "cut its torn end");
    ::close(fd);
    return error;
  }
  return fd;
}

}  // namespace

std::vector<std::byte> encode_entry(const AuditEntry& entry) {
  protocols::secure_sum::Writer out(16 + entry.kind.size() + entry.text.size());
  out.u64(static_cast<std::uint64_t>(entry.time_ms));
  out.u32(static_cast<std::uint32_t>(entry.kind.size())).text(entry.kind);
  out.u32(static_cast<std::uint32_t>(entry.text.size())).text(entry.text);
  return std::move(out).bytes();
}

std::optional<AuditEntry> decode_entry(std::span<const std::byte> bytes) {
  protocols::CheckedReader in(bytes);
  AuditEntry out;
  out.time_ms = in.i64();
  out.kind = in.text(kAuditKindBytesMax);
  out.text = in.text(kAuditTextBytesMax);
  if (!in.done() || !is_kind(out.kind)) return std::nullopt;
  return out;
}

AuditLog::AuditLog(AuditLog&& other) noexcept
    : folder_(std::move(other.folder_)),
      log_(std::exchange(other.log_, -1)),
      heads_(std::exchange(other.heads_, -1)),
      cosignatures_(std::exchange(other.cosignatures_, -1)),
      failed_(other.failed_),
      tree_(std::move(other.tree_)),
      head_(other.head_),
      witnessed_(std::move(other.witnessed_)),
      repaired_(std::move(other.repaired_)) {}

AuditLog::~AuditLog() {
  for (const int file : {log_, heads_, cosignatures_}) {
    if (file >= 0) ::close(file);
  }
}

Result<AuditLog> AuditLog::open(const fs::path& folder, const crypto::PublicKey& node) {
  if (const auto ready = ensure_private_folder(folder); !ready) return ready.error();
  AuditLog log(folder);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(folder / "log", error);
  // A log that was torn before its preamble was whole holds nothing; heads beside it would say that it did.
  const bool fresh = (error || size < kAuditPreambleBytes) && !fs::exists(folder / "heads", error);
  if (const auto done = fresh ? log.begin(node) : log.resume(node); !done) return done.error();
  if (const auto flushed = flush_folder(folder); !flushed) return flushed.error();
  return log;
}

Result<void> AuditLog::begin(const crypto::PublicKey& node) {
  if (const auto written = write_private_file(folder_ / "log", audit_preamble(node)); !written)
    return written.error();
  auto log = open_cut(folder_ / "log", kAuditPreambleBytes);
  if (!log) return log.error();
  log_ = *log;
  auto cosignatures = open_cut(folder_ / "cosignatures", 0);
  if (!cosignatures) return cosignatures.error();
  cosignatures_ = *cosignatures;
  auto heads = open_cut(folder_ / "heads", 0);
  if (!heads) return heads.error();
  heads_ = *heads;
  return load_witnessed();
}

Result<void> AuditLog::resume(const crypto::PublicKey& node) {
  auto scan = scan_audit(folder_, AuditDepth::open);
  if (!scan) return scan.error();
  const AuditReport& report = scan->report;
  if (report.node != node || !report.ok()) {
    return Error{
        ErrorKind::bad_data,
        folder_.string() + ": " + (report.ok() ? "this is another node's audit log" : report.problem),
        "hansa audit verify says more; keep the folder, as it shows what was changed"};
  }
  struct File {
    const char* name;
    int* fd;
    std::uint64_t bytes;
  };
  for (const File& file : {File{"log", &log_, scan->log_bytes}, File{"heads", &heads_, scan->heads_bytes},
                           File{"cosignatures", &cosignatures_, scan->cosignatures_bytes}}) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(folder_ / file.name, error);
    auto opened = open_cut(folder_ / file.name, file.bytes);
    if (!opened) return opened.error();
    *file.fd = *opened;
    if (!error && size > file.bytes) {
      if (!repaired_.empty()) repaired_ += "; ";
      repaired_ += "cut " + std::to_string(size - file.bytes) + " bytes of a torn write from " + file.name +
                   ", which no signed head covers";
    }
  }
  tree_ = std::move(scan->tree);
  head_ = report.head;
  return load_witnessed();
}

Result<void> AuditLog::load_witnessed() {
  std::size_t bad = 0;
  for (const SignedHead& head : read_witnessed(folder_, bad))
    witnessed_.insert_or_assign(head.head.node, head);
  if (bad > 0) {
    if (!repaired_.empty()) repaired_ += "; ";
    repaired_ += "forgot " + std::to_string(bad) + " damaged heads of other nodes";
  }
  return {};
}

Result<AuditLog> AuditLog::open_or_replace(const fs::path& folder, const crypto::PublicKey& node,
                                           audit::UnixMillis now_ms) {
  auto log = open(folder, node);
  if (log || log.error().kind != ErrorKind::bad_data) return log;
  fs::path aside;
  std::error_code error;
  for (int i = 1; i == 1 || fs::exists(aside, error); ++i)
    aside = folder.string() + "-damaged-" + std::to_string(i);
  fs::rename(folder, aside, error);
  if (error) return system_error(folder, "move the damaged log aside", error.value());
  auto fresh = open(folder, node);
  if (!fresh) return fresh;
  // The damaged folder's name and no more: the rest of the message may quote what somebody wrote into it.
  const auto said =
      fresh->append({now_ms, "log.replaced", "{\"damaged\":\"" + aside.filename().string() + "\"}"});
  if (!said) return said.error();
  fresh->repaired_ = log.error().message + "; it was moved to " + aside.string() + " and a new log begun";
  return fresh;
}

Result<void> AuditLog::write(int file, std::span<const std::byte> bytes, const char* name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      failed_ = true;  // a part may be there: nothing may follow it
      return system_error(folder_ / name, "write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AuditLog::flush(int file, const char* name) {
  if (::fdatasync(file) == 0) return {};
  failed_ = true;  // Linux forgets what it could not write: another try would succeed and mean nothing
  return system_error(folder_ / name, "flush");
}

Result<std::uint64_t> AuditLog::append(const AuditEntry& entry) {
  HANSA_ASSERT(is_kind(entry.kind) && entry.text.size() <= kAuditTextBytesMax);
  if (failed_)
    return Error{ErrorKind::failed, folder_.string() + ": the log could not be written before", ""};
  const std::vector<std::byte> bytes = encode_entry(entry);
  const crypto::Hash256 leaf = audit::leaf_hash(bytes);
  if (const auto written = write(log_, audit_record(bytes, leaf), "log"); !written) return written.error();
  tree_.append(leaf);
  return tree_.size() - 1;
}

Result<SignedHead> AuditLog::sign_head(const crypto::Identity& node, audit::UnixMillis now_ms,
                                       std::uint64_t boot_id) {
  if (head_ && head_->head.size == size()) return *head_;
  if (failed_)
    return Error{ErrorKind::failed, folder_.string() + ": the log could not be written before", ""};
  if (const auto flushed = flush(log_, "log"); !flushed) return flushed.error();
  const SignedHead head = audit::sign({node.public_key(), size(), tree_.root(), now_ms, boot_id}, node);
  if (const auto written = write(heads_, audit::encode(head), "heads"); !written) return written.error();
  if (const auto flushed = flush(heads_, "heads"); !flushed) return flushed.error();
  head_ = head;
  return head;
}

Result<void> AuditLog::keep(const audit::Cosignature& cosignature) {
  if (failed_)
    return Error{ErrorKind::failed, folder_.string() + ": the log could not be written before", ""};
  return write(cosignatures_, audit::encode(cosignature), "cosignatures");
}

Result<void> AuditLog::witness(const SignedHead& head) {
  witnessed_.insert_or_assign(head.head.node, head);
  std::vector<std::byte> bytes;
  for (const auto& [node, last] : witnessed_) {
    const auto one = audit::encode(last);
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  return write_private_file(folder_ / "witnessed", bytes);
}

}  // namespace hansa::store
