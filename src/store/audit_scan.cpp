// The files are read in the opposite order of writing (cosignatures, heads, entries), so that whatever is
// read is covered by what is read later, also while a node writes.
#include "src/store/audit_scan.hpp"

#include "protocols/checked_reader.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
namespace audit = protocols::audit;
using audit::SignedHead;
using protocols::CheckedReader;
using Bytes = std::vector<std::byte>;

constexpr std::string_view kMagic("hansa-audit-v1\n\0", 16);
constexpr std::size_t kEntryBytesMin = 16, kEntryBytesMax = 16 + kAuditKindBytesMax + kAuditTextBytesMax;
constexpr std::size_t kFlatBytesMax = std::size_t{1} << 32;  // of heads and cosignatures: decades

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Up to `size` bytes; fewer at the end of the file.
Bytes take(std::ifstream& in, std::size_t size) {
  Bytes out(size);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(size));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

Bytes whole(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) return {};
  std::ifstream in(file, std::ios::binary);
  return take(in, static_cast<std::size_t>(std::min<std::uintmax_t>(size, kFlatBytesMax)));
}

bool all_zero(std::span<const std::byte> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Four bytes that bind a record's length to its hash, so that a damaged length is not taken for a torn end.
std::array<std::byte, 4> header_check(std::span<const std::byte> length, std::span<const std::byte> leaf) {
  const crypto::Hash256 hash = crypto::sha256({length, leaf});
  std::array<std::byte, 4> out{};
  std::copy_n(hash.bytes.begin(), out.size(), out.begin());
  return out;
}

enum class Step : std::uint8_t { entry, end, torn, damaged };

struct Record {
  Step step = Step::end;
  crypto::Hash256 leaf;
  Bytes entry;
  std::uint64_t bytes = 0;  ///< read, whatever came of it
  const char* why = "";
};

/// The next record. A file system may leave zeros where a write was under way when the power failed.
Record next_record(std::ifstream& in) {
  Record out;
  const Bytes header = take(in, kAuditRecordHeaderBytes);
  out.bytes = header.size();
  if (header.empty()) return out;
  const auto zeros_to_the_end = [&] {
    for (Bytes more = take(in, 4096); !more.empty(); more = take(in, 4096)) {
      out.bytes += more.size();
      if (!all_zero(more)) return false;
    }
    return true;
  };
  if (all_zero(header) && zeros_to_the_end()) return out.step = Step::torn, out;
  if (header.size() < kAuditRecordHeaderBytes) return out.step = Step::torn, out;
  const std::span view(header);
  CheckedReader reader(header);
  const std::uint32_t length = reader.u32();
  const auto check = reader.array<4>();
  out.leaf.bytes = reader.array<32>();
  out.step = Step::damaged;
  if (check != header_check(view.first(4), out.leaf.bytes))
    return out.why = "its header does not fit its check", out;
  if (length < kEntryBytesMin || length > kEntryBytesMax) return out.why = "its length cannot be", out;
  out.entry = take(in, length);
  out.bytes += out.entry.size();
  if (out.entry.size() < length) return out.step = Step::torn, out;
  if (audit::leaf_hash(out.entry) != out.leaf) return out.why = "its hash does not fit its bytes", out;
  if (!decode_entry(out.entry)) return out.why = "it is not laid out as an entry", out;
  out.step = Step::entry;
  return out;
}

/// Opens `log` behind its preamble and says whose it is.
Result<crypto::PublicKey> open_log(const fs::path& folder, std::ifstream& in) {
  const fs::path file = folder / "log";
  in.open(file, std::ios::binary);
  if (!in) {
    return Error{ErrorKind::missing, file.string() + ": there is no audit log to read",
                 "name the folder of a node that has run (--dir), and be its user"};
  }
  const Bytes preamble = take(in, kAuditPreambleBytes);
  crypto::PublicKey node{};
  if (preamble.size() == kAuditPreambleBytes) std::copy_n(preamble.begin() + 16, 32, node.begin());
  if (preamble != audit_preamble(node)) {
    return Error{ErrorKind::bad_data,
                 file.string() + ": its first " + std::to_string(kAuditPreambleBytes) +
                     " bytes, before entry 0, are not those of an audit log",
                 "keep the file, as it shows what was changed, and compare it with a backup"};
  }
  return node;
}

std::string number(std::uint64_t value) { return std::to_string(value); }

/// Heads of the log's own node, in order; stops at the first that cannot be.
std::vector<SignedHead> read_heads(const fs::path& folder, AuditDepth depth, AuditScan& out) {
  const Bytes bytes = whole(folder / "heads");
  std::vector<SignedHead> heads;
  const std::size_t count = bytes.size() / audit::kSignedHeadBytes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto view = std::span(bytes).subspan(i * audit::kSignedHeadBytes, audit::kSignedHeadBytes);
    if (i + 1 == count && all_zero(std::span(bytes).subspan(i * audit::kSignedHeadBytes))) break;
    const auto head = audit::decode_head(view);
    const bool must_check = depth == AuditDepth::verify || i + 1 == count;
    if (!head || head->head.node != out.report.node || (must_check && !check(*head))) {
      out.report.problem = "head " + number(i) + ": it is not signed by the log's node";
      break;
    }
    if (!heads.empty() && head->head.size <= heads.back().head.size) {
      out.report.problem = "head " + number(i) + ": it covers no more entries than the one before it";
      break;
    }
    heads.push_back(*head);
  }
  out.heads_bytes = heads.size() * audit::kSignedHeadBytes;
  return heads;
}

