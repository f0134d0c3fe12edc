// `hansa doctor`: every check of src/node/doctor.hpp that can be made now, one line each.
#include "cli/mesh.hpp"

#include "src/node/doctor.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace hansa::cli {
namespace {

using nlohmann::ordered_json;

std::uint64_t largest_model(const node::StateFolder& folder) {
  std::error_code error;
  std::uint64_t largest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.models(), error))
    largest = std::max<std::uint64_t>(largest, entry.file_size(error));
  return largest;
}

node::MeshFacts facts_of(const http::Json& status, const http::Json& peers, const http::Json& roster) {
  node::MeshFacts facts;
  facts.version = status.value("version", "");
  facts.organisation = status.value("org", "");
  facts.roster_version = status.value("roster_version", 0u);
  facts.roster_expires_at = status.value("roster_expires_at", std::int64_t{0});
  facts.fork = status.value("fork", "");
  facts.evidence = status.value("evidence", std::size_t{0});
  facts.ready = status.value("ready", false);
  for (const http::Json& reason : status.value("reasons", http::Json::array()))
    facts.reasons.push_back(reason.get<std::string>());
  facts.threshold = roster.value("threshold", std::size_t{0});
  for (const http::Json& peer : peers.value("peers", http::Json::array()))
    facts.peers.push_back({peer.value("org", ""), peer.value("connected", false)});
  return facts;
}

/// Adds what only the keeper's records say.
void add_keeper_facts(const node::StateFolder& folder, const http::Client& client, node::MeshFacts& facts) {
  auto keys = node::load_node_keys(folder);
  const auto state = client.keeper_state();
  if (!keys || !state) return;
  facts.recovering = state->recovering;
  auto governance = node::Governance::open(*keys, *state, unix_now());
  if (!governance) return;
  const auto* own = governance->keeper().own_node();
  if (own != nullptr) facts.certificate_not_after = own->certificate.not_after;
  facts.rotation_due = governance->keeper().rotation_due().value_or(0);
}

/// The node's own answers, or the ports that it would take.
node::Checks check_node(const node::StateFolder& folder) {
  const auto config = read_node_config(folder);
  if (!config) return {{"settings", node::CheckState::fail, config.error().message, config.error().hint}};
  node::Checks checks{{"settings", node::CheckState::ok, folder.settings().string(), ""}};
  const auto append = [&](node::Checks more) {
    std::move(more.begin(), more.end(), std::back_inserter(checks));
  };
  const auto client = http::Client::of_folder(folder.root);
  const bool runs = client && client->text("/livez").ok();
  if (!runs) {
    checks.push_back({"node", node::CheckState::warn, "is not running", "`hansa up` starts it"});
    append(node::check_ports(*config));
    return checks;
  }
  http::Json status, peers, roster;
  for (const auto& [path, place] : {std::pair("/api/v1/status", &status), std::pair("/api/v1/peers", &peers),
                                    std::pair("/api/v1/roster", &roster)}) {
    auto got = client->get(path);
    if (!got) return {{"node", node::CheckState::fail, got.error().message, got.error().hint}};
    *place = std::move(got).value();
  }
  node::MeshFacts facts = facts_of(status, peers, roster);
  add_keeper_facts(folder, *client, facts);
  append(node::check_mesh(facts, unix_now()));
  return checks;
}

int doctor(const MeshOptions& options, bool json) {
  const node::StateFolder folder = options.folder();
  std::error_code error;
  if (!std::filesystem::exists(folder.root, error)) {
    return fail({ErrorKind::missing, "there is no node in " + folder.root.string(), "`hansa init` makes one"},
                json);
  }
  node::Checks checks = node::check_folder(folder);
  const auto append = [&](node::Checks more) {
    std::move(more.begin(), more.end(), std::back_inserter(checks));
  };
  const auto newest = std::filesystem::last_write_time(folder.root, error);
  const std::int64_t newest_s = error ? 0
                                      : std::chrono::duration_cast<std::chrono::seconds>(
                                            std::chrono::file_clock::to_sys(newest).time_since_epoch())
                                            .count();
  append(node::check_machine(node::look_at_machine(folder.root), largest_model(folder), newest_s));
  append(check_node(folder));
  std::size_t counts[3] = {0, 0, 0};
  ordered_json list = ordered_json::array();
  std::string text;
  for (const node::Check& each : checks) {
    ++counts[static_cast<std::size_t>(each.state)];
    const std::string_view state = node::check_state_name(each.state);
    list.push_back({{"name", each.name}, {"state", state}, {"text", each.text}, {"hint", each.hint}});
    text += fmt::format("{:<5} {:<12} {}\n", each.state == node::CheckState::fail ? "FAIL" : state, each.name,
                        each.text);
    if (!each.hint.empty()) text += fmt::format("{:<18} -> {}\n", "", each.hint);
  }
  text += fmt::format("{} ok, {} warnings, {} failed", counts[0], counts[1], counts[2]);
  print_done(json,
             {{"schema", "hansa.doctor.v1"},
              {"ok", counts[2] == 0},
              {"passed", counts[0]},
              {"warnings", counts[1]},
              {"failed", counts[2]},
              {"checks", list}},
             text);
  return counts[2] == 0 ? kExitOk : kExitFailed;
}

}  // namespace

void add_doctor(Cli& cli) {
  const auto options = std::make_shared<MeshOptions>();
  CLI::App* verb =
      cli.verb(cli.app, "doctor",
               "Check folder, keys, database, machine, ports, roster and peers; exit 1 if one fails",
               "Examples:\n  hansa doctor\n  hansa doctor --dir /var/lib/hansa --json");
  add_dir_option(*verb, *options);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return doctor(*options, cli.json); }; });
}

}  // namespace hansa::cli
