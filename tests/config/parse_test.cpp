// What a configuration may look like, and what people read when theirs does not. Each bad input is one line
// of a table: the file, and pieces that the message must contain.
#include "src/config/run_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hansa::config {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kSmall = R"(
parties = 4
rounds = 3
[data]
dataset = "bank-marketing"
)";

constexpr std::string_view kSecure = "strategy = \"cohort\"\naggregation = \"secure\"";

constexpr std::string_view kPlainFixed = "strategy = \"cohort\"\naggregation = \"plain-fixed\"";

struct BadInput {
  std::string_view what;
  std::string text;
  std::vector<std::string> message;
  std::string hint = "";
  ErrorKind kind = ErrorKind::usage;
};

std::string small_with(std::string_view more) { return std::string(kSmall) + std::string(more); }
std::string small_under(std::string_view top) { return std::string(top) + std::string(kSmall); }

const std::vector<BadInput>& bad_inputs() {
  static const std::vector<BadInput> inputs = {
      {"nothing", "", {"bank.toml: the configuration is empty"}, "examples/toy.toml"},
      {"only comments", "# later\n\n", {"the configuration is empty"}},
      {"misspelt key",
       small_with("[optimiser]\nlearning_rat = 1\n"),
       {"bank.toml:7: unknown key \"learning_rat\" in [optimiser]; did you mean \"learning_rate\"?"},
       "keys of [optimiser]: name, learning_rate"},
      {"misspelt top-level key",
       small_under("party = 4"),
       {"bank.toml:1: unknown key \"party\"", "\"parties\""}},
      {"key without its table",
       small_under("learning_rate = 1"),
       {"bank.toml:1: unknown key \"learning_rate\"; did you mean \"learning_rate\" in [optimiser]?"}},
      {"key in the wrong table",
       small_with("[local]\nlearning_rate = 1\n"),
       {"bank.toml:7: unknown key \"learning_rate\" in [local]", "in [optimiser]?"}},
      {"misspelt table",
       small_with("[optimizer]\nlearning_rate = 1\n"),
       {"bank.toml:6: unknown table [optimizer]; did you mean [optimiser]?"}},
      {"value for a table",
       small_under("topology = \"ring\""),
       {"bank.toml:1: topology is a table, found the string \"ring\""},
       "[topology]"},
      {"table for a value",
       small_with("[model]\nname = \"fm\"\n"),
       {"model must be a string, found a table"}},
      {"text for a number",
       small_with("[optimiser]\nlearning_rate = \"fast\"\n"),
       {"bank.toml:7: optimiser.learning_rate must be a number, found the string \"fast\""}},
      {"fraction for an integer",
       "parties = 4\nrounds = 2.5\n[data]\ndataset = \"bank-marketing\"\n",
       {"bank.toml:2: rounds must be an integer, found the number 2.5"}},
      {"number for a flag",
       small_with("[cohort]\ngrid = 1\n"),
       {"cohort.grid must be true or false, found the integer 1"}},
      {"date for a string", small_under("name = 2024-02-30T00:00:00Z"), {"bank.toml:1:"}},
      {"number for a list", small_with("[mlp]\nhidden = 64\n"), {"mlp.hidden must be a list of integers"}},
      {"text in a list",
       small_with("[mlp]\nhidden = [64, \"a\"]\n"),
       {"mlp.hidden must be a list of integers"}},
      {"no parties",
       "parties = 0\nrounds = 1\n[data]\ndataset = \"bank-marketing\"\n",
       {"bank.toml:1: parties = 0 is out of range; allowed: 1 to 16777216"}},
      {"negative parties",
       "parties = -3\nrounds = 1\n[data]\ndataset = \"bank-marketing\"\n",
       {"parties = -3 is out of range"}},
      {"probability above one",
       small_with("[network]\nloss = 1.5\n"),
       {"bank.toml:7: network.loss = 1.5 is out of range; allowed: 0 to 1"}},
      {"not a number", small_with("[network]\nloss = nan\n"), {"network.loss = nan is out of range"}},
      {"infinite",
       small_with("[optimiser]\nlearning_rate = inf\n"),
       {"optimiser.learning_rate = inf is out of"}},
      {"zero step", small_with("[optimiser]\nlearning_rate = 0\n"), {"allowed: more than 0, at most"}},
      {"momentum of one", small_with("[optimiser]\nmomentum = 1\n"), {"allowed: at least 0, less than 1"}},
      {"zero width",
       small_with("[mlp]\nhidden = [0]\n"),
       {"mlp.hidden = 0 is out of range; allowed: each 1 to"}},
      {"unknown model",
       small_under("model = \"mpl\""),
       {"bank.toml:1: unknown model \"mpl\"; did you mean \"mlp\"?"},
       "fm, mlp"},
      {"unknown strategy",
       small_under("strategy = \"dpsgd\""),
       {"unknown strategy", "\"d-psgd\"?"},
       "push-sum"},
      {"unknown topology",
       small_with("[topology]\nname = \"rings\"\n"),
       {"unknown topology", "\"ring\"?"},
       "torus"},
      {"empty file topology", small_with("[topology]\nname = \"file:\"\n"), {"unknown topology \"file:\""}},
      {"unknown data set",
       "parties = 4\nrounds = 3\n[data]\ndataset = \"bank-marketting\"\n",
       {"bank.toml:4: unknown data set", "\"bank-marketing\"?"}},
      {"unknown partitioner", small_with("[partition]\nkind = \"dirichlett\"\n"), {"\"dirichlet\"?"}},
      {"unknown optimiser",
       small_with("[optimiser]\nname = \"adamw\"\n"),
       {"unknown optimiser", "\"adam\"?"}},
      {"unknown baseline",
       small_with("[eval]\nbaselines = [\"pool\"]\n"),
       {"unknown baseline", "\"pooled\"?"}},
      {"repeated baseline",
       small_with("[eval]\nbaselines = [\"pooled\", \"pooled\"]\n"),
       {"\"pooled\" twice"}},
      {"unknown aggregation", small_under("aggregation = \"plane\""), {"unknown aggregation", "\"plain\"?"}},
      {"robust aggregation",
       small_under("aggregation = \"robust\""),
       {"bank.toml:1: aggregation \"robust\" is not built yet; this version has: plain, secure, plain-fixed"},
       "hides single models",
       ErrorKind::not_built},
      {"private aggregation",
       small_under("aggregation = \"dp\""),
       {"aggregation \"dp\" is not built yet"},
       "",
       ErrorKind::not_built},
      {"secure without sums",
       small_under("strategy = \"push-sum\"\naggregation = \"secure\""),
       {"bank.toml:2: aggregation = \"secure\" needs strategy = \"cohort\" or \"d-psgd\", found strategy = "
        "\"push-sum\""},
       "set strategy = \"cohort\""},
      {"secure among few neighbours",
       small_under("aggregation = \"secure\"") + "[topology]\nname = \"k-regular\"\ndegree = 7\n",
       {"bank.toml:1: aggregation = \"secure\" with strategy = \"d-psgd\" needs a fixed, undirected graph "
        "with "
        "at least 8 neighbours for each party, found topology.degree = 7"},
       "or strategy = \"cohort\""},
      {"secure on a directed graph",
       small_under("aggregation = \"secure\"") + "[topology]\nname = \"exponential\"\n",
       {"found topology.name = \"exponential\", which is directed"}},
      {"secure on a changing graph",
       small_under("aggregation = \"secure\"") + "[topology]\nname = \"base-k\"\n",
       {"found topology.name = \"base-k\", which is another graph in each round"}},
      {"plain-fixed without cohorts",
       small_under("strategy = \"push-sum\"\naggregation = \"plain-fixed\""),
       {"bank.toml:2: aggregation = \"plain-fixed\" needs strategy = \"cohort\" or \"d-psgd\""}},
      {"secure pairs",
       small_under(kSecure) + "[cohort]\nsize = 2\n",
       {"bank.toml:8: aggregation = \"secure\" needs cohorts of at least 3 parties, here one has 2: two "
        "members "
        "would learn each other's model from the sum"}},
      {"too many colluders",
       small_under(kSecure) + "[cohort]\nsize = 4\n[secure]\ncolluders = 3\n",
       {"bank.toml:10: secure.colluders = 3 is too many for a cohort of 4"},
       "at most 2; 0 means a third"},
      {"another ring",
       small_with("[secure]\nring_bits = 48\n"),
       {"bank.toml:7: secure.ring_bits = 48 is out of range; allowed: 16, 32, 64"}},
      {"no coordinates",
       small_with("[secure]\nsparsify = 0\n"),
       {"secure.sparsify = 0.0 is out of range; allowed: more than 0, at most 1"}},
      {"sparse and plain",
       small_with("[secure]\nsparsify = 0.5\n"),
       {"bank.toml:7: secure.sparsify = 0.5 needs aggregation = \"secure\" or \"plain-fixed\""},
       "set aggregation = \"secure\""},
      {"narrow and plain",
       small_with("[secure]\nring_bits = 16\n"),
       {"bank.toml:7: secure.ring_bits = 16 needs aggregation = \"secure\""}},
      {"rounds without training among neighbours",
       small_under("aggregation = \"secure\"") +
           "[topology]\nname = \"k-regular\"\ndegree = 8\n[local]\nfinish_rounds = 1\n",
       {"bank.toml:", "local.finish_rounds = 1 does not go with secure sums over neighbours"},
       "set local.finish_rounds = 0"},
      {"sparse among neighbours",
       small_under("aggregation = \"plain-fixed\"") + "[secure]\nsparsify = 0.5\n",
       {"secure.sparsify = 0.5 needs strategy = \"cohort\": neighbours in a graph"}},
      {"narrow among neighbours",
       small_under("aggregation = \"plain-fixed\"") + "[secure]\nring_bits = 16\n",
       {"secure.ring_bits = 16 needs strategy = \"cohort\""}},
      {"sparse on a grid",
       small_under(kPlainFixed) + "[cohort]\ngrid = true\n[secure]\nsparsify = 0.5\n",
       {"secure.sparsify = 0.5 does not go with cohort.grid: a row and a column"}},
      {"narrow in many cohorts",
       small_under(kPlainFixed) + "[cohort]\nsize = 2\n[secure]\nring_bits = 16\n",
       {"secure.ring_bits = 16 sums changes since a model that all members hold"},
       "or secure.ring_bits = 32"},
      {"no bound",
       small_with("[secure]\nclip = 0\n"),
       {"secure.clip = 0.0 is out of range; allowed: more than 0"}},
      {"no weight", small_with("[secure]\nweight_max = 0\n"), {"secure.weight_max = 0 is out of range"}},
      {"missing rounds",
       "parties = 4\n[data]\ndataset = \"bank-marketing\"\n",
       {"bank.toml: rounds is missing"}},
      {"missing data set", "parties = 4\nrounds = 1\n", {"bank.toml: [data] dataset is missing"}},
      {"not TOML", "parties = \nrounds = 3\n", {"bank.toml:1:"}, "TOML"},
      {"not a key", "parties = 4\n\n[(a]\nrounds = 3\n", {"bank.toml:3: this line is not TOML"}, "TOML"},
      {"not a key, last", "parties = 4\n[[+", {"bank.toml:2: this line is not TOML"}, "TOML"},
      {"key twice", small_under("model = \"fm\"\nmodel = \"mlp\""), {"bank.toml:2:"}},
      {"unfinished string", small_under("name = \"abc"), {"bank.toml:1:"}},
      {"only finishing rounds",
       small_with("[local]\nfinish_rounds = 3\n"),
       {"bank.toml:7: local.finish_rounds = 3 leaves no round to train in"}},
      {"ceiling below floor", small_with("[deadline]\nceiling_ms = 10\n"), {"ceiling_ms is less than"}},
      {"crashes end early", small_with("[faults]\nstart_ms = 20\nend_ms = 10\n"), {"end_ms is before"}},
      {"csv without a file", "parties = 4\nrounds = 3\n[data]\ndataset = \"csv\"\n", {"needs data.path"}},
      {"file for a bundled set", small_with("path = \"a.csv\"\n"), {"does not read your own files"}},
      {"too wide an epidemic", small_under("strategy = \"epidemic\""), {"a party has only 3 peers"}},
      {"cohort too large",
       small_under("strategy = \"cohort\""),
       {"cohort.size = 8 is larger than parties = 4"}},
  };
  return inputs;
}