void judge_entries(std::ifstream& in, const std::vector<SignedHead>& heads, AuditScan& out) {
  const std::uint64_t covered = heads.empty() ? 0 : heads.back().head.size;
  Record record;
  for (record = next_record(in); record.step == Step::entry; record = next_record(in)) {
    out.tree.append(record.leaf);
    out.log_bytes += record.bytes;
  }
  AuditReport& report = out.report;
  report.entries = out.tree.size();
  if (record.step == Step::damaged) {
    report.bad_entry = report.entries;
    report.problem = "entry " + number(report.entries) + ": " + record.why;
  } else if (report.entries < covered) {
    report.bad_entry = report.entries;
    report.problem = "entry " + number(report.entries) +
                     ": it is missing or cut, though a signed head covers " + number(covered) + " entries";
  } else if (record.step == Step::torn) {
    report.torn_bytes = record.bytes;
  }
}

/// Whether the entries are those that each head was signed over.
void judge_heads(const std::vector<SignedHead>& heads, AuditScan& out) {
  AuditReport& report = out.report;
  for (const SignedHead& head : heads) {
    if (head.head.size > out.tree.size()) return;  // said already
    if (out.tree.root(head.head.size) != head.head.root) {
      const std::uint64_t from = report.head ? report.head->head.size : 0;
      if (!check(head)) {  // when a log is opened, only the last one's signature has been checked
        if (report.problem.empty())
          report.problem = "head " + number(report.heads) + ": it is not signed by the log's node";
        return;
      }
      if (!report.bad_entry) report.bad_entry = from;
      if (report.problem.empty()) {
        report.problem = "entry " + number(from) + ": it or one of those up to entry " +
                         number(head.head.size - 1) + " is not what the node signed head " +
                         number(report.heads) + " over";
      }
      return;
    }
    report.head = head;
    ++report.heads;
  }
}

void judge_cosignatures(const Bytes& bytes, AuditScan& out) {
  AuditReport& report = out.report;
  std::set<crypto::PublicKey> witnesses;
  const std::size_t count = bytes.size() / audit::kCosignatureBytes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto view = std::span(bytes).subspan(i * audit::kCosignatureBytes, audit::kCosignatureBytes);
    if ((i + 1) * audit::kCosignatureBytes > out.cosignatures_bytes) break;  // zeros of a torn write
    const auto cosignature = audit::decode_cosignature(view);
    const auto say = [&](const std::string& what) {
      if (report.problem.empty()) report.problem = "cosignature " + number(i) + ": " + what;
    };
    if (!cosignature || !check(*cosignature)) return say("its signatures do not fit its bytes");
    const audit::Head& head = cosignature->subject.head;
    if (head.node != report.node) return say("it is of another node's log");
    if (head.size > out.tree.size() || out.tree.root(head.size) != head.root) {
      return say("node " + crypto::to_hex(cosignature->witness).substr(0, 16) +
                 " has seen another history of " + number(head.size) + " entries than the one that is here");
    }
    ++report.cosignatures;
    report.cosigned_size = std::max(report.cosigned_size, head.size);
    witnesses.insert(cosignature->witness);
  }
  report.witnesses = witnesses.size();
}

}  // namespace

