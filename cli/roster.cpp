// `hansa roster`: who belongs to the consortium. Here what only looks, and founding; decisions stand in
// roster_votes.cpp.
#include "cli/mesh.hpp"

#include "src/crypto/random.hpp"
#include "src/node/keeper_rows.hpp"
#include "src/node/roster_change.hpp"
#include "src/store/state_db.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {
namespace {

using http::Json;

struct RosterOptions {
  MeshOptions mesh;
  std::string name, policy = "supermajority";
};

std::string names(const Json& list) {
  std::vector<std::string> words;
  for (const Json& each : list) words.push_back(each.get<std::string>());
  return words.empty() ? "nobody" : join(words, ", ");
}

int found(const RosterOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done = found_consortium(options.mesh.folder(), *key, options.name, options.policy);
  if (!done) return fail(done.error(), json);
  return print_done(json, {{"schema", "hansa.done.v1"}, {"done", true}},
                    "Drafted. Next: `hansa invite`, once for each other founder.");
}

void print_proposal(const Json& each) {
  fmt::print("Proposal {}, by {}\n", each.value("id", ""), each.value("proposer", ""));
  for (const Json& change : each.value("changes", Json::array()))
    fmt::print("  - {}\n", change.get<std::string>());
  fmt::print("  approved by {} of {} needed: {}\n", each.value("approvals", Json::array()).size(),
             each.value("needed", 0), names(each.value("approvals", Json::array())));
  if (!each.value("rejections", Json::array()).empty())
    fmt::print("  rejected by {}\n", names(each["rejections"]));
  fmt::print("  `hansa roster approve {0}` or `hansa roster reject {0}`\n", each.value("id", ""));
}

int show(const RosterOptions& options, bool json) {
  const auto got = ask_node(options.mesh, "/api/v1/roster");
  if (!got) return fail(got.error(), json);
  if (json) return print_done(true, *got, "");
  if (got->value("version", 0) == 0) {
    fmt::print("No roster yet: `hansa roster found --name NAME`, or `hansa join TICKET`.\n");
  } else {
    fmt::print("Roster version {} of {}, policy {} ({} signatures), expires {}\n", got->value("version", 0),
               got->value("consortium", ""), got->value("policy", ""), got->value("threshold", 0),
               time_text(got->value("expires_at", std::int64_t{0})));
  }
  for (const Json& each : got->value("orgs", Json::array())) {
    fmt::print("  {:<24} {:<10} {}\n", each.value("name", ""), each.value("status", ""),
               each.value("words", ""));
    const Json nodes = each.value("nodes", Json::array());
    if (nodes.size() < 2) continue;  // a single one is no news: `hansa peers` has it
    for (const Json& node : nodes) {
      const std::string endpoint = node.value("endpoint", "");
      fmt::print("    node {:<17} {}\n", node.value("id", "").substr(0, 7),
                 endpoint.empty() ? "dials out only" : endpoint);
    }
  }
  for (const Json& each : got->value("suspensions", Json::array()))
    fmt::print("  ! {}\n", each.get<std::string>());
  if (const std::string fork = got->value("fork", ""); !fork.empty()) fmt::print("  ! FORK: {}\n", fork);
  for (const Json& each : got->value("proposals", Json::array())) print_proposal(each);
  return kExitOk;
}

int log(const RosterOptions& options, bool json) {
  const auto got = ask_node(options.mesh, "/api/v1/roster/log");
  if (!got) return fail(got.error(), json);
  if (json) return print_done(true, *got, "");
  for (const Json& each : got->value("entries", Json::array())) {
    fmt::print("version {:<4} {}  signed by {}\n", each.value("version", 0),
               each.value("hash", "").substr(0, 16), names(each.value("signers", Json::array())));
  }
  return kExitOk;
}

/// From the running node, or from the database of one that is down.
Result<http::NodeApi::KeeperState> keeper_records(const node::StateFolder& folder) {
  const auto client = http::Client::of_folder(folder.root);
  if (client) return client->keeper_state();
  if (client.error().kind != ErrorKind::unreachable) return client.error();
  std::error_code ignored;
  if (!std::filesystem::exists(folder.database(), ignored)) return client.error();
  auto db = store::StateDb::open(folder.database());
  if (!db) return db.error();
  const auto rows = db->all("roster");
  if (!rows) return rows.error();
  http::NodeApi::KeeperState state;
  for (const store::StateDb::Row& row : *rows) state.records.push_back(node::text_of(row));
  return state;
}

int verify(const RosterOptions& options, bool json) {
  if (const auto ready = crypto::initialise(); !ready) return fail(ready.error(), json);
  const auto state = keeper_records(options.mesh.folder());
  if (!state) return fail(state.error(), json);
  const node::RosterCheck check = node::check_roster(*state);
  const bool ok = check.problem.empty() && !check.forked;
  const int code = !check.problem.empty() ? kExitFailed : check.forked ? kExitConflict : kExitOk;
  nlohmann::ordered_json versions = nlohmann::ordered_json::array();
  std::string text;
  for (const node::CheckedVersion& each : check.versions) {
    versions.push_back({{"version", each.version},
                        {"hash", each.hash.hex()},
                        {"signers", each.signers},
                        {"needed", each.needed},
                        {"changes", each.changes}});
    text += fmt::format("ok    version {} {}  {} signatures, {} needed: {}\n", each.version,
                        each.hash.hex().substr(0, 16), each.signers.size(), each.needed,
                        join(each.signers, ", "));
    for (const std::string& change : each.changes) text += "        " + change + "\n";
  }
  if (!check.problem.empty()) text += "FAIL  " + check.problem + "\n";
  if (check.forked) text += "FAIL  the roster is forked: two versions follow the same one\n";
  if (check.versions.empty() && ok) text += "there is no roster yet\n";
  if (ok && !check.versions.empty()) text += "consortium " + check.consortium;
  print_done(json,
             {{"schema", "hansa.roster_check.v1"},
              {"ok", ok},
              {"consortium_id", check.consortium},
              {"forked", check.forked},
              {"problem", check.problem},
              {"versions", versions}},
             text);
  return code;
}

}  // namespace

void add_roster(Cli& cli) {
  const auto options = std::make_shared<RosterOptions>();
  CLI::App* group = cli.verb(cli.app, "roster", "Found, show and change the consortium",
                             "Examples:\n  hansa roster found --name delay-model\n  hansa roster show\n"
                             "  hansa roster approve\n  hansa roster propose --remove \"Carib Air\"");
  const auto add = [&](const std::string& name, const std::string& what, const std::string& example,
                       int (*action)(const RosterOptions&, bool), Opens opens = Opens::folder) {
    return add_mesh_verb(cli, *group, name, what, example, options, action, opens);
  };
  CLI::App* verb = add("found", "Begin to found a consortium; the others are invited",
                       "Example:\n  hansa roster found --name delay-model", found, Opens::organisation_key);
  verb->add_option("--name", options->name, "The consortium's name")->required();
  cli.values[verb->add_option("--policy", options->policy,
                              "How many must sign a change: majority, supermajority (2/3) or unanimous")
                 ->capture_default_str()] = {"majority", "supermajority", "unanimous"};
  add("show", "Show the roster, open proposals and votes", "Example:\n  hansa roster show", show);
  add("log", "List all versions and who signed them", "Example:\n  hansa roster log", log);
  add("verify",
      "Check all versions and signatures here, without believing the node; exit 1 if one is wrong, 7 if the "
      "roster is forked",
      "Example:\n  hansa roster verify --dir /var/lib/hansa", verify);
  add_roster_votes(cli, *group);
}

}  // namespace hansa::cli