TEST(Parse, BadInputsAreExplained) {
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.what);
    const auto config = parse_run_config(input.text, "bank.toml", {});
    ASSERT_FALSE(config.ok());
    for (const std::string& piece : input.message) EXPECT_THAT(config.error().message, HasSubstr(piece));
    EXPECT_THAT(config.error().hint, HasSubstr(input.hint));
    EXPECT_EQ(config.error().kind, input.kind);
  }
}

TEST(Parse, AllProblemsAreReportedInTheOrderOfTheFile) {
  const auto config = parse_run_config(small_with("[network]\nloss = 2\nlatency = 1\n[cohort]\nsizes = 3\n"),
                                       "x", {{"seed", "-1"}});
  ASSERT_FALSE(config.ok());
  const std::string& message = config.error().message;
  const std::size_t loss = message.find("x:7: network.loss"), latency = message.find("x:8: unknown key");
  const std::size_t sizes = message.find("x:10: unknown key"),
                    seed = message.find("--set seed=-1: seed = -1");
  ASSERT_NE(seed, std::string::npos) << message;
  EXPECT_LT(loss, latency);
  EXPECT_LT(latency, sizes);
  EXPECT_LT(sizes, seed);
}

TEST(Parse, ManyProblemsAreCutShort) {
  std::string text(kSmall);
  for (int i = 0; i < 50; ++i) text += "wrong" + std::to_string(i) + " = 1\n";
  const auto config = parse_run_config(text, "x", {});
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.error().message, HasSubstr("and 42 more problems"));
}

