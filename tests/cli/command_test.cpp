// The command line without training: help, lists, topologies, checks, completion, and every way to ask
// wrongly.
#include "cli/cli.hpp"
#include "tests/cli/run_command.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <set>
#include <vector>

namespace hansa::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Command : public CommandTest {};

constexpr std::string_view kConfig = "parties = 12\nrounds = 2\n[data]\ndataset = \"bank-marketing\"\n";

/// Every verb and group of the tree, as on the command line; the first is empty.
std::vector<std::string> all_verbs(bool leaves_only) {
  Cli cli;
  build(cli);
  std::vector<std::string> out;
  const std::function<void(const CLI::App&, const std::string&)> walk = [&](const CLI::App& app,
                                                                            const std::string& path) {
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    if (below.empty() || !leaves_only) out.push_back(path);
    for (const CLI::App* child : below)
      walk(*child, path.empty() ? child->get_name() : path + " " + child->get_name());
  };
  walk(cli.app, "");
  return out;
}

TEST_F(Command, HelpEverywhere) {
  for (const std::string& verb : all_verbs(false)) {
    SCOPED_TRACE(verb);
    const Outcome help = run(verb + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("xample"));
    EXPECT_THAT(help.out, HasSubstr("hansa"));
    EXPECT_THAT(help.err, IsEmpty());
  }
  EXPECT_EQ(run("").out, run("--help").out) << "no arguments: the same help";
  EXPECT_EQ(run("help topo show").out, run("topo show --help").out);
}

TEST_F(Command, ThePageNamesEveryVerb) {
  const std::string page = read_text(std::filesystem::path(HANSA_SOURCE_DIR) / "docs" / "cli.md");
  for (const std::string& verb : all_verbs(true)) EXPECT_THAT(page, HasSubstr("`" + verb)) << verb;
}

TEST_F(Command, EveryVerbHasJson) {
  const std::set<std::string> without = {"up", "completion"};  // a log, and a script
  for (const std::string& verb : all_verbs(true)) {
    EXPECT_EQ(run(verb + " --help").out.find("--json") == std::string::npos, without.contains(verb)) << verb;
  }
  write("run.toml", kConfig);
  write("small.csv", "age,job,y\n30,clerk,yes\n40,,no\n50,smith,no\n");
  for (const char* arguments :
       {"config check run.toml", "config show run.toml", "config reference", "explain privacy run.toml",
        "list", "topo show ring --n 8", "data describe small.csv", "data describe small.csv --schema",
        "version", "vectors secure-sum", "vectors beacon", "dev down"}) {
    const Outcome outcome = run(std::string(arguments) + " --json");
    EXPECT_EQ(outcome.code, 0) << arguments << outcome.err;
    EXPECT_THAT(json::parse(outcome.out).at("schema").get<std::string>(),
                ::testing::MatchesRegex("hansa\\.[a-z_]+\\.v1"));
  }
}

struct WrongUse {
  std::string arguments;
  std::string message;
  int code = 2;
};

