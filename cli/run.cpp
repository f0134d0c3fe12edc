// `hansa run` and `hansa model`: training runs of the mesh.
#include "cli/mesh.hpp"
#include "cli/replay.hpp"

#include "src/config/toml_node.hpp"
#include "src/node/npz.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

namespace hansa::cli {
namespace {

using http::Json;

struct RunOptions {
  MeshOptions mesh;
  std::string run, config, schema, data, labels, test, test_labels, reason, output = "model.npz";
  std::vector<std::string> parties;
  std::uint32_t quorum = 0;
  double approve_within_seconds = 3600;
};

Result<http::Client> client_of(const RunOptions& options) {
  return http::Client::of_folder(options.mesh.folder().root);
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::missing, "cannot read " + path, ""};
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).string();
}

int print(const Result<Json>& answer, bool json, const std::string& text) {
  if (!answer) return fail(answer.error(), json);
  fmt::print("{}\n", json ? answer->dump(2) : text);
  return kExitOk;
}

/// The schema file that a configuration names, relative to its own folder; empty if it names none.
Result<std::string> named_schema(const std::string& text, const std::string& config_path) {
  const auto document = config::parse_toml(text, config_path);
  if (!document) return document.error();
  for (const config::Member& table : *document->get_if<config::Node::Table>()) {
    const auto* data = table.key == "data" ? table.node.get_if<config::Node::Table>() : nullptr;
    if (data == nullptr) continue;
    for (const config::Member& member : *data) {
      const auto* path = member.key == "schema" ? member.node.get_if<std::string>() : nullptr;
      if (path != nullptr && !path->empty())
        return (std::filesystem::path(config_path).parent_path() / *path).string();
    }
  }
  return std::string();
}

int propose(const RunOptions& options, bool json) {
  const auto text = read_text(options.config);
  if (!text) return fail(text.error(), json);
  Json body = {{"manifest_toml", *text},
               {"quorum", options.quorum},
               {"approve_within_seconds", options.approve_within_seconds}};
  if (!options.parties.empty()) body["parties"] = options.parties;
  auto schema_path = named_schema(*text, options.config);
  if (!schema_path) return fail(schema_path.error(), json);
  if (!options.schema.empty()) *schema_path = options.schema;
  if (!schema_path->empty()) {
    const auto schema = read_text(*schema_path);
    if (!schema) return fail(schema.error(), json);
    body["schema_toml"] = *schema;
  }
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  const auto answer = client->post("/api/v1/runs", body);
  const std::string id = answer ? answer->value("run", "") : "";
  return print(answer, json,
               fmt::format("Proposed {}. Each organisation approves it with its own data:\n"
                           "  hansa run approve {} --data FILE",
                           id.substr(0, 8), id.substr(0, 8)));
}

int approve(const RunOptions& options, bool json) {
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  Json body = {{"data", absolute(options.data)}};
  if (!options.labels.empty()) body["labels"] = absolute(options.labels);
  if (!options.test.empty()) body["test"] = absolute(options.test);
  if (!options.test_labels.empty()) body["test_labels"] = absolute(options.test_labels);
  return print(client->post("/api/v1/runs/" + options.run + "/approve", body), json,
               "Approved; the data fits the run's schema and stays here.");
}

int stop(const RunOptions& options, bool json) {
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  return print(
      client->post("/api/v1/runs/" + options.run + "/stop", http::Json({{"reason", options.reason}})), json,
      "Stopped.");
}

std::string line_of(const Json& run) {
  std::string line =
      fmt::format("{:<10} {:<20} {:<10} round {}/{}", run.value("id", "").substr(0, 8), run.value("name", ""),
                  run.value("state", ""), run.value("round", 0), run.value("rounds", 0));
  std::vector<std::string> waiting;
  for (const Json& name : run.value("waiting_for", Json::array())) waiting.push_back(name.get<std::string>());
  if (!waiting.empty()) line += "  waiting for " + join(waiting, ", ");
  if (run.contains("metric") && run["metric"].is_number()) {
    line += fmt::format("  {} {:.4f}", run.value("metric_name", "metric"), run["metric"].get<double>());
  }
  return line;
}

int list(const RunOptions& options, bool json) {
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  const auto answer = client->get("/api/v1/runs");
  if (!answer) return fail(answer.error(), json);
  if (json) return print(answer, true, "");
  for (const Json& run : (*answer)["runs"]) fmt::print("{}\n", line_of(run));
  return kExitOk;
}

