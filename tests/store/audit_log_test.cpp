// An audit log on a real disk: it comes back as it was; each byte of each of its files is flipped, and the
// entry is named; it is cut at each length, and nothing that a signed head covers is lost unsaid.
#include "src/store/audit_log.hpp"

#include "src/store/audit_scan.hpp"
#include "tests/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;
namespace audit = protocols::audit;
constexpr std::uint64_t kCovered = 6, kEntries = 8;

crypto::Identity identity(int seed) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(static_cast<std::byte>(seed));
  return crypto::Identity::from_seed(bytes);
}
AuditEntry entry(std::uint64_t i) {
  return {1'700'000'000'000 + static_cast<std::int64_t>(i), "run.begun",
          "{\"run\":\"" + std::string(i, 'a') + "\"}"};
}
std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class AuditLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = temporary_.path();
    folder_ = base_ / "audit";
  }

  /// kEntries entries, heads over 3 and 6 of them, both cosigned, and a head of another node witnessed.
  void make_log() {
    auto log = AuditLog::open(folder_, node_.public_key());
    ASSERT_TRUE(log) << log.error().message;
    for (std::uint64_t i = 0; i < kEntries; ++i) {
      ASSERT_EQ(log->append(entry(i)).value(), i);
      if (i != 2 && i + 1 != kCovered) continue;
      const auto head = log->sign_head(node_, 5, 1);
      ASSERT_TRUE(head);
      ASSERT_TRUE(log->keep(audit::cosign(*head, 6, peer_)));
    }
    ASSERT_TRUE(log->witness(audit::sign({peer_.public_key(), 1, audit::leaf_hash({}), 5, 1}, peer_)));
  }
  /// Where entry `i` begins in `log`; i == kEntries: its end.
  static std::size_t offset(std::uint64_t i) {
    std::size_t at = kAuditPreambleBytes;
    for (std::uint64_t k = 0; k < i; ++k) at += kAuditRecordHeaderBytes + encode_entry(entry(k)).size();
    return at;
  }

  crypto::Identity node_ = identity(1), peer_ = identity(2);
  const test::TemporaryFolder temporary_;
  fs::path base_, folder_;
};

TEST_F(AuditLogTest, ComesBackAsItWas) {
  make_log();
  const auto report = verify_log(folder_);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok()) << report->problem;
  EXPECT_EQ(report->entries, kEntries);
  EXPECT_EQ(report->heads, 2U);
  EXPECT_EQ(report->cosignatures, 2U);
  EXPECT_EQ(report->witnesses, 1U);
  EXPECT_EQ(report->cosigned_size, kCovered);
  EXPECT_EQ(report->head->head.size, kCovered);

  auto log = AuditLog::open(folder_, node_.public_key());
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->repaired(), "");
  EXPECT_EQ(log->size(), kEntries);
  EXPECT_EQ(log->head(), report->head);
  EXPECT_EQ(log->witnessed().count(peer_.public_key()), 1U);
  const auto entries = log->read(2, 3);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ((*entries)[i], std::pair(i + 2, entry(i + 2)));
  EXPECT_EQ(log->append(entry(kEntries)).value(), kEntries);
  const auto head = log->sign_head(node_, 9, 2);
  ASSERT_TRUE(head);
  EXPECT_EQ(log->sign_head(node_, 10, 2).value(), *head) << "nothing new: the same head";
  EXPECT_TRUE(verify_log(folder_)->ok());
}

TEST_F(AuditLogTest, EveryFlippedByteIsFoundAndItsEntryNamed) {
  make_log();
  const std::string good = content(folder_ / "log");
  ASSERT_EQ(good.size(), offset(kEntries));
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    while (i >= offset(at + 1)) ++at;
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ mask);
      put(folder_ / "log", bad);
      const auto report = verify_log(folder_);
      ASSERT_TRUE(report);
      ASSERT_FALSE(report->ok()) << "byte " << i;
      if (i < kAuditPreambleBytes) continue;
      ASSERT_EQ(report->bad_entry, at) << "byte " << i << ": " << report->problem;
      ASSERT_NE(report->problem.find("entry " + std::to_string(at)), std::string::npos) << report->problem;
    }
    if (i % 5 != 0) continue;
    const auto opened = AuditLog::open(folder_, node_.public_key());  // the last flip is still there
    ASSERT_FALSE(opened) << "byte " << i;
    ASSERT_EQ(opened.error().kind, ErrorKind::bad_data);
  }
  put(folder_ / "log", good);
  EXPECT_TRUE(verify_log(folder_)->ok());
}

