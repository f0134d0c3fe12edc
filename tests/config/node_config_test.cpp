// A node's settings: which layer wins, where each value says it came from, and what is said about mistakes.
#include "src/config/node_config.hpp"

#include <gmock/gmock.h>

#include <map>

namespace hansa::config {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kFile =
    "[node]\norganisation = \"Alfa Air\"\n\n[listen]\ncontrol = \"0.0.0.0:7000\"\nadvertise = "
    "\"fl.alfa.example\"\n";

std::map<std::string, NodeSetting> by_key(const ResolvedNodeConfig& resolved) {
  std::map<std::string, NodeSetting> out;
  for (const NodeSetting& each : resolved.settings) out[each.key] = each;
  return out;
}

TEST(NodeConfig, TheStrongerLayerWinsAndIsNamed) {
  const Environment environment = {{"HANSA_LISTEN_ADVERTISE", "other.example"},
                                   {"HANSA_HTTP_PORT", "8000"},
                                   {"HANSA_DIR", "/somewhere"},
                                   {"HANSA_PASSPHRASE", "secret"}};
  const NodeFile machine{"[listen]\nadvertise = \"machine\"\nbulk = \"0.0.0.0:1\"\n",
                         "/etc/hansa/hansa.toml"};
  const auto resolved = resolve_node_config({machine, {std::string(kFile), "x/hansa.toml"}}, environment,
                                            {{"http.port", "0"}, {"listen.lobby", ""}});
  ASSERT_TRUE(resolved.ok()) << resolved.error().message;
  const NodeConfig& config = resolved->config;
  EXPECT_EQ(config.organisation, "Alfa Air");
  EXPECT_EQ(config.control, "0.0.0.0:7000");
  EXPECT_EQ(config.advertise, "other.example");
  EXPECT_EQ(config.http_port, 0);
  EXPECT_EQ(config.lobby, "");
  auto settings = by_key(*resolved);
  ASSERT_EQ(settings.size(), 6U) << "every key, and the passphrase is none";
  EXPECT_EQ(settings["node.organisation"].origin, "x/hansa.toml:2");
  EXPECT_EQ(settings["listen.control"].origin, "x/hansa.toml:5");
  EXPECT_EQ(settings["listen.advertise"].origin, "HANSA_LISTEN_ADVERTISE");
  EXPECT_EQ(settings["listen.bulk"].origin, "/etc/hansa/hansa.toml:3");
  EXPECT_EQ(settings["listen.bulk"].value, "0.0.0.0:1");
  EXPECT_EQ(settings["http.port"].origin, "--set");
  EXPECT_EQ(settings["http.port"].value, "0");
  EXPECT_EQ(settings["listen.lobby"].origin, "--set");
}

TEST(NodeConfig, WithoutAnythingThereAreDefaults) {
  auto settings = by_key(*resolve_node_config({}, {}, {}));
  EXPECT_EQ(settings["listen.bulk"].origin, "default");
  EXPECT_EQ(settings["listen.bulk"].value, "127.0.0.1:7718");
}

TEST(NodeConfig, WhatIsWrittenReadsBack) {
  NodeConfig config;
  config.organisation = "Quo\"te \\ Air";
  config.http_port = 65535;
  const auto again = parse_node_config(to_toml(config), "f");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->organisation, config.organisation);
  EXPECT_EQ(again->http_port, 65535);
}

TEST(NodeConfig, MistakesAreNamedWithTheirPlace) {
  struct Case {
    std::string_view file;
    Environment environment;
    std::vector<Override> set;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"[listen]\ncontol = \"a:1\"\n",
       {},
       {},
       "f:2: unknown key listen.contol; did you mean \"listen.control\"?"},
      {"[listn]\ncontrol = \"a:1\"\n",
       {},
       {},
       "f:2: unknown key listn.control; did you mean \"listen.control\"?"},
      {"nodes = 3\n", {}, {}, "f:1: \"nodes\" is not a table; did you mean \"node\"?"},
      {"[http]\nport = 70000\n", {}, {}, "f:2: http.port wants a port from 0 to 65535"},
      {"[http]\nport = \"7720\"\n", {}, {}, "f:2: http.port wants a port"},
      {"[node]\norganisation = 3\n", {}, {}, "f:2: node.organisation wants a text, not the number 3"},
      {"[listen]\ncontrol = true\n", {}, {}, "f:2: listen.control wants a text, not"},
      {"", {{"HANSA_HTTP_PRT", "1"}}, {}, "HANSA_HTTP_PRT: is no key; did you mean \"HANSA_HTTP_PORT\"?"},
      {"", {{"HANSA_HTTP_PORT", "many"}}, {}, "HANSA_HTTP_PORT: http.port wants a port"},
      {"", {}, {{"http.prt", "1"}}, "--set: unknown key http.prt; did you mean \"http.port\"?"},
      {"", {}, {{"http.port", "-1"}}, "--set: http.port wants a port"},
  };
  for (const Case& each : cases) {
    const auto resolved = resolve_node_config({{std::string(each.file), "f"}}, each.environment, each.set);
    ASSERT_FALSE(resolved.ok()) << each.message;
    EXPECT_THAT(resolved.error().message, HasSubstr(each.message));
    EXPECT_EQ(resolved.error().kind, ErrorKind::usage);
  }
}

}  // namespace
}  // namespace hansa::config