Bytes audit_preamble(const crypto::PublicKey& node) {
  const crypto::Hash256 hash = crypto::sha256({bytes_of(kMagic), node});
  Bytes out;
  for (const std::span<const std::byte> part :
       {bytes_of(kMagic), std::span<const std::byte>(node), std::span<const std::byte>(hash.bytes)}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Bytes audit_record(std::span<const std::byte> entry, const crypto::Hash256& leaf) {
  Bytes out;
  for (std::size_t i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(entry.size() >> (8 * i)));
  const auto check = header_check(out, leaf.bytes);
  out.insert(out.end(), check.begin(), check.end());
  out.insert(out.end(), leaf.bytes.begin(), leaf.bytes.end());
  out.insert(out.end(), entry.begin(), entry.end());
  return out;
}

std::vector<SignedHead> read_witnessed(const fs::path& folder, std::size_t& bad) {
  const Bytes bytes = whole(folder / "witnessed");
  std::vector<SignedHead> heads;
  bad = bytes.size() % audit::kSignedHeadBytes == 0 ? 0 : 1;
  for (std::size_t at = 0; at + audit::kSignedHeadBytes <= bytes.size(); at += audit::kSignedHeadBytes) {
    const auto head = audit::decode_head(std::span(bytes).subspan(at, audit::kSignedHeadBytes));
    if (head && check(*head)) {
      heads.push_back(*head);
    } else {
      ++bad;
    }
  }
  return heads;
}

Result<AuditScan> scan_audit(const fs::path& folder, AuditDepth depth) {
  AuditScan out;
  std::ifstream in;
  const auto node = open_log(folder, in);
  if (!node) return node.error();
  out.report.node = *node;
  const Bytes cosignatures = whole(folder / "cosignatures");
  out.cosignatures_bytes = cosignatures.size() / audit::kCosignatureBytes * audit::kCosignatureBytes;
  while (out.cosignatures_bytes > 0 &&
         all_zero(std::span(cosignatures).subspan(out.cosignatures_bytes - audit::kCosignatureBytes)))
    out.cosignatures_bytes -= audit::kCosignatureBytes;
  const std::vector<SignedHead> heads = read_heads(folder, depth, out);
  const std::string problem_of_heads = std::exchange(out.report.problem, {});
  out.log_bytes = kAuditPreambleBytes;
  judge_entries(in, heads, out);
  judge_heads(heads, out);
  if (out.report.problem.empty()) out.report.problem = problem_of_heads;
  if (depth == AuditDepth::verify) {
    judge_cosignatures(cosignatures, out);
    std::size_t bad = 0;
    static_cast<void>(read_witnessed(folder, bad));
    if (bad > 0 && out.report.problem.empty())
      out.report.problem = "witnessed: " + number(bad) + " heads are not signed by their nodes";
  }
  return out;
}

Result<AuditReport> verify_log(const fs::path& folder) {
  auto scan = scan_audit(folder, AuditDepth::verify);
  if (scan) return std::move(scan->report);
  if (scan.error().kind != ErrorKind::bad_data) return scan.error();
  AuditReport report;  // there is a log, and its beginning is damaged
  report.problem = scan.error().message;
  return report;
}

Result<std::vector<std::pair<std::uint64_t, AuditEntry>>> read_log(const fs::path& folder, std::uint64_t from,
                                                                   std::size_t limit) {
  std::ifstream in;
  if (const auto node = open_log(folder, in); !node) return node.error();
  std::vector<std::pair<std::uint64_t, AuditEntry>> out;
  Record record = next_record(in);
  for (std::uint64_t i = 0; record.step == Step::entry && out.size() < limit; ++i) {
    if (i >= from) out.emplace_back(i, *decode_entry(record.entry));
    record = next_record(in);
  }
  return out;
}

}  // namespace hansa::store
