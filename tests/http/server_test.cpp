// The server over real loopback sockets: who is let in, what is refused, and that slow clients keep nobody
// out (threat-model row 26: a browser's attacks and an exposed port).
#include "src/http/server.hpp"

#include "tests/http/fake_node.hpp"
#include "tests/http/raw_http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace hansa::http {
namespace {

using test::ask;
using test::RawAnswer;
using test::RawConnection;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
const std::string kWithToken = std::string("X-Hansa-Token: ") + kToken + "\r\n";
constexpr std::int64_t kNow = 1'800'000'000;

class HttpServer : public ::testing::Test {
 protected:
  test::FakeNode node_{test::sample_view(kNow)};
  std::unique_ptr<Server> server_ = [this] {
    auto server = Server::start(node_, {.port = 0, .token = kToken});
    EXPECT_TRUE(server.ok());
    return std::move(*server);
  }();
  std::uint16_t port() const { return server_->port(); }
};

nlohmann::json parsed(const RawAnswer& answer) {
  return nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
}

TEST_F(HttpServer, SaysThatItIsAliveAndReady) {
  EXPECT_EQ(ask(port(), "GET", "/livez").body, "alive\n");
  EXPECT_EQ(ask(port(), "GET", "/readyz").status, 200);
  node_.change(
      [](NodeView& view) {
        view.ready = false;
        view.not_ready_because = {"the roster expired"};
      },
      {"status", ""});
  EXPECT_EQ(ask(port(), "GET", "/readyz").status, 503);
  const RawAnswer verbose = ask(port(), "GET", "/readyz?verbose");
  EXPECT_EQ(verbose.status, 503);
  EXPECT_EQ(parsed(verbose)["reasons"][0], "the roster expired");
  EXPECT_EQ(ask(port(), "HEAD", "/livez").body, "");
}

TEST_F(HttpServer, ShowsPartsOfTheAuditLog) {
  const auto numbers = [&](const std::string& query) {
    std::vector<int> found;
    const nlohmann::json document = parsed(ask(port(), "GET", "/api/v1/audit" + query));
    EXPECT_EQ(document["total"], 4182);
    for (const auto& entry : document["entries"]) found.push_back(entry["number"]);
    return found;
  };
  EXPECT_EQ(numbers("?from=7&limit=3"), (std::vector{7, 8, 9}));
  EXPECT_EQ(numbers("?limit=2"), (std::vector{4180, 4181}));
  EXPECT_EQ(numbers("").size(), 100u);
  EXPECT_EQ(numbers("?from=5000").size(), 0u);
  for (const char* wrong : {"?from=x", "?limit=0", "?limit=1001", "?from=-1", "?limit=", "?from=1%202"})
    EXPECT_EQ(ask(port(), "GET", std::string("/api/v1/audit") + wrong).status, 400) << wrong;
}

TEST_F(HttpServer, ShowsAndRotatesKeys) {
  const nlohmann::json keys = parsed(ask(port(), "GET", "/api/v1/keys"));
  EXPECT_EQ(keys["curve_epoch"], 3);
  EXPECT_EQ(keys["peers_with_key"], 3);
  EXPECT_EQ(keys["peers_total"], 4);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/keys/rotate").status, 401);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/keys/rotate", kWithToken).status, 200);
  EXPECT_THAT(node_.calls(), ::testing::ElementsAre("rotate"));
}