TEST_F(Command, WrongUseIsExplained) {
  write("run.toml", kConfig);
  write("empty.toml", "");
  write("typo.toml", "party = 3\n");
  write("not.toml", "parties = \n");
  const std::vector<WrongUse> table = {
      {"simulate", "unknown verb `hansa simulate`"},
      {"smi run.toml", "did you mean `sim`?"},
      {"topo shwo ring", "did you mean `show`?"},
      {"config chekc run.toml", "did you mean `check`?"},
      {"topo", "`hansa topo` needs a verb: show"},
      {"sim", "CONFIG is required"},
      {"sim run.toml --sead 3", "unknown option `--sead` for `hansa sim`; did you mean `--seed`?"},
      {"sim run.toml other.toml", "unexpected argument `other.toml` for `hansa sim`"},
      {"sim run.toml --threads 0", "--threads"},
      {"sim run.toml --threads many", "--threads"},
      {"sim run.toml --clock sundial", "--clock"},
      {"sim run.toml --seed abc", "seed must be an integer, found the string \"abc\""},
      {"sim run.toml --seed -1", "seed = -1 is out of range"},
      {"sim run.toml --set rounds", "--set rounds: expected KEY=VALUE"},
      {"sim run.toml --set round=3", "unknown key \"round\"; did you mean \"rounds\"?"},
      {"sim run.toml --set rounds=0", "rounds = 0 is out of range"},
      {"sim run.toml --set parties=0", "parties = 0 is out of range; allowed: 1 to"},
      {"sim run.toml --set aggregation=secure", "party 0 has 2 neighbours, at least 8 are needed"},
      {"sim run.toml --set aggregation=robust", "aggregation \"robust\" is not built yet"},
      {"sim run.toml --set model=bert", "unknown model \"bert\""},
      {"sim no.toml", "cannot read no.toml: No such file or directory", 1},
      {"sim empty.toml", "empty.toml: the configuration is empty"},
      {"sim typo.toml", "typo.toml:1: unknown key \"party\"; did you mean \"parties\"?"},
      {"sim not.toml", "not.toml:1:"},
      {"sim .", "is a folder"},
      {"config check typo.toml", "typo.toml:1: unknown key \"party\""},
      {"config check run.toml --set topology.name=hypercube", "hypercube"},
      {"topo show rnig --n 8", "ring"},
      {"topo show hypercube --n 12", "hypercube"},
      {"topo show ring", "--n is required"},
      {"topo show ring --n 0", "--n"},
      {"topo show file:no.txt --n 4", "no.txt", -1},
      {"data describe no.csv", "no.csv", 1},
      {"list modles", "modles"},
      {"completion tcsh", "tcsh"},
  };
  for (const WrongUse& use : table) {
    SCOPED_TRACE(use.arguments);
    const Outcome outcome = run(use.arguments);
    if (use.code == -1) {
      EXPECT_TRUE(outcome.code == 1 || outcome.code == 2) << outcome.code;
    } else {
      EXPECT_EQ(outcome.code, use.code) << outcome.err;
    }
    EXPECT_THAT(outcome.err, HasSubstr("hansa: "));
    EXPECT_THAT(outcome.err, HasSubstr(use.message));
    EXPECT_THAT(outcome.out, IsEmpty()) << "errors go to stderr";
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs")) << "nothing is left behind";
}

TEST_F(Command, ErrorsAsJson) {
  for (const char* arguments : {"sim no.toml --json", "topo show rnig --n 8 --json", "list modles --json",
                                "topo show ring --n 8 --edge --json", "config check no.toml --json"}) {
    SCOPED_TRACE(arguments);
    const Outcome outcome = run(arguments);
    EXPECT_NE(outcome.code, 0);
    const json document = json::parse(outcome.out);
    EXPECT_EQ(document.at("schema"), "hansa.error.v1");
    EXPECT_THAT(outcome.err, HasSubstr(document.at("message").get<std::string>()));
    EXPECT_TRUE(document.at("hint").is_string());
    EXPECT_TRUE(document.at("code").is_string());
  }
}

TEST_F(Command, ExitCodesAreThoseOfThePage) {
  const std::string page = read_text(std::filesystem::path(HANSA_SOURCE_DIR) / "docs" / "cli.md");
  const std::string help = run("--help").out;
  std::set<int> documented;
  for (const ExitCode& each : exit_codes()) {
    documented.insert(each.code);
    const std::string meaning(each.meaning);
    EXPECT_THAT(page, HasSubstr("\n| " + std::to_string(each.code) + " | " + meaning + " |\n"));
    EXPECT_THAT(help, HasSubstr(meaning));
  }
  for (int i = 0; i <= static_cast<int>(ErrorKind::interrupted); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    EXPECT_TRUE(documented.contains(exit_code(kind))) << name_of(kind);
    EXPECT_THAT(page, HasSubstr("`" + std::string(name_of(kind)) + "`"));
  }
}

TEST_F(Command, AMissingNodeIsUnreachable) {
  const Outcome outcome = run("status --dir here --json");
  EXPECT_EQ(outcome.code, kExitUnreachable) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("code"), "unreachable");
}

TEST_F(Command, ListsAreTheRegistries) {
  const json all = json::parse(run("list --json").out);
  for (const char* kind : {"topologies", "strategies", "models", "datasets", "partitioners", "metrics",
                           "optimisers", "aggregations"}) {
    SCOPED_TRACE(kind);
    ASSERT_FALSE(all.at(kind).empty());
    for (const json& item : all[kind]) EXPECT_FALSE(item.at("summary").get<std::string>().empty()) << item;
    const Outcome text = run(std::string("list ") + kind);
    EXPECT_EQ(text.code, 0);
    for (const json& item : all[kind]) EXPECT_THAT(text.out, HasSubstr(item.at("name").get<std::string>()));
    EXPECT_EQ(json::parse(run(std::string("list ") + kind + " --json").out).at(kind), all[kind]);
  }
  EXPECT_EQ(all["metrics"].size(), 7U);
}

