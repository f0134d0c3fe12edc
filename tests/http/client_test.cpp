// The client against the server: what goes in on one side comes out on the other, and refusals keep their
// words.
#include "src/http/client.hpp"

#include "src/http/server.hpp"
#include "tests/http/fake_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace hansa::http {
namespace {

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";

class HttpClient : public ::testing::Test {
 protected:
  test::FakeNode node_{test::sample_view(1'800'000'000)};
  std::unique_ptr<Server> server_ = Server::start(node_, {.port = 0, .token = kToken}).value();
  Client client_{{.port = server_->port(), .token = kToken}};
};

TEST_F(HttpClient, ReadsEveryDocument) {
  const NodeView view = *node_.view();
  const auto status = client_.get("/api/v1/status");
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ((*status)["org"], "Lübeck");
  EXPECT_EQ((*status)["peers_alive"], 2);
  EXPECT_EQ((*status)["peers_connected"], 3);
  EXPECT_EQ((*status)["runs_active"], 1);
  EXPECT_EQ((*status)["roster_version"], 7);
  struct Case {
    const char* path;
    const char* list;
    std::size_t size;
  };
  for (const Case& one : {Case{"/api/v1/peers", "peers", 4}, Case{"/api/v1/topology", "nodes", 5},
                          Case{"/api/v1/topology", "edges", 3}, Case{"/api/v1/roster", "orgs", 5},
                          Case{"/api/v1/roster", "proposals", 2}, Case{"/api/v1/roster/log", "entries", 7},
                          Case{"/api/v1/requests", "requests", 1}, Case{"/api/v1/runs", "runs", 3},
                          Case{"/api/v1/evidence", "evidence", 1}, Case{"/api/v1/config", "values", 3},
                          Case{"/api/v1/keeper", "records", 2}}) {
    const auto document = client_.get(one.path);
    ASSERT_TRUE(document.ok()) << one.path << ": " << document.error().message;
    EXPECT_EQ((*document)[one.list].size(), one.size) << one.path;
    const std::string schema = (*document)["schema"];
    EXPECT_TRUE(schema.starts_with("hansa.") && schema.ends_with(".v1")) << schema;
  }
  EXPECT_EQ((*client_.get("/api/v1/audit/head"))["entries"], 4182);
  EXPECT_EQ((*client_.get("/api/v1/config"))["values"][1]["origin"], "file");
  EXPECT_EQ((*client_.get("/version"))["schema"], "hansa.version.v1");
}

TEST_F(HttpClient, FindsARunByTheBeginningOfItsId) {
  const std::string id = node_.view()->runs[1].id;
  const auto run = client_.get("/api/v1/runs/" + id.substr(0, 8));
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((*run)["id"], id);
  EXPECT_EQ((*run)["history"].size(), 24u);
  EXPECT_TRUE((*run)["history"][0]["metric"].is_null());
  EXPECT_EQ((*run)["waiting_for"][0], "Danzig");
  const auto none = client_.get("/api/v1/runs/zzzz");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind, ErrorKind::missing);
  EXPECT_THAT(none.error().hint, ::testing::HasSubstr("hansa run ls"));
}

TEST_F(HttpClient, GivesEveryCommand) {
  const auto proposed = client_.post(
      "/api/v1/runs", {{"manifest_toml", "seed = 1\n"}, {"parties", {"Lübeck", "Bergen"}}, {"quorum", 2}});
  ASSERT_TRUE(proposed.ok()) << proposed.error().message;
  EXPECT_EQ((*proposed)["run"], "0123456789abcdef");
  EXPECT_TRUE(client_.post("/api/v1/runs/01234567/approve", {{"data", "/a.csv"}, {"test", "/b.csv"}}).ok());
  EXPECT_TRUE(client_.post("/api/v1/runs/01234567/stop", {{"reason", "enough"}}).ok());
  EXPECT_EQ((*client_.post("/api/v1/lobby", {{"seconds", 600}}))["endpoint"], "tcp://127.0.0.1:7799");
  EXPECT_TRUE(client_.post("/api/v1/node/drain", Json::object()).ok());
  EXPECT_TRUE(client_.post("/api/v1/node/resume", Json::object()).ok());
  EXPECT_TRUE(client_.post("/api/v1/log", {{"level", "debug"}}).ok());
  EXPECT_TRUE(client_.post("/api/v1/shutdown", Json::object()).ok());
  EXPECT_THAT(node_.calls(),
              ::testing::ElementsAre("propose 2 2", "approve 01234567 /a.csv /b.csv", "stop 01234567 enough",
                                     "lobby 600", "drain", "resume", "log debug", "shutdown"));
}

TEST_F(HttpClient, PassesTheNodesWordsOn) {
  const auto refused = client_.post("/api/v1/runs", {{"manifest_toml", "nothing"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
  EXPECT_EQ(refused.error().message, "the configuration has no seed");
  EXPECT_EQ(refused.error().hint, "add seed = 1");
  EXPECT_EQ(client_.post("/api/v1/runs", {{"manifest", "x"}}).error().message,
            "the field 'manifest_toml' is missing");
  const Client nobody{{.port = server_->port()}};
  EXPECT_THAT(nobody.post("/api/v1/shutdown", Json::object()).error().hint,
              ::testing::HasSubstr("api.token"));
}

TEST_F(HttpClient, CarriesTheKeepersRecordsBothWays) {
  auto state = client_.keeper_state();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->records, (*node_.keeper_state()).records);
  EXPECT_TRUE(client_.change_keeper({state->base, state->records, {"beef"}}).ok());
  EXPECT_THAT(node_.calls(), ::testing::ElementsAre("keeper 2 1"));
  EXPECT_THAT(client_.change_keeper({std::string(64, '0'), {}, {}}).error().message,
              ::testing::HasSubstr("changed meanwhile"));
}

TEST_F(HttpClient, FetchesTheFinalModel) {
  const std::string id = node_.view()->runs[2].id;
  const auto model = client_.model(id.substr(0, 10));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto original = *node_.final_model(id);
  EXPECT_EQ(model->values, original.values);
  EXPECT_EQ(model->hash, original.hash);
  ASSERT_EQ(model->parts.size(), 2u);
  EXPECT_EQ(model->parts[0].shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(client_.model(node_.view()->runs[1].id).error().message, "the run is not complete");
}

TEST_F(HttpClient, WatchesEvents) {
  std::vector<std::string> names;
  const auto watched = client_.events([&](std::string_view name, const Json& document) {
    if (name.empty()) return true;
    names.emplace_back(name);
    if (names.size() == 1) {
      EXPECT_EQ(document["schema"], "hansa.status.v1");
      node_.change([](NodeView& view) { view.peers[0].state = "unreachable"; },
                   {"peer", node_.view()->peers[0].node_id});
      return true;
    }
    EXPECT_EQ(document["state"], "unreachable");
    return false;
  });
  EXPECT_TRUE(watched.ok());
  EXPECT_THAT(names, ::testing::ElementsAre("status", "peer"));
}

TEST_F(HttpClient, FindsTheNodeByItsFolder) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / ("hansa_http_" + std::to_string(server_->port()));
  std::filesystem::create_directories(folder);
  EXPECT_EQ(Client::of_folder(folder).error().kind, ErrorKind::unreachable);
  std::ofstream(folder / "http.port") << server_->port() << "\n";
  std::ofstream(folder / "api.token") << kToken << "\n";
  const auto client = Client::of_folder(folder);
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE(client->post("/api/v1/node/drain", Json::object()).ok());
  std::ofstream(folder / "http.port") << "77200000\n";
  EXPECT_EQ(Client::of_folder(folder).error().kind, ErrorKind::bad_data);
  std::filesystem::remove_all(folder);
}

TEST(HttpClientAlone, SaysThatNobodyAnswers) {
  const Client client{{.port = 1}};
  EXPECT_THAT(client.get("/api/v1/status").error().hint, ::testing::HasSubstr("hansa up"));
}

TEST(ReadModel, RefusesWhatDoesNotFit) {
  const std::string floats(8, '\0');
  const auto body = [&](const std::string& head) {
    return "{\"schema\":\"hansa.model.v1\"," + head + "}\n" + floats;
  };
  EXPECT_TRUE(read_model(body(R"("count":2,"parts":[{"name":"w","offset":0,"shape":[2]}])")).ok());
  for (const char* head : {R"("count":3,"parts":[])", R"("count":2)", R"("count":-2,"parts":[])",
                           R"("count":2,"parts":[{"name":"w","offset":1,"shape":[2]}])",
                           R"("count":2,"parts":[{"name":"w","offset":9,"shape":[]}])",
                           R"("count":2,"parts":[{"name":"w","offset":0,"shape":[4294967296,4294967296]}])",
                           R"("count":2,"parts":[7])"})
    EXPECT_FALSE(read_model(body(head)).ok()) << head;
  EXPECT_FALSE(read_model("").ok());
}

TEST(EventReader, PutsPiecesTogether) {
  EventReader reader;
  std::vector<std::string> seen;
  const auto note = [&](std::string_view name, std::string_view data) {
    seen.push_back(std::string(name) + "=" + std::string(data));
    return true;
  };
  const std::string text =
      "retry: 1000\n\nevent: run\r\ndata: {\"a\":1}\r\n\r\n: still here\n\ndata: x\ndata: y\n\n";
  for (const char c : text) ASSERT_TRUE(reader.feed({&c, 1}, note));
  EXPECT_THAT(seen, ::testing::ElementsAre("run={\"a\":1}", "=", "message=x\ny"));
  EXPECT_FALSE(reader.feed(std::string(EventReader::kEventBytesMax + 1, 'x'), note));
}

}  // namespace
}  // namespace hansa::http
