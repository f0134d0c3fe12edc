// `hansa audit` on a node's folder: what is in the log, and where it was changed.
#include "src/store/audit_log.hpp"
#include "tests/cli/run_command.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace hansa::cli {
namespace {

namespace audit = protocols::audit;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class AuditCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    const auto identity = [](int seed) {
      std::array<std::byte, 32> bytes{};
      bytes.fill(static_cast<std::byte>(seed));
      return crypto::Identity::from_seed(bytes);
    };
    const crypto::Identity node = identity(1), peer = identity(2);
    std::filesystem::create_directory(folder_ / "alfa");
    auto log = store::AuditLog::open(folder_ / "alfa" / "audit", node.public_key());
    ASSERT_TRUE(log) << log.error().message;
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(log->append({1'700'000'000'000, "run.begun", "{\"run\":\"" + std::to_string(i) + "\"}"}));
    }
    const auto head = log->sign_head(node, 5, 1);
    ASSERT_TRUE(head);
    ASSERT_TRUE(log->keep(audit::cosign(*head, 6, peer)));
  }
};

TEST_F(AuditCommand, TailShowsTheLastEntriesOrThoseFromANumberOn) {
  const Outcome text = run("audit tail --dir alfa --count 2");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("4  2023-11-14T22:13:20Z  run.begun"));
  EXPECT_EQ(text.out.find("{\"run\":\"2\"}"), std::string::npos);
  const Outcome json = run("audit tail --dir alfa/audit --from 1 --count 2 --json");
  const Json document = Json::parse(json.out);
  EXPECT_EQ(document["schema"], "hansa.audit.v1");
  ASSERT_EQ(document["entries"].size(), 2U);
  EXPECT_EQ(document["entries"][0]["number"], 1);
  EXPECT_EQ(document["entries"][0]["data"]["run"], "1");
}

TEST_F(AuditCommand, VerifyNamesTheEntryThatWasChanged) {
  const Outcome good = run("audit verify --dir alfa");
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_THAT(good.out, HasSubstr("intact"));
  EXPECT_THAT(good.out, HasSubstr("5 entries, by 1 other node\n"));
  const auto file = folder_ / "alfa" / "audit" / "log";
  std::string bytes = read_text(file);
  bytes[bytes.find("{\"run\":\"3\"}") + 8] = '4';
  write("alfa/audit/log", bytes);
  const Outcome bad = run("audit verify --dir alfa");
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr("DAMAGED: entry 3:"));
  const Outcome json = run("audit verify --dir alfa --json");
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(Json::parse(json.out)["bad_entry"], 3);
  EXPECT_EQ(Json::parse(json.out)["ok"], false);
}

TEST_F(AuditCommand, AMissingLogIsSaid) {
  for (const char* const verb : {"tail", "verify"}) {
    const Outcome none = run(std::string("audit ") + verb + " --dir nowhere");
    EXPECT_EQ(none.code, 1);
    EXPECT_THAT(none.err, HasSubstr("there is no audit log to read"));
  }
}

}  // namespace
}  // namespace hansa::cli