TEST_F(AuditLogTest, EveryFlippedByteOfTheOtherFilesIsFound) {
  make_log();
  for (const char* const name : {"heads", "cosignatures", "witnessed"}) {
    const std::string good = content(folder_ / name);
    ASSERT_GT(good.size(), 100U);
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      put(folder_ / name, bad);
      const auto report = verify_log(folder_);
      ASSERT_TRUE(report);
      ASSERT_FALSE(report->ok()) << name << " byte " << i;
    }
    put(folder_ / name, good);
  }
  EXPECT_TRUE(verify_log(folder_)->ok());
}

TEST_F(AuditLogTest, ATornTailIsCutAndSaidAndWhatAHeadCoversIsDamage) {
  make_log();
  const std::string good = content(folder_ / "log");
  for (std::size_t size = kAuditPreambleBytes; size < good.size(); ++size) {
    put(folder_ / "log", good.substr(0, size));
    std::uint64_t whole = 0;
    while (offset(whole + 1) <= size) ++whole;
    const auto report = verify_log(folder_);
    ASSERT_TRUE(report);
    const auto log = AuditLog::open(folder_, node_.public_key());
    if (whole < kCovered) {
      ASSERT_FALSE(report->ok());
      EXPECT_EQ(report->bad_entry, whole);
      ASSERT_FALSE(log);
      EXPECT_EQ(log.error().kind, ErrorKind::bad_data);
      continue;
    }
    ASSERT_TRUE(report->ok()) << report->problem;
    EXPECT_EQ(report->torn_bytes, size - offset(whole));
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->size(), whole);
    EXPECT_EQ(log->repaired().empty(), size == offset(whole)) << log->repaired();
    EXPECT_EQ(content(folder_ / "log").size(), offset(whole));
  }
}

TEST_F(AuditLogTest, ZerosOfAnInterruptedWriteAreATornTail) {
  make_log();
  const std::string good = content(folder_ / "log");
  put(folder_ / "log", good + std::string(5000, '\0'));
  EXPECT_EQ(verify_log(folder_)->torn_bytes, 5000U);
  const std::string heads = content(folder_ / "heads");
  put(folder_ / "heads", heads + std::string(200, '\0'));
  auto log = AuditLog::open(folder_, node_.public_key());
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(content(folder_ / "log"), good);
  EXPECT_EQ(content(folder_ / "heads"), heads);
}

TEST_F(AuditLogTest, ARewrittenEntryWithFittingHashesIsFoundByTheHeads) {
  make_log();
  const std::string good = content(folder_ / "log");
  AuditEntry other = entry(4);
  other.text[2] = 'R';
  const auto bytes = encode_entry(other);
  const auto record = audit_record(bytes, audit::leaf_hash(bytes));
  std::string bad = good;
  bad.replace(offset(4), record.size(), reinterpret_cast<const char*>(record.data()), record.size());
  put(folder_ / "log", bad);
  const auto report = verify_log(folder_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->heads, 1U) << "the first three entries are untouched";
  EXPECT_EQ(report->bad_entry, 3U);
  EXPECT_NE(report->problem.find("up to entry 5"), std::string::npos) << report->problem;
}

TEST_F(AuditLogTest, AHistoryRewrittenWithTheNodesOwnKeyIsFoundByItsWitnesses) {
  make_log();
  fs::rename(folder_, base_ / "old");
  {
    auto log = AuditLog::open(folder_, node_.public_key());
    ASSERT_TRUE(log);
    for (std::uint64_t i = 0; i < kEntries; ++i) ASSERT_TRUE(log->append(entry(i == 4 ? 40 : i)));
    ASSERT_TRUE(log->sign_head(node_, 5, 1));
  }
  EXPECT_TRUE(verify_log(folder_)->ok());
  fs::copy_file(base_ / "old" / "cosignatures", folder_ / "cosignatures",
                fs::copy_options::overwrite_existing);
  const auto report = verify_log(folder_);
  EXPECT_FALSE(report->ok());
  EXPECT_NE(report->problem.find("another history of 6 entries"), std::string::npos) << report->problem;
}

TEST_F(AuditLogTest, ADamagedLogIsMovedAsideWholeAndANewOneSaysSo) {
  make_log();
  std::string bad = content(folder_ / "log");
  bad[offset(2) + 60] ^= 1;
  put(folder_ / "log", bad);
  auto log = AuditLog::open_or_replace(folder_, node_.public_key(), 77);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_NE(log->repaired().find("entry 2"), std::string::npos) << log->repaired();
  EXPECT_EQ(content(base_ / "audit-damaged-1" / "log"), bad);
  const auto entries = log->read(0, 10);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ((*entries)[0].second.kind, "log.replaced");
}

TEST_F(AuditLogTest, ForeignAndMissingLogsAreRefused) {
  EXPECT_EQ(verify_log(folder_).error().kind, ErrorKind::missing);
  make_log();
  const auto foreign = AuditLog::open(folder_, peer_.public_key());
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("another node"), std::string::npos);
}

}  // namespace
}  // namespace hansa::store