TEST_F(Command, EveryTopologyCanBeShown) {
  const json all = json::parse(run("list topologies --json").out);
  for (const json& item : all.at("topologies")) {
    const std::string name = item.at("name");
    if (name.starts_with("file:")) continue;
    SCOPED_TRACE(name);
    const Outcome outcome = run("topo show " + name + " --n 16 --p 0.5 --edges --json");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const json shown = json::parse(outcome.out);
    EXPECT_EQ(shown.at("name"), name);
    EXPECT_EQ(shown.at("parties"), 16);
    EXPECT_TRUE(shown.at("connected").get<bool>());
    EXPECT_GE(shown.at("period").get<int>(), 1);
    EXPECT_LE(shown.at("degree").at("min"), shown.at("degree").at("mean"));
    EXPECT_LE(shown.at("degree").at("mean"), shown.at("degree").at("max"));
    EXPECT_TRUE(shown.at("spectral_gap").is_number());
    EXPECT_TRUE(shown.contains("rounds_to_consensus"));
    EXPECT_TRUE(shown.at("directed").is_boolean());
    EXPECT_FALSE(shown.at("edges").empty());
  }
}

TEST_F(Command, TopologiesWithKnownFigures) {
  const json ring = json::parse(run("topo show ring --n 4 --json").out);
  EXPECT_NEAR(ring.at("spectral_gap").get<double>(), 2.0 / 3.0, 1e-9);  // eigenvalues 1, 1/3, 1/3, -1/3
  EXPECT_TRUE(json::parse(run("topo show ring --n 64 --json").out).at("rounds_to_consensus").is_null());
  EXPECT_FALSE(ring.contains("edges"));
  const json complete = json::parse(run("topo show complete --n 5 --json").out);
  EXPECT_NEAR(complete.at("spectral_gap").get<double>(), 1.0, 1e-9);
  EXPECT_EQ(complete.at("rounds_to_consensus"), 1);
  EXPECT_EQ(complete.at("degree").at("max"), 4);
}

TEST_F(Command, EdgeListsReadBack) {
  const Outcome text = run("topo show torus --n 9 --edges");
  ASSERT_EQ(text.code, 0);
  write("graph.txt", text.out);
  const Outcome again = run("topo show file:graph.txt --n 9 --json");
  ASSERT_EQ(again.code, 0) << again.err;
  const json from_file = json::parse(again.out),
             direct = json::parse(run("topo show torus --n 9 --json").out);
  EXPECT_NEAR(from_file.at("spectral_gap").get<double>(), direct.at("spectral_gap").get<double>(), 1e-9);
}

TEST_F(Command, ConfigCheckShowAndReference) {
  write("run.toml", kConfig);
  const Outcome checked = run("config check run.toml");
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("run.toml: ok: 12 parties, 2 rounds"));
  EXPECT_TRUE(json::parse(run("config check run.toml --json").out).at("ok").get<bool>());

  const Outcome shown = run("config show run.toml --set seed=7");
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("seed = 7"));
  write("resolved.toml", shown.out);
  EXPECT_EQ(run("config show resolved.toml").out, shown.out);

  EXPECT_EQ(run("config reference").out, read_text(HANSA_SOURCE_DIR "/docs/config.md"));
  EXPECT_GT(json::parse(run("config reference --json").out).at("keys").size(), 50U);
}

TEST_F(Command, ConfigShowOfANodeSaysWhereEachValueComesFrom) {
  std::filesystem::create_directory(folder_ / "node");
  write("node/hansa.toml", "[listen]\nadvertise = \"fl.example\"\n");
  const Outcome text = run("config show --origin --dir node --set listen.bulk=", "HANSA_HTTP_PORT=8000");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, ::testing::ContainsRegex("listen.advertise = \"fl.example\" +# node/hansa.toml:2\n"));
  EXPECT_THAT(text.out, ::testing::ContainsRegex("listen.bulk = \"\" +# --set\n"));
  EXPECT_THAT(text.out, ::testing::ContainsRegex("listen.control = \"127.0.0.1:7717\" +# default\n"));
  EXPECT_THAT(text.out, ::testing::ContainsRegex("http.port = 8000 +# HANSA_HTTP_PORT"));
  const json values = json::parse(run("config show --json --dir node").out).at("values");
  EXPECT_EQ(values.size(), 6U);
  write("node/hansa.toml", "[listen]\nadvertize = \"fl.example\"\n");
  const Outcome typo = run("config show --dir node");
  EXPECT_EQ(typo.code, kExitUsage);
  EXPECT_THAT(typo.err, HasSubstr("node/hansa.toml:2: unknown key listen.advertize; did you mean"));
}