TEST(Parse, GridNeedsASquare) {
  const std::string text = small_under("strategy = \"cohort\"") + "[cohort]\ngrid = true\n";
  EXPECT_TRUE(parse_run_config(text, "x", {}).ok());
  for (const char* parties : {"2", "3", "5", "99", "101", "16777215"}) {
    const auto config = parse_run_config(text, "x", {{"parties", parties}});
    ASSERT_FALSE(config.ok()) << parties;
    EXPECT_THAT(config.error().message, HasSubstr("cohort.grid needs a square number of parties"));
  }
  EXPECT_TRUE(parse_run_config(text, "x", {{"parties", "16777216"}}).ok());
  EXPECT_TRUE(parse_run_config(text, "x", {{"parties", "5"}, {"strategy", "d-psgd"}}).ok())
      << "[cohort] is not read by d-psgd";
}

TEST(Parse, SecureSumsNeedCohortsInWhichOneModelCanHide) {
  const std::string text = small_under(kSecure);
  struct Case {
    const char *parties, *size, *grid, *colluders;
    std::string refused;  // what the message says; empty: fine
  };
  const std::string small = "needs cohorts of at least 3 parties", large = "sums over at most 64 parties";
  const std::string colluders = "too many for a cohort of ";
  for (const Case& c : std::vector<Case>{
           {"3", "3", "false", "0", ""},
           {"3", "2", "false", "0", ""},  // a single cohort, of all three
           {"4", "2", "false", "0", small},
           {"2", "2", "false", "0", small},
           {"1", "8", "false", "0", small},
           {"3", "3", "false", "1", ""},
           {"3", "3", "false", "2", colluders + "3"},
           {"17", "8", "false", "6", ""},
           {"17", "8", "false", "7", colluders + "8"},  // the smaller of the two
           {"1000", "64", "false", "0", large},         // 15 cohorts of 66 and 67
           {"64", "64", "false", "62", ""},
           {"65", "65", "false", "0", large},
           {"127", "64", "false", "0", large},  // a single cohort
           {"1000000", "16", "false", "5", ""},
           {"9", "8", "true", "1", ""},
           {"9", "8", "true", "2", colluders + "3"},
           {"4", "8", "true", "0", small},
           {"1", "8", "true", "0", small},
           {"4096", "8", "true", "0", ""},
           {"4225", "8", "true", "0", large},
       }) {
    SCOPED_TRACE(std::string(c.parties) + " / " + c.size + " grid " + c.grid + " f " + c.colluders);
    std::vector<Override> settings = {{"parties", c.parties},
                                      {"cohort.size", c.size},
                                      {"cohort.grid", c.grid},
                                      {"secure.beacon", "false"},
                                      {"secure.colluders", c.colluders}};
    const auto config = parse_run_config(text, "x", settings);
    EXPECT_EQ(config.ok(), c.refused.empty());
    if (!config.ok()) {
      EXPECT_THAT(config.error().message, HasSubstr(c.refused));
    }
    settings.push_back({"aggregation", "plain-fixed"});
    EXPECT_TRUE(parse_run_config(text, "x", settings).ok()) << "nothing is hidden, so nothing is refused";
    settings.push_back({"aggregation", "plain"});
    EXPECT_TRUE(parse_run_config(text, "x", settings).ok());
  }
}

