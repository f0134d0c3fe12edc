// Bodies of commands: what is taken, and with which words the rest is refused.
#include "src/http/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hansa::http {
namespace {

using ::testing::HasSubstr;

TEST(Commands, TakeWhatTheyDocument) {
  const auto run = read_propose_run(
      R"({"schema":"x","manifest_toml":"a","schema_toml":"b","parties":["c","d"],"quorum":2,)"
      R"("approve_within_seconds":60})");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->manifest_toml + run->schema_toml + run->parties[1], "abd");
  EXPECT_EQ(run->quorum, 2u);
  EXPECT_EQ(run->approve_within_seconds, 60);
  EXPECT_EQ(read_bind_run("r", R"({"data":"x","labels":null})")->run, "r");
  EXPECT_EQ(*read_stop(""), "");
  EXPECT_EQ(*read_lobby(R"({"seconds":1.5})"), 1.5);
  EXPECT_TRUE(read_nothing("").ok());
  EXPECT_TRUE(read_keeper_change(R"({"base":"","records":[["00","ff"]]})").ok());
}

TEST(Commands, SayWhatIsWrong) {
  const auto stop = [](std::string_view body) { return read_stop(body).error().message; };
  EXPECT_THAT(stop("{"), HasSubstr("not JSON"));
  EXPECT_THAT(stop("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(stop("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(stop(R"({"reason":7})"), HasSubstr("reason is not a text"));
  EXPECT_THAT(stop(R"({"reson":"x"})"), HasSubstr("no field 'reson'"));
  EXPECT_THAT(stop(R"({"reason":"a\u0000b"})"), HasSubstr("zero byte"));
  EXPECT_THAT(stop("{\"reason\":\"" + std::string(5'000, 'x') + "\"}"), HasSubstr("longer than 4096"));
  EXPECT_THAT(stop("{\"reason\":\"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(stop(std::string(60'000, '[')), ::testing::AnyOf(HasSubstr("deeply"), HasSubstr("not JSON")));
  EXPECT_THAT(stop(R"({"reason":[[[[[[1]]]]]]})"), HasSubstr("deeply"));
  EXPECT_THAT(read_lobby("{}").error().message, HasSubstr("'seconds' is missing"));
  for (const char* body :
       {R"({"seconds":0})", R"({"seconds":1e300})", R"({"seconds":"1"})", R"({"seconds":-1})"})
    EXPECT_THAT(read_lobby(body).error().message, HasSubstr("not a number from")) << body;
  EXPECT_THAT(read_log_level(R"({"level":"loud"})").error().hint, HasSubstr("debug"));
  for (const char* body :
       {R"({"base":"0","records":[]})", R"({"base":"","records":[["0g","00"]]})",
        R"({"base":"","records":[["","00"]]})", R"({"base":"","records":[["00"]]})",
        R"({"base":"","records":{}})", R"({"base":"","records":[],"messages":["AB"]})", R"({"records":[]})"})
    EXPECT_FALSE(read_keeper_change(body).ok()) << body;
  std::string many = R"({"manifest_toml":"seed","parties":[)";
  for (int i = 0; i < 600; ++i) many += i == 0 ? "\"a\"" : ",\"a\"";
  EXPECT_THAT(read_propose_run(many + "]}").error().message, HasSubstr("more than 512"));
}

}  // namespace
}  // namespace hansa::http
