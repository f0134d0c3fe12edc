// `hansa run replay`: a run of the mesh once more in the simulator, to see that the sockets changed nothing.
#include "cli/replay.hpp"
#include "cli/mesh.hpp"

#include "src/node/replay.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

namespace hansa::cli {
namespace {

using http::Json;

struct ReplayOptions {
  MeshOptions mesh;
  std::string run;
  std::vector<std::string> data, test;
};

/// What a run's parties are called, and what they ended with.
struct Finished {
  std::string name, model_hash;
};

Result<std::vector<Finished>> finished_parties(const Json& run) {
  std::vector<Finished> parties;
  for (const Json& party : run.value("parties", Json::array())) {
    const auto hash = party.find("model_hash");
    if (hash == party.end() || !hash->is_string() || hash->get<std::string>().empty()) continue;
    parties.push_back({party.value("name", ""), hash->get<std::string>()});
  }
  const std::string state = run.value("state", "");
  if ((state == "complete" || state == "diverged") && !parties.empty()) return parties;
  return Error{ErrorKind::failed, "the run is " + state + "; there are no final models to compare with",
               "`hansa run watch` follows it to its end"};
}

/// "Alfa Air=alfa.csv" into the binding of Alfa Air; without a name into all of them.
Result<void> bind(const std::vector<std::string>& given, const std::vector<Finished>& parties,
                  std::string node::DataBinding::*field, std::vector<node::DataBinding>& bindings) {
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
    const std::string path = text.substr(equals == std::string::npos ? 0 : equals + 1);
    bool found = false;
    for (std::size_t i = 0; i < parties.size(); ++i) {
      if (!name.empty() && parties[i].name != name) continue;
      bindings[i].*field = std::filesystem::absolute(path).string();
      found = true;
    }
    if (found) continue;
    std::vector<std::string> names;
    for (const Finished& party : parties) names.push_back(party.name);
    return Error{ErrorKind::usage, "no organisation \"" + name + "\" took part",
                 "they are: " + join(names, ", ")};
  }
  return {};
}

Result<std::vector<crypto::Hash256>> train(const ReplayOptions& options, const Json& run,
                                           const std::vector<Finished>& parties) {
  node::ReplayInput input{.config = run.value("manifest", ""),
                          .schema = run.value("data_schema", ""),
                          .parties = std::vector<node::DataBinding>(parties.size()),
                          .threads = std::max(1U, std::thread::hardware_concurrency())};
  for (const auto& [given, field] : {std::pair(&options.data, &node::DataBinding::path),
                                     std::pair(&options.test, &node::DataBinding::test_path)}) {
    if (const auto bound = bind(*given, parties, field, input.parties); !bound) return bound.error();
  }
  for (std::size_t i = 0; i < parties.size(); ++i) {
    if (!input.parties[i].path.empty()) continue;
    return Error{ErrorKind::usage, "the file of " + parties[i].name + " is missing",
                 fmt::format("--data \"{}=FILE\"", parties[i].name)};
  }
  return node::replay(input);
}

int replay(const ReplayOptions& options, bool json) {
  const auto client = http::Client::of_folder(options.mesh.folder().root);
  if (!client) return fail(client.error(), json);
  const auto run = client->get("/api/v1/runs/" + options.run);
  if (!run) return fail(run.error(), json);
  const auto parties = finished_parties(*run);
  if (!parties) return fail(parties.error(), json);
  const auto simulated = train(options, *run, *parties);
  if (!simulated) return fail(simulated.error(), json);
  bool same = true;
  Json list = Json::array();
  for (std::size_t i = 0; i < parties->size(); ++i) {
    const Finished& party = (*parties)[i];
    const std::string hash = (*simulated)[i].hex();
    same = same && hash == party.model_hash;
    list.push_back({{"name", party.name}, {"trained", party.model_hash}, {"simulated", hash}});
    if (json) continue;
    fmt::print("{:<24} trained    {}\n{:<24} simulated  {}\n", party.name, party.model_hash, "", hash);
  }
  if (json) {
    const Json answer = {
        {"schema", "hansa.replay.v1"}, {"run", (*run)["id"]}, {"same", same}, {"parties", std::move(list)}};
    fmt::print("{}\n", answer.dump(2));
  } else {
    fmt::print("{}\n", same ? "The simulation ends with the same models, bit for bit."
                            : "The simulation ends with other models: other files, a missed deadline, or a "
                              "party that did not do what the manifest says.");
  }
  return same ? kExitOk : kExitFailed;
}

}  // namespace

void add_run_replay(Cli& cli, CLI::App& group) {
  const auto options = std::make_shared<ReplayOptions>();
  CLI::App* verb =
      cli.verb(group, "replay",
               "Train a finished run again in the simulator and compare the models; for data that "
               "may be brought together",
               "Example:\n  hansa run replay 4f2a --data \"Alfa Air=alfa.csv\" --data \"Bravo "
               "Jet=bravo.csv\" --test test.csv");
  verb->add_option("run", options->run, "The run's ID or its beginning")->required();
  verb->add_option("--data", options->data, "NAME=FILE for each organisation: its training rows")->required();
  verb->add_option("--test", options->test,
                   "FILE that all scored on, or NAME=FILE; leave it out for those who left it out");
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return replay(*options, cli.json); }; });
}

}  // namespace hansa::cli