TEST_F(HttpServer, KeepsBrowsersOfOtherSitesOut) {
  const std::string local = "Host: 127.0.0.1:" + std::to_string(port()) + "\r\n";
  struct Case {
    std::string headers;
    int status;
  };
  const std::vector<Case> cases = {
      {"Host: evil.example\r\n", 403},  // a name that resolves to 127.0.0.1: DNS rebinding
      {"Host: evil.example:" + std::to_string(port()) + "\r\n", 403},
      {"Host: 127.0.0.1:1\r\n", 403},
      {"Host: 127.0.0.1\r\n", 403},
      {"Host: 127.0.0.1.evil.example:" + std::to_string(port()) + "\r\n", 403},
      {"Host: LOCALHOST:" + std::to_string(port()) + "\r\n", 200},
      {"Host: [::1]:" + std::to_string(port()) + "\r\n", 200},
      {local + "Origin: https://evil.example\r\n", 403},
      {local + "Origin: null\r\n", 403},
      {local + "Origin: http://127.0.0.1:" + std::to_string(port()) + "\r\n", 200},
      {local + "Sec-Fetch-Site: cross-site\r\n", 403},
      {local + "Sec-Fetch-Site: same-site\r\n", 403},
      {local + "Sec-Fetch-Site: same-origin\r\n", 200},
  };
  for (const Case& one : cases)
    EXPECT_EQ(ask(port(), "GET", "/api/v1/status", one.headers).status, one.status) << one.headers;
  // A link to the dashboard is no attack; what it shows, the other page cannot read.
  EXPECT_EQ(
      ask(port(), "GET", "/", local + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n").status,
      200);
  EXPECT_THAT(ask(port(), "OPTIONS", "/api/v1/runs", local + "Origin: https://evil.example\r\n").head,
              Not(HasSubstr("Access-Control")));
}

TEST_F(HttpServer, TellsBrowsersToRunAndKeepNothingElse) {
  const RawAnswer page = ask(port(), "GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'"));
  EXPECT_THAT(page.head, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(page.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_THAT(page.head, Not(HasSubstr("Access-Control")));
}

TEST_F(HttpServer, GivesOrdersOnlyWithTheToken) {
  for (const std::string& headers :
       {std::string(), std::string("X-Hansa-Token: \r\n"), std::string("X-Hansa-Token: 0123456789abcdef\r\n"),
        std::string("X-Hansa-Token: ") + kToken + "0\r\n", std::string("Authorization: Bearer wrong\r\n")}) {
    const RawAnswer answer = ask(port(), "POST", "/api/v1/shutdown", headers);
    EXPECT_EQ(answer.status, 401) << headers;
    EXPECT_EQ(parsed(answer)["schema"], "hansa.error.v1");
  }
  EXPECT_EQ(ask(port(), "GET", "/api/v1/keeper").status, 401);
  EXPECT_THAT(node_.calls(), ::testing::IsEmpty());
  EXPECT_EQ(ask(port(), "POST", "/api/v1/shutdown", kWithToken).status, 200);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/node/drain", "Authorization: Bearer " + std::string(kToken) + "\r\n")
                .status,
            200);
  EXPECT_THAT(node_.calls(), ::testing::ElementsAre("shutdown", "drain"));
}

TEST_F(HttpServer, RefusesWhatIsTooLargeOrHasNoLength) {
  const std::string big = "{\"reason\":\"" + std::string(70'000, 'x') + "\"}";
  const RawAnswer answer = ask(port(), "POST", "/api/v1/runs/abcd/stop", kWithToken, big);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(parsed(answer)["code"], "too_large");
  EXPECT_EQ(ask(port(), "POST", "/api/v1/keeper", kWithToken, std::string(900'000, ' ')).status, 400);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/keeper", kWithToken, std::string(1'200'000, ' ')).status, 413);
  EXPECT_EQ(
      ask(port(), "POST", "/api/v1/shutdown", kWithToken + "Content-Length: 99999999999999999999\r\n").status,
      400);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/shutdown", kWithToken + "Content-Length: -1\r\n").status, 400);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/shutdown",
                kWithToken + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")
                .status,
            411);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/node/drain", kWithToken + "Content-Encoding: gzip\r\n", "{}").status,
            415);
  EXPECT_EQ(ask(port(), "POST", "/api/v1/node/drain",
                kWithToken + "Content-Type: application/x-www-form-urlencoded\r\n", "a=b")
                .status,
            415);
  EXPECT_EQ(ask(port(), "GET", "/livez", "X-Filler: " + std::string(20'000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(ask(port(), "GET", "/" + std::string(4'000, 'a')).status, 414);
  EXPECT_EQ(ask(port(), "GET", "/livez", "Range: bytes=" + std::string(7'000, '1') + "\r\n").status / 100, 4);
  EXPECT_EQ(ask(port(), "GET", "/livez").status, 200);
  EXPECT_THAT(node_.calls(), ::testing::IsEmpty());
}

TEST_F(HttpServer, HintsAtWhatThereIs) {
  const RawAnswer unknown = ask(port(), "GET", "/api/v1/statsu");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(parsed(unknown)["hint"].get<std::string>(), HasSubstr("docs/api.md"));
  const RawAnswer wrong = ask(port(), "POST", "/api/v1/status", kWithToken);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_THAT(wrong.head, HasSubstr("Allow: GET"));
  EXPECT_EQ(ask(port(), "GET", "/../../etc/passwd").status, 404);
  EXPECT_EQ(ask(port(), "DELETE", "/api/v1/runs/abc").status / 100, 4);
}

TEST_F(HttpServer, AnswersWhileCrowdsSitIdle) {
  std::vector<RawConnection> idle, slow;
  for (int i = 0; i < 200; ++i) idle.emplace_back(port());
  for (int i = 0; i < 100; ++i) slow.emplace_back(port()).send("GET /api/v1/status HTTP/1.1\r\nX-Slow: ");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(port(), "GET", "/livez").body, "alive\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(HttpServer, StreamsEventsAtOnce) {
  const RawConnection stream(port());
  stream.send("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port()) + "\r\n\r\n");
  EXPECT_THAT(stream.receive("peers_alive"), HasSubstr("event: status"));
  const std::string run = node_.view()->runs[1].id;
  const auto begin = std::chrono::steady_clock::now();
  node_.change([](NodeView& view) { view.runs[1].round = 25; }, {"round", run});
  EXPECT_THAT(stream.receive("\"round\":25"), HasSubstr("event: round"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST_F(HttpServer, BoundsTheNumberOfStreams) {
  const std::string request =
      "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port()) + "\r\n\r\n";
  std::vector<RawConnection> streams;
  for (int i = 0; i < 16; ++i) {
    streams.emplace_back(port()).send(request);
    ASSERT_THAT(streams.back().receive("peers_alive"), HasSubstr("200 OK"));
  }
  EXPECT_EQ(ask(port(), "GET", "/api/v1/events").status, 503);
  EXPECT_EQ(ask(port(), "GET", "/livez").status, 200);
}

TEST_F(HttpServer, EndsWithStreamsOpenAndClientsSilent) {
  const RawConnection silent(port());
  const RawConnection stream(port());
  stream.send("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port()) + "\r\n\r\n");
  ASSERT_THAT(stream.receive("peers_alive"), HasSubstr("event: status"));
  const auto begin = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(node_.listeners(), 0u);
  stream.receive();  // returns: the connection is closed
}

TEST(HttpServerStart, IsRefusedWhereItWouldExposeTheNode) {
  test::FakeNode node(test::sample_view(kNow));
  EXPECT_FALSE(Server::start(node, {.host = "0.0.0.0", .port = 0, .token = kToken}).ok());
  EXPECT_FALSE(Server::start(node, {.port = 0, .token = ""}).ok());
  const auto first = Server::start(node, {.port = 0, .token = kToken});
  ASSERT_TRUE(first.ok());
  const auto second = Server::start(node, {.port = (*first)->port(), .token = kToken});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().hint, HasSubstr("another node"));
}

TEST(HttpServerStart, AsksForTheTokenEverywhereOnOtherAddresses) {
  test::FakeNode node(test::sample_view(kNow));
  const auto server =
      Server::start(node, {.host = "0.0.0.0", .port = 0, .token = kToken, .token_for_reads = true});
  ASSERT_TRUE(server.ok());
  const std::uint16_t port = (*server)->port();
  EXPECT_EQ(ask(port, "GET", "/api/v1/status", "Host: node.example\r\n").status, 401);
  EXPECT_EQ(ask(port, "GET", "/metrics", "Host: node.example\r\n").status, 401);
  EXPECT_EQ(ask(port, "GET", "/api/v1/status", "Host: node.example\r\n" + kWithToken).status, 200);
  EXPECT_EQ(ask(port, "GET", "/livez", "Host: node.example\r\n").status, 200);
}

}  // namespace
}  // namespace hansa::http