TEST(Parse, ABeaconIsDrawnAmong3To256Parties) {
  const std::string text = small_under(kSecure);
  EXPECT_TRUE(parse_run_config(text, "x", {{"parties", "256"}}).ok());
  for (const std::string aggregation : {"secure", "plain-fixed"}) {
    std::vector<Override> settings = {{"parties", "257"}, {"aggregation", aggregation}};
    const auto config = parse_run_config(text, "x", settings);
    ASSERT_FALSE(config.ok());
    EXPECT_THAT(config.error().message, HasSubstr("3 to 256 parties, found parties = 257"));
    settings.push_back({"secure.beacon", "false"});
    EXPECT_TRUE(parse_run_config(text, "x", settings).ok());
  }
  EXPECT_TRUE(parse_run_config(text, "x", {{"parties", "257"}, {"aggregation", "plain"}}).ok());
}

TEST(Parse, ValuesThatWouldOverflowTheRingAreRefused) {
  const std::string text = small_under("strategy = \"cohort\"\naggregation = \"plain-fixed\"");
  std::vector<Override> settings = {
      {"parties", "4096"}, {"cohort.size", "4096"}, {"secure.clip", "1e6"}, {"secure.beacon", "false"}};
  const auto config = parse_run_config(text, "x", settings);
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.error().message, HasSubstr("does not fit in 32 bits"));
  settings.push_back({"secure.ring_bits", "64"});
  const auto wide = parse_run_config(text, "x", settings);
  ASSERT_TRUE(wide.ok()) << wide.error().message;
  EXPECT_EQ(wide->secure.ring_bits, 64U);
  EXPECT_EQ(wide->secure.clip, 1e6);
}