TEST_F(Command, DescribesFiles) {
  write("small.csv", "age,job,y\n30,clerk,yes\n40,,no\n50,smith,no\n");
  const Outcome text = run("data describe small.csv");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("3 rows, 3 columns"));
  const json document = json::parse(run("data describe small.csv --json").out);
  EXPECT_EQ(document.at("rows"), 3);
  EXPECT_EQ(document.at("columns").at(0).at("mean"), 40.0);
  EXPECT_EQ(document.at("columns").at(1).at("missing"), 1);
  EXPECT_THAT(run("data describe small.csv --schema").out, HasSubstr("[columns]"));
}

/// A terminal takes orders from what is printed on it.
TEST_F(Command, DescribesFilesWithoutTheirControlCharacters) {
  write("odd.csv", "a\x1b[2Jb,y\n\x1b]0;title\x07,yes\nplain,no\n");
  const Outcome text = run("data describe odd.csv");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out.find_first_of("\x1b\x07"), std::string::npos);
  EXPECT_THAT(text.out, HasSubstr("a?[2Jb"));
}

TEST_F(Command, Version) {
  const json version = json::parse(run("version --json").out);
  EXPECT_EQ(version.at("program"), "hansa");
  EXPECT_THAT(version.at("version").get<std::string>(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_FALSE(version.at("commit").get<std::string>().empty());
  EXPECT_THAT(run("version").out, HasSubstr(version.at("version").get<std::string>()));
  EXPECT_THAT(run("--version").out, HasSubstr(version.at("version").get<std::string>()));
}

/// What bash offers after `line` (the last word is being typed).
std::string completions(const std::filesystem::path& script, const std::vector<std::string>& words) {
  std::string array;
  for (const std::string& word : words) array += " '" + word + "'";
  const std::filesystem::path driver = script.parent_path() / "driver.bash";
  std::ofstream(driver) << "source '" << script.string() << "'\nCOMP_WORDS=(" << array.substr(1)
                        << ")\nCOMP_CWORD=" << words.size() - 1 << "\n_hansa\necho \"${COMPREPLY[@]}\"\n";
  const std::string command = "bash '" + driver.string() + "'";
  std::string quoted;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    quoted.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  if (!quoted.empty()) quoted.pop_back();
  return quoted;
}

TEST_F(Command, BashCompletesTheTree) {
  const std::filesystem::path script = folder_ / write("complete.bash", run("completion bash").out);
  EXPECT_EQ(completions(script, {"hansa", "to"}), "topo");
  EXPECT_EQ(completions(script, {"hansa", "topo", ""}), "show");
  EXPECT_EQ(completions(script, {"hansa", "topo", "show", "hyper"}), "hypercube");
  EXPECT_EQ(completions(script, {"hansa", "sim", "x.toml", "--cl"}), "--clock");
  EXPECT_EQ(completions(script, {"hansa", "sim", "x.toml", "--clock", ""}), "virtual wall");
  EXPECT_EQ(completions(script, {"hansa", "list", "mod"}), "models");
  EXPECT_EQ(completions(script, {"hansa", "completion", ""}), "bash zsh fish");
  EXPECT_EQ(completions(script, {"hansa", "zzz"}), "");
}

TEST_F(Command, CompletionScriptsNameEveryVerb) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome script = run(std::string("completion ") + shell);
    EXPECT_EQ(script.code, 0);
    for (const char* path :
         {"hansa sim", "hansa topo show", "hansa data describe", "hansa config reference"}) {
      EXPECT_THAT(script.out, HasSubstr(path)) << shell;
    }
    EXPECT_THAT(script.out, HasSubstr("force")) << shell;
  }
}

}  // namespace
}  // namespace hansa::cli