bool is_over(const std::string& state) {
  return state == "complete" || state == "diverged" || state == "expired" || state == "stopped" ||
         state == "failed";
}

/// Prints a line after each change; ends with the run. Exit 0 if it is complete.
int watch(const RunOptions& options, bool json) {
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  std::string last, state;
  const auto look = [&](std::string_view, const Json&) {
    const auto run = client->get("/api/v1/runs/" + options.run);
    if (!run) return false;
    state = run->value("state", "");
    const std::string line = json ? run->dump() : line_of(*run);
    if (line != last) {
      fmt::print("{}\n", line);
      std::fflush(stdout);
    }
    last = line;
    return !is_over(state);
  };
  const auto first = client->get("/api/v1/runs/" + options.run);
  if (!first) return fail(first.error(), json);
  const auto done = client->events(look);
  if (!done && !is_over(state)) return fail(done.error(), json);
  return state == "complete" ? kExitOk : kExitFailed;
}

int export_model(const RunOptions& options, bool json) {
  const auto client = client_of(options);
  if (!client) return fail(client.error(), json);
  const auto model = client->model(options.run);
  if (!model) return fail(model.error(), json);
  if (const auto written = node::write_npz(options.output, *model); !written)
    return fail(written.error(), json);
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"schema", "hansa.model_exported.v1"},
                                              {"file", options.output},
                                              {"hash", model->hash},
                                              {"parameters", model->values.size()}}
                           .dump(2));
  } else {
    fmt::print("{}: {} parameters, {}\n", options.output, model->values.size(), model->hash);
  }
  return kExitOk;
}

CLI::App* run_verb(Cli& cli, CLI::App& group, const std::shared_ptr<RunOptions>& options,
                   const std::string& name, const std::string& what, const std::string& example,
                   int (*action)(const RunOptions&, bool), bool takes_run) {
  CLI::App* verb = cli.verb(group, name, what, example);
  if (takes_run) verb->add_option("run", options->run, "The run's ID or its beginning")->required();
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options, action] {
    cli.action = [&cli, options, action] { return action(*options, cli.json); };
  });
  return verb;
}

}  // namespace

void add_run(Cli& cli) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* group =
      cli.verb(cli.app, "run", "Propose, approve and watch training runs of the mesh",
               "Examples:\n  hansa run propose delay.toml\n  hansa run approve 4f2a --data flights.csv\n"
               "  hansa run watch 4f2a");
  CLI::App* verb = run_verb(cli, *group, options, "propose", "Propose a run to all organisations",
                            "Example:\n  hansa run propose delay.toml", propose, false);
  verb->add_option("config", options->config, "The run's configuration, as for `hansa sim`")->required();
  verb->add_option("--schema", options->schema,
                   "Data schema, in place of the one that the configuration names");
  verb->add_option(
      "--party", options->parties,
      "An organisation's name, or the ID of one of its nodes; can be repeated. Default: one node of "
      "every organisation");
  verb->add_option("--quorum", options->quorum, "Organisations that must approve; 0: all");
  verb->add_option("--approve-within-seconds", options->approve_within_seconds, "How long to wait for them")
      ->capture_default_str();
  verb = run_verb(cli, *group, options, "approve", "Take part in a run with a file of your own",
                  "Example:\n  hansa run approve 4f2a --data flights.csv", approve, true);
  verb->add_option("--data", options->data, "Training rows; the file stays where it is")->required();
  verb->add_option("--labels", options->labels, "IDX: the label file");
  verb->add_option("--test", options->test, "Rows to score on; default: a share of the data");
  verb->add_option("--test-labels", options->test_labels, "IDX: their labels");
  run_verb(cli, *group, options, "ls", "List runs", "Example:\n  hansa run ls", list, false);
  run_verb(cli, *group, options, "watch", "Follow a run to its end", "Example:\n  hansa run watch 4f2a",
           watch, true);
  verb = run_verb(cli, *group, options, "stop", "Take no further part in a run",
                  "Example:\n  hansa run stop 4f2a", stop, true);
  verb->add_option("--reason", options->reason, "For the others to read");
  add_run_replay(cli, *group);
  CLI::App* models =
      cli.verb(cli.app, "model", "Final models of runs", "Example:\n  hansa model export 4f2a -o m.npz");
  verb = run_verb(cli, *models, options, "export", "Write a run's final model as a NumPy archive",
                  "Example:\n  hansa model export 4f2a -o m.npz", export_model, true);
  verb->add_option("-o,--output", options->output, "The file")->capture_default_str();
}

}  // namespace hansa::cli