TEST(Parse, OverridesReplaceTheFile) {
  const auto config = parse_run_config(kSmall, "dir/bank.toml",
                                       {{"parties", "7"},
                                        {"model", "mlp"},
                                        {"strategy", "\"push-sum\""},
                                        {"optimiser.learning_rate", "0.25"},
                                        {"mlp.hidden", "[32, 16]"},
                                        {"cohort.grid", "true"},
                                        {"eval.baselines", "[]"},
                                        {"name", "42"},
                                        {"parties", "9"}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->parties, 9U) << "the last one wins";
  EXPECT_EQ(config->model, "mlp");
  EXPECT_EQ(config->strategy, "push-sum");
  EXPECT_EQ(config->train.learning_rate, 0.25f);
  EXPECT_EQ(config->model_options.hidden, (std::vector<std::uint32_t>{32, 16}));
  EXPECT_TRUE(config->cohort.grid);
  EXPECT_TRUE(config->eval.baselines.empty());
  EXPECT_EQ(config->name, "42");
}

TEST(Parse, BadOverridesAreExplained) {
  const std::vector<std::pair<Override, std::string>> table = {
      {{"learning_rate", "1"}, "did you mean \"optimiser.learning_rate\"?"},
      {{"optimiser.learning_rat", "1"}, "did you mean \"optimiser.learning_rate\"?"},
      {{"", "1"}, "unknown key \"\""},
      {{"rounds", "many"}, "--set rounds=many: rounds must be an integer, found the string \"many\""},
      {{"rounds", ""}, "rounds must be an integer, found the string \"\""},
      {{"rounds", "3\nseed = 9"}, "rounds must be an integer"},
      {{"rounds", "0"}, "out of range"},
      {{"mlp.hidden", "[1, 2"}, "mlp.hidden must be a list of integers"},
      {{"model", "mpl"}, "did you mean \"mlp\"?"},
      {{"topology", "ring"}, "unknown key \"topology\""},
  };
  for (const auto& [override_, expected] : table) {
    const auto config = parse_run_config(kSmall, "x", {override_});
    ASSERT_FALSE(config.ok()) << override_.key;
    EXPECT_THAT(config.error().message, HasSubstr(expected));
  }
}

TEST(Parse, DefaultsAndName) {
  const auto config = parse_run_config(kSmall, "runs/bank.toml", {});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->name, "bank");
  EXPECT_EQ(config->seed, 1U);
  EXPECT_EQ(config->aggregation, "plain");
  EXPECT_EQ(config->deadline.floor_ms, 30'000);
  EXPECT_EQ(config->eval.baselines, (std::vector<std::string>{"local_only", "pooled"}));
}

TEST(Parse, DeepfmAndTheSinglesShareFieldsButNotTables) {
  const std::string text = small_with(
      "[fm]\nrank = 4\n[mlp]\nhidden = [5]\n[deepfm]\nrank = 6\ninit_stddev = 0.5\nhidden = [7, 8]\n");
  const auto fm = parse_run_config(text, "x", {});
  ASSERT_TRUE(fm.ok()) << fm.error().message;
  EXPECT_EQ(fm->model_options.fm_rank, 4U);
  EXPECT_EQ(fm->model_options.hidden, std::vector<std::uint32_t>{5});
  const auto deep = parse_run_config(text, "x", {{"model", "deepfm"}});
  ASSERT_TRUE(deep.ok());
  EXPECT_EQ(deep->model_options.fm_rank, 6U);
  EXPECT_EQ(deep->model_options.fm_init_stddev, 0.5f);
  EXPECT_EQ(deep->model_options.hidden, (std::vector<std::uint32_t>{7, 8}));
}

}  // namespace
}  // namespace hansa::config
