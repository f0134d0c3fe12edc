// The simulator and the mesh are the same machine: for the same manifest, data and seed, processes that talk
// over encrypted sockets end with the bits of a simulation. Shown twice: by the command that operators have,
// and by `hansa sim` on one pooled file, which shares no loading of data with the nodes.
#include "tests/live/mesh.hpp"

#include "protocols/runs/manifest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace hansa::cli {
namespace {

struct Case {
  std::string strategy, aggregation, model;
};

const Case kCases[] = {{"d-psgd", "plain", "fm"},
                       {"d-psgd", "plain", "mlp"},
                       {"cohort", "plain-fixed", "fm"},
                       {"cohort", "secure", "fm"},
                       {"cohort", "secure", "mlp"}};

/// `data` is the [data] table and what else follows it.
std::string config_of(const Case& wanted, const std::string& data) {
  return "name = \"proof\"\nparties = 3\nrounds = 3\nseed = 11\nmodel = \"" + wanted.model +
         "\"\nstrategy = \"" + wanted.strategy + "\"\naggregation = \"" + wanted.aggregation +
         "\"\n[topology]\nname = \"complete\"\nweights = \"sample-count\"\n[cohort]\nsize = "
         "3\n[local]\nbatch_size = "
         "8\n[mlp]\nhidden = [16, 8]\n[deadline]\nfloor_ms = 60_000\nceiling_ms = 120_000\n[eval]\nevery = "
         "2\nbaselines = []\n" +
         data;
}

class Proof : public MeshTest {
 protected:
  /// The rows of all, in the order in which the run numbers its parties, with a column that says whose they
  /// are; and the same test rows.
  void pool(const std::vector<std::string>& files) const {
    std::string pooled, schema = read_text(folder_ / "mesh/bank.schema.toml"), groups;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string text = with_column(files[i], "\"p" + std::to_string(i) + "\"");
      pooled += i == 0 ? text : text.substr(text.find('\n') + 1);
      groups += (i == 0 ? "\"p" : ", \"p") + std::to_string(i) + "\"";
    }
    write("pooled.csv", pooled);
    write("pooled-test.csv", with_column("mesh/test.csv", "\"p0\""));
    write("pooled.schema.toml", "group = \"whose\"\ngroups = [" + groups + "]\n" + schema);
  }

 private:
  [[nodiscard]] std::string with_column(const std::string& file, const std::string& value) const {
    std::ifstream in(folder_ / file);
    std::string line, text;
    for (bool first = true; std::getline(in, line); first = false) {
      text += (first ? "\"whose\"" : value) + ";" + line + "\n";
    }
    return text;
  }
};

/// The hash of party 0's model in a run folder; docs/outputs.md has the layout.
std::string model_hash_in(const std::filesystem::path& file) {
  constexpr std::size_t kHeader = 24;
  const std::string bytes = read_text(file);
  std::uint64_t parameters = 0;
  if (bytes.size() < kHeader) return "there is no " + file.string();
  std::memcpy(&parameters, bytes.data() + 16, sizeof parameters);
  if ((bytes.size() - kHeader) / sizeof(float) < parameters) return file.string() + " is too short";
  std::vector<float> model(parameters);
  std::memcpy(model.data(), bytes.data() + kHeader, parameters * sizeof(float));
  return protocols::runs::model_hash(model).hex();
}

TEST_F(Proof, SocketsAndSimulatorEndWithTheSameBits) {
  ASSERT_FALSE(HasFailure());
  for (const Case& wanted : kCases) {
    SCOPED_TRACE(wanted.strategy + " " + wanted.aggregation + " " + wanted.model);
    const std::string id = train(config_of(wanted, "[data]\ndataset = \"bank-marketing\"\n"));
    const auto run_here = ask(1, "run replay " + id +
                                     " --data 'Org A=mesh/org-0.csv' --data 'Org B=mesh/org-1.csv' "
                                     "--data 'Org C=mesh/org-2.csv' --test mesh/test.csv");
    EXPECT_EQ(run_here.value("same", false), true) << run_here.dump(2);
    if (HasFailure()) break;
    EXPECT_EQ(run_here["parties"].size(), 3U);

    // The first party of the run is whoever has the lowest key; its files come first in the pooled one.
    std::vector<std::string> files;
    for (const auto& party : run_here["parties"]) {
      files.push_back("mesh/org-" + std::to_string(party.value("name", "").back() - 'A') + ".csv");
    }
    pool(files);
    write("pooled.toml", config_of(wanted,
                                   "[data]\ndataset = \"csv\"\npath = \"pooled.csv\"\ntest_path = "
                                   "\"pooled-test.csv\"\nschema = \"pooled.schema.toml\"\n[partition]\n"
                                   "kind = \"by-column\"\n"));
    const Outcome simulated = run("sim pooled.toml --quiet --force --out simulated");
    ASSERT_EQ(simulated.code, 0) << simulated.err;
    EXPECT_EQ(model_hash_in(folder_ / "simulated/models.bin"), run_here["parties"][0].value("trained", ""));
  }

  // A comparison that cannot fail would prove nothing: with two files exchanged, the models differ.
  const auto runs = ask(0, "run ls");
  const std::string last = runs["runs"][0].value("id", "");
  const Outcome exchanged = at(0, "run replay " + last +
                                      " --data 'Org A=mesh/org-1.csv' --data 'Org B=mesh/org-0.csv' --data "
                                      "'Org C=mesh/org-2.csv' --test mesh/test.csv");
  EXPECT_EQ(exchanged.code, 1);
  EXPECT_NE(exchanged.out.find("other models"), std::string::npos) << exchanged.out;
}

TEST_F(Proof, ReplaySaysWhatItNeeds) {
  ASSERT_FALSE(HasFailure());
  const std::size_t offered = up.out.find("  hansa run replay ");
  ASSERT_NE(offered, std::string::npos) << up.out;
  const std::string command = up.out.substr(offered + 8, up.out.find('\n', offered) - offered - 8);
  const Outcome as_offered = run(command);
  EXPECT_EQ(as_offered.code, 0) << command << as_offered.out << as_offered.err;
  const std::string id = ask(0, "run ls")["runs"][0].value("id", "");
  const Outcome stranger = at(0, "run replay " + id + " --data 'Org X=mesh/org-0.csv'");
  EXPECT_EQ(stranger.code, 2);
  EXPECT_NE(stranger.err.find("Org A"), std::string::npos) << stranger.err;
  const Outcome one = at(0, "run replay " + id + " --data 'Org A=mesh/org-0.csv'");
  EXPECT_EQ(one.code, 2);
  EXPECT_NE(one.err.find("is missing"), std::string::npos) << one.err;
  const Outcome unknown = at(0, "run replay ffff --data mesh/org-0.csv");
  EXPECT_EQ(unknown.code, 1);
}

}  // namespace
}  // namespace hansa::cli
